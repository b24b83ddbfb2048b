"""The short way: attempts by callback, without a task.

Nearly all effects are messages that are passed on, and nearly all of these succeed at the first attempt. Such an effect costs one
call and its share of one commit. Attempts that fail are repeated here, too; an effect that needs more than another attempt (a
newer payload, an event that reports it) goes on in a task of its lane.

While a remote is down or slow, tens of thousands of lanes may wait here. So a lane that waits costs neither a task nor a timer,
and hooks that are not in memory are read shortly before their turn (`read_ahead.py`).
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from botkit.boottime import BootTime
from botkit.errors import CallError
from botkit.ledger.interface import OutboxItem
from botkit.observability.events import get_logger
from botkit.observability.tracebacks import where
from botkit.relay.clock import Clock
from botkit.relay.leaving import Leaves
from botkit.relay.outbound import read_ahead
from botkit.relay.outbound.circuit_breaker import FAILURES_UNTIL_OPEN
from botkit.relay.outbound.delivery import MAY_ACT_SECONDS, Delivery
from botkit.relay.outbound.lane import Lane
from botkit.relay.outbound.read_ahead import ReadAhead
from botkit.relay.outbound.remote import Remote, Repetition
from botkit.relay.outbound.retry_policy import tried_once
from botkit.relay.outbound.settling import Settling

_log = get_logger("botkit.relay")

MAX_CALLING = 128
"""Max attempts in progress to one bot's platform: as many as the transport makes to one host. The other lanes wait here, where
they cost a few hundred bytes. Those of several bots on one host may still wait in the transport for their turn."""
MAX_IN_TASKS = 64
"""Max heads of one bot that are looked for in the history at the same time, and sent again."""
_MIN_PAUSE = 0.01
"""Seconds between two looks at an open breaker."""


class LanesOf(read_ahead.LanesOf, Protocol):
    """What the short way tells of a lane; see `lanes.Lanes`."""

    def delivered(self, lane: Lane) -> None:
        """The head was delivered, and that is committed."""

    def broke(self, lane: Lane, error: Exception) -> None:
        """The attempt raised anything but a `CallError`: a defect."""

    def spare(self, lane: Lane) -> None:
        """The head has to wait: drop its hook if memory is short of room for hooks."""


class ShortWay:
    """Carries out the effects on the platform. Lives on one loop."""

    def __init__(self, delivery: Delivery, lanes: LanesOf, clock: Clock) -> None:
        self._delivery = delivery
        self._lanes = lanes
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._remotes: dict[str, Remote] = {}
        """By bot: the platform of each."""
        self._settling: Settling[Lane] = Settling(
            delivery.ledger,
            on_settled=self._settled,
            on_closed=self._unsettled,
            may_wait=lambda lane: lane.result_may_wait,
        )
        self._hooks = ReadAhead(delivery, lanes, then=self._advance)
        self._numbers = itertools.count()

    def start(self, lane: Lane) -> None:
        """Deliver the head of a lane: now, or when it may."""
        try:
            self._start(lane)
        except Exception as error:  # noqa: BLE001 - a defect affects only its lane
            self._lanes.broke(lane, error)

    def lose(self, leaves: Leaves) -> None:
        """Begin no more attempts for these conversations. Those in progress go on, and their results are committed."""
        for remote in self._remotes.values():
            remote.ready = deque([lane for lane in remote.ready if not leaves(lane.key[0])])
            remote.unread = deque([lane for lane in remote.unread if not leaves(lane.key[0])])
            remote.in_doubt = deque([lane for lane in remote.in_doubt if not leaves(lane.key[0])])
            remote.due = [one for one in remote.due if not leaves(one.lane.key[0])]
            heapq.heapify(remote.due)

    def close(self) -> None:
        """No lane waits any more."""
        for remote in self._remotes.values():
            for task in remote.tasks():
                task.cancel()

    def task_ended(self, lane: Lane) -> None:
        """The task of a lane has ended, of any lane."""
        remote = self._remotes.get(lane.key[0].bot_id)
        if remote is not None and lane in remote.in_tasks:
            remote.in_tasks.remove(lane)
            self._start_tasks(remote)

    def cut_off(self, lane: Lane) -> None:
        """Cancel an attempt in progress. The commit of its result goes on."""
        cancel, lane.attempt = lane.attempt, None
        if cancel is not None and cancel is not _nothing:
            cancel()
            self._remote_of(lane.head).calling -= 1

    def _remote_of(self, item: OutboxItem) -> Remote:
        bot_id = item.conversation_id.bot_id
        remote = self._remotes.get(bot_id)
        if remote is None:
            remote = self._remotes[bot_id] = Remote(self._delivery.breaker_of(item))
            self._watch(remote)
        return remote

    def _watch(self, remote: Remote) -> None:
        """When the remote works again, whatever call has shown it, the lanes whose attempts failed wait no longer."""

        def closed(_: asyncio.Future[None]) -> None:
            self._watch(remote)
            self._due_now(remote)
            self._advance(remote)

        remote.breaker.closing().add_done_callback(closed)

    def _start(self, lane: Lane) -> None:
        remote = self._remote_of(lane.head)
        if lane.is_in_doubt:
            self._look_for(remote, lane)
            return
        reads = self._hooks.lacks(lane) or remote.reading is not None or bool(remote.unread)
        if not reads and not remote.ready and self._may_call(remote):
            self._begin(remote, lane)
        elif tried_once(lane.head.effect):
            self._lanes.needs_task(lane)  # It is obsolete before its turn comes.
        else:
            if remote.breaker.is_open and self._delivery.is_of_a_handoff(lane.head):
                self._delivery.failing.held_back(lane.head, lane.progress_of_head(), remote.breaker)
            (remote.unread if reads else remote.ready).append(lane)
            self._advance(remote)

    # --- attempts -------------------------------------------------------------------------------------------------

    def _may_call(self, remote: Remote) -> bool:
        return (
            remote.calling < MAX_CALLING
            and self._delivery.may_act()
            and remote.breaker.may_try(self._clock.boottime())
        )

    def _begin(self, remote: Remote, lane: Lane) -> None:
        if lane.key[0] in self._delivery.leaving:
            self._lanes.left(lane)
            return
        item = lane.head
        hook = item.hook
        if hook is None:
            hook = self._delivery.payload_at_hand(item)
            if hook is None:
                self._lanes.needs_task(lane)
                return
            lane.progress_of_head().payload = hash(hook)
        remote.calling += 1
        answered = partial(self._answered, remote, lane)
        try:
            lane.attempt = self._delivery.performer.begin(item, hook, answered)
        except Exception as error:  # noqa: BLE001 - `_answered` tells a failed call from a defect
            lane.attempt = _nothing
            self._loop.call_soon(answered, error)

    def _look_for(self, remote: Remote, lane: Lane) -> None:
        """The head may have been carried out: a task asks the history. It takes its own turn if the breaker is open."""
        if lane.key[0] in self._delivery.leaving:
            self._lanes.left(lane)
            return
        remote.in_doubt.append(lane)
        self._start_tasks(remote)

    def _start_tasks(self, remote: Remote) -> None:
        while remote.in_doubt and len(remote.in_tasks) < MAX_IN_TASKS:
            lane = remote.in_doubt.popleft()
            remote.in_tasks.add(lane)
            self._lanes.needs_task(lane)

    def _answered(self, remote: Remote, lane: Lane, error: Exception | None) -> None:
        remote.calling -= 1
        lane.attempt = None
        try:
            if lane.gone:
                pass  # It could not be begun, and was lost since.
            elif error is None:
                self._succeeded(remote, lane)
            else:
                self._failed(remote, lane, error)
        except Exception as defect:  # noqa: BLE001 - it affects only its lane
            self._lanes.broke(lane, defect)
        if remote.ready or remote.unread:
            self._advance(remote)

    def _succeeded(self, remote: Remote, lane: Lane) -> None:
        remote.breaker.reached()
        item, lane.attempt = lane.head, _nothing
        steps = self._delivery.steps_of_success(item, lane.progress)
        # While it is not committed, a crash puts the item in doubt, and nothing behind it in its lane may go.
        lane.result_may_wait = not lane.waiting and self._delivery.doubts.would_be_settled(item)
        if lane.result_may_wait:
            self._delivery.on_shown(item)
        self._settling.add(lane, item, steps)
        if remote.failures:
            self._recovered(remote)

    def _failed(self, remote: Remote, lane: Lane, error: Exception) -> None:
        progress = lane.progress_of_head()
        self._delivery.failing.attempt_failed(lane.head, progress, remote.breaker, error)
        if not progress.repeats:
            self._lanes.needs_task(lane)
        elif lane.key[0] in self._delivery.leaving:
            self._lanes.left(lane)
        else:
            remote.failures += 1
            self._lanes.spare(lane)
            asked = isinstance(error, CallError) and error.retry_after is not None
            self._repeat(remote, lane, progress.next_delay or 0.0, fixed=asked)

    # --- results --------------------------------------------------------------------------------------------------

    def _settled(self, lanes: Sequence[Lane]) -> None:
        for lane in lanes:
            lane.attempt = None
            try:
                self._delivery.completed(lane.head, "delivered")
            except Exception as error:  # noqa: BLE001 - a defect: the item is delivered, and its lane goes on
                _log.error("result_not_counted", outbox_id=lane.head.id, error=where(error))
            if not lane.gone:
                self._lanes.delivered(lane)

    def _unsettled(self, lanes: Sequence[Lane]) -> None:
        for lane in lanes:
            lane.attempt = None
            self._delivery.leave_in_doubt(lane.head)
            if not lane.gone:
                self._lanes.left(lane)

    # --- lanes that wait ------------------------------------------------------------------------------------------

    def _advance(self, remote: Remote) -> None:
        """Begin what may go out now."""
        ready = remote.ready
        while ready and remote.calling < MAX_CALLING:
            lane = ready.popleft()
            try:
                goes = self._go(remote, lane)
            except Exception as error:  # noqa: BLE001 - a defect affects only its lane
                self._lanes.broke(lane, error)
                continue
            if not goes:
                ready.appendleft(lane)
                self._probe(remote)
                break
        self._hooks.read(remote)

    def _go(self, remote: Remote, lane: Lane) -> bool:
        """Begin an attempt or give the head up; False if it has to wait."""
        if not self._delivery.may_act():
            return False
        if not remote.breaker.may_try(self._clock.boottime()):
            if not self._delivery.failing.is_past_deadline(lane.head):
                return False
            # Nothing is given up that was never really tried: the remote may be back.
            if lane.progress is not None and lane.progress.attempted:
                self._delivery.failing.give_up_held_back(lane.head, lane.progress, remote.breaker)
                self._lanes.needs_task(lane)
                return True
        self._begin(remote, lane)
        return True

    def _probe(self, remote: Remote) -> None:
        if remote.probing is None:
            remote.probing = self._loop.create_task(self._probe_while_closed(remote))

    async def _probe_while_closed(self, remote: Remote) -> None:
        """While the breaker is open or nothing may start at all, try the first lane after each pause."""
        try:
            while remote.ready and remote.calling < MAX_CALLING:
                if not self._delivery.may_act():
                    pause = MAY_ACT_SECONDS
                elif remote.breaker.is_open:
                    pause = max(_MIN_PAUSE, remote.breaker.pause_left(self._clock.boottime()))
                else:
                    break
                await self._clock.sleep(pause)
                self._advance(remote)
        finally:
            remote.probing = None
        self._advance(remote)

    def _repeat(self, remote: Remote, lane: Lane, seconds: float, *, fixed: bool) -> None:
        at = BootTime(self._clock.boottime() + seconds)
        next_one = Repetition(at, next(self._numbers), lane, fixed)
        heapq.heappush(remote.due, next_one)
        if remote.due[0] is next_one:  # It is due before what the task waits for.
            if remote.repeating is not None:
                remote.repeating.cancel()
            remote.repeating = self._loop.create_task(self._start_what_is_due(remote))

    async def _start_what_is_due(self, remote: Remote) -> None:
        while remote.due:
            left = remote.due[0].at - self._clock.boottime()
            if left > 0:
                await self._clock.sleep(left)
            else:
                lane = heapq.heappop(remote.due).lane
                lane.progress_of_head().next_delay = 0.0
                self.start(lane)
        remote.repeating = None

    def _recovered(self, remote: Remote) -> None:
        """An attempt succeeded. After several failures in a row, so will others: they need not wait any longer."""
        failures, remote.failures = remote.failures, 0
        if failures >= FAILURES_UNTIL_OPEN:
            self._due_now(remote)

    def _due_now(self, remote: Remote) -> None:
        """Let the lanes whose attempts failed go on, but for those of which the remote has asked to come later."""
        waiting, remote.due = remote.due, [one for one in remote.due if one.fixed]
        heapq.heapify(remote.due)
        for one in waiting:
            if one.fixed:
                continue
            try:
                one.lane.progress_of_head().next_delay = 0.0
                if one.lane.is_in_doubt:
                    self._look_for(remote, one.lane)
                else:
                    (remote.unread if self._hooks.lacks(one.lane) else remote.ready).append(one.lane)
            except Exception as error:  # noqa: BLE001 - a defect affects only its lane
                self._lanes.broke(one.lane, error)


def _nothing() -> None:
    """Cancels what cannot be cancelled: the commit of a result."""
