"""The threads that handlers run in: workers for functions, one event loop for coroutines.

An executor of the standard library is no substitute: it waits for every job when the interpreter exits, so a job that hangs would
keep the process alive; and its queue, semaphore and condition add a third to the cost of a hook.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable

from botkit.loop_calls import LoopCalls

MAX_THREADS = 256
_MAX_IDLE = 64

Job = Callable[[], object]


class WorkerThreads:
    """As many threads as there are running jobs, up to a limit. Idle ones are reused, the last first."""

    def __init__(self, name: str, max_threads: int = MAX_THREADS) -> None:
        self._name = name
        self._max_threads = max_threads
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._count = 0
        self._process = os.getpid()

    def start(self, job: Job, then: Job | None = None) -> bool:
        """Run a job, which must not raise. Returns False if every thread is busy and no more can be started.

        Args:
            job: the job.
            then: called in the same thread when that is free for another job, so that who is told can start one. Quick.
        """
        with self._lock:
            if self._process != os.getpid():  # Threads do not survive a fork.
                self._process, self._idle, self._count = os.getpid(), [], 0
            if self._idle:
                worker = self._idle.pop()
            elif self._count < self._max_threads:
                worker = _Worker(self._release)
                try:
                    threading.Thread(target=worker.loop, name=self._name, daemon=True).start()
                except RuntimeError:  # The system has no more threads, or the interpreter is shutting down.
                    return False
                self._count += 1
            else:
                return False
        worker.run(job, then)
        return True

    def _release(self, worker: _Worker) -> bool:
        """Take back a worker whose job is done. Returns False if its thread should end."""
        with self._lock:
            if len(self._idle) >= _MAX_IDLE:
                self._count -= 1
                return False
            self._idle.append(worker)
            return True


class _Worker:
    __slots__ = ("_job", "_release", "_then", "_wake")

    def __init__(self, release: Callable[[_Worker], bool]) -> None:
        self._release = release
        self._job: Job | None = None
        self._then: Job | None = None
        self._wake = threading.Lock()
        self._wake.acquire()

    def run(self, job: Job, then: Job | None) -> None:
        self._job, self._then = job, then
        self._wake.release()

    def loop(self) -> None:
        going = True
        while going:
            self._wake.acquire()
            job, then = self._job, self._then
            self._job = self._then = None
            if job is not None:
                job()
            del job
            going = self._release(self)
            if then is not None:
                then()
            del then


class EventLoopThread:
    """The event loop that coroutines run on: one thread, started at first use."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._calls: LoopCalls | None = None
        self._process = 0

    def calls(self) -> LoopCalls:
        """Calls the running loop."""
        with self._lock:
            if self._calls is None or self._process != os.getpid():  # Threads do not survive a fork.
                loop = asyncio.new_event_loop()
                self._process, self._calls = os.getpid(), LoopCalls(loop)
                threading.Thread(target=loop.run_forever, name=self._name, daemon=True).start()
            return self._calls
