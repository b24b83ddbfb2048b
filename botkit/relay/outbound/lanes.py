"""Lanes keep the order: one lane per conversation and side, and only the item at its head is being delivered.

A lane exists while it has items; an empty lane costs nothing. The head goes the short way, by callback (`short_way.py`), or in a
task, and keeps its place until it is done. The next item goes when that result is committed, so a crash repeats at most the head.
Two kinds of items have lanes of their own: the extension of a requestId, and parked job messages, which wait for their user to
write.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from msgspec.structs import replace

from botkit.errors import LedgerClosed
from botkit.handoff.conversation import ConversationId
from botkit.handoff.effects import EndSession, ExtendRequest, agent_lane
from botkit.ledger.interface import HookBody, OutboxItem
from botkit.observability.events import get_logger
from botkit.observability.tracebacks import where
from botkit.relay.leaving import Leaves
from botkit.relay.outbound.delivery import Delivery
from botkit.relay.outbound.lane import Lane, LaneKey
from botkit.relay.outbound.progress import ParkItem
from botkit.relay.outbound.retry_policy import goes_the_short_way, is_job_message, is_seen_through
from botkit.relay.outbound.short_way import ShortWay

_log = get_logger("botkit.relay")

MAX_HELD_BYTES = 16 * 1024 * 1024
"""Max bytes of hooks in memory for items in lanes. The other items read their hooks from the ledger when their turn comes:
gigabytes may wait while a remote is down."""
DROP_SECONDS = 5.0
"""Max wait of a session's end for an attempt that was cancelled: an agent system may not let itself be cancelled."""
DROP_START_SECONDS = 60.0
"""The same for the creation of the conversation, which is not cancelled."""
_EXTEND_LANE = "extend"
_PARKED_LANE = "parked"


