"""Delivery receipts tell the agents' side which messages were shown to the user.

They are gathered for a quarter of a second, so that all of a conversation go in one call, and sent only after the user's call has
succeeded. Best effort: they are in memory only, so a crash loses those of the last moment, and the agent's console shows these
messages as sent instead of delivered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from botkit.errors import CallError
from botkit.handoff.conversation import Access, ConversationId
from botkit.handoff.effects import SendToUser
from botkit.handoff.events import AgentSaid, FromAgents
from botkit.handoff.record import Record
from botkit.http.permits import only_while
from botkit.ledger.interface import Committed, OutboxItem
from botkit.observability.events import get_logger
from botkit.observability.tracebacks import where
from botkit.relay.clock import Clock
from botkit.relay.gateways import Gateways
from botkit.relay.leaving import Leaves
from botkit.relay.metrics import Outcome

_log = get_logger("botkit.relay")

GATHER_SECONDS = 0.25
MAX_CALLS = 32
"""Max calls at the same time: a quarter of the calls to a host, so that messages never wait for receipts. Meanwhile, more
receipts gather for each call."""
FLUSH_SECONDS = 1.0
"""Max wait of the end of a session, and of the service, for the last receipts."""
MAX_PROMISED = 10_000
"""Max receipts in memory; messages beyond them (while a side is down) get none."""


class _Promise(Record, frozen=True):
    conversation_id: ConversationId
    session_id: str
    system: str
    access: Access
    entry_id: str


@dataclass(slots=True, eq=False)
class _Due:
    """The receipts to send in one call, with the newest access."""

    newest: _Promise
    entry_ids: list[str] = field(default_factory=list)


class Receipts:
    """Maps outbox items to the entries that they show, and acknowledges an entry when its item is delivered."""

    def __init__(self, gateways: Gateways, clock: Clock, may_act: Callable[[], bool]) -> None:
        """`may_act`: see `ledger.interface.Ledger.may_act`."""
        self._gateways = gateways
        self._may_act = may_act
        self._clock = clock
        self._promised: dict[int, _Promise] = {}
        self._due: dict[str, _Due] = {}
        """By session, the oldest first."""
        self._waiting = 0
        """The number of receipts in `_due`."""
        self._gathering: asyncio.Task[None] | None = None
        self._calls: dict[asyncio.Task[None], ConversationId] = {}

    def promise(self, event: FromAgents, committed: Committed) -> None:
        """Note a committed agent message; its delivery will be acknowledged."""
        session = committed.conversation.session
        if not isinstance(event, AgentSaid) or session is None or session.access is None:
            return
        shown = None
        for item in committed.items:
            if isinstance(item.effect, SendToUser):
                shown = item
        if shown is not None and len(self._promised) + self._waiting < MAX_PROMISED:
            # The key of an agent's message is the session's id, a slash, and the entry's id.
            entry_id = event.key.removeprefix(f"{session.id}/")
            self._promised[shown.id] = _Promise(
                committed.conversation.id, session.id, session.system, session.access, entry_id
            )

    def on_shown(self, item: OutboxItem) -> None:
        """An outbox item has reached the user. Its receipt is due when that is committed, and no later for that."""
        if item.id in self._promised:
            self._gather()

    def on_completed(self, item: OutboxItem, outcome: Outcome) -> None:
        """An outbox item has reached the user, or never will."""
        promise = self._promised.pop(item.id, None)
        if promise is None or outcome != "delivered":
            return
        due = self._due.setdefault(promise.session_id, _Due(promise))
        due.newest = promise
        due.entry_ids.append(promise.entry_id)
        self._waiting += 1
        self._gather()

    async def flush(self, session_id: str) -> None:
        """Send the receipts of a session that is about to end, within `FLUSH_SECONDS`."""
        if session_id in self._due:
            await asyncio.wait({self._send(session_id)}, timeout=FLUSH_SECONDS)

    async def lose(self, leaves: Leaves, *, flush: bool) -> None:
        """Forget the receipts of these conversations.

        With `flush`, those that wait are sent, and all calls end within `FLUSH_SECONDS`; otherwise they are cancelled.
        """
        for item_id in [one for one, promise in self._promised.items() if leaves(promise.conversation_id)]:
            del self._promised[item_id]
        leaving = [one for one, due in self._due.items() if leaves(due.newest.conversation_id)]
        sent = leaving[: max(0, MAX_CALLS - len(self._calls))] if flush else []
        sending = {self._send(session_id) for session_id in sent}
        for session_id in leaving[len(sent) :]:
            self._waiting -= len(self._due.pop(session_id).entry_ids)
        sending |= {call for call, one in self._calls.items() if leaves(one)}
        if sending:
            await _within(FLUSH_SECONDS if flush else 0.0, sending)

    async def close(self) -> None:
        """Give the calls in progress `FLUSH_SECONDS`."""
        if self._gathering is not None:
            self._gathering.cancel()
        if self._calls:
            await _within(FLUSH_SECONDS, set(self._calls))

    def _gather(self) -> None:
        """Send what is due a moment later, in one call for each session."""
        if self._gathering is None:
            self._gathering = asyncio.create_task(self._send_gathered())

    async def _send_gathered(self) -> None:
        while True:
            await self._clock.sleep(GATHER_SECONDS)
            for session_id in list(self._due):
                while len(self._calls) >= MAX_CALLS:
                    await asyncio.wait(self._calls, return_when=asyncio.FIRST_COMPLETED)
                if not self._may_act():
                    break
                if session_id in self._due:  # Otherwise it was flushed.
                    self._send(session_id)
            if not self._due:
                break
        self._gathering = None

    def _send(self, session_id: str) -> asyncio.Task[None]:
        due = self._due.pop(session_id)
        self._waiting -= len(due.entry_ids)
        task = asyncio.create_task(self._acknowledge(due))
        self._calls[task] = due.newest.conversation_id
        task.add_done_callback(lambda task: self._calls.pop(task, None))
        return task

    async def _acknowledge(self, due: _Due) -> None:
        only_while(self._may_act)
        to = due.newest
        system = self._gateways.system(to.conversation_id.bot_id, to.system)
        if system is None:
            return
        try:
            await system.acknowledge(to.session_id, to.access, entry_ids=due.entry_ids)
        except CallError as error:
            _log.debug("receipt_missing", session=to.session_id, code=error.code)
        except Exception as defect:  # noqa: BLE001 - a defect of a plug-in; asyncio would log its text
            _log.warning("receipt_broken", session=to.session_id, error=where(defect))


async def _within(seconds: float, tasks: set[asyncio.Task[None]]) -> None:
    _, late = await asyncio.wait(tasks, timeout=seconds)
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late)
