"""Who is being listened to: one receiver per agent session that is under way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import structlog

from botkit.agents import AgentSystem
from botkit.errors import LedgerClosed
from botkit.handoff.conversation import Conversation, ConversationId, Phase
from botkit.handoff.effects import EndSession
from botkit.handoff.events import FromAgents
from botkit.ledger.interface import Committed
from botkit.observability.tracebacks import where
from botkit.relay.clock import Clock
from botkit.relay.gateways import Gateways
from botkit.relay.inbound.event_writer import AgentEventWriter, reconcile_quietly
from botkit.relay.ledger_client import LedgerClient
from botkit.relay.metrics import RelayMetrics

_log = structlog.get_logger("botkit.relay")

RESTART_SECONDS = 5.0
LEAVING_SECONDS = 3.0
"""How long an end waits for a connection to be closed."""


class Receiver(Protocol):
    """Brings the events of one session until it is cancelled or the session is over."""

    async def run(self) -> None:
        """Returns when there is nothing more to receive. Raises LedgerClosed when the service is stopping."""


MakeReceiver = Callable[[AgentEventWriter, AgentSystem, str], Receiver]
"""Makes the receiver for a system of this name: a stream, or polls."""


class _Open:
    __slots__ = ("intake", "system", "task")

    def __init__(self, intake: AgentEventWriter, system: AgentSystem) -> None:
        self.intake = intake
        self.system = system
        self.task: asyncio.Task[None] | None = None


class Receivers:
    """Starts and stops receivers as conversations change. Lives on one loop."""

    def __init__(
        self,
        *,
        outside: Gateways,
        submitter: LedgerClient,
        clock: Clock,
        make: MakeReceiver,
        metrics: RelayMetrics,
        committed: Callable[[FromAgents, Committed], None],
    ) -> None:
        self._outside = outside
        self._submitter = submitter
        self._clock = clock
        self._make = make
        self._metrics = metrics
        self._committed = committed
        self._open: dict[ConversationId, _Open] = {}
        self._leaving: dict[str, asyncio.Task[None]] = {}
        """Who was told to stop listening to a session, and has not quite."""
        self._closing = False

    def __len__(self) -> int:
        return len(self._open)

    def follow(self, conversation: Conversation) -> None:
        """The conversation is in this state now: listen, or stop listening."""
        session = conversation.session
        current = self._open.get(conversation.id)
        if current is not None and (session is None or session.id != current.intake.session_id):
            self._stop(conversation.id, current)
            current = None
        if current is not None or session is None or self._closing:
            return
        if session.access is None or session.phase is Phase.OPENING:
            return
        system = self._outside.system(conversation.id.bot_id, session.system)
        if system is None:
            _log.error("agent_system_missing", bot=conversation.id.bot_id, system=session.system)
            return
        intake = AgentEventWriter(
            conversation.id, session.id, session.access, self._submitter, self._clock, self._committed
        )
        opened = self._open[conversation.id] = _Open(intake, system)
        self._start(opened, self._make(intake, system, session.system))
        self._metrics.receivers_open(len(self._open))

    async def reconcile(self, conversation_id: ConversationId, session_id: str) -> None:
        """Read the list of this session once more, if it is being listened to and can be read."""
        opened = self._open.get(conversation_id)
        if opened is not None and opened.intake.session_id == session_id:
            await reconcile_quietly(opened.intake, opened.system)

    async def end(self, conversation_id: ConversationId, end: EndSession, system: AgentSystem) -> None:
        """End a session that nobody listens to any more: what is said now must not go to a connection that is being closed.

        What an agent said just before, and no stream or poll has brought, is in the list or comes with the end.
        """
        intake = AgentEventWriter(
            conversation_id, end.session_id, end.access, self._submitter, self._clock, self._committed
        )
        if (leaving := self._leaving.get(end.session_id)) is not None:
            await asyncio.wait({leaving}, timeout=LEAVING_SECONDS)
        await intake.last_list(system)
        brought = await system.end(end.session_id, end.access)
        if brought is not None:
            await intake.last_words(brought.events)

    async def close(self) -> None:
        """Stop listening to everybody."""
        self._closing = True
        tasks = {opened.task for opened in self._open.values() if opened.task is not None}
        self._open.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _start(self, opened: _Open, receiver: Receiver) -> None:
        opened.task = asyncio.create_task(receiver.run())
        opened.task.add_done_callback(lambda task: self._ended(opened, receiver, task))

    def _stop(self, conversation_id: ConversationId, opened: _Open) -> None:
        del self._open[conversation_id]
        self._metrics.receivers_open(len(self._open))
        if (task := opened.task) is not None:
            session_id = opened.intake.session_id
            self._leaving[session_id] = task
            task.add_done_callback(lambda _: self._leaving.pop(session_id, None))
            task.cancel()

    def _ended(self, opened: _Open, receiver: Receiver, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        error = task.exception()
        if error is None or isinstance(error, LedgerClosed) or self._closing:
            return
        # A defect, here or in a plug-in. Nobody else would listen to this session, so it is tried again, slowly.
        _log.error("receiver_broken", session=opened.intake.session_id, error=where(error))
        loop = asyncio.get_running_loop()
        loop.call_later(RESTART_SECONDS, self._restart, opened, receiver)

    def _restart(self, opened: _Open, receiver: Receiver) -> None:
        if not self._closing and self._open.get(opened.intake.conversation_id) is opened:
            self._start(opened, receiver)
