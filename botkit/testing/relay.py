"""A relay that acts only when the test asks: at once, in order, to the end. After a step nothing is in flight.

The real relay's code carries out the effects, over fakes. Left out is what belongs to the network: parallel lanes, retries and
receiving.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from botkit.agents import AgentSystem
from botkit.config.settings import Settings
from botkit.errors import CallError
from botkit.handoff.conversation import AgentSession, Conversation, ConversationId, Instant
from botkit.handoff.effects import (
    ArmTimer,
    CancelTimer,
    DropLane,
    Effect,
    EndSession,
    PlatformEffect,
    agent_lane,
)
from botkit.handoff.events import Event, TimerFired
from botkit.ledger.interface import Committed, Input, Ledger, OutboxItem
from botkit.loop_calls import LoopCalls
from botkit.observability.metrics import Telemetry
from botkit.observability.user_hashes import UserHashes
from botkit.relay.gateways import Gateways, KorePlatform
from botkit.relay.journal import Journal
from botkit.relay.ledger_client import LedgerClient
from botkit.relay.outbound.payloads import Payloads
from botkit.relay.outbound.perform import CallHandlers, Performer, no_handlers
from botkit.relay.outbound.retry_policy import tried_once
from botkit.testing.clock import ManualClock
from botkit.testing.fakes import AioCarrier, FakeAgentSystem, FakePlatform
from botkit.testing.records import AgentCall

T = TypeVar("T")
_TIMEOUT_SECONDS = 30.0
"""Work takes milliseconds here; a test must not hang."""
_NOBODY = ConversationId("", "")


class FakeGateways(Gateways):
    """The gateways of every bot: the real platform code over a fake platform, and fake agent systems."""

    def __init__(
        self, settings: Settings, *, platform: FakePlatform, agent_calls: list[AgentCall], clock: ManualClock
    ) -> None:
        carrier = AioCarrier(platform)
        insecure_http = settings.security.insecure_http
        bots = settings.bots.values()
        platforms = {
            bot.id: KorePlatform(bot, carrier, insecure_http=insecure_http, clock=clock) for bot in bots
        }
        self.systems = {
            (bot.id, name): FakeAgentSystem(name, agent_calls) for bot in bots for name in bot.agents.systems
        }
        super().__init__(platforms, self.systems)


class StepwiseRelay:
    """Implements `service.RunningRelay`."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        *,
        gateways: FakeGateways,
        clock: ManualClock,
        call_handlers: CallHandlers = no_handlers,
    ) -> None:
        self.failures: list[CallError] = []
        """Errors of calls that could not be made."""
        self._ledger = ledger
        self._clock = clock
        self._committed: deque[Committed] = deque()
        self._outbox: deque[OutboxItem] = deque()
        self._timers: dict[tuple[str, str], tuple[Instant, ConversationId]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="botkit-testing", daemon=True)
        client = self._ledger_client = LedgerClient(ledger, clock, LoopCalls(self._loop))
        self._payloads = Payloads(ledger, client, clock)
        self._performer = Performer(
            gateways=gateways,
            ledger=ledger,
            journal=Journal(ledger=ledger, client=client, hashes=UserHashes({}), clock=clock),
            payloads=self._payloads,
            bots=settings.bots,
            clock=clock,
            reconcile=_nothing,
            end=_end,
            sent=lambda _conversation, _at: None,
            call_handlers=call_handlers,
        )

    # --- for the service -------------------------------------------------------------------------------------------

    def on_commit(self, batch: Sequence[Committed], /) -> None:
        """Queue the commits for `settle`."""
        self._committed.extend(batch)

    def gain(self, undelivered: Sequence[OutboxItem], conversations: Sequence[Conversation]) -> None:
        """Queue the effects for `settle`, and arm the timers."""
        self._outbox.extend(undelivered)
        for conversation in conversations:
            if (session := conversation.session) is not None:
                for timer in session.timers:
                    self._timers[session.id, timer.name] = timer.due, conversation.id

    def is_catching_up(self) -> bool:
        """Never: nothing waits here."""
        return False

    def lose(self, leaves: Callable[[ConversationId], bool], *, orderly: bool) -> Future[None]:
        """Drop what is queued. Nothing is in progress."""
        self._outbox = deque(item for item in self._outbox if not leaves(item.conversation_id))
        self._timers = {key: one for key, one in self._timers.items() if not leaves(one[1])}
        return _done()

    def gone(self) -> None:
        """Nothing comes of it: what is lost is not remembered."""

    def start(self) -> None:
        """Start the event loop."""
        self._thread.start()

    def ready(self) -> bool:
        """Whether the event loop runs."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Stop the event loop and its threads."""
        self._do(self._ledger_client.close())
        self._do(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_TIMEOUT_SECONDS)
        self._loop.close()

    # --- for the tester --------------------------------------------------------------------------------------------

    def happens(self, conversation_id: ConversationId, event: Event) -> None:
        """Commit an event. `settle` carries out its effects."""
        self._submit(Input(conversation_id, event))

    def settle(self) -> None:
        """Carry out all effects, and the effects of their results."""
        self._collect()
        while self._outbox:
            self._carry_out(self._outbox.popleft())
            self._collect()

    def move_to(self, end: Instant) -> None:
        """Move the clock, and fire each timer at its time."""
        while (following := min(self._timers.items(), key=_due, default=None)) and _due(following) <= end:
            (session_id, name), (due, conversation_id) = following
            del self._timers[session_id, name]
            self._clock.time = max(self._clock.time, due)
            fired = TimerFired(key="", at=self._clock.now(), session_id=session_id, name=name, due=due)
            self.happens(conversation_id, fired)
            self.settle()
        self._clock.time = end

    def session(self, conversation_id: ConversationId) -> AgentSession | None:
        """The agent session of a conversation; None: there is none."""
        conversation = self._ledger.conversation(conversation_id)
        return conversation.session if conversation is not None else None

    # --- inside ----------------------------------------------------------------------------------------------------

    def _collect(self) -> None:
        # `on_commit` has been called for everything submitted before when two more inputs are committed: the first of the two may
        # share the last commit, the second cannot.
        for _ in range(2):
            self._submit(Input(_NOBODY, None))
        while self._committed:
            committed = self._committed.popleft()
            if not committed.duplicate:
                for effect in committed.local_effects:
                    self._apply(committed.conversation.id, effect)
                self._outbox.extend(committed.items)

    def _apply(self, conversation_id: ConversationId, effect: Effect) -> None:
        match effect:
            case ArmTimer(session_id, name, due):
                self._timers[session_id, name] = due, conversation_id
            case CancelTimer(session_id, name):
                self._timers.pop((session_id, name), None)
            case DropLane(session_id):
                lane = agent_lane(session_id)
                self._outbox = deque(
                    item for item in self._outbox if item.lane != lane or isinstance(item.effect, EndSession)
                )

    def _carry_out(self, item: OutboxItem) -> None:
        try:
            event = self._do(self._attempt(item))
        except CallError as error:
            if not tried_once(item.effect):
                self.failures.append(error)
            event = self._do(self._performer.failure_event(item, error))
        self._submit(Input(item.conversation_id, event, completes=(item.id,)))

    async def _attempt(self, item: OutboxItem) -> Event | None:
        hook = item.hook
        if hook is None and isinstance(item.effect, PlatformEffect):
            hook = await self._payloads.newest(item.conversation_id)
        return await self._performer.perform(item, hook)

    def _submit(self, input: Input) -> None:
        self._ledger.submit(input).result(_TIMEOUT_SECONDS)

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(_TIMEOUT_SECONDS)


