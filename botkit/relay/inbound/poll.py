"""A receiver that polls: one APScheduler interval job per conversation, never two polls of one at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from botkit.agents import AgentSystem
from botkit.errors import AccessExpired, CallError, ConversationClosed, Unreachable
from botkit.handoff.events import LossReason
from botkit.relay.backoff import Backoff
from botkit.relay.clock import Clock
from botkit.relay.inbound.event_writer import AgentEventWriter
from botkit.relay.inbound.stream import lose
from botkit.relay.ledger_client import LedgerClient
from botkit.relay.outbound.circuit_breaker import CircuitBreaker

_log = structlog.get_logger("botkit.relay")


class PollReceiver:
    """Reads one session's list every `poll_interval`."""

    __slots__ = (
        "_backoff", "_chance", "_clock", "_due", "_failures", "_heard", "_intake", "_not_before", "_peer",
        "_schedule", "_submitter", "_system",
    )  # fmt: skip

    def __init__(
        self,
        intake: AgentEventWriter,
        system: AgentSystem,
        *,
        schedule: AsyncIOScheduler,
        submitter: LedgerClient,
        clock: Clock,
        chance: Callable[[], float],
        backoff: Backoff,
        peer: CircuitBreaker,
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
        self._due = asyncio.Event()

    async def run(self) -> None:
        """Poll until the session is lost; the session's other ends cancel this task.

        Raises:
            LedgerClosed: the service is stopping.
        """
        interval = self._system.capabilities.poll_interval
        job_id = f"poll/{self._intake.session_id}"
        self._schedule.add_job(
            self._ring,
            "interval",
            seconds=interval.total_seconds(),
            # Conversations that started together (a restart) are spread over the interval.
            start_date=datetime.now(UTC) + interval * self._chance(),
            id=job_id,
            replace_existing=True,
        )
        try:
            why = await self._poll()
            while why is None and not self._intake.over:
                await self._due.wait()
                self._due.clear()
                why = await self._poll()
        finally:
            self._schedule.remove_job(job_id)
        if why is not None:
            await lose(self._intake, why, submitter=self._submitter, clock=self._clock)

    async def _ring(self) -> None:
        """The job. It only says that a poll is due: the poll itself belongs to the receiver's task and ends with it."""
        self._due.set()

    async def _poll(self) -> str | None:
        """Read the list once, unless the other side has to be left alone for now; why the session is lost, or None."""
        now = self._clock.now()
        if now < self._not_before:
            return None
        if not self._peer.may_try(now):
            return self._deadline_passed()
        try:
            await self._intake.reconcile(self._system)
        except AccessExpired:
            return LossReason.EXPIRED
        except ConversationClosed:
            return LossReason.CLOSED
        except CallError as error:
            self._failures += 1
            wait = self._backoff.delay(self._failures, chance=self._chance())
            self._not_before = now + max(wait, error.retry_after or 0.0)
            _log.info("poll_failed", session=self._intake.session_id, code=error.code, status=error.status)
            if isinstance(error, Unreachable):
                self._peer.unreachable(self._clock.now())
            else:
                self._peer.reached()
            return self._deadline_passed()
        self._peer.reached()
        self._heard = self._clock.now()
        self._failures = 0
        return None

    def _deadline_passed(self) -> str | None:
        return (
            LossReason.UNREACHABLE if self._clock.now() - self._heard > self._backoff.give_up_after else None
        )
