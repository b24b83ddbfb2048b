"""A kit at work with everything around it played: hooks go in at the real door, and what comes of them is taken down."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
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
from botkit.service.service import Edge
from botkit.testing.agents import PlayedAgents
from botkit.testing.clock import HeldClock
from botkit.testing.configuration import stored_in
from botkit.testing.payloads import path
from botkit.testing.records import AgentCall, Call
from botkit.testing.relay import PlayedOutside, PlayedRelay
from botkit.testing.serving import nothing_here
from botkit.testing.wire import Carrier, Wire

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class PlayedService:
    """One kit's handlers, door, rules and ledger; the clock, the platform and the agents are played.

    Args:
        kit: whose handlers. While this is open, it is the service the kit means.
        settings: the configuration; its store is left alone, and a file for this test alone used in its place.
        context_factory: creates the context in which handlers are called.
        handler_seconds: the time limit of handlers that have none of their own.
    """

    def __init__(
        self,
        kit: BotKit,
        settings: Settings,
        *,
        context_factory: ContextFactory,
        handler_seconds: float | None,
    ) -> None:
        self.clock = HeldClock()
        self.wire = Wire()
        self._agent_calls: list[AgentCall] = []
        self._handlers_failures: list[BaseException] = []
        self._outside = PlayedOutside(
            settings, wire=self.wire, agent_calls=self._agent_calls, clock=self.clock
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
        self._relay: PlayedRelay | None = None
        with ExitStack() as opening:
            folder = opening.enter_context(tempfile.TemporaryDirectory(prefix="botkit-testing-"))
            self._service = opening.enter_context(
                kit.override_settings(
                    stored_in(settings, Path(folder)),
                    relay_factory=self._play,
                    handler_seconds=handler_seconds,
                    edge=Edge(now=self.clock.now, open_transport=self._carrier, on_failure=self._on_failure),
                )
            )
            self._open = opening.pop_all()
        self._door = self._service.middleware(nothing_here, context_factory=context_factory)

    def close(self) -> None:
        """Leave nothing behind."""
        self._open.close()

    # --- what happens ----------------------------------------------------------------------------------------------

    def post(
        self, event: str, payload: Mapping[str, Any], *, bot_id: str, component_id: str
    ) -> tuple[int, Mapping[str, Any]]:
        """A hook, signed. Returns its answer: status and JSON."""
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

        answer = b"".join(self._door(environ, start_response))
        found = decoded(answer) if answer else {}
        return int(answered[-1].partition(" ")[0]), found if isinstance(found, dict) else {}

    def happens(self, conversation_id: ConversationId, event: Event) -> None:
        """Something that is no hook."""
        self._running().happens(conversation_id, event)

    def settle(self) -> None:
        """Carry out everything that is to be done."""
        self._running().settle()

    def move_to(self, end: Instant) -> None:
        """Let time pass."""
        self._running().move_to(end)

    # --- how things are --------------------------------------------------------------------------------------------

    def session(self, conversation_id: ConversationId) -> AgentSession | None:
        """The agent session of a conversation, if there is one."""
        return self._running().session(conversation_id)

    def agents(self, bot_id: str, system: str) -> PlayedAgents:
        """One of the agent systems."""
        return self._outside.systems[bot_id, system]

    def taken(self) -> tuple[list[Call], list[AgentCall]]:
        """What went out since the last time."""
        agent_calls = self._agent_calls[:]
        self._agent_calls.clear()
        return self.wire.taken(), agent_calls

    def failures(self) -> list[BaseException]:
        """What went wrong since the last time: in handlers, then with the calls they had asked for."""
        calls = self._relay.failures if self._relay is not None else []
        found: list[BaseException] = [*self._handlers_failures, *calls]
        self._handlers_failures.clear()
        calls.clear()
        return found

    # --- inside ----------------------------------------------------------------------------------------------------

    def _running(self) -> PlayedRelay:
        if self._relay is None:
            self._service.start()
        assert self._relay is not None  # noqa: S101 - `start` has it made
        return self._relay

    def _play(self, settings: Settings, ledger: Ledger, telemetry: Telemetry) -> PlayedRelay:
        self._relay = PlayedRelay(settings, ledger, outside=self._outside, clock=self.clock)
        return self._relay

    def _carrier(self, *, allowed_hosts: Iterable[str] | None, insecure_http: bool) -> Carrier:
        return Carrier(self.wire)

    def _on_failure(self, handler: Handler, error: BaseException) -> None:
        self._handlers_failures.append(error)
