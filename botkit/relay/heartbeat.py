"""The heartbeat of the relay's loop: since when it has been on time, and when the clock was set.

A deadline that passes while this process stands still (a paused container, swapping, a debugger, a machine that sleeps) proves
nothing about the other side. So time in which it stood still does not count, and after it there is time for another attempt.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from botkit.boottime import BootTime
from botkit.handoff.conversation import Instant
from botkit.observability.events import get_logger
from botkit.relay.clock import Clock

_log = get_logger("botkit.relay")

BEAT_SECONDS: Final = 1.0
LATE_SECONDS: Final = 1.0
"""A beat that is late by more than this ends a stall."""
AGAIN_SECONDS: Final = 10.0
"""The time for another attempt after a stall, unless the whole patience is shorter: as long as a call may take."""
SET_SECONDS: Final = 1.0
"""The clock was set if it and the clock for durations differ by so much more or less than a beat before."""
_MAX_STALLS: Final = 100
_MAX_SET: Final = 100


class _Stall(NamedTuple):
    end: BootTime
    seconds: float


class _Set(NamedTuple):
    at: BootTime
    ahead_before: float
    """The difference of the two clocks until then."""


class Heartbeat:
    """Remembers how late the beats were, and how the clock was set. Lives on one loop.

    What follows a stall may run before the beat that ends it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due = float("inf")
        self._stalls: deque[_Stall] = deque(maxlen=_MAX_STALLS)
        self._ahead = clock.now() - clock.boottime()
        self._set: deque[_Set] = deque(maxlen=_MAX_SET)

    def beat(self) -> bool:
        """The loop is alive; the next beat is due `BEAT_SECONDS` later.

        Returns:
            Whether something happened since the last beat: this process stood still, or the clock was set.
        """
        now = self._clock.boottime()
        happened = self._was_set(now)
        if late := self._late(now):
            self._stalls.append(_Stall(now, late))
            happened = True
        self._due = now + BEAT_SECONDS
        return happened

    def on_time_since(self, now: BootTime) -> BootTime:
        """The end of the latest stall; `now` in a stall, and 0 without one."""
        if self._late(now):
            return now
        return self._stalls[-1].end if self._stalls else BootTime(0.0)

    def patience_left(self, since: float, seconds: float) -> float:
        """What is left of so many seconds of patience since then; 0 or less when they have passed."""
        now = self._clock.boottime()
        stood_still = self._late(now) + sum(stall.seconds for stall in self._stalls if stall.end > since)
        left = since + seconds + stood_still - now
        again = self.on_time_since(now)
        return max(left, again + min(seconds, AGAIN_SECONDS) - now) if again > since else left

    def before(self, seconds: float) -> Instant:
        """A time of day before everything that this process stored in the last so many seconds, even if the clock was set
        meanwhile."""
        now = self._clock.boottime()
        self._was_set(now)
        ahead = min([self._ahead, *(one.ahead_before for one in self._set if one.at > now - seconds)])
        return Instant(now + ahead - seconds)

    def _late(self, now: BootTime) -> float:
        late = now - self._due
        return late if late > LATE_SECONDS else 0.0

    def _was_set(self, now: BootTime) -> bool:
        ahead = self._clock.now() - now
        changed, before, self._ahead = ahead - self._ahead, self._ahead, ahead
        if abs(changed) < SET_SECONDS:
            return False
        self._set.append(_Set(now, before))
        _log.warning("clock_set", seconds=round(changed, 1))
        return True
