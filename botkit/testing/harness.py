"""A kit at work between fakes: hooks go through the real middleware, and every call that follows is recorded."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from botkit.config.settings import Settings
from botkit.handlers.registry import Handler
from botkit.handlers.running import ContextFactory
from botkit.handoff.conversation import AgentSession, ConversationId, Instant
from botkit.handoff.events import Event
from botkit.http.lenient_json import decoded, encoded
from botkit.kit import BotKit
from botkit.kore.signing import Signer
from botkit.ledger.interface import Ledger
from botkit.observability.metrics import Telemetry
from botkit.service.service import Environment
from botkit.testing.clock import SleeplessClock
from botkit.testing.configuration import stored_in
from botkit.testing.fakes import FakeAgentSystem, FakePlatform, SyncCarrier
from botkit.testing.payloads import path
from botkit.testing.records import AgentCall, Call
from botkit.testing.relay import FakeGateways, StepwiseRelay
from botkit.testing.serving import nothing_here

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class ServiceHarness:
    """One kit's middleware, handlers, rules and ledger; the clock, the platform and the agents are fakes.

    Args:
        kit: the kit. While the harness is open, the kit uses its service.
        settings: the configuration; a temporary store replaces its store.
        context_factory: creates the context in which handlers are called.
        handler_seconds: the time limit of handlers without one of their own.
    """

    def __init__(
        self,
        kit: BotKit,
        settings: Settings,
        *,
        context_factory: ContextFactory,
        handler_seconds: float | None,
    ) -> None:
        self.clock = SleeplessClock()
        self.platform = FakePlatform()
        self._agent_calls: list[AgentCall] = []
        self._handler_failures: list[BaseException] = []
        self._gateways = FakeGateways(
            settings, platform=self.platform, agent_calls=self._agent_calls, clock=self.clock
        )
        self._signers = {
            bot.id: Signer(
                bot.kore.client_id,
                bot.kore.client_secret,
                algorithm=bot.kore.algorithm,
                clock=self.clock.now,
            )
            for bot in settings.bots.values()
        }
        self._relay: StepwiseRelay | None = None
        with ExitStack() as opening:
            folder = opening.enter_context(tempfile.TemporaryDirectory(prefix="botkit-testing-"))
            self._service = opening.enter_context(
                kit.override_settings(
                    stored_in(settings, Path(folder)),
                    relay_factory=self._make_relay,
                    handler_seconds=handler_seconds,
                    environment=Environment(
                        clock=self.clock, open_transport=self._carrier, on_failure=self._on_failure
                    ),
                )
            )
            self._open = opening.pop_all()
        self._middleware = self._service.middleware(nothing_here, context_factory=context_factory)

    def close(self) -> None:
        """Close the service, and remove its store."""
        self._open.close()

    # --- what happens ----------------------------------------------------------------------------------------------

    def post(
        self, event: str, payload: Mapping[str, Any], *, bot_id: str, component_id: str
    ) -> tuple[int, Mapping[str, Any]]:
        """Post a signed hook. Returns the answer's status and JSON."""
        prefix = self._service.settings.server.prefix
        body = encoded(payload)
        environ: WSGIEnvironment = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": path(event, bot=bot_id, component=component_id, prefix=prefix),
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_TOKEN": self._signers[bot_id].token(),
            "wsgi.input": io.BytesIO(body),
        }
        answered: list[str] = []

        def start_response(
            status: str, headers: object, exc_info: object = None
        ) -> Callable[[bytes], object]:
            answered.append(status)
            return lambda _: None

        answer = b"".join(self._middleware(environ, start_response))
        found = decoded(answer) if answer else {}
        return int(answered[-1].partition(" ")[0]), found if isinstance(found, dict) else {}

    def happens(self, conversation_id: ConversationId, event: Event) -> None:
        """Commit an event that is no hook."""
        self._running().happens(conversation_id, event)

    def settle(self) -> None:
        """Carry out all effects."""
        self._running().settle()

    def move_to(self, end: Instant) -> None:
        """Move the clock, and fire timers."""
        self._running().move_to(end)

    # --- how things are --------------------------------------------------------------------------------------------

    def session(self, conversation_id: ConversationId) -> AgentSession | None:
        """The agent session of a conversation; None: there is none."""
        return self._running().session(conversation_id)

    def agents(self, bot_id: str, system: str) -> FakeAgentSystem:
        """An agent system of a bot."""
        return self._gateways.systems[bot_id, system]

    def drain(self) -> tuple[list[Call], list[AgentCall]]:
        """The calls to the platform and to agent systems since the last drain."""
        agent_calls = self._agent_calls[:]
        self._agent_calls.clear()
        return self.platform.drain(), agent_calls

    def failures(self) -> list[BaseException]:
        """The errors since the last time: of handlers, then of calls."""
        calls = self._relay.failures if self._relay is not None else []
        found: list[BaseException] = [*self._handler_failures, *calls]
        self._handler_failures.clear()
        calls.clear()
        return found

    # --- inside ----------------------------------------------------------------------------------------------------

    def _running(self) -> StepwiseRelay:
        if self._relay is None:
            self._service.start()
        assert self._relay is not None  # noqa: S101 - `start` made it
        return self._relay

    def _make_relay(self, settings: Settings, ledger: Ledger, telemetry: Telemetry) -> StepwiseRelay:
        self._relay = StepwiseRelay(
            settings,
            ledger,
            gateways=self._gateways,
            clock=self.clock,
            call_handlers=self._service.call_handlers,
        )
        return self._relay

    def _carrier(self, *, allowed_hosts: Iterable[str] | None, insecure_http: bool) -> SyncCarrier:
        return SyncCarrier(self.platform)

    def _on_failure(self, handler: Handler, error: BaseException) -> None:
        self._handler_failures.append(error)


_FRAMEWORK = ("botkit.", "concurrent.", "asyncio.")


def raised_by_test(errors: list[BaseException]) -> BaseException:
    """The first error, with the others as notes. Its traceback starts at the handler, as if the test had called it."""
    first, *others = errors
    for other in others:
        first.add_note(f"and then: {type(other).__name__}: {other}")
    return first.with_traceback(_from_handler(first.__traceback__))


def _from_handler(traceback: TracebackType | None) -> TracebackType | None:
    found = traceback
    while found is not None and found.tb_frame.f_globals.get("__name__", "").startswith(_FRAMEWORK):
        found = found.tb_next
    return found
