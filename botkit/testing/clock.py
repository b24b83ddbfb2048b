"""Clocks that tests move. There is no other clock in tests."""

from __future__ import annotations

import asyncio
import heapq
import itertools

from botkit.boottime import BootTime
from botkit.handoff.conversation import Instant

BEGINNING = Instant(1_767_603_600.0)
"""2026-01-05T09:00:00Z."""
_BOOTED_BEFORE = 100_000.0
"""Seconds for which the machine had been running."""


class ManualClock:
    """A clock that stands still until a test moves it. Implements `botkit.relay.clock.Clock`.

    Code that takes a function gets the clock itself (seconds since 1970) or `milliseconds`.
    """

    def __init__(self, start: float = BEGINNING) -> None:
        self._boottime = BootTime(_BOOTED_BEFORE)
        self._ahead = start - _BOOTED_BEFORE
        """How much more `time` is than `boottime`."""
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def __call__(self) -> Instant:
        return self.time

    @property
    def time(self) -> Instant:
        """Seconds since 1970. Setting it lets time pass; see `set_by`."""
        return Instant(self._boottime + self._ahead)

    @time.setter
    def time(self, time: Instant) -> None:
        self._boottime = BootTime(time - self._ahead)

    def now(self) -> Instant:
        """Seconds since 1970."""
        return self.time

    def boottime(self) -> BootTime:
        """Seconds that only go forward."""
        return self._boottime

    def set_by(self, seconds: float) -> None:
        """Set the time of day by so many seconds; no time passes."""
        self._ahead += seconds

    def milliseconds(self) -> int:
        """Milliseconds since 1970."""
        return round(self.time * 1000)

    def pass_seconds(self, seconds: float) -> None:
        """Move on without waking sleepers."""
        self._boottime = BootTime(self._boottime + seconds)

    async def sleep(self, seconds: float) -> None:
        """Return when the clock was moved on so far."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        wake = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.boottime() + seconds, next(self._order), wake))
        await wake

    @property
    def sleeping(self) -> int:
        """How many tasks sleep."""
        return sum(not wake.done() for _, _, wake in self._sleepers)

    async def advance(self, seconds: float) -> None:
        """Move on, and wake each sleeper at its time."""
        await settle()
        end = self.boottime() + seconds
        while self._sleepers and self._sleepers[0][0] <= end:
            at, _, wake = heapq.heappop(self._sleepers)
            self._pass_until(at)
            if not wake.done():
                wake.set_result(None)
                await settle()
        self._pass_until(end)
        await settle()

    def _pass_until(self, boottime: float) -> None:
        self._boottime = BootTime(max(boottime, self._boottime))


class SelfMovingClock(ManualClock):
    """A clock that every sleep moves on by its duration; `slept` has the durations."""

    def __init__(self, start: float = BEGINNING) -> None:
        super().__init__(start)
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        """Move the clock on; other tasks run meanwhile."""
        self.slept.append(seconds)
        self.pass_seconds(seconds)
        await asyncio.sleep(0)


class SleeplessClock(ManualClock):
    """A clock on which sleeping takes no time."""

    async def sleep(self, seconds: float) -> None:
        """Return at once."""


_MOST_TURNS = 30
_IDLE_TURNS = 3


async def settle() -> None:
    """Run every task of the loop as far as it gets without time passing."""
    # asyncio's own loops show what is ready to run; any other is given all the turns.
    ready = getattr(asyncio.get_running_loop(), "_ready", (None,))
    idle = 0
    for _ in range(_MOST_TURNS):
        await asyncio.sleep(0)
        idle = 0 if ready else idle + 1
        if idle == _IDLE_TURNS:
            return
