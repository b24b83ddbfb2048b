"""The receivers: one for each open agent session."""

# ruff: noqa: B027 (a receiver that polls has no connection to look after)

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from botkit.agents import AgentSystem
from botkit.boottime import BootTime
from botkit.errors import AccessExpired, CallError, ConversationClosed, LedgerClosed, Unreachable
from botkit.handoff.conversation import Access, Conversation, ConversationId, Phase
from botkit.handoff.effects import EndSession
from botkit.handoff.events import FromAgents, LossReason
from botkit.http.retry import Backoff
from botkit.ledger.interface import Committed
from botkit.observability.events import get_logger
from botkit.observability.failures import Failure, failure_of
from botkit.observability.tracebacks import where
from botkit.relay.clock import Clock
from botkit.relay.gateways import Gateways
from botkit.relay.heartbeat import Heartbeat
from botkit.relay.inbound.agenda import Agenda
from botkit.relay.inbound.event_writer import AgentEventWriter, ListRead
from botkit.relay.journal import Journal
from botkit.relay.leaving import Leaves
from botkit.relay.ledger_client import LedgerClient
from botkit.relay.metrics import RelayMetrics
from botkit.relay.outbound.circuit_breaker import CircuitBreaker

_log = get_logger("botkit.relay")

RESTART_SECONDS = 5.0
SOUND_SECONDS = 60.0
"""A receiver that has run for so long was sound: the time in which it breaks begins anew."""
MAX_NOTED = 20
"""Max failures of a receiver in the story of its session: some proxies cut every stream after seconds, for hours."""
STOP_SECONDS = 3.0
"""Max wait of an end until the receiver has closed its connection."""


@dataclass(slots=True, kw_only=True, eq=False)
class Receiver(ABC):
    """Receives the events of one session, by a stream or by polls."""

    writer: AgentEventWriter
    system: AgentSystem
    clock: Clock
    chance: Callable[[], float]
    backoff: Backoff
    breaker: CircuitBreaker
    heartbeat: Heartbeat
    agenda: Agenda[Receiver]
    calm_until: float = field(init=False, default=0.0)
    listed_at: float = field(init=False, default=float("inf"))
    """Both as `Agenda` says."""
    _failures: int = field(init=False, default=0)
    _failed_polls: int = field(init=False, default=0)
    _noted: int = field(init=False, default=0)
    _failure: Failure | None = field(init=False, default=None)
    """The latest one since the list was read."""
    _not_before: float = field(init=False, default=0.0)
    """No poll before this time."""
    _was_out_of_reach: bool = field(init=False, default=False)
    """The last poll left the circuit breaker open: when another call has closed it, the next poll need not wait."""
    _unanswered_since: BootTime | None = field(init=False, default=None)
    """When the agents' side did not answer first; None if it answered last."""

    @abstractmethod
    async def run(self) -> None:
        """Receive until the session is lost or over; any other end of the session cancels this task.

        Raises:
            LedgerClosed: the service is stopping.
        """

    def needs_look(self) -> None:
        """Let the connection be looked after at the next beat."""
        self.agenda.look_at(self, 0.0)

    def watch(self, now: BootTime) -> None:
        """Look after the connection; called at every beat from `calm_until` on, if it is on the agenda."""

    def sent(self, at: BootTime) -> None:
        """A message was sent to the agents at that time: a stream brings it back."""

    async def _poll(self) -> str | None:
        """Read the list once, unless it is too early. Returns why the session is lost, or None."""
        now = self.clock.boottime()
        if now < self._not_before and (self.breaker.is_open or not self._was_out_of_reach):
            return None
        if not self.breaker.may_try(now):
            return self._not_answered()
        try:
            read = await self.writer.reconcile(self.system)
        except (AccessExpired, ConversationClosed) as error:
            return self._lost_by(error)
        except CallError as error:
            self._failed_polls += 1
            wait = max(self.backoff.delay(self._failed_polls, chance=self.chance()), error.retry_after or 0.0)
            # A wait that the agents' side asks for is not longer than ours for them: then it is tried once more.
            self._not_before = now + min(wait, max(0.0, self._patience_left()))
            self._trouble("poll_failed", error, level="warning")
            if isinstance(error, Unreachable):
                self.breaker.unreachable(self.clock.boottime(), failure_of(error))
            else:
                self.breaker.reached(works=not error.retryable)
            self._was_out_of_reach = self.breaker.is_open
            return self._not_answered()
        self.breaker.reached()
        self._unanswered_since = None
        self._failed_polls, self._failure = 0, None
        self._listed(read)
        return None

    def _trouble(self, event: str, error: CallError, *, level: str = "info") -> None:
        """Log a failure, and note the first ones in the session's story."""
        self._noted += 1
        self._failure = failure_of(error)
        self.writer.trouble(event, self._failure, noted=self._noted <= MAX_NOTED, level=level)

    def _lost_by(self, error: AccessExpired | ConversationClosed) -> str:
        """Why the session is lost; the failure is kept for `_report_lost`."""
        self._failure = failure_of(error)
        return LossReason.EXPIRED if isinstance(error, AccessExpired) else LossReason.CLOSED

    async def _report_lost(self, why: str) -> None:
        await self.writer.report_lost(why, self._failure or self.breaker.latest)

    def _listed(self, read: ListRead) -> None:
        """The list was read."""

    def _not_answered(self) -> str | None:
        """Why the session is lost, if the agents' side has not answered for `delivery.give_up_after`, while this process ran."""
        return LossReason.UNREACHABLE if self._patience_left() <= 0 else None

    def _patience_left(self) -> float:
        """Seconds until the deadline of an agents' side that does not answer now."""
        if self._unanswered_since is None:
            self._unanswered_since = self.clock.boottime()
        return self.heartbeat.patience_left(self._unanswered_since, self.backoff.give_up_after)


