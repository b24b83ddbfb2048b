"""Time as the relay sees it: handed in, so that tests move it themselves."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from botkit.handoff.conversation import Instant


class Clock(Protocol):
    """What time it is, and waiting for later."""

    def now(self) -> Instant:
        """Seconds since 1970."""

    async def sleep(self, seconds: float) -> None:
        """Come back `seconds` later."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> Instant:
        """Seconds since 1970, from the machine."""
        return Instant(time.time())

    async def sleep(self, seconds: float) -> None:
        """Come back `seconds` later, on the running loop."""
        await asyncio.sleep(seconds)
