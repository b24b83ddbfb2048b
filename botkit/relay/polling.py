"""A receiver that polls: one APScheduler interval job per conversation, never two polls of one at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from botkit.agents import AgentSystem
from botkit.errors import AccessExpired, CallError, ConversationClosed, LedgerClosed, Unreachable
from botkit.handoff.events import Loss
from botkit.relay.backoff import Backoff
from botkit.relay.clock import Clock
from botkit.relay.listening import Intake
from botkit.relay.peers import Peer
from botkit.relay.streaming import lose
from botkit.relay.submitting import Submitter

_log = structlog.get_logger("botkit.relay")


class PollReceiver:
    """Reads one session's list every `poll_interval`."""

    __slots__ = (
        "_backoff", "_chance", "_clock", "_failures", "_heard", "_intake", "_not_before", "_over", "_peer",
        "_schedule", "_submitter", "_system",
    )  # fmt: skip

    def __init__(
        self,
        intake: Intake,
        system: AgentSystem,
        *,
        schedule: AsyncIOScheduler,
        submitter: Submitter,
        clock: Clock,
        chance: Callable[[], float],
        backoff: Backoff,
        peer: Peer,
    ) -> None:
        self._intake = intake
        self._system = system
        self._schedule = schedule
        self._submitter = submitter
        self._clock = clock
        self._chance = chance
        self._backoff = backoff
        self._peer = peer
        self._failures = 0
        self._heard = clock.now()
        self._not_before = 0.0
        self._over: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Poll until the session is lost; the session's other ends cancel this task.

        Raises:
            LedgerClosed: the service is stopping.
        """
        self._over = asyncio.get_running_loop().create_future()
        await self.poll()
        interval = self._system.capabilities.poll_interval
        # Conversations that started together (a restart) are spread over the interval.
        begin = datetime.now(UTC) + interval * self._chance() + timedelta(milliseconds=1)
        job_id = f"poll/{self._intake.session_id}"
        self._schedule.add_job(
            self.poll,
            "interval",
            seconds=interval.total_seconds(),
            start_date=begin,
            id=job_id,
            replace_existing=True,
        )
        try:
            why = await self._over
        finally:
            try:
                self._schedule.remove_job(job_id)
            except JobLookupError:
                _log.debug("poll_was_gone", session=self._intake.session_id)
        await lose(self._intake, why, submitter=self._submitter, clock=self._clock)

    async def poll(self) -> None:
        """Read the list once, unless the other side has to be left alone for now."""
        now = self._clock.now()
        if self._over.done() or now < self._not_before:
            return
        if not self._peer.may_try(now):
            self._give_up_in_time()
            return
        try:
            await self._intake.reconcile(self._system)
        except AccessExpired:
            self._end(Loss.EXPIRED)
        except ConversationClosed:
            self._end(Loss.CLOSED)
        except LedgerClosed as closed:
            if not self._over.done():
                self._over.set_exception(closed)
        except CallError as error:
            self._failed(error)
        else:
            self._peer.reached()
            self._heard = self._clock.now()
            self._failures = 0

    def _failed(self, error: CallError) -> None:
        now = self._clock.now()
        self._failures += 1
        wait = self._backoff.delay(self._failures, chance=self._chance())
        self._not_before = now + max(wait, error.retry_after or 0.0)
        _log.info("poll_failed", session=self._intake.session_id, code=error.code, status=error.status)
        if isinstance(error, Unreachable):
            self._peer.unreachable(now)
        else:
            self._peer.reached()
        self._give_up_in_time()

    def _give_up_in_time(self) -> None:
        if self._clock.now() - self._heard > self._backoff.give_up_after:
            self._end(Loss.UNREACHABLE)

    def _end(self, why: str) -> None:
        if not self._over.done():
            self._over.set_result(why)
