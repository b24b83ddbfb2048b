"""The relay's clock: passed in, so that tests can move time."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from botkit.handoff.conversation import Instant


class Clock(Protocol):
    """The current time, and sleep."""

    def now(self) -> Instant:
        """Seconds since 1970."""

    async def sleep(self, seconds: float) -> None:
        """Return `seconds` later."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> Instant:
        """Seconds since 1970, from the machine."""
        return Instant(time.time())

    async def sleep(self, seconds: float) -> None:
        """Return `seconds` later, on the running loop."""
        await asyncio.sleep(seconds)
