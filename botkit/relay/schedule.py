"""The scheduler of the relay's loop, and what keeps it right when the clock is set or the machine has slept."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from apscheduler.executors.asyncio import AsyncIOExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger


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


def keep_up(schedule: AsyncIOScheduler, chance: Callable[[], float]) -> None:
    """Run what is due, and leave no job waiting for longer than its interval.

    APScheduler goes by the time of day: after the clock was set back, every job would wait until the clock is where it was. And
    the loop's timers stop while the machine sleeps.

    Args:
        schedule: the scheduler.
        chance: draws from [0, 1): jobs that are set anew are spread over their interval.
    """
    now = datetime.now(UTC)
    for job in schedule.get_jobs():
        trigger = job.trigger
        if isinstance(trigger, IntervalTrigger) and job.next_run_time > now + trigger.interval:
            job.modify(next_run_time=now + trigger.interval * chance())
    schedule.wakeup()
