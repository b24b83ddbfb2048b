"""A relay that does everything at once, in order, when the test asks for it: nothing is in the air when a step is over.

The effects are carried out by the relay's own code, over a wire that is played. What the real one adds, and this one leaves
out, is the network's: lanes beside each other, attempts that fail and are repeated, listening.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from botkit.agents import AgentSystem
from botkit.config.settings import Settings
from botkit.errors import CallError
from botkit.handoff.conversation import AgentSession, ConversationId, Instant
from botkit.handoff.effects import ArmTimer, CancelTimer, DropLane, Effect, EndSession, PlatformEffect
from botkit.handoff.events import Event, TimerFired
from botkit.ledger.interface import Committed, Input, Ledger, OutboxItem
from botkit.relay.gateways import Gateways, KorePlatform
from botkit.relay.outbound.failures import what_failure_means
from botkit.relay.outbound.payloads import Payloads
from botkit.relay.outbound.perform import Performer
from botkit.relay.outbound.retry_policy import tried_once
from botkit.testing.agents import PlayedAgents
from botkit.testing.clock import HeldClock
from botkit.testing.records import AgentCall
from botkit.testing.wire import AioCarrier, Wire

T = TypeVar("T")
_SECONDS = 30.0
"""What is waited for here takes milliseconds; a test must not hang."""
_NOBODY = ConversationId("", "")


class PlayedOutside(Gateways):
    """The gateways of every bot: the real platform code over a played wire, and played agents."""

    def __init__(
        self, settings: Settings, *, wire: Wire, agent_calls: list[AgentCall], clock: HeldClock
    ) -> None:
        carrier = AioCarrier(wire)
        insecure_http = settings.security.insecure_http
        bots = settings.bots.values()
        platforms = {
            bot.id: KorePlatform(bot, carrier, insecure_http=insecure_http, clock=clock) for bot in bots
        }
        self.systems = {
            (bot.id, name): PlayedAgents(name, agent_calls) for bot in bots for name in bot.agents.systems
        }
        super().__init__(platforms, self.systems)


class PlayedRelay:
    """Implements `service.RunningRelay`."""

    def __init__(
        self, settings: Settings, ledger: Ledger, *, outside: PlayedOutside, clock: HeldClock
    ) -> None:
        self.failures: list[CallError] = []
        """Calls that could not be made."""
        self._ledger = ledger
        self._clock = clock
        self._committed: deque[Committed] = deque()
        self._waiting: deque[OutboxItem] = deque()
        self._timers: dict[tuple[str, str], tuple[Instant, ConversationId]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="botkit-testing", daemon=True)
        self._payloads = Payloads(ledger, clock)
        self._performer = Performer(
            outside=outside,
            ledger=ledger,
            payloads=self._payloads,
            bots=settings.bots,
            clock=clock,
            reconcile=_nothing,
            end=_end,
        )

    # --- as the service sees it ------------------------------------------------------------------------------------

    def on_commit(self, batch: Sequence[Committed], /) -> None:
        """Keep it until the test asks."""
        self._committed.extend(batch)

    def start(self) -> None:
        """Have a loop to carry things out on."""
        self._thread.start()

    def ready(self) -> bool:
        """Whether there is one."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Leave nothing behind."""
        self._do(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_SECONDS)
        self._loop.close()

    # --- as the tester sees it -------------------------------------------------------------------------------------

    def happens(self, conversation_id: ConversationId, event: Event) -> None:
        """Something happened; what follows from it is for `settle`."""
        self._submit(Input(conversation_id, event))

    def settle(self) -> None:
        """Carry out everything that is to be done, and everything that follows from it."""
        self._take()
        while self._waiting:
            self._carry_out(self._waiting.popleft())
            self._take()

    def move_to(self, end: Instant) -> None:
        """Let time pass: every timer comes due at its time."""
        while (following := min(self._timers.items(), key=_due, default=None)) and _due(following) <= end:
            (session_id, name), (due, conversation_id) = following
            del self._timers[session_id, name]
            self._clock.time = max(self._clock.time, due)
            fired = TimerFired(key="", at=self._clock.now(), session_id=session_id, name=name, due=due)
            self.happens(conversation_id, fired)
            self.settle()
        self._clock.time = end

    def session(self, conversation_id: ConversationId) -> AgentSession | None:
        """The agent session of a conversation, if there is one."""
        conversation = self._ledger.conversation(conversation_id)
        return conversation.session if conversation is not None else None

    # --- inside ----------------------------------------------------------------------------------------------------

    def _take(self) -> None:
        # What was submitted before this has been told to `on_commit` when two inputs after it are committed: the first may
        # share its commit, the second cannot.
        for _ in range(2):
            self._submit(Input(_NOBODY, None))
        while self._committed:
            committed = self._committed.popleft()
            if not committed.duplicate:
                for effect in committed.local_effects:
                    self._keep(committed.conversation.id, effect)
                self._waiting.extend(committed.items)

    def _keep(self, conversation_id: ConversationId, effect: Effect) -> None:
        match effect:
            case ArmTimer(session_id, name, due):
                self._timers[session_id, name] = due, conversation_id
            case CancelTimer(session_id, name):
                self._timers.pop((session_id, name), None)
            case DropLane(session_id):
                lane = f"agent:{session_id}"
                self._waiting = deque(
                    item for item in self._waiting if item.lane != lane or isinstance(item.effect, EndSession)
                )

    def _carry_out(self, item: OutboxItem) -> None:
        try:
            event = self._do(self._attempt(item))
        except CallError as error:
            if not tried_once(item.effect):
                self.failures.append(error)
            event = self._do(self._performer.after_failure(item, what_failure_means(item.effect, error)))
        self._submit(Input(item.conversation_id, event, completes=(item.id,)))

    async def _attempt(self, item: OutboxItem) -> Event | None:
        hook = item.hook
        if hook is None and isinstance(item.effect, PlatformEffect):
            hook = await self._payloads.newest(item.conversation_id)
        return await self._performer.perform(item, hook)

    def _submit(self, given: Input) -> None:
        self._ledger.submit(given).result(_SECONDS)

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(_SECONDS)


def _due(timer: tuple[tuple[str, str], tuple[Instant, ConversationId]]) -> Instant:
    return timer[1][0]


async def _nothing(*_: object) -> None:
    """Nobody listens to the agents, so there is no list to read again."""


async def _end(_: ConversationId, session: EndSession, agents: AgentSystem) -> None:
    """Everything the agents said has been heard."""
    await agents.end(session.session_id, session.access)
