"""The ledger for code on the loop: submits inputs and awaits their commit, reads in a thread, and retries both.

The ledger commits many inputs at once in its own thread. Waking the loop for each input would cost more than the commit (a write
to its self-pipe each time), so finished futures are collected and the loop is woken once for all of them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from botkit.errors import LedgerClosed, LedgerError
from botkit.http.retry import Backoff
from botkit.ledger.interface import Committed, Input, Ledger
from botkit.observability.events import get_logger
from botkit.observability.tracebacks import where
from botkit.relay.clock import Clock

_log = get_logger("botkit.relay")

T = TypeVar("T")
_BACKOFF = Backoff(first=0.05, slowest=5.0)


class LedgerClient:
    """Submits and reads without blocking the loop it lives on."""

    def __init__(self, ledger: Ledger, clock: Clock, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """`loop`: the loop it lives on; by default the running one."""
        self._ledger = ledger
        self._clock = clock
        self._loop = loop or asyncio.get_running_loop()
        self._finished: deque[tuple[asyncio.Future[Committed | BaseException], Future[Committed]]] = deque()
        self._woken = False

    async def submit(self, input: Input) -> Committed | None:
        """Have the input decided and committed; returns when it is durable.

        While the ledger cannot commit (a full disk, a locked file), the input is submitted again, so no event is lost.

        Returns:
            The consequences, or None if the rules failed on this input. They would fail again, so the failure is logged and
            the caller continues without it.

        Raises:
            LedgerClosed: the service is stopping.
        """
        failures = 0
        while True:
            outcome = await self._submit_once(input)
            if isinstance(outcome, Committed):
                return outcome
            if isinstance(outcome, LedgerError):
                failures += 1
                await self._wait_after(outcome, failures)
                continue
            if not isinstance(outcome, Exception):
                raise outcome
            _log.error(
                "input_rejected",
                conversation=str(input.conversation_id),
                event_kind=type(input.event).__name__,
                error=where(outcome),
            )
            return None

    def note(self, input: Input) -> None:
        """Submit an input whose commit nobody waits for: a step of a story. If the store fails, it is lost."""
        try:
            self._ledger.submit(input).add_done_callback(_log_lost_note)
        except LedgerError as error:
            _log.debug("note_lost", code=error.code)

    async def read(self, read: Callable[[], T]) -> T:
        """Read the store in a thread; retries while the store fails. Raises: LedgerClosed if the service is stopping."""
        failures = 0
        while True:
            try:
                return await asyncio.to_thread(read)
            except LedgerError as error:
                failures += 1
                await self._wait_after(error, failures)

    async def _wait_after(self, error: LedgerError, failures: int) -> None:
        if isinstance(error, LedgerClosed):
            raise error
        _log.warning("ledger_retry", code=error.code, failures=failures)
        await self._clock.sleep(_BACKOFF.ceiling(failures))

    def _submit_once(self, input: Input) -> asyncio.Future[Committed | BaseException]:
        waiting: asyncio.Future[Committed | BaseException] = self._loop.create_future()
        try:
            future = self._ledger.submit(input)
        except LedgerError as error:
            waiting.set_result(error)
            return waiting
        future.add_done_callback(lambda done: self._on_done(waiting, done))
        return waiting

    def _on_done(self, waiting: asyncio.Future[Committed | BaseException], done: Future[Committed]) -> None:
        # In the ledger's thread. The append and the flag need no lock: the loop clears the flag before it empties the queue, so
        # an entry is either seen in that round or wakes the loop again.
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


def _log_lost_note(done: Future[Committed]) -> None:
    error = None if done.cancelled() else done.exception()
    if error is not None:
        _log.debug("note_lost", code=error.code if isinstance(error, LedgerError) else "", error=where(error))
