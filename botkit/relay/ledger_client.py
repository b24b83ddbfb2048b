"""Handing inputs to the ledger from the loop, and waking up when they are durable.

The ledger commits many inputs at once in its own thread. Waking the loop once per input would cost more than the commit
(a write to its self-pipe each time), so finished futures are collected and the loop is woken once for all of them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Future

import structlog

from botkit.errors import LedgerClosed, LedgerError
from botkit.ledger.interface import Committed, Input, Ledger
from botkit.observability.tracebacks import where
from botkit.relay.backoff import Backoff
from botkit.relay.clock import Clock

_log = structlog.get_logger("botkit.relay")

LEDGER_BACKOFF = Backoff(first=0.05, slowest=5.0, give_up_after=float("inf"))


class LedgerClient:
    """Submits inputs and awaits their commit. Lives on one loop."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._finished: deque[tuple[asyncio.Future[Committed | BaseException], Future[Committed]]] = deque()
        self._woken = False

    async def submit(self, given: Input) -> Committed | None:
        """Have the input decided and committed; come back when it is durable.

        While the ledger cannot commit (a full disk, a locked file) this tries again until it can: what happened is not
        forgotten because the store is in trouble.

        Returns:
            What was committed, or None when the rules failed on this input: it will not do better next time, so the
            failure is logged and the caller goes on without it.

        Raises:
            LedgerClosed: the service is stopping.
        """
        failures = 0
        while True:
            outcome = await self._once(given)
            if isinstance(outcome, Committed):
                return outcome
            if isinstance(outcome, LedgerClosed) or not isinstance(outcome, Exception):
                raise outcome
            if not isinstance(outcome, LedgerError):
                _log.error(
                    "input_rejected",
                    conversation=str(given.conversation_id),
                    event_kind=type(given.event).__name__,
                    error=where(outcome),
                )
                return None
            failures += 1
            _log.warning("ledger_retry", code=outcome.code, failures=failures)
            await self._clock.sleep(LEDGER_BACKOFF.ceiling(failures))

    def _once(self, given: Input) -> asyncio.Future[Committed | BaseException]:
        waiting: asyncio.Future[Committed | BaseException] = self._loop.create_future()
        try:
            future = self._ledger.submit(given)
        except LedgerError as error:
            waiting.set_result(error)
            return waiting
        future.add_done_callback(lambda done: self._on_done(waiting, done))
        return waiting

    def _on_done(self, waiting: asyncio.Future[Committed | BaseException], done: Future[Committed]) -> None:
        # In the ledger's thread. Appending and looking at the flag need no lock: the loop clears the flag before it
        # empties the queue, so an entry is either seen by that round or asks for another one.
        self._finished.append((waiting, done))
        if not self._woken:
            self._woken = True
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._woken = False
        while self._finished:
            waiting, done = self._finished.popleft()
            if waiting.done():
                continue
            error = done.exception()
            waiting.set_result(done.result() if error is None else error)
