"""When each receiver's connection needs its next look.

Thousands of connections are quiet. To ask each of them at every beat would cost more than what arrives on them.
"""

from __future__ import annotations

from math import inf
from typing import Generic, Protocol, TypeVar


class Watched(Protocol):
    """What is looked after.

    Attributes:
        calm_until: before this time it needs no look, by the clock for durations. To set it earlier, call `Agenda.look_at`.
        listed_at: the second of its entry; infinite without one. Only the agenda sets it.
    """

    calm_until: float
    listed_at: float


T = TypeVar("T", bound=Watched)


class Agenda(Generic[T]):
    """Who may need a look, by the second in which the first look may be needed. Lives on one loop."""

    __slots__ = ("_by_second",)

    def __init__(self) -> None:
        self._by_second: dict[int, list[T]] = {}

    def look_at(self, watched: T, at: float) -> None:
        """It needs its next look at this time."""
        watched.calm_until = at
        if at < watched.listed_at:
            self._list(watched, at)

    def due(self, now: float) -> list[T]:
        """Take out those that need a look now."""
        due: list[T] = []
        for second in sorted(second for second in self._by_second if second <= now):
            for watched in self._by_second.pop(second):
                if watched.listed_at != second:
                    continue  # It has got an earlier entry meanwhile.
                watched.listed_at = inf
                if watched.calm_until <= now:
                    due.append(watched)
                elif watched.calm_until < inf:
                    self._list(watched, watched.calm_until)
        return due

    def _list(self, watched: T, at: float) -> None:
        watched.listed_at = second = int(at)
        if second in self._by_second:
            self._by_second[second].append(watched)
        else:
            self._by_second[second] = [watched]
