"""Lanes keep the order: one lane per conversation and side, and only the item at its head is being delivered.

A lane exists while it has items: one task, one deque. An empty lane costs nothing. The next item goes when the result of the
previous one is committed, so a crash repeats at most the head. Two kinds of items have lanes of their own: the extension of a
requestId, and parked job messages, which wait for their user to write.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from msgspec.structs import replace

from botkit.errors import LedgerClosed
from botkit.handoff.conversation import ConversationId
from botkit.handoff.effects import EndSession, ExtendRequest, OutboundEffect, StartSession, agent_lane
from botkit.ledger.interface import OutboxItem
from botkit.observability.events import get_logger
from botkit.observability.tracebacks import where
from botkit.relay.outbound.retry_policy import is_job_message

_log = get_logger("botkit.relay")

MAX_HELD_BYTES = 16 * 1024 * 1024
"""Max bytes of hooks in memory for items in lanes. The other items read their hooks from the ledger when their turn comes:
gigabytes may wait while a remote is down."""
_EXTEND_LANE = "extend"
_PARKED_LANE = "parked"
LaneKey = tuple[ConversationId, str]


class ParkItem(Exception):
    """The item may have to wait for long; the items after it must not wait with it."""


class Deliverer(Protocol):
    """Delivers the items of all lanes; see `delivery.Delivery`."""

    async def deliver(self, item: OutboxItem) -> None:
        """Deliver one item, in as many attempts as it takes; returns when its result is committed. May raise `ParkItem`."""

    async def abandon(self, item: OutboxItem) -> None:
        """Complete an item whose delivery failed unexpectedly, so that it does not block its lane."""

    def is_parked(self, item: OutboxItem) -> bool:
        """Whether a parked item still waits for its user."""


class _Lane:
    __slots__ = ("dropping", "head", "task", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[OutboxItem] = deque()
        self.head: OutboxItem | None = None
        self.task: asyncio.Task[None] | None = None
        self.dropping = False


class Lanes:
    """All lanes that have items. Lives on one loop."""

    def __init__(self, deliverer: Deliverer) -> None:
        self._deliverer = deliverer
        self._lanes: dict[LaneKey, _Lane] = {}
        self._held = 0
        self._closing = False

    def __len__(self) -> int:
        return len(self._lanes)

    @property
    def held_bytes(self) -> int:
        """Bytes of hooks in memory."""
        return self._held

    def put(self, item: OutboxItem) -> None:
        """Add an item to the end of its lane."""
        if self._closing:
            return  # The next start resumes it from the ledger.
        hook = item.hook
        if hook is not None:
            if self._held + len(hook.body) > MAX_HELD_BYTES:
                item = replace(item, hook=None)
            else:
                self._held += len(hook.body)
        # An extension of the requestId is no message: its retries delay nothing, and nothing delays it.
        self._put(item, _EXTEND_LANE if isinstance(item.effect, ExtendRequest) else item.lane)

    def _put(self, item: OutboxItem, name: str) -> None:
        key = (item.conversation_id, name)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane()
            lane.waiting.append(item)
            self._start(key, lane)
        else:
            lane.waiting.append(item)

    def drop(self, conversation_id: ConversationId, session_id: str) -> None:
        """Drop the items in this agent session's lane, except its end; the ledger has dropped them already.

        An attempt in progress is cancelled too. Only the creation of the conversation is completed: an end that overtook
        it would find no conversation, and an agent would wait in an abandoned chat.
        """
        lane = self._lanes.get((conversation_id, agent_lane(session_id)))
        if lane is None:
            return
        lane.waiting = deque(item for item in lane.waiting if isinstance(item.effect, EndSession))
        if lane.head is not None and lane.task is not None and not isinstance(lane.head.effect, EndSession):
            lane.dropping = True
            lane.task.cancel()

    async def close(self, seconds: float) -> None:
        """Let attempts in progress finish, for at most `seconds`; the next start resumes the other items."""
        self._closing = True
        for lane in self._lanes.values():
            lane.waiting.clear()
        tasks = {lane.task for lane in self._lanes.values() if lane.task is not None}
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=seconds)
        for task in late:
            task.cancel()
        if late:
            _log.warning("lanes_cut_off", lanes=len(late))
            await asyncio.wait(late, timeout=seconds)

    def _start(self, key: LaneKey, lane: _Lane) -> None:
        lane.task = asyncio.create_task(self._run(key, lane))
        lane.task.add_done_callback(lambda task: self._ended(key, lane, task))

    async def _run(self, key: LaneKey, lane: _Lane) -> None:
        while lane.waiting:
            lane.head = lane.waiting.popleft()
            try:
                await self._deliver_or_park(key, lane.head)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if not lane.dropping or task is None:
                    raise
                task.uncancel()
                lane.dropping = False
            except LedgerClosed:
                lane.waiting.clear()
            self._release(lane)
        # No await between finding the lane empty and removing it: an item put in between would be lost until the next start.
        del self._lanes[key]

    async def _deliver_or_park(self, key: LaneKey, item: OutboxItem) -> None:
        """Deliver an item, or move it to the lane of parked items, where it waits for its user."""
        parked = (item.conversation_id, _PARKED_LANE)
        if not (key != parked and is_job_message(item.effect) and self._is_resumed(parked)):
            try:
                await self._deliverer.deliver(item)
            except ParkItem:
                if key == parked:
                    await self._deliverer.deliver(item)
                    return
            else:
                return
        if not self._closing:
            self._put(item, _PARKED_LANE)

    def _is_resumed(self, parked: LaneKey) -> bool:
        """Whether parked items are being delivered again, so that a newer job message has to come after them."""
        lane = self._lanes.get(parked)
        return lane is not None and not self._deliverer.is_parked(lane.head or lane.waiting[0])

    def _release(self, lane: _Lane) -> None:
        head, lane.head = lane.head, None
        if head is not None and head.hook is not None:
            self._held -= len(head.hook.body)

    def _ended(self, key: LaneKey, lane: _Lane, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            self._lanes.pop(key, None)
            return
        error = task.exception()
        if error is None:
            return
        head = lane.head
        _log.error("effect_broken", lane=key[1], outbox_id=head.id if head else None, error=where(error))
        if head is None or self._closing:
            self._lanes.pop(key, None)
            return
        # A new task completes the head, and then runs the lane.
        lane.task = asyncio.create_task(self._recover(key, lane, head))
        lane.task.add_done_callback(lambda again: self._ended(key, lane, again))

    async def _recover(self, key: LaneKey, lane: _Lane, head: OutboxItem) -> None:
        await self._deliverer.abandon(head)
        self._release(lane)
        await self._run(key, lane)


def is_seen_through(effect: OutboundEffect) -> bool:
    """Whether a started attempt of this effect is never cancelled (see `Lanes.drop`)."""
    return isinstance(effect, StartSession)
