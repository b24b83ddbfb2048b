"""`Waiting`: inputs that wait for the thread that takes them, and the bell that wakes it."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from botkit.errors import LedgerClosed, LedgerError

T = TypeVar("T")


class Waiting(Generic[T]):
    """A queue from many threads and loops to one thread. What a loop puts in during one turn is taken together.

    Args:
        check: what to check if the thread does not keep up.
    """

    def __init__(self, *, check: str) -> None:
        self._check = check
        self._queue: deque[T] = deque()
        self._gate = threading.Lock()
        """Held while an item is put in, so that none comes after `close`."""
        self._bell = threading.Lock()
        """A binary semaphore: released to make the thread look into the queue."""
        self._bell.acquire()
        self._turns: set[asyncio.AbstractEventLoop] = set()
        """Loops that ring the bell at the end of their turn."""
        self.closed = False
        """Whether nothing more is taken in."""

    def __len__(self) -> int:
        return len(self._queue)

    def admit(
        self, item: T, loop: asyncio.AbstractEventLoop | None = None, *, at_most: int
    ) -> LedgerError | None:
        """`put`, unless more than so many wait already. Returns why an item is not taken in."""
        if len(self._queue) > at_most and not self.closed:
            return LedgerError(f"the store does not keep up; check {self._check}")
        if not self.put(item, loop):
            return LedgerClosed("the service is stopping; send it again later")
        return None

    def put(self, item: T, loop: asyncio.AbstractEventLoop | None = None) -> bool:
        """Put an item in; False if the queue is closed. From a loop, the thread is woken at the end of the loop's turn."""
        with self._gate:
            if self.closed:
                return False
            self._queue.append(item)
            if loop is None:
                self._ring()
            elif loop not in self._turns:
                self._turns.add(loop)
                loop.call_soon(self._turn_ended, loop)
        return True

    def ring(self) -> None:
        """Wake the thread."""
        with self._gate:
            self._ring()

    def take(self, at_most: int, seconds: float) -> list[T]:
        """What is queued when the bell rings; nothing if it has not rung for so many seconds (-1: no limit)."""
        self._bell.acquire(timeout=seconds)
        found = [self._queue.popleft() for _ in range(min(len(self._queue), at_most))]
        if self._queue:
            self.ring()
        return found

    def close(self) -> None:
        """Take nothing more in, and wake the thread. Has no effect on what is queued."""
        with self._gate:
            self.closed = True
            self._ring()

    def drop_all(self, tell: Callable[[T], None]) -> None:
        """Take out everything that is queued."""
        while self._queue:
            tell(self._queue.popleft())

    def _turn_ended(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._gate:
            self._turns.discard(loop)
            self._ring()

    def _ring(self) -> None:
        if self._bell.locked():
            self._bell.release()