MakeReceiver = Callable[[AgentEventWriter, AgentSystem, str, Agenda[Receiver]], Receiver]
"""Makes the receiver for the system of this name: `StreamReceiver` or `PollReceiver`."""


@dataclass(slots=True, eq=False)
class _Open:
    writer: AgentEventWriter
    system: AgentSystem
    receiver: Receiver
    task: asyncio.Task[None] | None = None
    started_at: float = 0.0
    broken_since: float = 0.0
    """Since when a defect has ended every run soon; 0 if none has."""


@dataclass(slots=True, kw_only=True, eq=False)
class Receivers:
    """Starts and stops receivers as conversations change. Lives on one loop."""

    gateways: Gateways
    ledger: LedgerClient
    journal: Journal
    clock: Clock
    make: MakeReceiver
    metrics: RelayMetrics
    on_committed: Callable[[FromAgents, Committed], None]
    before_end: Callable[[str], Awaitable[None]]
    """Called with the id of a session that is about to end."""
    _agenda: Agenda[Receiver] = field(init=False, default_factory=Agenda)
    _open: dict[ConversationId, _Open] = field(init=False, default_factory=dict)
    _stopping: dict[str, asyncio.Task[None]] = field(init=False, default_factory=dict)
    """Cancelled receivers that are still closing their connections, by session."""
    _restarting: set[asyncio.Task[None]] = field(init=False, default_factory=set)

    def __len__(self) -> int:
        return len(self._open)

    def follow(self, conversation: Conversation) -> None:
        """Start or stop the receiver of a conversation, according to its new state."""
        session = conversation.session
        current = self._open.get(conversation.id)
        if current is not None and (session is None or session.id != current.writer.session_id):
            self._stop(conversation.id, current)
            current = None
        if current is not None or session is None:
            return
        if session.access is None or session.phase is Phase.OPENING:
            return
        system = self.gateways.system(conversation.id.bot_id, session.system)
        if system is None:
            names = self.journal.names(conversation.id, session.id)
            _log.error("agent_system_missing", system=session.system, **names)
            return
        writer = self._writer(conversation.id, session.id, session.system, session.access)
        opened = _Open(writer, system, self.make(writer, system, session.system, self._agenda))
        self._open[conversation.id] = opened
        self._start(opened)
        self.metrics.receivers_open(len(self._open))

    def sent(self, conversation_id: ConversationId, at: BootTime) -> None:
        """A message of this conversation was sent to the agents at that time."""
        opened = self._open.get(conversation_id)
        if opened is not None:
            opened.receiver.sent(at)

    async def reconcile(self, conversation_id: ConversationId, session_id: str) -> None:
        """Read the list of this session once more, if it has a receiver and the list can be read."""
        opened = self._open.get(conversation_id)
        if opened is not None and opened.writer.session_id == session_id:
            await opened.writer.reconcile_if_possible(opened.system)

    async def end(self, conversation_id: ConversationId, end: EndSession, system: AgentSystem) -> None:
        """End a session once its receiver has stopped: a message must not go to a connection that is being closed.

        Messages that an agent sent just before, and that no stream or poll delivered, are in the list or in the reply to the end.
        """
        writer = self._writer(conversation_id, end.session_id, end.system, end.access)
        if (stopping := self._stopping.get(end.session_id)) is not None:
            await asyncio.wait({stopping}, timeout=STOP_SECONDS)
        await self.before_end(end.session_id)
        await writer.write_last_list(system)
        last = await system.end(end.session_id, end.access)
        if last is not None:
            await writer.write_messages(last.events)

    def lose(self, leaves: Leaves) -> set[asyncio.Task[None]]:
        """Stop receiving for these conversations. Returns the receivers that are still closing their connections."""
        lost = [(one, opened) for one, opened in self._open.items() if leaves(one)]
        for conversation_id, opened in lost:
            self._stop(conversation_id, opened)
        return {opened.task for _, opened in lost if opened.task is not None and not opened.task.done()}

    def close(self) -> None:
        """All receivers have stopped."""
        for again in self._restarting:
            again.cancel()

    def _writer(
        self, conversation_id: ConversationId, session_id: str, system: str, access: Access
    ) -> AgentEventWriter:
        return AgentEventWriter(
            conversation_id=conversation_id,
            session_id=session_id,
            system_name=system,
            access=access,
            ledger=self.ledger,
            journal=self.journal,
            clock=self.clock,
            on_committed=self.on_committed,
        )

    def watch(self, now: BootTime) -> None:
        """Let receivers look after their connections; called at every beat."""
        for receiver in self._agenda.due(now):
            opened = self._open.get(receiver.writer.conversation_id)
            if opened is None or opened.receiver is not receiver:
                continue  # It was stopped.
            try:
                receiver.watch(now)
            except Exception as error:  # noqa: BLE001 - a defect: the other streams are still watched
                self._log_broken(opened, error)
            self._agenda.look_at(receiver, receiver.calm_until)

    def _start(self, opened: _Open) -> None:
        opened.started_at = self.clock.boottime()
        opened.task = asyncio.create_task(opened.receiver.run())
        opened.task.add_done_callback(lambda task: self._ended(opened, task))

    def _stop(self, conversation_id: ConversationId, opened: _Open) -> None:
        del self._open[conversation_id]
        self.metrics.receivers_open(len(self._open))
        if (task := opened.task) is not None:
            session_id = opened.writer.session_id
            self._stopping[session_id] = task
            task.add_done_callback(lambda _: self._stopped(session_id, task))
            task.cancel()

    def _stopped(self, session_id: str, task: asyncio.Task[None]) -> None:
        if self._stopping.get(session_id) is task:
            del self._stopping[session_id]

    def _ended(self, opened: _Open, task: asyncio.Task[None]) -> None:
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is None or isinstance(error, LedgerClosed):
            return
        if task.cancelled() and self._open.get(opened.writer.conversation_id) is not opened:
            return  # It was stopped.
        # A defect, here or in a plug-in. No other receiver has this session, so the same one is restarted after a pause.
        self._log_broken(opened, error)
        now = self.clock.boottime()
        if not opened.broken_since or now - opened.started_at >= SOUND_SECONDS:
            opened.broken_since = now
        self._restarting.add(again := asyncio.create_task(self._restart(opened)))
        again.add_done_callback(self._restarting.discard)

    def _log_broken(self, opened: _Open, error: BaseException) -> None:
        names = opened.writer.names()
        _log.error("receiver_broken", session=opened.writer.session_id, error=where(error), **names)

    async def _restart(self, opened: _Open) -> None:
        """Start a receiver again; one that has broken for as long as calls are tried has lost its session."""
        await self.clock.sleep(RESTART_SECONDS)
        if self._open.get(opened.writer.conversation_id) is not opened:
            return
        if self.clock.boottime() - opened.broken_since < opened.receiver.backoff.give_up_after:
            self._start(opened)
            return
        with suppress(LedgerClosed):
            await opened.writer.report_lost(LossReason.BROKEN, None)
