"""`DaemonExecutor`: threads that work for as long as the process runs.

`concurrent.futures.ThreadPoolExecutor` refuses all work from the moment the main thread has ended, and the process goes on after
that: another thread may serve for days, and what closes a kit (`atexit`) is called only after all other threads. A kit that could
not read its store in that time would fail what it has promised to deliver.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
_Job = tuple[Future[Any], Callable[[], Any]]


class DaemonExecutor(Executor):
    """At most `max_threads` threads, each started when it is needed. The end of the process waits for none of them."""

    def __init__(self, max_threads: int, name: str) -> None:
        self._max_threads = max_threads
        self._name = name
        self._lock = threading.Lock()
        self._closed = False
        self._forget_threads()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """See `concurrent.futures.Executor`. Raises: RuntimeError after `shutdown`, or if the system has no thread at all."""
        future: Future[T] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("this executor has been shut down")
            if self._process != os.getpid():
                self._forget_threads()
            self._start_if_all_are_busy()
            self._jobs.put((future, partial(fn, *args, **kwargs)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """See `concurrent.futures.Executor`."""
        with self._lock:
            if not self._closed:
                self._closed = True
                if cancel_futures:
                    self._cancel_waiting()
                for _ in self._threads:
                    self._jobs.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def _cancel_waiting(self) -> None:
        with suppress(Empty):
            while job := self._jobs.get_nowait():
                job[0].cancel()

    def _forget_threads(self) -> None:
        """There are none yet, or none any more: threads do not survive a fork."""
        self._process = os.getpid()
        self._threads: list[threading.Thread] = []
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._idle = threading.Semaphore(0)

    def _start_if_all_are_busy(self) -> None:
        if len(self._threads) == self._max_threads or self._idle.acquire(blocking=False):
            return
        thread = threading.Thread(target=self._work, name=self._name, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # The system has no more threads: those there are take the job in turn.
            if not self._threads:
                raise
        else:
            self._threads.append(thread)

    def _work(self) -> None:
        jobs, idle = self._jobs, self._idle
        while (job := jobs.get()) is not None:
            _do(*job)
            del job  # Nothing is kept while this waits.
            idle.release()


def _do(future: Future[Any], call: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = call()
    except BaseException as error:  # noqa: BLE001 - who waits is told
        future.set_exception(error)
    else:
        future.set_result(result)
