"""Waiting for what is to be seen, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

DEADLINE_SECONDS = 10.0
T = TypeVar("T")


def until(
    seen: Callable[[], T], what: str | Callable[[], str] = "for it", *, seconds: float = DEADLINE_SECONDS
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
    deadline = time.monotonic() + seconds
    while not (found := seen()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain {what if isinstance(what, str) else what()}")
        time.sleep(0.005)
    return found
