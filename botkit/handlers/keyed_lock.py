"""A fair lock per key: the hooks of one user do not overtake each other in the handlers."""

from __future__ import annotations

import threading
from collections.abc import Hashable


class KeyedLock:
    """One queue per key. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[Hashable, Turn] = {}

    def hold(self, key: Hashable, max_seconds: float) -> Turn:
        """A context manager with the next place in the key's queue: entering it waits for all earlier ones.

        It must be left, also after an error, entered or not: later ones wait for that. The wait for a holder ends about
        `max_seconds` after it entered: by then the time limit of its handlers has passed, and they are given up, unless the
        event loop that does so stands still for longer.
        """
        return Turn(self, key, max_seconds)

    def enqueue(self, key: Hashable, turn: Turn) -> Turn | None:
        """Append a turn to the queue of a key; returns the one before it."""
        with self._lock:
            before = self._last.get(key)
            self._last[key] = turn
        return before

    def remove(self, key: Hashable, turn: Turn, before: Turn | None) -> None:
        """Forget the key if this turn is the last of its queue. `before`: the one that it should have waited for."""
        with self._lock:
            if self._last.get(key) is turn:
                if before is not None and not before.is_over:
                    self._last[key] = before
                else:
                    del self._last[key]


class Turn:
    """A place in the queue of a key. A class, not a generator: it is entered and left for every hook that has a handler."""

    __slots__ = ("_before", "_has_entered", "_key", "_lock", "_max_seconds", "_over")

    def __init__(self, lock: KeyedLock, key: Hashable, max_seconds: float) -> None:
        self._lock = lock
        self._key = key
        self._max_seconds = max_seconds
        self._has_entered = False
        self._over = threading.Lock()
        self._over.acquire()
        self._before = lock.enqueue(key, self)

    @property
    def must_wait(self) -> bool:
        """Whether entering it may wait for an earlier one."""
        return self._before is not None

    def __enter__(self) -> None:
        if self._before is not None:
            self._before.wait(self._max_seconds)
            self._before = None  # Otherwise every turn would keep all earlier ones alive.
        self._has_entered = True

    @property
    def is_over(self) -> bool:
        """Whether it was left."""
        return not self._over.locked()

    def __exit__(self, *_: object) -> None:
        """Leave it. If it was never entered, later ones wait for the one before it."""
        self._over.release()
        self._lock.remove(self._key, self, self._before)

    def wait(self, max_seconds: float) -> None:
        """Wait until this turn is over, or was entered `max_seconds` ago (at most twice). It may itself wait for others."""
        has_entered = False
        while not has_entered:
            has_entered = self._has_entered
            if self._over.acquire(timeout=max_seconds):
                self._over.release()
                if (before := self._before) is not None:  # It was left without having been entered.
                    before.wait(max_seconds)
                return
