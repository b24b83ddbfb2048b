"""The heartbeat of the relay's loop: since when it has been on time, and when the clock was set.

A deadline that passes while this process stands still (a paused container, swapping, a debugger, a machine that sleeps) proves
nothing about the other side. So time in which it stood still does not count, and after it there is time for another attempt.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import inf
from typing import Final, NamedTuple

from msgspec.structs import replace

from botkit.boottime import BootTime
from botkit.handoff.conversation import Instant
from botkit.ledger.clocks import ClockEra, Clocks
from botkit.observability.events import get_logger
from botkit.observability.seldom import Seldom
from botkit.relay.clock import Clock

_log = get_logger("botkit.relay")

BEAT_SECONDS: Final = 1.0
LATE_SECONDS: Final = 1.0
"""A beat that is late by more than this ends a stall."""
AGAIN_SECONDS: Final = 10.0
"""The time for another attempt after a stall, unless the whole patience is shorter: as long as a call may take."""
SET_SECONDS: Final = 1.0
"""The clock was set if it and the clock for durations differ by so much more or less than a beat before."""
CATCHES_UP_SECONDS: Final = 2.0
"""After a stall, everything that became overdue in it is noticed within this time."""
_STALL = "nothing ran on the event loop"
_STALL_FIX = (
    "look for code that blocks the loop, a paused container, a debugger, swapping, or a machine that slept"
)
_MAX_STALLS: Final = 100
_MAX_SET: Final = 100
DIFFERS_SECONDS: Final = 5.0
"""If the clock of the store's server differs from this machine's by so much more than before, that is logged."""


class _Stall(NamedTuple):
    end: BootTime
    seconds: float


class Heartbeat:
    """Remembers how late the beats were, and how the clock was set. Lives on one loop.

    What follows a stall may run before the beat that ends it.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._due = float("inf")
        self._stalls: deque[_Stall] = deque(maxlen=_MAX_STALLS)
        self._begun = self._since = clock.boottime()
        """`_since`: when the clock was set last."""
        self._ahead = clock.now() - self._since
        self._eras: deque[ClockEra] = deque(maxlen=_MAX_SET)
        """Earlier settings of this machine's clock, also those that former processes have noted."""
        self._recalled = False
        self._lines = Seldom(_log, monotonic=clock.boottime)
        self.has_news = True
        """Whether the store does not know yet how the clock was set."""
        self._server: deque[ClockEra] = deque(maxlen=_MAX_SET)
        """How the clock of the store's server was set, as far as this process has seen; the last one is the present."""
        self._stored: ClockEra | None = None
        """A supposed setting, by which the newest time in the store is that of this process' start."""

    def beat(self) -> bool:
        """The loop is alive; the next beat is due `BEAT_SECONDS` later.

        Returns:
            Whether something happened since the last beat: this process stood still, or the clock was set.
        """
        now = self.clock.boottime()
        happened = self._was_set(now)
        if late := self._late(now):
            self._stalls.append(_Stall(now, late))
            self._lines.say("warning", "stood_still", _STALL, seconds=round(late, 1), fix=_STALL_FIX)
            happened = True
        self._due = now + BEAT_SECONDS
        return happened

    def on_time_since(self, now: BootTime) -> BootTime:
        """The end of the latest stall; `now` in a stall, and 0 without one."""
        if self._late(now):
            return now
        return self._stalls[-1].end if self._stalls else BootTime(0.0)

    def stood_still(self, now: BootTime) -> float:
        """For how many seconds this process has stood still, if it still does or did until a moment ago; else 0.

        What became overdue in that time may not be the other side's fault.
        """
        if late := self._late(now):
            return late
        if self._stalls and now - self._stalls[-1].end < CATCHES_UP_SECONDS:
            return self._stalls[-1].seconds
        return 0.0

    def patience_left(self, since: float, seconds: float) -> float:
        """What is left of so many seconds of patience since then; 0 or less when they have passed."""
        now = self.clock.boottime()
        stood_still = self._late(now) + sum(stall.seconds for stall in self._stalls if stall.end > since)
        left = since + seconds + stood_still - now
        again = self.on_time_since(now)
        return max(left, again + min(seconds, AGAIN_SECONDS) - now) if again > since else left

    def recall(self, clocks: Clocks) -> None:
        """Learn by which clocks the times in the store were written. It may be called again."""
        if clocks.former and clocks.former[-1].until <= self._begun and not self._recalled:
            self._recalled = True
            *earlier, last = clocks.former
            if not self._eras and abs(last.ahead - self._ahead) < SET_SECONDS:
                self._since = last.since
                self.has_news = False
            else:
                earlier.append(ClockEra(last.since, self._begun, last.ahead))
            self._eras.extendleft(reversed(earlier))
        if clocks.newest is not None:
            self._stored = ClockEra(BootTime(0.0), self._begun, clocks.newest - self._begun)
        if clocks.server_ahead is not None:
            self._compare(clocks.server_ahead)

    def eras(self) -> Sequence[ClockEra]:
        """How this machine's clock was set, oldest first; the last one is the present."""
        now = self.clock.boottime()
        self._was_set(now)
        return (*self._eras, ClockEra(self._since, now, self._ahead))

    def before(self, seconds: float) -> Instant:
        """A time of day before everything that was stored in the last so many seconds, however clocks were set.

        A store with a server of its own has that one's time of day, whatever the clocks of machines say. In any other, time in
        which no process ran does not count: it could as well be a clock that was set forward meanwhile.
        """
        now = self.clock.boottime()
        clocks: list[ClockEra] = [*self._server] or [*self.eras()]
        if self._stored is not None:
            clocks.append(self._stored)
        ahead = min(one.ahead for one in clocks if one.until > now - seconds)
        return Instant(now + ahead - seconds)

    def due_in(self, due: Instant, seconds: float) -> float:
        """Seconds until something is due that was stored with a time of day.

        Args:
            due: its time of day, by the clock as it was set when it was stored. How it was set is not stored: of the possible
                settings, the one by which it is due last counts.
            seconds: how long after being stored it is due; 0 if not known: then the clock counts as it is set now.
        """
        now = self.clock.boottime()
        clocks = self._clocks(now)
        if len(clocks) == 1 or seconds <= 0:
            return due - self.clock.now()
        stored = due - seconds
        then = min(clocks, key=lambda one: (one.distance(BootTime(stored - one.ahead)), one.ahead))
        return due - then.ahead - now

    def _clocks(self, now: BootTime) -> list[ClockEra]:
        """The settings by which the store's times of day may have been written."""
        clocks = list(self.eras())
        if self._server and abs(self._server[-1].ahead - self._ahead) >= SET_SECONDS:
            clocks.append(ClockEra(BootTime(0.0), now, self._server[-1].ahead))
        return clocks

    def _compare(self, server_ahead: float) -> None:
        now = self.clock.boottime()
        self._was_set(now)
        behind = server_ahead - self._ahead
        before = self._server[-1].ahead - self._ahead if self._server else 0.0
        if not self._server or abs(server_ahead - self._server[-1].ahead) >= SET_SECONDS:
            if self._server:  # It was set at some time since it was asked last.
                self._server[-1] = replace(self._server[-1], until=now)
            self._server.append(ClockEra(BootTime(0.0), BootTime(inf), server_ahead))
        if abs(behind) >= DIFFERS_SECONDS and abs(behind - before) >= DIFFERS_SECONDS:
            _log.warning(
                "clock_differs", seconds=round(-behind, 1), fix="set the clocks of both machines by NTP"
            )

    def _late(self, now: BootTime) -> float:
        late = now - self._due
        return late if late > LATE_SECONDS else 0.0

    def _was_set(self, now: BootTime) -> bool:
        ahead = self.clock.now() - now
        changed, before, self._ahead = ahead - self._ahead, self._ahead, ahead
        if abs(changed) < SET_SECONDS:
            return False
        self._eras.append(ClockEra(self._since, now, before))
        self._since = now
        self.has_news = True
        _log.warning("clock_set", seconds=round(changed, 1))
        return True
