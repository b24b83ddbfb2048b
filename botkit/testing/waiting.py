"""Wait for a condition, with a deadline. Tests wait with nothing else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

DEADLINE_SECONDS = 15.0
"""The deadline of waits that name none. A suite whose machines are busy may raise it."""
T = TypeVar("T")
Awaited = str | Callable[[], str]
"""What a wait is for, as it ends the sentence ``waited in vain …``; a function is called only for the error."""


def until(seen: Callable[[], T | None], what: Awaited = "for it", *, seconds: float | None = None) -> T:
    """Return the first true result of `seen`.

    Args:
        seen: the condition; it is polled.
        what: see `Awaited`.
        seconds: the deadline; by default `DEADLINE_SECONDS`.

    Raises:
        AssertionError: the deadline has passed.
    """
    __tracebackhide__ = True
    for pause in _pauses(DEADLINE_SECONDS if seconds is None else seconds):
        if found := seen():
            return found
        time.sleep(pause)
    raise _in_vain(what)


async def async_until(
    seen: Callable[[], T | None], what: Awaited = "for it", *, seconds: float | None = None
) -> T:
    """`until` for coroutines: other tasks of the event loop run while this one waits."""
    __tracebackhide__ = True
    for pause in _pauses(DEADLINE_SECONDS if seconds is None else seconds):
        if found := seen():
            return found
        await asyncio.sleep(pause)
    raise _in_vain(what)


def within(seconds: float, seen: Callable[[], object]) -> bool:
    """Whether `seen` becomes true in time; it is polled, at least once."""
    for pause in _pauses(seconds):
        if seen():
            return True
        time.sleep(pause)
    return False


def _pauses(seconds: float) -> Iterator[float]:
    """How long to sleep after each look, in seconds; the last look is after the deadline.

    A pause is an eighth of the time waited so far, within 2 and 50 ms. So polling takes little time from the work that is waited
    for, which may run in the same process, and no result is noticed much too late.
    """
    begun = time.monotonic()
    while True:
        waited = time.monotonic() - begun
        yield min(max(waited / 8, 0.002), 0.05)
        if waited > seconds:
            return


def _in_vain(what: Awaited) -> AssertionError:
    return AssertionError(f"waited in vain {what if isinstance(what, str) else what()}")
