"""Delivery receipts tell the agents' side which messages were shown to the user. Best effort, several entries in one call."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from botkit.errors import CallError
from botkit.handoff.conversation import Access, ConversationId
from botkit.handoff.effects import SendToUser
from botkit.handoff.events import AgentSaid, FromAgents
from botkit.ledger.interface import Committed, OutboxItem
from botkit.observability.events import get_logger
from botkit.relay.clock import Clock
from botkit.relay.gateways import Gateways
from botkit.relay.metrics import Outcome

_log = get_logger("botkit.relay")

GATHER_SECONDS = 1.0
_MAX_PROMISED = 10_000
"""Max undelivered messages that will get a receipt; more (while the platform is down) get none, to save memory."""


@dataclass(frozen=True, slots=True)
class _Promise:
    conversation_id: ConversationId
    session_id: str
    system: str
    access: Access
    entry_id: str


class Receipts:
    """Maps outbox items to the entries that they show, and acknowledges an entry when its item is delivered."""

    def __init__(self, gateways: Gateways, clock: Clock) -> None:
        self._gateways = gateways
        self._clock = clock
        self._promised: dict[int, _Promise] = {}
        self._due: dict[str, list[_Promise]] = {}
        """The promises to acknowledge in one call, by session."""
        self._tasks: set[asyncio.Task[None]] = set()

    def promise(self, event: FromAgents, committed: Committed) -> None:
        """Note a committed agent message; its delivery will be acknowledged."""
        session = committed.conversation.session
        if not isinstance(event, AgentSaid) or session is None or session.access is None:
            return
        shown = [item for item in committed.items if isinstance(item.effect, SendToUser)]
        if shown and len(self._promised) < _MAX_PROMISED:
            # The key of an agent's message is the session's id, a slash, and the entry's id.
            entry_id = event.key.removeprefix(f"{session.id}/")
            self._promised[shown[-1].id] = _Promise(
                committed.conversation.id, session.id, session.system, session.access, entry_id
            )

    def on_completed(self, item: OutboxItem, outcome: Outcome) -> None:
        """An outbox item has reached the user, or never will."""
        promise = self._promised.pop(item.id, None)
        if promise is None or outcome != "delivered":
            return
        due = self._due.get(promise.session_id)
        if due is None:
            due = self._due[promise.session_id] = []
            task = asyncio.create_task(self._acknowledge(due))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        due.append(promise)

    async def close(self) -> None:
        """Drop the receipts that were not sent yet."""
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _acknowledge(self, due: list[_Promise]) -> None:
        await self._clock.sleep(GATHER_SECONDS)
        promise = due[0]
        del self._due[promise.session_id]
        system = self._gateways.system(promise.conversation_id.bot_id, promise.system)
        if system is None:
            return
        try:
            await system.acknowledge(
                promise.session_id, promise.access, entry_ids=tuple(one.entry_id for one in due)
            )
        except CallError as error:
            _log.debug("receipt_missing", session=promise.session_id, code=error.code)
