"""Timers of agent sessions and deferred webhooks, and the regular sweep, on APScheduler.

The timers themselves are in the ledger; the scheduler's jobs are made anew at each start, in memory. A job store is never shared
between processes, because each process would run each job.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, NamedTuple

from apscheduler.executors.asyncio import AsyncIOExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from botkit.errors import LedgerClosed, LedgerError
from botkit.handoff import webhooks
from botkit.handoff.conversation import Conversation, ConversationId, Instant, TimerName
from botkit.handoff.events import TimerFired
from botkit.ledger.interface import Input, Ledger
from botkit.observability.events import get_logger
from botkit.relay.clock import Clock
from botkit.relay.leaving import Leaves
from botkit.relay.ledger_client import LedgerClient

_log = get_logger("botkit.relay")

SWEEP_EVERY: Final = timedelta(minutes=10)
KEEP: Final = timedelta(hours=6)
"""The age at which inbox keys and ended conversations are deleted. A hook or an entry is repeated within minutes, and thousands
of messages a second are millions of rows an hour."""
_LATEST: Final = 100_000_000_000.0
"""The latest time of a timer (year 5138): `datetime` cannot represent every number that an agent system may ask for."""
_MAX_STALE: Final = 64
"""Max moved or cancelled timers in the queue, beside as many as are armed."""
_MAX_ENDING: Final = 100
"""Max runs of the scheduler's job that have not ended. None of them waits, so there are two at most."""


def new_schedule() -> AsyncIOScheduler:
    """A scheduler for the running loop, not started yet. A late job still runs, once, and never in parallel with itself."""
    # APScheduler warns if it skips a poll because the last one is still running, which is intended here.
    logger = logging.getLogger("botkit.relay.schedule")
    logger.setLevel(logging.ERROR)
    return AsyncIOScheduler(
        logger=logger,
        timezone=UTC,
        jobstores={"default": MemoryJobStore()},
        executors={"default": AsyncIOExecutor()},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )


class _Armed(NamedTuple):
    """One armed timer; timers are ordered by `at`, then by the order in which they were armed."""

    at: float
    number: int
    conversation_id: ConversationId
    session_id: str
    name: str
    due: Instant


class Timers:
    """Arms and cancels timers; a due timer is submitted as `TimerFired`. Lives on one loop.

    The scheduler has one job, for the earliest timer: a job for each would cost 2 KB and 60 µs, for several timers of every
    conversation, most of which are cancelled or moved before they are due.
    """

    def __init__(self, schedule: AsyncIOScheduler, ledger: LedgerClient, clock: Clock) -> None:
        self._schedule = schedule
        self._ledger = ledger
        self._clock = clock
        self._armed: dict[tuple[str, str], _Armed] = {}
        self._queue: list[_Armed] = []
        """A heap of the armed timers, and of some that were moved or cancelled since."""
        self._numbers = itertools.count()
        self._planned: float | None = None
        """The time of the scheduler's job."""
        self._firing: set[asyncio.Task[None]] = set()

    def at(self, *, session_id: str, name: str) -> Instant | None:
        """When a timer fires; None if it is not armed."""
        armed = self._armed.get((session_id, name))
        return None if armed is None else Instant(armed.at)

    def arm(
        self,
        conversation_id: ConversationId,
        *,
        session_id: str,
        name: str,
        due: Instant,
        at: Instant | None = None,
    ) -> None:
        """Set a timer of a session; arming the same name again moves it.

        It fires at `at`, by default at `due`, its time in the session's state. A time in the past fires at once.
        """
        wanted = due if at is None else at
        at_most = (
            max(0.0, wanted) if wanted <= _LATEST else _LATEST
        )  # Nor is NaN less: it would stop all timers.
        armed = _Armed(at_most, next(self._numbers), conversation_id, session_id, name, due)
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
            self.arm(
                conversation.id, session_id=webhooks.timer_of(hook), name=TimerName.WEBHOOK, due=hook.due
            )
        session = conversation.session
        if session is not None:
            for timer in session.timers:
                # The requestId's remaining time is not known, so it is extended at once.
                at = self._clock.now() if timer.name == TimerName.EXTEND else None
                self.arm(conversation.id, session_id=session.id, name=timer.name, due=timer.due, at=at)

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
            run_date=datetime.fromtimestamp(self._planned, UTC),
            id="timers",
            replace_existing=True,
            # It plans its next run itself, just before it ends: a limit would make the scheduler skip that one.
            max_instances=_MAX_ENDING,
        )

    async def _fire(self) -> None:
        """The scheduler's job: start to submit every due timer."""
        until = max(self._clock.now(), self._planned or 0.0)
        self._planned = None
        while self._queue and self._queue[0].at <= until:
            armed = heapq.heappop(self._queue)
            if not self._is_armed(armed):
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

    def _is_armed(self, one: _Armed) -> bool:
        return self._armed.get((one.session_id, one.name)) is one

    async def _submit(self, input: Input) -> None:
        try:
            await self._ledger.submit(input)
        except LedgerClosed:
            _log.debug("timer_left_to_next_start")


async def sweep(ledger: Ledger, client: LedgerClient, clock: Clock, keep_stories: timedelta) -> None:
    """Delete old rows from the ledger, in a thread. The engine schedules it every `SWEEP_EVERY`."""
    now = clock.now()
    before, stories = Instant(now - KEEP.total_seconds()), Instant(now - keep_stories.total_seconds())
    try:
        rows = await client.in_thread(partial(ledger.sweep, before, stories_before=stories))
    except LedgerError as error:
        _log.warning("sweep_failed", code=error.code)
    else:
        _log.debug("swept", rows=rows)