class RecordingRelay:
    """A relay that carries out nothing and records what it is told: for tests of the service in front of it."""

    def __init__(self, settings: Settings, ledger: Ledger, telemetry: Telemetry) -> None:
        self.ledger = ledger
        self.committed: list[Committed] = []
        self.resumed: list[int] = []
        """Outbox items that an earlier process left."""
        self.running = False
        self.closed = False
        self.broken: Exception | None = None
        """Raised by `start`."""
        self.closed_before_ledger: bool | None = None

    def gain(self, undelivered: Sequence[OutboxItem], conversations: Sequence[Conversation]) -> None:
        """Record, as what an earlier process left."""
        self.resumed += [item.id for item in undelivered]

    def is_catching_up(self) -> bool:
        """Never: nothing waits here."""
        return False

    def lose(self, leaves: Callable[[ConversationId], bool], *, orderly: bool) -> Future[None]:
        """Nothing is in progress."""
        return _done()

    def gone(self) -> None:
        """Nothing was remembered."""

    def on_commit(self, batch: Sequence[Committed], /) -> None:
        """Record."""
        self.committed.extend(batch)

    def start(self) -> None:
        """Record what an earlier process left, or fail."""
        if self.broken is not None:
            raise self.broken
        self.resumed += [item.id for item in self.ledger.undelivered()]
        self.running = True

    def ready(self) -> bool:
        """Whether it was started, and not closed."""
        return self.running

    def close(self) -> None:
        """Record."""
        self.running = False
        self.closed = True
        self.closed_before_ledger = self.ledger.healthy()


def _done() -> Future[None]:
    done: Future[None] = Future()
    done.set_result(None)
    return done


def _due(timer: tuple[tuple[str, str], tuple[Instant, ConversationId]]) -> Instant:
    return timer[1][0]


async def _nothing(*_: object) -> None:
    """Nothing is received from agent systems, so there is nothing to reconcile."""


async def _end(_: ConversationId, session: EndSession, agents: AgentSystem) -> None:
    """End without waiting for agents' last messages: all of them are in the ledger."""
    await agents.end(session.session_id, session.access)
