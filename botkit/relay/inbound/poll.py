"""A receiver that polls: one APScheduler interval job per session, and never two polls of a session at once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from botkit.relay.inbound.receivers import Receiver


@dataclass(slots=True, kw_only=True, eq=False)
class PollReceiver(Receiver):
    """Reads one session's list every `poll_interval`."""

    schedule: AsyncIOScheduler
    _due: asyncio.Event = field(init=False, default_factory=asyncio.Event)

    async def run(self) -> None:
        """See `Receiver.run`."""
        interval = self.system.capabilities.poll_interval
        job = self.schedule.add_job(
            self._set_due,
            "interval",
            seconds=interval.total_seconds(),
            # Sessions that start together (after a restart) are spread over the interval.
            start_date=datetime.now(UTC) + interval * self.chance(),
            # Without an id of its own: this may start before the last run of the session has ended.
        )
        try:
            why = await self._poll()
            while why is None and not self.writer.is_over:
                await self._due.wait()
                self._due.clear()
                why = await self._poll()
        finally:
            job.remove()
        if why is not None:
            await self._report_lost(why)

    async def _set_due(self) -> None:
        """The scheduler's job. The poll itself runs in the receiver's task, and ends with it."""
        self._due.set()
