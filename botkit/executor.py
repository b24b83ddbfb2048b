"""`DaemonExecutor` and `JobQueue`: threads that work for as long as the process runs, and never keep it.

`concurrent.futures.ThreadPoolExecutor` refuses all work from the moment the main thread has ended, and the process goes on after
that: another thread may serve for days, and what closes a kit (`atexit`) is called only after all other threads. A kit that could
not read its store in that time would fail what it has promised to deliver.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
Job = Callable[[], object]


class JobQueue:
    """Jobs that wait for one of a limited number of threads, in order. For one caller at a time, such as an event loop.

    Args:
        name: of the threads, which are started when they are needed.
        threads: the largest number of them.
        max_waiting: the largest number of jobs that wait for one; see `has_room`.
    """

    def __init__(self, name: str, *, threads: int, max_waiting: int = 4096) -> None:
        self._name = name
        self._max_threads = threads
        self._max_waiting = max_waiting
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self.threads: list[threading.Thread] = []
        """Those that have been started."""

    @property
    def has_room(self) -> bool:
        """Whether another job may wait."""
        return self._jobs.qsize() < self._max_waiting

    def put(self, job: Job) -> None:
        """Run a job, which must not raise, when a thread is free. Raises: RuntimeError if the system has no thread at all."""
        if len(self.threads) < self._max_threads and not self._idle.acquire(blocking=False):
            thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            try:
                thread.start()
            except RuntimeError:  # The system has no more threads, or the interpreter is shutting down.
                if not self.threads:
                    raise
            else:
                self.threads.append(thread)
        self._jobs.put(job)

    def close(self) -> None:
        """Let the threads end when all jobs are done. No more may be put."""
        for _ in self.threads:
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            del job  # Nothing is kept while this waits.
            self._idle.release()


class DaemonExecutor(Executor):
    """At most `max_threads` threads, each started when it is needed. The end of the process waits for none of them."""

    def __init__(self, max_threads: int, name: str) -> None:
        self._max_threads = max_threads
        self._name = name
        self._lock = threading.Lock()
        self._closed = self._cancelled = False
        self._begin()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """See `concurrent.futures.Executor`. Raises: RuntimeError after `shutdown`, or if the system has no thread at all."""
        future: Future[T] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("this executor has been shut down")
            if self._process != os.getpid():
                self._begin()
            self._queue.put(partial(self._do, future, partial(fn, *args, **kwargs)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """See `concurrent.futures.Executor`. What waits is cancelled when a thread is free for it."""
        with self._lock:
            if not self._closed:
                self._closed, self._cancelled = True, cancel_futures
                self._queue.close()
        if wait:
            for thread in self._queue.threads:
                thread.join()

    def _begin(self) -> None:
        """There are no threads yet, or none any more: they do not survive a fork."""
        self._process = os.getpid()
        self._queue = JobQueue(self._name, threads=self._max_threads)

    def _do(self, future: Future[Any], call: Callable[[], Any]) -> None:
        if self._cancelled:
            future.cancel()
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001 - who waits is told
            future.set_exception(error)
        else:
            future.set_result(result)
