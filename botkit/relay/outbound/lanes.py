"""Strict order: one lane per conversation and side, and only its head is on its way.

A lane exists while it has something to do: one task, one deque. An empty lane costs nothing. The next item goes when the
previous one's result is committed, so that a crash repeats at most the head. Two things have lanes of their own beside that: the
extension of a requestId, and what jobs say to a user who has to write first.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog

from botkit.errors import LedgerClosed
from botkit.handoff.conversation import ConversationId
from botkit.handoff.effects import EndSession, ExtendRequest, OutboundEffect, StartSession
from botkit.ledger.interface import OutboxItem
from botkit.observability.tracebacks import where
from botkit.relay.outbound.failures import is_said_by_job

_log = structlog.get_logger("botkit.relay")

MAX_HELD_BYTES = 16 * 1024 * 1024
"""So many bytes of hooks are held for what is in lanes. The hooks of the rest stay in the ledger until their turn comes: while
the other side is down, gigabytes may wait."""
_EXTENDING = "extend"
_ASIDE = "aside"
LaneKey = tuple[ConversationId, str]
Deliver = Callable[[OutboxItem], Awaitable[None]]
"""Carries out one item, repeats it as often as it takes, and returns when its result is committed. May raise `ParkItem`."""
Abandon = Callable[[OutboxItem, BaseException], Awaitable[None]]
"""Settles an item whose delivery failed in a way nobody foresaw, so that it does not hold its lane for ever."""


class ParkItem(Exception):
    """The item may have to wait for a long time: what comes after it is not to wait with it."""


class _Lane:
    __slots__ = ("dropping", "head", "task", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[OutboxItem] = deque()
        self.head: OutboxItem | None = None
        self.task: asyncio.Task[None] | None = None
        self.dropping = False


class Lanes:
    """Every lane that has something to do. Lives on one loop."""

    def __init__(self, deliver: Deliver, abandon: Abandon, stands: Callable[[OutboxItem], bool]) -> None:
        """`stands`: whether an item that gave way still waits for its user."""
        self._deliver = deliver
        self._abandon = abandon
        self._stands = stands
        self._lanes: dict[LaneKey, _Lane] = {}
        self._held = 0
        self._closing = False

    def __len__(self) -> int:
        return len(self._lanes)

    @property
    def held_bytes(self) -> int:
        """How many bytes of hooks are held."""
        return self._held

    def put(self, item: OutboxItem) -> None:
        """Add to the end of the item's lane."""
        if self._closing:
            return  # It stands in the ledger and is resumed by the next start.
        hook, effect = item.hook, item.effect
        if hook is not None:
            if self._held + len(hook.body) > MAX_HELD_BYTES:
                item = replace(item, hook=None)
            else:
                self._held += len(hook.body)
        # Keeping the requestId alive is no message: while it is retried, nothing waits for it, nor it for anything.
        self._put(item, _EXTENDING if isinstance(effect, ExtendRequest) else item.lane)

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
        """Forget what waits in this agent session's lane, except its end; the ledger has forgotten it already.

        What is being tried is given up as well. Only the creation of the conversation is seen through to its answer:
        an end that overtakes it would find nothing to end, and leave an agent waiting for nobody.
        """
        lane = self._lanes.get((conversation_id, f"agent:{session_id}"))
        if lane is None:
            return
        lane.waiting = deque(item for item in lane.waiting if isinstance(item.effect, EndSession))
        if lane.head is not None and lane.task is not None and not isinstance(lane.head.effect, EndSession):
            lane.dropping = True
            lane.task.cancel()

    async def close(self, seconds: float) -> None:
        """Let the attempts under way finish, for at most `seconds`; what only waits is left to the next start."""
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
                await self._attend(key, lane.head)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if not lane.dropping or task is None:
                    raise
                task.uncancel()
                lane.dropping = False
            except LedgerClosed:
                lane.waiting.clear()
            self._let_go(lane)
        # No await between finding the lane empty and removing it, or an item put in between would be stranded.
        del self._lanes[key]

    async def _attend(self, key: LaneKey, item: OutboxItem) -> None:
        """Deliver it, unless it gives way: then it goes on in the lane aside, and waits there."""
        aside = (item.conversation_id, _ASIDE)
        if not (key != aside and is_said_by_job(item.effect) and self._goes_on(aside)):
            try:
                await self._deliver(item)
            except ParkItem:
                if key == aside:
                    await self._deliver(item)
                    return
            else:
                return
        if not self._closing:
            self._put(item, _ASIDE)

    def _goes_on(self, aside: LaneKey) -> bool:
        """Whether what stood aside is on its way again: what a job says by now comes after it."""
        lane = self._lanes.get(aside)
        return lane is not None and not self._stands(lane.head or lane.waiting[0])

    def _let_go(self, lane: _Lane) -> None:
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
        # The head is settled in a task of its own, and the lane goes on after it.
        lane.task = asyncio.create_task(self._recover(key, lane, head, error))
        lane.task.add_done_callback(lambda again: self._ended(key, lane, again))

    async def _recover(self, key: LaneKey, lane: _Lane, head: OutboxItem, error: BaseException) -> None:
        await self._abandon(head, error)
        self._let_go(lane)
        await self._run(key, lane)


def seen_through(effect: OutboundEffect) -> bool:
    """Whether an attempt of this effect is never cut off half-way (see `Lanes.drop`)."""
    return isinstance(effect, StartSession)
