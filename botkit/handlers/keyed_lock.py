"""One after the other: hooks of one user do not overtake each other in the handlers."""

from __future__ import annotations

import threading
from collections.abc import Hashable


class KeyedLock:
    """Who is next, by user. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[Hashable, _Turn] = {}

    def taken(self, whose: Hashable, max_seconds: float) -> _Turn:
        """A context: entering it waits until everybody who came before has finished, and whoever comes after waits for its end.

        Nobody is waited for longer than about `max_seconds` from when it is their turn: by then the time limit has overtaken
        their handlers.
        """
        return _Turn(self, whose, max_seconds)

    def queue(self, whose: Hashable, mine: _Turn) -> _Turn | None:
        """Be the last; returns who was it before."""
        with self._lock:
            before = self._last.get(whose)
            self._last[whose] = mine
        return before

    def leave(self, whose: Hashable, mine: _Turn) -> None:
        """Be gone; nothing is kept of a user whom nobody waits for."""
        with self._lock:
            if self._last.get(whose) is mine:
                del self._last[whose]


class _Turn:
    """A class, not a generator: entered and left for every hook that has a handler."""

    __slots__ = ("_max_seconds", "_over", "_turns", "_under_way", "_whose")

    def __init__(self, turns: KeyedLock, whose: Hashable, max_seconds: float) -> None:
        self._turns = turns
        self._whose = whose
        self._max_seconds = max_seconds
        self._under_way = False
        self._over = threading.Lock()
        self._over.acquire()

    def __enter__(self) -> None:
        before = self._turns.queue(self._whose, self)
        if before is not None:
            before.wait(self._max_seconds)
        self._under_way = True

    def __exit__(self, *_: object) -> None:
        self._over.release()
        self._turns.leave(self._whose, self)

    def wait(self, max_seconds: float) -> None:
        """Until this one is over, or has been under way for so long (at most twice). Others may be before it."""
        under_way = False
        while not under_way:
            under_way = self._under_way
            if self._over.acquire(timeout=max_seconds):
                self._over.release()
                return
