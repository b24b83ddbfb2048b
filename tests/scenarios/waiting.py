"""Waiting for what is to be seen, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

DEADLINE_SECONDS = 10.0
T = TypeVar("T")


def until(seen: Callable[[], T], what: str = "", *, seconds: float = DEADLINE_SECONDS) -> T:
    """The first true result of `seen`, within the deadline."""
    deadline = time.monotonic() + seconds
    while not (found := seen()):
        assert time.monotonic() < deadline, f"waited in vain {what or f'for {seen}'}"
        time.sleep(0.005)
    return found
