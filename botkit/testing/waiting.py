"""Waiting for what is to be seen, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

DEADLINE_SECONDS = 10.0
T = TypeVar("T")


def pauses(seconds: float) -> Iterator[float]:
    """How long to sleep after each look, in seconds; the last look is after the deadline.

    An eighth of what was waited so far, within 2 and 50 ms: looking takes little time from what is waited for, which may be in
    the same process, and nothing is noticed much later than it had to be.
    """
    begun = time.monotonic()
    while True:
        waited = time.monotonic() - begun
        yield min(max(waited / 8, 0.002), 0.05)
        if waited > seconds:
            return


def until(
    seen: Callable[[], T | None],
    what: str | Callable[[], str] = "for it",
    *,
    seconds: float = DEADLINE_SECONDS,
) -> T:
    """The first true result of `seen`, within the deadline.

    Args:
        seen: is asked again and again.
        what: for what this waits, as it ends ``waited in vain …``; a function is asked when that is so.
        seconds: the deadline.

    Raises:
        AssertionError: it has passed.
    """
    __tracebackhide__ = True
    for pause in pauses(seconds):
        if found := seen():
            return found
        time.sleep(pause)
    raise AssertionError(f"waited in vain {what if isinstance(what, str) else what()}")
