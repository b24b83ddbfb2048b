"""Timers of agent sessions and deferred webhooks, and the regular sweep, on APScheduler.

The timers themselves are in the ledger; the scheduler's jobs are made anew at each start, in memory. A job store is never shared
between processes, because each process would run each job.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, NamedTuple

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from botkit.boottime import BootTime
from botkit.errors import LedgerClosed, LedgerError
from botkit.handoff import webhooks
from botkit.handoff.conversation import Conversation, ConversationId, Instant, Timer, TimerName
from botkit.handoff.events import TimerFired
from botkit.ledger.interface import Input, Ledger
from botkit.observability.events import get_logger
from botkit.relay.clock import Clock
from botkit.relay.clock_notes import recall_clocks
from botkit.relay.heartbeat import Heartbeat
from botkit.relay.leaving import Leaves
from botkit.relay.ledger_client import LedgerClient

_log = get_logger("botkit.relay")

SWEEP_EVERY: Final = timedelta(minutes=10)
KEEP: Final = timedelta(hours=6)
"""The age at which inbox keys and ended conversations are deleted. A hook or an entry is repeated within minutes, and thousands
of messages a second are millions of rows an hour."""
CATCH_UP_SECONDS: Final = 5.0
"""After a start, and after this process stood still, no session is ended for what did not happen before its events were read."""
EXTENDED_PER_SECOND: Final = 50
"""Max requestIds that are extended in a second after a start, unless they are due: messages would wait behind thousands."""
_GIVES_UP: Final = frozenset({TimerName.ACCEPT, TimerName.EXPIRY, TimerName.IDLE_WARNING, TimerName.IDLE_END})
_LONGEST: Final = 100 * 365 * 86_400.0
"""Seconds. `datetime` cannot represent every number that an agent system may ask for."""
_EARLY_SECONDS: Final = 0.001
"""The scheduler goes by another clock, and may be early by its rounding."""
_MAX_STALE: Final = 64
"""Max moved or cancelled timers in the queue, beside as many as are armed."""
_MAX_ENDING: Final = 100
"""Max runs of the scheduler's job that have not ended. None of them waits, so there are two at most."""


class _Armed(NamedTuple):
    """One armed timer; timers are ordered by `at`, then by the order in which they were armed."""

    at: BootTime
    number: int
    conversation_id: ConversationId
    session_id: str
    name: str
    due: Instant


