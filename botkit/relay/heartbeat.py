"""The heartbeat of the relay's loop: since when it has been on time.

A deadline that passes while this process stands still (a paused container, swapping, a debugger, a clock that is set) proves
nothing about the other side.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from botkit.handoff.conversation import Instant

LATE_SECONDS: Final = 1.0
"""A beat that is late by more than this ends a stall."""
_MAX_STALLS: Final = 100


class _Stall(NamedTuple):
    end: Instant
    seconds: float


class Heartbeat:
    """Remembers how late the beats were, while a session has a receiver.

    What follows a stall may run before the beat that ends it.
    """

    def __init__(self) -> None:
        self._due = float("inf")
        self._stalls: deque[_Stall] = deque(maxlen=_MAX_STALLS)

    def beat(self, now: Instant, *, next_in: float) -> None:
        """The loop is alive; the next beat is due so many seconds later."""
        if late := self._late(now):
            self._stalls.append(_Stall(now, late))
        self._due = now + next_in

    def stop(self) -> None:
        """No more beats are due."""
        self._due = float("inf")

    def on_time_since(self, now: Instant) -> Instant:
        """The end of the latest stall; `now` in a stall, and 0 without one."""
        if self._late(now):
            return now
        return self._stalls[-1].end if self._stalls else Instant(0.0)

    def lost_since(self, at: float, now: Instant) -> float:
        """Seconds of the stalls since that time."""
        return self._late(now) + sum(stall.seconds for stall in self._stalls if stall.end > at)

    def _late(self, now: Instant) -> float:
        late = now - self._due
        return late if late > LATE_SECONDS else 0.0
