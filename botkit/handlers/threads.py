"""Threads for code that may never come back.

An executor of the standard library would do, but for two things: it waits at the interpreter's exit for every job, and a job
that hangs would keep the process for ever; and handing a job over costs a hook a third more (queue, semaphore, condition).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

MAX_THREADS = 256
_MAX_IDLE = 64

Job = Callable[[], None]


class Threads:
    """As many threads as there are jobs under way, up to a limit; those that are idle are used again, the last first."""

    def __init__(self, name: str, most: int = MAX_THREADS) -> None:
        self._name = name
        self._most = most
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._count = 0
        self._process = os.getpid()

    def start(self, job: Job) -> bool:
        """Run a job, which must not raise; False where every thread is taken and no more are to be had."""
        with self._lock:
            if self._process != os.getpid():  # Threads do not survive a fork.
                self._process, self._idle, self._count = os.getpid(), [], 0
            if self._idle:
                worker = self._idle.pop()
            elif self._count < self._most:
                worker = _Worker(self._back)
                try:
                    threading.Thread(target=worker.run, name=self._name, daemon=True).start()
                except RuntimeError:  # The system gives no more, or the interpreter is on its way out.
                    return False
                self._count += 1
            else:
                return False
        worker.give(job)
        return True

    def _back(self, worker: _Worker) -> bool:
        """A worker has finished its job. False: it may go."""
        with self._lock:
            if len(self._idle) >= _MAX_IDLE:
                self._count -= 1
                return False
            self._idle.append(worker)
            return True


class _Worker:
    __slots__ = ("_back", "_job", "_wake")

    def __init__(self, back: Callable[[_Worker], bool]) -> None:
        self._back = back
        self._job: Job | None = None
        self._wake = threading.Lock()
        self._wake.acquire()

    def give(self, job: Job) -> None:
        self._job = job
        self._wake.release()

    def run(self) -> None:
        going = True
        while going:
            self._wake.acquire()
            job, self._job = self._job, None
            if job is not None:
                job()
            del job
            going = self._back(self)
