"""The relay's scheduler: APScheduler on the relay's own loop, its jobs in memory, times in UTC.

It decides when: polls, timers, sweeps. What is due stands in the ledger; the jobs are made anew at each start, so that a job
store is never shared between processes (which would run each job once per process).
"""

from __future__ import annotations

import logging
from datetime import UTC
from typing import Final

from apscheduler.executors.asyncio import AsyncIOExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler

JOB: Final = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
"""A late job still runs, once, and never beside itself."""


def new_schedule() -> AsyncIOScheduler:
    """A scheduler for the running loop, not started yet."""
    # That a poll is left out because the last one is still under way is how it should be, not a warning.
    logger = logging.getLogger("botkit.relay.schedule")
    logger.setLevel(logging.ERROR)
    return AsyncIOScheduler(
        logger=logger,
        timezone=UTC,
        jobstores={"default": MemoryJobStore()},
        executors={"default": AsyncIOExecutor()},
        job_defaults=JOB,
    )
