"""Timers of agent sessions and deferred webhooks, and the regular sweep, on APScheduler.

The timers themselves are in the ledger; the scheduler's jobs are made anew at each start, in memory. A job store is never shared
between processes, because each process would run each job.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Final

from apscheduler.executors.asyncio import AsyncIOExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from botkit.errors import LedgerClosed, LedgerError
from botkit.handoff import webhooks
from botkit.handoff.conversation import Conversation, ConversationId, Instant, TimerName
from botkit.handoff.events import TimerFired
from botkit.ledger.interface import Input, Ledger
from botkit.observability.events import get_logger
from botkit.relay.clock import Clock
from botkit.relay.ledger_client import LedgerClient

_log = get_logger("botkit.relay")

SWEEP_EVERY: Final = timedelta(minutes=10)
KEEP: Final = timedelta(hours=6)
"""The age at which inbox keys and ended conversations are deleted. A hook or an entry is repeated within minutes, and thousands
of messages a second are millions of rows an hour."""
_LATEST: Final = 100_000_000_000.0
"""The latest time of a timer (year 5138): `datetime` cannot represent every number that an agent system may ask for."""


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


class Timers:
    """Arms and cancels timers; a due timer is submitted as `TimerFired`. Lives on one loop."""

    def __init__(self, schedule: AsyncIOScheduler, ledger: LedgerClient, clock: Clock) -> None:
        self._schedule = schedule
        self._ledger = ledger
        self._clock = clock
        self._firing: set[asyncio.Task[None]] = set()

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
        self._schedule.add_job(
            self._fire,
            "date",
            run_date=datetime.fromtimestamp(min(due if at is None else at, _LATEST), UTC),
            args=(conversation_id, session_id, name, due),
            id=_job_id(session_id, name),
            replace_existing=True,
        )

    def cancel(self, *, session_id: str, name: str) -> None:
        """Remove a timer; it may have fired already."""
        try:
            self._schedule.remove_job(_job_id(session_id, name))
        except JobLookupError:
            _log.debug("timer_was_gone", session=session_id, timer=name)

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

    async def close(self, seconds: float) -> None:
        """Let due timers reach the ledger, for at most `seconds`; the next start arms the rest again."""
        if self._firing:
            _, late = await asyncio.wait(self._firing, timeout=seconds)
            for task in late:
                task.cancel()

    async def _fire(self, conversation_id: ConversationId, session_id: str, name: str, due: Instant) -> None:
        # A task of its own, so that the job ends at once: if the timer is armed again and is due while its job is still
        # running, the scheduler skips it, and the timer is lost.
        fired = TimerFired(key="", at=self._clock.now(), session_id=session_id, name=name, due=due)
        task = asyncio.create_task(self._submit(Input(conversation_id, fired)))
        self._firing.add(task)
        task.add_done_callback(self._firing.discard)

    async def _submit(self, input: Input) -> None:
        try:
            await self._ledger.submit(input)
        except LedgerClosed:
            _log.debug("timer_left_to_next_start")


async def sweep(ledger: Ledger, clock: Clock, keep_stories: timedelta) -> None:
    """Delete old rows from the ledger, in a thread. The engine schedules it every `SWEEP_EVERY`."""
    now = clock.now()
    before, stories = Instant(now - KEEP.total_seconds()), Instant(now - keep_stories.total_seconds())
    try:
        rows = await asyncio.to_thread(ledger.sweep, before, stories_before=stories)
    except LedgerError as error:
        _log.warning("sweep_failed", code=error.code)
    else:
        _log.debug("swept", rows=rows)


def _job_id(session_id: str, name: str) -> str:
    return f"timer/{session_id}/{name}"
