"""Alarm clocks of agent sessions and of deferred webhooks, and the regular sweep. The timers themselves stand in the ledger."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from botkit.errors import LedgerClosed, LedgerError
from botkit.handoff import webhooks
from botkit.handoff.conversation import Conversation, ConversationId, Instant
from botkit.handoff.decision import EXTEND
from botkit.handoff.events import TimerFired
from botkit.ledger.interface import Input, Ledger
from botkit.relay.clock import Clock
from botkit.relay.ledger_client import LedgerClient

_log = structlog.get_logger("botkit.relay")

SWEEP_EVERY: Final = timedelta(minutes=10)
KEEP: Final = timedelta(hours=6)
"""How long inbox keys and ended conversations are remembered. A hook or an entry repeats within minutes; at thousands of
messages a second, every hour kept is millions of rows."""
_LATEST: Final = 100_000_000_000.0
"""In the year 5138. No alarm is set for later, whatever an agent system asks for: a calendar has an end."""


class Timers:
    """Arms and cancels; what comes due is submitted as `TimerFired`. Lives on one loop."""

    def __init__(self, schedule: AsyncIOScheduler, submitter: LedgerClient, clock: Clock) -> None:
        self._schedule = schedule
        self._submitter = submitter
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
        """Wake the session at `due`; at once if that is past. Arming the same name again moves it.

        Args:
            conversation_id: whose session it is.
            session_id: the session.
            name: the timer's name in the session's state.
            due: when it is due according to the state.
            at: when to wake the session, if not at `due`.
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
        """The alarm is not needed any more; it may have gone off already."""
        try:
            self._schedule.remove_job(_job_id(session_id, name))
        except JobLookupError:
            _log.debug("timer_was_gone", session=session_id, timer=name)

    def resume(self, conversation: Conversation) -> None:
        """Arm again what was armed when the process ended."""
        hook = conversation.deferred
        if hook is not None:
            self.arm(conversation.id, session_id=webhooks.timer_of(hook), name=webhooks.TIMER, due=hook.due)
        session = conversation.session
        if session is not None:
            for timer in session.timers:
                # How much of the requestId's time is left nobody knows: it is extended before anything else is due.
                at = self._clock.now() if timer.name == EXTEND else None
                self.arm(conversation.id, session_id=session.id, name=timer.name, due=timer.due, at=at)

    async def close(self, seconds: float) -> None:
        """Let what came due reach the ledger, for at most `seconds`; the rest is armed again by the next start."""
        if self._firing:
            _, late = await asyncio.wait(self._firing, timeout=seconds)
            for task in late:
                task.cancel()

    async def _fire(self, conversation_id: ConversationId, session_id: str, name: str, due: Instant) -> None:
        # In a task of its own, and the job ends at once: a job that is still running when its timer is armed again and
        # comes due would be left out by the scheduler, and that timer would be lost.
        fired = TimerFired(key="", at=self._clock.now(), session_id=session_id, name=name, due=due)
        task = asyncio.create_task(self._submit(Input(conversation_id, fired)))
        self._firing.add(task)
        task.add_done_callback(self._firing.discard)

    async def _submit(self, given: Input) -> None:
        try:
            await self._submitter.submit(given)
        except LedgerClosed:
            _log.debug("timer_left_to_next_start")


class Sweeper:
    """Has the ledger forget what is old, now and then."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock

    def start(self, schedule: AsyncIOScheduler) -> None:
        """Sweep every `SWEEP_EVERY`."""
        schedule.add_job(self.sweep, "interval", seconds=SWEEP_EVERY.total_seconds(), id="sweep")

    async def sweep(self) -> None:
        """Sweep once, off the loop."""
        before = Instant(self._clock.now() - KEEP.total_seconds())
        try:
            rows = await asyncio.to_thread(self._ledger.sweep, before)
        except LedgerError as error:
            _log.warning("sweep_failed", code=error.code)
        else:
            _log.debug("swept", rows=rows)


def _job_id(session_id: str, name: str) -> str:
    return f"timer/{session_id}/{name}"
