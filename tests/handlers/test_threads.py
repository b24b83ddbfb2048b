from __future__ import annotations

import threading
from functools import partial
from typing import Any

import pytest

from botkit.handlers.dispatch import Dispatch
from botkit.handlers.registry import Registry
from botkit.handlers.threads import WorkerThreads
from botkit.testing.waiting import until


def test_an_idle_thread_is_reused() -> None:
    threads, used = WorkerThreads("test"), list[int]()
    done = threading.Semaphore(0)

    def job() -> None:
        used.append(threading.get_ident())
        done.release()

    for _ in range(5):
        assert threads.start(job)
        assert done.acquire(timeout=30)
        until(lambda: threads._idle, "for the thread to be idle again")
    assert len(set(used)) == 1


def held_up(go_on: threading.Event) -> None:
    go_on.wait(10)


def test_where_every_thread_is_busy_the_next_job_is_refused_until_one_is_free() -> None:
    threads, go_on = WorkerThreads("test", max_threads=2), threading.Event()
    assert threads.start(partial(held_up, go_on))
    assert threads.start(partial(held_up, go_on))
    assert not threads.start(lambda: None)
    go_on.set()
    until(lambda: threads.start(lambda: None), "for a thread to be free")


def test_who_is_told_of_the_end_of_a_job_can_start_another_in_its_thread() -> None:
    threads, started = WorkerThreads("test", max_threads=1), list[bool]()
    ended = threading.Semaphore(0)

    def then() -> None:
        started.append(threads.start(ended.release))

    for _ in range(20):
        until(lambda: threads.start(lambda: None, then), "for the thread to be free")
        assert ended.acquire(timeout=30)
    assert started == [True] * 20


def test_after_a_fork_there_are_new_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    threads, ran = WorkerThreads("test", max_threads=1), threading.Event()
    go_on = threading.Event()
    assert threads.start(partial(held_up, go_on))
    monkeypatch.setattr("botkit.handlers.threads.os.getpid", lambda: -1)
    assert threads.start(ran.set)
    assert ran.wait(10)
    go_on.set()


def test_where_the_system_has_no_more_threads_the_job_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    threads, ran = WorkerThreads("test", max_threads=1), threading.Event()

    def no_more(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as none:
        none.setattr(threading.Thread, "start", no_more)
        assert not threads.start(ran.set)
    assert threads.start(ran.set)
    assert ran.wait(10)


@pytest.mark.parametrize("at_once", [64, 100])
def test_there_are_threads_for_all_hooks_that_may_be_handled_at_once_and_for_handlers_that_hang(
    at_once: int,
) -> None:
    nothing: Any = None
    dispatch = Dispatch(Registry(), gateways={}, metrics=nothing, at_once=at_once)
    go_on = threading.Event()
    try:
        started = [dispatch.runner._workers.start(partial(held_up, go_on)) for _ in range(at_once + 192)]
        assert all(started)
        assert not dispatch.runner._workers.start(lambda: None)
    finally:
        go_on.set()
