"""Waiting for what is to be seen, in tests that are coroutines. Others have `botkit.testing.waiting.until`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from botkit.testing.waiting import DEADLINE_SECONDS, pauses

T = TypeVar("T")


async def until(seen: Callable[[], T | None], *, seconds: float = DEADLINE_SECONDS) -> T:
    """The first true result of `seen`, within the deadline; others on the loop run meanwhile."""
    __tracebackhide__ = True
    for pause in pauses(seconds):
        if found := seen():
            return found
        await asyncio.sleep(pause)
    raise AssertionError("waited in vain")
