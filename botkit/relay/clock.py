"""The relay's clock: passed in, so that tests can move time."""

from __future__ import annotations

import asyncio
import time
from typing import Final, Protocol

from botkit.boottime import BootTime, boottime
from botkit.handoff.conversation import Instant

_PIECE_SECONDS: Final = 30.0
"""The loop does not count the time in which the machine sleeps, so a long sleep looks at the clock this often."""


class Clock(Protocol):
    """The time of day, the time for durations, and sleep."""

    def now(self) -> Instant:
        """Seconds since 1970, for what is stored, sent or shown. The machine's clock may be set at any time."""

    def boottime(self) -> BootTime:
        """Seconds that only go forward, for durations and deadlines; see `botkit.boottime`."""

    async def sleep(self, seconds: float) -> None:
        """Return `seconds` later."""


async def first_of(clock: Clock, woken: asyncio.Future[None], seconds: float) -> None:
    """Return when this future is done, or so many seconds later."""
    late = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({woken, late}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        late.cancel()


class SystemClock:
    """The machine's clock."""

    def now(self) -> Instant:
        """Seconds since 1970, from the machine."""
        return Instant(time.time())

    boottime = staticmethod(boottime)

    async def sleep(self, seconds: float) -> None:
        """Return `seconds` later, on the running loop."""
        end = boottime() + seconds
        while seconds > _PIECE_SECONDS:
            await asyncio.sleep(_PIECE_SECONDS)
            seconds = end - boottime()
        await asyncio.sleep(seconds)
