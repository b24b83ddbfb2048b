"""One after the other: hooks of one user do not overtake each other in the handlers."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager


class Turns:
    """Who is next, by user. Any thread.

    A turn that takes longer than `most_seconds` is not waited for any longer: its handlers have been overtaken by their own
    time limit by then.
    """

    def __init__(self, most_seconds: float) -> None:
        self._most_seconds = most_seconds
        self._lock = threading.Lock()
        self._last: dict[Hashable, threading.Lock] = {}

    @contextmanager
    def taken(self, whose: Hashable) -> Iterator[None]:
        """Wait until everybody who came before has finished; whoever comes after waits for the end of this."""
        mine = threading.Lock()
        mine.acquire()
        with self._lock:
            before = self._last.get(whose)
            self._last[whose] = mine
        if before is not None and before.acquire(timeout=self._most_seconds):
            before.release()
        try:
            yield
        finally:
            mine.release()
            with self._lock:
                if self._last.get(whose) is mine:
                    del self._last[whose]
