"""`Lifecycle`: opens the store once in a process, also after a fork, and closes it when the process ends."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.util import Finalize

from botkit.errors import LedgerClosed
from botkit.loop_calls import LoopCalls
from botkit.service.role import Role, Store

_CLOSED = "the kit has been closed: by kit.close(), or at the end of its ASGI server's lifespan, whose next one starts it again"
_CLOSE_FIRST = 100
"""The priority of `close` among the finalizers of multiprocessing."""


@dataclass(frozen=True, slots=True)
class Running:
    """The result of `start`, and the process it belongs to."""

    pid: int
    role: Role


class Lifecycle:
    """Starts and closes the role of this process in its store. Thread-safe.

    Args:
        role: creates the role.
    """

    def __init__(self, role: Callable[[], Role]) -> None:
        self._role = role
        self._lock = threading.Lock()
        self._at_exit: Finalize | None = None
        self._closed = False
        self.running: Running | None = None
        """What runs; in the child after a fork, what runs in the parent."""
        self.calls: LoopCalls | None = None
        """The loop on which the relay is to live; None for one of its own."""

    def start(self) -> None:
        """See `Service.start`."""
        if self.running_here() is not None:
            return
        with self._lock:
            if self._closed:
                raise LedgerClosed(_CLOSED)
            if self.running_here() is not None:
                return
            self._leave_closed_loop()
            # Threads do not survive a fork: a service that was started in the parent is started again here.
            role = self._role()
            role.join()
            self.running = Running(os.getpid(), role)
            atexit.register(self.close)
            # Workers of multiprocessing, such as granian's, exit without running atexit functions.
            self._at_exit = Finalize(None, self.close, exitpriority=_CLOSE_FIRST)

    def start_on(self, calls: LoopCalls) -> None:
        """See `Service.start_on`."""
        with self._lock:
            self._closed = False
            self._leave_closed_loop()
            self.calls = calls
        try:
            self.start()
        except BaseException:
            self.calls = None
            raise

    def close(self) -> None:
        """See `Service.close`."""
        with self._lock:
            if self._leave():
                self._closed = True
                self.calls = None

    def store(self) -> Store:
        """See `Service.store`."""
        running = self.running_here()
        if running is None:
            self.start()
            running = self.running
            if running is None:
                raise LedgerClosed(_CLOSED)
        return running.role.store

    def store_if_running(self) -> Store:
        """The store. Raises: LedgerClosed if nothing runs in this process."""
        running = self.running_here()
        if running is None:
            raise LedgerClosed(_CLOSED)
        return running.role.store

    def running_here(self) -> Running | None:
        """The result of `start`, if that was in this process, and its relay can still run."""
        running = self.running
        if running is None or running.pid != os.getpid() or self._is_on_closed_loop():
            return None
        return running

    def _is_on_closed_loop(self) -> bool:
        return self.calls is not None and self.calls.loop.is_closed()

    def _leave_closed_loop(self) -> None:
        """Stop what has lost its loop, because the server did not end the lifespan: it would carry out nothing more."""
        if self._is_on_closed_loop():
            self._leave()
            self.calls = None

    def _leave(self) -> bool:
        """Stop what runs, and return whether anything did. Call it with the lock."""
        running, self.running = self.running, None
        if running is None or running.pid != os.getpid():
            return False
        running.role.leave()
        if self._at_exit is not None:
            self._at_exit.cancel()
        atexit.unregister(self.close)
        return True
