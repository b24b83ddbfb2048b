"""Lanes keep the order: one lane per conversation and side, and only the item at its head is being delivered.

A lane exists while it has items; an empty lane costs nothing. The head goes the short way, by callback (`short_way.py`), or in a
task, and keeps its place until it is done. The next item goes when that result is committed, so a crash repeats at most the head.
Two kinds of items have lanes of their own: the extension of a requestId, and parked job messages, which wait for their user to
write.
"""

from __future__ import annotations

import asyncio
from collections import deque

from msgspec.structs import replace

from botkit.errors import LedgerClosed
from botkit.handoff.conversation import ConversationId
from botkit.handoff.effects import USER_LANE, EndSession, ExtendRequest, agent_lane
from botkit.ledger.interface import HookBody, OutboxItem
from botkit.observability.events import get_logger
from botkit.observability.tracebacks import where
from botkit.relay.outbound.delivery import Delivery
from botkit.relay.outbound.lane import Lane, LaneKey
from botkit.relay.outbound.progress import ParkItem
from botkit.relay.outbound.retry_policy import goes_the_short_way, is_job_message
from botkit.relay.outbound.short_way import ShortWay

_log = get_logger("botkit.relay")

MAX_HELD_BYTES = 16 * 1024 * 1024
"""Max bytes of hooks in memory for items in lanes. The other items read their hooks from the ledger when their turn comes:
gigabytes may wait while a remote is down."""
_EXTEND_LANE = "extend"
_PARKED_LANE = "parked"


class Lanes:
    """All lanes that have items. Lives on one loop."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._short_way = ShortWay(delivery, self, delivery.clock)
        self._lanes: dict[LaneKey, Lane] = {}
        self._held = 0
        self._closing = False
        self._emptied = asyncio.Event()
        """Set when the last lane has gone while closing."""

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

    def drop(self, conversation_id: ConversationId, session_id: str) -> None:
        """Drop the items in this agent session's lane, except its end; the ledger has dropped them already.

        An attempt in progress is cancelled too. Only the creation of the conversation is completed: an end that overtook
        it would find no conversation, and an agent would wait in an abandoned chat.
        """
        lane = self._lanes.get((conversation_id, agent_lane(session_id)))
        if lane is None:
            return
        if lane.waiting:
            lane.waiting = deque(item for item in lane.waiting if isinstance(item.effect, EndSession))
        over = isinstance(lane.head.effect, EndSession) or self._delivery.is_completing(lane.head)
        if lane.task is not None and not over:
            lane.dropping = True
            lane.task.cancel()

    async def close(self, seconds: float) -> None:
        """Let attempts in progress finish, for at most `seconds`; the next start resumes the other items."""
        self._closing = True
        self._short_way.close()
        for lane in list(self._lanes.values()):
            lane.waiting = None
            if not lane.is_under_way:
                self._remove(lane)
        if not self._lanes:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._emptied.wait()
        except TimeoutError:
            await self._cut_off(seconds)

    # --- for the short way ------------------------------------------------------------------------------------------

    def delivered(self, lane: Lane) -> None:
        """See `short_way.LanesOf`."""
        self._move_up(lane)

    def needs_task(self, lane: Lane) -> None:
        """See `short_way.LanesOf`."""
        self._start_task(lane)

    def broke(self, lane: Lane, error: BaseException) -> None:
        """See `short_way.LanesOf`."""
        _log.error("effect_broken", lane=lane.key[1], outbox_id=lane.head.id, error=where(error))
        if self._closing:
            self._remove(lane)
        elif lane.broken:
            self._move_up(lane)  # It cannot even be abandoned: the next start tries it again.
        else:
            lane.broken = True
            self._start_task(lane)

    def left(self, lane: Lane) -> None:
        """See `short_way.LanesOf`."""
        self._remove(lane)

    def hold(self, lane: Lane, hook: HookBody) -> None:
        """See `short_way.LanesOf`."""
        lane.head = replace(lane.head, hook=hook)
        self._held += len(hook.body)

    def spare(self, lane: Lane) -> None:
        """See `short_way.LanesOf`."""
        if self._held > MAX_HELD_BYTES:
            self._release(lane)
            lane.head = replace(lane.head, hook=None)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _put(self, item: OutboxItem, name: str) -> None:
        key = (item.conversation_id, name)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(key, item)
            self._start(lane)
        else:
            lane.append(item)

    def _start(self, lane: Lane) -> None:
        """Start to deliver the head."""
        if goes_the_short_way(lane.head.effect):
            self._short_way.start(lane)
        else:
            self._start_task(lane)

    def _start_task(self, lane: Lane) -> None:
        lane.task = asyncio.create_task(self._deliver(lane))
        lane.task.add_done_callback(lambda task: self._ended(lane, task))

    async def _deliver(self, lane: Lane) -> None:
        """Deliver the head, or move it to the lane of parked items, where it waits for its user."""
        item = lane.head
        if lane.broken:
            await self._delivery.abandon(item)
            return
        parked = (item.conversation_id, _PARKED_LANE)
        if not (lane.key != parked and is_job_message(item.effect) and self._is_resumed(parked)):
            try:
                await self._delivery.deliver(item, lane.progress)
            except ParkItem:
                if lane.key == parked:
                    await self._delivery.deliver(item)
                    return
            else:
                return
        if not self._closing:
            self._put(item, _PARKED_LANE)

    def _is_resumed(self, parked: LaneKey) -> bool:
        """Whether parked items are being delivered again, so that a newer job message has to come after them."""
        lane = self._lanes.get(parked)
        return lane is not None and not self._delivery.is_parked(lane.head)

    def _ended(self, lane: Lane, task: asyncio.Task[None]) -> None:
        lane.task = None
        dropping, lane.dropping = lane.dropping, False
        error = None if task.cancelled() else task.exception()
        if isinstance(error, LedgerClosed) or (task.cancelled() and not dropping):
            self._remove(lane)
        elif error is not None:
            self.broke(lane, error)
        else:
            self._move_up(lane)

    def _move_up(self, lane: Lane) -> None:
        """The head is done: start the next item, or remove the lane."""
        self._release(lane)
        if lane.move_up():
            self._start(lane)
        else:
            self._forget(lane)

    def _remove(self, lane: Lane) -> None:
        """Leave the items of a lane to the next start."""
        self._release(lane)
        self._forget(lane)

    def _release(self, lane: Lane) -> None:
        if lane.head.hook is not None:
            self._held -= len(lane.head.hook.body)

    def _forget(self, lane: Lane) -> None:
        self._lanes.pop(lane.key, None)  # It may have been cut off.
        if self._closing and not self._lanes:
            self._emptied.set()

    async def _cut_off(self, seconds: float) -> None:
        """Cancel what has not finished in time."""
        late = list(self._lanes.values())
        _log.warning("lanes_cut_off", lanes=len(late))
        if any(lane.head.lane == USER_LANE for lane in late):
            self._delivery.ledger.expect_repeats()  # The platform may accept what it was sent.
        tasks = {lane.task for lane in late if lane.task is not None}
        for task in tasks:
            task.cancel()
        for lane in late:
            if lane.attempt is not None:
                lane.attempt()
                self._remove(lane)
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
