"""`Waiting`: inputs that wait for the thread that takes them, and the bell that wakes it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from botkit.errors import LedgerClosed, LedgerError

T = TypeVar("T")

MAX_WAIT_SECONDS = 0.05
"""Max wait of an item that may wait for others."""


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
        self._rings_at: float | None = None
        """When the bell has to ring for the first of the items that may wait; None if there are none."""
        self._timers: set[asyncio.AbstractEventLoop] = set()
        """Loops with a timer that rings it then."""
        self.closed = False
        """Whether nothing more is taken in."""

    def __len__(self) -> int:
        return len(self._queue)

    def admit(
        self, item: T, loop: asyncio.AbstractEventLoop | None = None, *, at_most: int, may_wait: bool = False
    ) -> LedgerError | None:
        """`put`, unless more than so many wait already. Returns why an item is not taken in."""
        if len(self._queue) > at_most and not self.closed:
            return LedgerError(f"the store does not keep up; check {self._check}")
        if not self.put(item, loop, may_wait=may_wait):
            return LedgerClosed("the service is stopping; send it again later")
        return None

    def put(self, item: T, loop: asyncio.AbstractEventLoop | None = None, *, may_wait: bool = False) -> bool:
        """Put an item in; False if the queue is closed.

        Args:
            item: the item.
            loop: the loop that this is called on. The thread is woken at the end of the loop's turn.
            may_wait: the loop does not wake the thread for it, unless nothing else does for `MAX_WAIT_SECONDS`.
        """
        with self._gate:
            if self.closed:
                return False
            self._queue.append(item)
            if loop is None:
                self._ring()
            elif may_wait:
                self._ring_later(loop)
            elif loop not in self._turns:
                self._turns.add(loop)
                loop.call_soon(self._turn_ended, loop)
        return True

    def ring(self) -> None:
        """Wake the thread."""
        with self._gate:
            self._ring()

    def hurry(self) -> None:
        """Wake the thread if an item waits that may wait."""
        if self._rings_at is not None:
            self.ring()

    def take(self, at_most: int, seconds: float) -> list[T]:
        """What is queued when the bell rings, or after so many seconds (-1: no limit)."""
        self._bell.acquire(timeout=seconds)
        # Before it looks: an item that comes in between is taken now, or its timer is set anew.
        self._rings_at = None
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

    def _ring_later(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._rings_at is None:
            self._rings_at = time.monotonic() + MAX_WAIT_SECONDS
        if loop not in self._timers:
            self._timers.add(loop)
            loop.call_later(MAX_WAIT_SECONDS, self._time_is_up, loop)

    def _time_is_up(self, loop: asyncio.AbstractEventLoop) -> None:
        """The timer of a loop has gone off. It is set anew for an item that came after it was set, not for each item."""
        with self._gate:
            self._timers.discard(loop)
            rings_at = self._rings_at
            if rings_at is None or not self._queue:
                return
            if (left := rings_at - time.monotonic()) > 0:
                self._timers.add(loop)
                loop.call_later(left, self._time_is_up, loop)
            else:
                self._ring()

    def _turn_ended(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._gate:
            self._turns.discard(loop)
            self._ring()

    def _ring(self) -> None:
        if self._bell.locked():
            self._bell.release()
