"""When each receiver's connection needs its next look.

Thousands of connections are quiet. To ask each of them at every beat would cost more than what arrives on them.
"""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count
from typing import Generic, Protocol, TypeVar


class Watched(Protocol):
    """What is looked after.

    Attributes:
        calm_until: before this time it needs no look, by the clock for durations. To set it earlier, call `Agenda.look_at`.
        listed_at: the time of its entry; infinite without one. Only the agenda sets it.
    """

    calm_until: float
    listed_at: float


T = TypeVar("T", bound=Watched)


class Agenda(Generic[T]):
    """One entry for each that may need a look; its time is the earliest at which it may. Lives on one loop."""

    __slots__ = ("_entries", "_numbers")

    def __init__(self) -> None:
        self._entries: list[tuple[float, int, T]] = []
        self._numbers = count()

    def look_at(self, watched: T, at: float) -> None:
        """It needs its next look at this time."""
        watched.calm_until = at
        if at < watched.listed_at:
            self._list(watched, at)

    def due(self, now: float) -> list[T]:
        """Take out those that need a look now."""
        due: list[T] = []
        while self._entries and self._entries[0][0] <= now:
            at, _, watched = heappop(self._entries)
            if at != watched.listed_at:
                continue  # It has got an earlier entry meanwhile.
            watched.listed_at = float("inf")
            if watched.calm_until <= now:
                due.append(watched)
            else:
                self._list(watched, watched.calm_until)
        return due

    def _list(self, watched: T, at: float) -> None:
        watched.listed_at = at
        heappush(self._entries, (at, next(self._numbers), watched))
