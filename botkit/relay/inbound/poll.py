"""A receiver that polls: one APScheduler interval job per session, and never two polls of a session at once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from botkit.errors import AccessExpired, CallError, ConversationClosed, Unreachable
from botkit.handoff.events import LossReason
from botkit.relay.inbound.receivers import Receiver

_log = structlog.get_logger("botkit.relay")


@dataclass(slots=True, kw_only=True, eq=False)
class PollReceiver(Receiver):
    """Reads one session's list every `poll_interval`."""

    schedule: AsyncIOScheduler
    _not_before: float = field(init=False, default=0.0)
    _due: asyncio.Event = field(init=False, default_factory=asyncio.Event)

    async def run(self) -> None:
        """See `Receiver.run`."""
        interval = self.system.capabilities.poll_interval
        job_id = f"poll/{self.writer.session_id}"
        self.schedule.add_job(
            self._set_due,
            "interval",
            seconds=interval.total_seconds(),
            # Sessions that start together (after a restart) are spread over the interval.
            start_date=datetime.now(UTC) + interval * self.chance(),
            id=job_id,
            replace_existing=True,
        )
        try:
            why = await self._poll()
            while why is None and not self.writer.is_over:
                await self._due.wait()
                self._due.clear()
                why = await self._poll()
        finally:
            self.schedule.remove_job(job_id)
        if why is not None:
            await self.writer.report_lost(why)

    async def _set_due(self) -> None:
        """The scheduler's job. The poll itself runs in the receiver's task, and ends with it."""
        self._due.set()

    async def _poll(self) -> str | None:
        """Read the list once, unless it is too early. Returns why the session is lost, or None."""
        now = self.clock.now()
        if now < self._not_before:
            return None
        if not self.breaker.may_try(now):
            return self._if_past_deadline()
        try:
            await self.writer.reconcile(self.system)
        except AccessExpired:
            return LossReason.EXPIRED
        except ConversationClosed:
            return LossReason.CLOSED
        except CallError as error:
            self._failures += 1
            wait = self.backoff.delay(self._failures, chance=self.chance())
            self._not_before = now + max(wait, error.retry_after or 0.0)
            _log.info("poll_failed", session=self.writer.session_id, code=error.code, status=error.status)
            if isinstance(error, Unreachable):
                self.breaker.unreachable(self.clock.now())
            else:
                self.breaker.reached()
            return self._if_past_deadline()
        self.breaker.reached()
        self._last_success = self.clock.now()
        self._failures = 0
        return None

    def _if_past_deadline(self) -> str | None:
        return LossReason.UNREACHABLE if self._is_past_deadline() else None
