"""The ledger for code on the loop: submits inputs and learns of their commit, reads in a thread, and retries both.

The ledger commits many inputs at once in its own thread. Waking the loop for each input would cost more than the commit (a write
to its self-pipe each time), so all outcomes of a batch come with one wake-up (`LoopCalls`). Reads have threads of their own:
those of the loop's default executor are shared with pages and with the application around BotKit, which may keep them all busy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from botkit.errors import LedgerClosed, LedgerError
from botkit.executor import DaemonExecutor
from botkit.http.retry import Backoff
from botkit.ledger.interface import Committed, Input, Ledger
from botkit.loop_calls import LoopCalls
from botkit.observability.events import get_logger
from botkit.observability.tracebacks import where
from botkit.relay.clock import Clock

_log = get_logger("botkit.relay")

T = TypeVar("T")
Outcome = Committed | LedgerClosed | None
"""The consequences of an input, or why there are none; see `LedgerClient.submit_then`."""
_BACKOFF = Backoff(first=0.05, slowest=5.0)
_READERS = 4
"""Max threads that read the store. They are started when they are needed."""


class LedgerClient:
    """Submits and reads without blocking the loop it lives on."""

    def __init__(self, ledger: Ledger, clock: Clock, calls: LoopCalls | None = None) -> None:
        """`calls`: calls the loop that it lives on; by default the running one."""
        self._ledger = ledger
        self._clock = clock
        self._calls = calls or LoopCalls(asyncio.get_running_loop())
        self._loop = self._calls.loop
        self._repeating: set[asyncio.Task[None]] = set()
        self._readers = DaemonExecutor(_READERS, "botkit-relay-read")
        self._closed = False

    async def submit(self, input: Input) -> Committed | None:
        """Have the input decided and committed; returns when it is durable.

        While the ledger cannot commit (a full disk, a locked file), the input is submitted again, so no event is lost.

        Returns:
            The consequences, or None if the rules failed on this input. They would fail again, so the failure is logged and
            the caller continues without it.

        Raises:
            LedgerClosed: the service is stopping.
        """
        return await self._until_committed(input, await self._submit_once(input))

    def submit_then(self, input: Input, then: Callable[[Outcome], None]) -> None:
        """`submit` by callback, without a task unless the ledger fails.

        Args:
            input: the input.
            then: called with what `submit` would return or raise: once, on the loop, after this method has returned.
                After `close`, it is not called for an input that the ledger has failed to commit.
        """

        def on_outcome(outcome: Committed | Exception) -> None:
            if isinstance(outcome, Committed):
                then(outcome)
                return
            task = self._loop.create_task(self._repeat(input, outcome, then))
            self._repeating.add(task)
            task.add_done_callback(self._repeating.discard)

        self._ledger.submit_then(input, lambda outcome: self._calls.soon(partial(on_outcome, outcome)))

    def hurry(self) -> None:
        """Have the inputs committed that may wait."""
        self._ledger.hurry()

    def note(self, input: Input) -> None:
        """Submit an input whose commit nobody waits for: a step of a story. If the store fails, it is lost."""
        self._ledger.submit_then(input, _log_lost_note)

    async def read(self, read: Callable[[], T]) -> T:
        """Read the store in a thread; retries while the store fails. Raises: LedgerClosed if the service is stopping."""
        failures = 0
        while True:
            try:
                return await self.in_thread(read)
            except LedgerError as error:
                failures += 1
                await self._wait_after(error, failures)

    async def are_known(self, inputs: Sequence[Input]) -> Sequence[bool]:
        """Whether each of these inputs has been committed; see `Ledger.are_known`."""
        return await self.read(partial(self._ledger.are_known, inputs))

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Call this in a thread, once. Raises: LedgerClosed if the service is stopping, and what the call raises."""
        if self._closed:
            raise LedgerClosed("the service is stopping")
        return await self._loop.run_in_executor(self._readers, work)

    async def close(self) -> None:
        """Read no more, and stop submitting again what the ledger has failed to commit; the next start does it anew."""
        self._closed = True
        self._readers.shutdown(wait=False)
        repeating = set(self._repeating)
        for task in repeating:
            task.cancel()
        if repeating:
            await asyncio.wait(repeating)

    async def _until_committed(self, input: Input, outcome: Committed | Exception) -> Committed | None:
        failures = 0
        while not isinstance(outcome, Committed):
            if not isinstance(outcome, LedgerError):
                _log.error(
                    "input_rejected",
                    conversation=str(input.conversation_id),
                    event_kind=type(input.event).__name__,
                    error=where(outcome),
                )
                return None
            failures += 1
            await self._wait_after(outcome, failures)
            outcome = await self._submit_once(input)
        return outcome

    async def _repeat(
        self, input: Input, outcome: Committed | Exception, then: Callable[[Outcome], None]
    ) -> None:
        try:
            found: Outcome = await self._until_committed(input, outcome)
        except LedgerClosed as closed:
            found = closed
        then(found)

    async def _wait_after(self, error: LedgerError, failures: int) -> None:
        if isinstance(error, LedgerClosed):
            raise error
        _log.warning("ledger_retry", code=error.code, failures=failures)
        await self._clock.sleep(_BACKOFF.ceiling(failures))

    def _submit_once(self, input: Input) -> asyncio.Future[Committed | Exception]:
        waiting: asyncio.Future[Committed | Exception] = self._loop.create_future()
        self._ledger.submit_then(input, lambda outcome: self._calls.soon(partial(_tell, waiting, outcome)))
        return waiting


def _tell(waiting: asyncio.Future[Committed | Exception], outcome: Committed | Exception) -> None:
    if not waiting.done():  # Cancelled: nobody waits any more.
        waiting.set_result(outcome)


def _log_lost_note(outcome: Committed | Exception) -> None:
    if isinstance(outcome, Exception):
        code = outcome.code if isinstance(outcome, LedgerError) else ""
        _log.debug("note_lost", code=code, error=where(outcome))