class Lanes:
    """All lanes that have items. Lives on one loop."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._short_way = ShortWay(delivery, self, delivery.clock)
        self._lanes: dict[LaneKey, Lane] = {}
        self._held = 0
        self._leaving = delivery.leaving
        self._dropping: dict[asyncio.Task[None], asyncio.Task[None]] = {}
        """The tasks that were cancelled to drop the head of their lane, and those that wait for each of them to end."""

    def __len__(self) -> int:
        return len(self._lanes)

    @property
    def held_bytes(self) -> int:
        """Bytes of hooks in memory."""
        return self._held

    def put(self, item: OutboxItem) -> None:
        """Add an item to the end of its lane."""
        if item.conversation_id in self._leaving:
            return  # It is in the ledger, for their next process.
        if item.in_doubt:
            self._delivery.leave_in_doubt(item)
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
        over = over or conversation_id in self._leaving  # Which gives it a few seconds at most.
        if lane.task is not None and not over:
            lane.dropping = True
            lane.task.cancel()
            seconds = DROP_START_SECONDS if is_seen_through(lane.head.effect) else DROP_SECONDS
            self._dropping[lane.task] = asyncio.create_task(self._leave_behind(lane, lane.task, seconds))

    def lose(self, leaves: Leaves) -> Sequence[Lane]:
        """Leave the items of these conversations to their next process. Returns the lanes with an attempt in progress."""
        self._short_way.lose(leaves)
        leaving = [lane for lane in self._lanes.values() if leaves(lane.key[0])]
        self._delivery.ledger.hurry()
        for lane in leaving:
            for item in lane.waiting or ():
                self._release(item)
            lane.waiting = None
            if not lane.is_under_way:
                self._remove(lane)
        return [lane for lane in leaving if not lane.gone]

    async def not_ended(self, lanes: Sequence[Lane], seconds: float) -> Sequence[Lane]:
        """Let the attempts in progress of lanes that are lost end, for at most `seconds`. Returns the lanes that have not."""
        loop = asyncio.get_running_loop()
        endings = {loop.create_future(): lane for lane in lanes if not lane.gone}
        for ending, lane in endings.items():
            lane.ended = ending
        if endings:
            await asyncio.wait(endings, timeout=seconds)
        return [lane for lane in endings.values() if not lane.gone]

    def cut_off(self, late: Sequence[Lane]) -> set[asyncio.Task[None]]:
        """Cancel the attempts in progress of lanes that are lost. Returns their tasks, which are ending."""
        if late:
            _log.warning("lanes_cut_off", lanes=len(late))
        tasks = {lane.task for lane in late if lane.task is not None}
        for lane in late:
            if lane.task is not None:
                lane.task.cancel()
            else:
                self._delivery.leave_in_doubt(lane.head)
                self._short_way.cut_off(lane)
            self._remove(lane)
        return tasks

    def close(self) -> None:
        """All lanes have ended."""
        self._short_way.close()
        for waiting in self._dropping.values():
            waiting.cancel()

    # --- for the short way ------------------------------------------------------------------------------------------

    def delivered(self, lane: Lane) -> None:
        """See `short_way.LanesOf`."""
        self._move_up(lane)

    def needs_task(self, lane: Lane) -> None:
        """See `read_ahead.LanesOf`."""
        self._start_task(lane)

    def broke(self, lane: Lane, error: BaseException) -> None:
        """See `short_way.LanesOf`."""
        _log.error("effect_broken", lane=lane.key[1], outbox_id=lane.head.id, error=where(error))
        if lane.key[0] in self._leaving:
            self._remove(lane)
        elif lane.broken:
            self._move_up(lane)  # It cannot even be abandoned: the next start tries it again.
        else:
            lane.broken = True
            self._start_task(lane)

    def left(self, lane: Lane) -> None:
        """See `read_ahead.LanesOf`."""
        self._remove(lane)

    def hold(self, lane: Lane, hook: HookBody) -> None:
        """See `read_ahead.LanesOf`."""
        lane.head = replace(lane.head, hook=hook)
        self._held += len(hook.body)

    def spare(self, lane: Lane) -> None:
        """See `short_way.LanesOf`."""
        if self._held > MAX_HELD_BYTES:
            self._release(lane.head)
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
            if lane.result_may_wait:
                lane.result_may_wait = False
                self._delivery.ledger.hurry()

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
        self._put(item, _PARKED_LANE)

    def _is_resumed(self, parked: LaneKey) -> bool:
        """Whether parked items are being delivered again, so that a newer job message has to come after them."""
        lane = self._lanes.get(parked)
        return lane is not None and not self._delivery.parked.waits(lane.head)

    async def _leave_behind(self, lane: Lane, task: asyncio.Task[None], seconds: float) -> None:
        """Go on with a lane whose head was dropped, although the attempt in progress does not end."""
        await self._delivery.clock.sleep(seconds)
        del self._dropping[task]
        if lane.task is task and not lane.gone:
            _log.error("attempt_not_ended", lane=lane.key[1], outbox_id=lane.head.id)
            task.cancel()
            lane.task, lane.dropping = None, False
            self._move_up(lane)

    def _ended(self, lane: Lane, task: asyncio.Task[None]) -> None:
        if (waiting := self._dropping.pop(task, None)) is not None:
            waiting.cancel()
        error = None if task.cancelled() else task.exception()
        if lane.task is not task:
            return  # It was left behind.
        lane.task = None
        self._short_way.task_ended(lane)
        dropping, lane.dropping = lane.dropping, False
        if lane.gone:
            return
        if isinstance(error, LedgerClosed) or (task.cancelled() and lane.key[0] in self._leaving):
            self._remove(lane)
        elif task.cancelled() and not dropping:
            self.broke(lane, asyncio.CancelledError())
        elif error is not None:
            self.broke(lane, error)
        else:
            self._move_up(lane)

    def _move_up(self, lane: Lane) -> None:
        """The head is done: start the next item, or remove the lane."""
        self._release(lane.head)
        if lane.move_up():
            self._start(lane)
        else:
            self._forget(lane)

    def _remove(self, lane: Lane) -> None:
        """Leave the items of a lane in the ledger."""
        self._release(lane.head)
        self._forget(lane)

    def _release(self, item: OutboxItem) -> None:
        if item.hook is not None:
            self._held -= len(item.hook.body)

    def _forget(self, lane: Lane) -> None:
        del self._lanes[lane.key]
        lane.gone = True
        if lane.ended is not None and not lane.ended.done():
            lane.ended.set_result(None)
