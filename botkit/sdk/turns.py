"""One after the other: hooks of one user do not overtake each other in the handlers."""

from __future__ import annotations

import threading
from collections.abc import Hashable


class Turns:
    """Who is next, by user. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[Hashable, threading.Lock] = {}

    def taken(self, whose: Hashable, most_seconds: float) -> _Turn:
        """A context: entering it waits until everybody who came before has finished, and whoever comes after waits for its end.

        Nobody is waited for longer than `most_seconds`: by then their handlers have been overtaken by the time limit.
        """
        return _Turn(self, whose, most_seconds)

    def queue(self, whose: Hashable, mine: threading.Lock) -> threading.Lock | None:
        """Be the last; returns who was it before."""
        with self._lock:
            before = self._last.get(whose)
            self._last[whose] = mine
        return before

    def leave(self, whose: Hashable, mine: threading.Lock) -> None:
        """Be gone; nothing is kept of a user whom nobody waits for."""
        with self._lock:
            if self._last.get(whose) is mine:
                del self._last[whose]


class _Turn:
    """A class, not a generator: entered and left for every hook that has a handler."""

    __slots__ = ("_mine", "_most_seconds", "_turns", "_whose")

    def __init__(self, turns: Turns, whose: Hashable, most_seconds: float) -> None:
        self._turns = turns
        self._whose = whose
        self._most_seconds = most_seconds
        self._mine = threading.Lock()

    def __enter__(self) -> None:
        self._mine.acquire()
        before = self._turns.queue(self._whose, self._mine)
        if before is not None and before.acquire(timeout=self._most_seconds):
            before.release()

    def __exit__(self, *_: object) -> None:
        self._mine.release()
        self._turns.leave(self._whose, self._mine)