class Timers:
    """Arms and cancels timers; a due timer is submitted as `TimerFired`. Lives on one loop.

    The scheduler has one job, for the earliest timer: a job for each would cost 2 KB and 60 µs, for several timers of every
    conversation, most of which are cancelled or moved before they are due. It goes by the time of day, which may be set, so
    every beat of the loop looks too.
    """

    def __init__(
        self, schedule: AsyncIOScheduler, ledger: LedgerClient, clock: Clock, heartbeat: Heartbeat
    ) -> None:
        self._schedule = schedule
        self._ledger = ledger
        self._clock = clock
        self._heartbeat = heartbeat
        self._armed: dict[tuple[str, str], _Armed] = {}
        self._queue: list[_Armed] = []
        """A heap of the armed timers, and of some that were moved or cancelled since."""
        self._numbers = itertools.count()
        self._planned: BootTime | None = None
        """The time of the scheduler's job."""
        self._firing: set[asyncio.Task[None]] = set()
        self._extend_next = BootTime(0.0)
        """When the next requestId of those that were taken on is extended."""

    def at(self, *, session_id: str, name: str) -> BootTime | None:
        """When a timer fires; None if it is not armed."""
        armed = self._armed.get((session_id, name))
        return None if armed is None else armed.at

    def arm(
        self,
        conversation_id: ConversationId,
        *,
        session_id: str,
        name: str,
        due: Instant,
        seconds: float,
    ) -> None:
        """Set a timer of a session to fire so many seconds from now; arming the same name again moves it.

        `due` is its time in the session's state, which tells the rules that it is the current one.
        """
        wait = (
            max(0.0, seconds) if seconds <= _LONGEST else _LONGEST
        )  # Nor is NaN less: it would stop all timers.
        at = BootTime(self._clock.boottime() + wait)
        armed = _Armed(at, next(self._numbers), conversation_id, session_id, name, due)
        self._armed[session_id, name] = armed
        heapq.heappush(self._queue, armed)
        if len(self._queue) > 2 * len(self._armed) + _MAX_STALE:
            self._queue = sorted(self._armed.values())
        self._plan()

    def cancel(self, *, session_id: str, name: str) -> None:
        """Remove a timer; it may have fired already."""
        self._armed.pop((session_id, name), None)

    def resume(self, conversation: Conversation) -> None:
        """Arm the timers that were armed when the process ended."""
        hook = conversation.deferred
        if hook is not None:
            timer = Timer(TimerName.WEBHOOK, hook.due, hook.seconds)
            self._arm_again(conversation.id, webhooks.timer_of(hook), timer)
        session = conversation.session
        if session is not None:
            for timer in session.timers:
                self._arm_again(conversation.id, session.id, timer)

    def _arm_again(self, conversation_id: ConversationId, session_id: str, timer: Timer) -> None:
        # The clock may have been set since: no timer waits for longer than it was armed for.
        seconds = self._heartbeat.due_in(timer.due, timer.seconds)
        seconds = min(seconds, timer.seconds) if timer.seconds > 0 else seconds
        if timer.name == TimerName.EXTEND:
            seconds = min(seconds, self._until_extended())
        elif timer.name in _GIVES_UP:
            seconds = max(seconds, CATCH_UP_SECONDS)
        self.arm(conversation_id, session_id=session_id, name=timer.name, due=timer.due, seconds=seconds)

    def _until_extended(self) -> float:
        """Seconds until one more requestId may be extended: how long they are still valid is not known, so it is soon."""
        now = self._clock.boottime()
        turn = max(now, self._extend_next)
        self._extend_next = BootTime(turn + 1 / EXTENDED_PER_SECOND)
        return turn - now

    def lose(self, leaves: Leaves) -> None:
        """Forget the timers of these conversations; their next process arms them."""
        for key in [key for key, armed in self._armed.items() if leaves(armed.conversation_id)]:
            del self._armed[key]

    async def close(self, seconds: float) -> None:
        """Let due timers reach the ledger, for at most `seconds`; the next start arms the rest again."""
        if self._firing:
            _, late = await asyncio.wait(self._firing, timeout=seconds)
            for task in late:
                task.cancel()

    def look(self, *, anew: bool = False) -> None:
        """Start to submit every due timer. `anew`: the scheduler's job may be planned for the wrong time of day."""
        now = self._clock.boottime()
        if anew or (self._planned is not None and self._planned <= now + _EARLY_SECONDS):
            self._planned = None
        caught_up = self._heartbeat.on_time_since(now) + CATCH_UP_SECONDS
        while self._queue and self._queue[0].at <= now + _EARLY_SECONDS:
            armed = heapq.heappop(self._queue)
            if not self._is_armed(armed):
                continue
            if armed.name in _GIVES_UP and now < caught_up:
                later = armed._replace(at=BootTime(caught_up), number=next(self._numbers))
                self._armed[armed.session_id, armed.name] = later
                heapq.heappush(self._queue, later)
                continue
            del self._armed[armed.session_id, armed.name]
            fired = TimerFired(
                key="", at=self._clock.now(), session_id=armed.session_id, name=armed.name, due=armed.due
            )
            # A task, as the ledger may be in trouble, and the other timers must not wait for it.
            task = asyncio.create_task(self._submit(Input(armed.conversation_id, fired)))
            self._firing.add(task)
            task.add_done_callback(self._firing.discard)
        self._plan()

    def _plan(self) -> None:
        """Have the scheduler call `_fire` at the earliest timer, unless it calls before then."""
        while self._queue and not self._is_armed(self._queue[0]):
            heapq.heappop(self._queue)
        if not self._queue or (self._planned is not None and self._planned <= self._queue[0].at):
            return
        self._planned = self._queue[0].at
        self._schedule.add_job(
            self._fire,
            "date",
            run_date=datetime.now(UTC) + timedelta(seconds=self._planned - self._clock.boottime()),
            id="timers",
            replace_existing=True,
            # It plans its next run itself, just before it ends: a limit would make the scheduler skip that one.
            max_instances=_MAX_ENDING,
        )

    async def _fire(self) -> None:
        """The scheduler's job. After the clock was set forward it comes early, and plans anew."""
        self.look(anew=True)

    def _is_armed(self, one: _Armed) -> bool:
        return self._armed.get((one.session_id, one.name)) is one

    async def _submit(self, input: Input) -> None:
        try:
            await self._ledger.submit(input)
        except LedgerClosed:
            _log.debug("timer_left_to_next_start")


async def sweep(ledger: Ledger, client: LedgerClient, heartbeat: Heartbeat, keep_stories: timedelta) -> None:
    """Delete old rows from the ledger, in a thread. The engine schedules it every `SWEEP_EVERY`."""
    if not await recall_clocks(ledger, client, heartbeat):
        return  # This machine's clock alone does not tell what is old.
    before = heartbeat.before(KEEP.total_seconds())
    stories = heartbeat.before(keep_stories.total_seconds())
    try:
        rows = await client.in_thread(partial(ledger.sweep, before, stories_before=stories))
    except LedgerError as error:
        _log.warning("sweep_failed", code=error.code)
    else:
        _log.debug("swept", rows=rows)
