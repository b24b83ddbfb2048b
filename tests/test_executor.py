"""Threads that work for as long as the process runs."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from botkit.executor import DaemonExecutor
from botkit.testing.waiting import until

_AFTER_THE_MAIN_THREAD = """
import threading
from botkit.executor import DaemonExecutor

executor = DaemonExecutor(1, "test")

def serve():
    threading.main_thread().join()
    # What refuses work comes a moment after the end of the main thread.
    for _ in range(200):
        assert executor.submit(threading.Event().wait, 0.001).result(30) is False
    print("worked on")

threading.Thread(target=serve).start()
"""


def test_work_is_done_after_the_main_thread_has_ended() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _AFTER_THE_MAIN_THREAD],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.stdout == "worked on\n", ended.stderr


def test_a_job_that_hangs_does_not_keep_the_process() -> None:
    hangs = 'import threading; from botkit.executor import DaemonExecutor as E; E(1, "x").submit(threading.Event().wait)'
    assert subprocess.run([sys.executable, "-c", hangs], timeout=60, check=False).returncode == 0


def test_threads_are_started_when_they_are_needed_and_no_more_than_allowed() -> None:
    executor, go_on = DaemonExecutor(2, "test"), threading.Event()
    for _ in range(5):
        assert executor.submit(int, "7").result(30) == 7
    held = [executor.submit(go_on.wait, 30) for _ in range(4)]
    assert len(executor._queue.threads) == 2
    go_on.set()
    assert all(one.result(30) for one in held)
    executor.shutdown()
    assert not any(thread.is_alive() for thread in executor._queue.threads)


def test_what_a_job_raises_is_raised_where_its_result_is_asked_for() -> None:
    executor = DaemonExecutor(1, "test")
    with pytest.raises(ValueError, match="seven"):
        executor.submit(int, "seven").result(30)
    with pytest.raises(SystemExit):
        executor.submit(sys.exit, 3).result(30)
    assert executor.submit(int, "7").result(30) == 7
    executor.shutdown()


def test_after_the_end_what_waits_is_done_or_cancelled_and_nothing_more_is_taken() -> None:
    for cancelled in (False, True):
        executor, go_on = DaemonExecutor(1, "test"), threading.Event()
        running, waiting = executor.submit(go_on.wait, 30), executor.submit(int, "7")
        until(running.running, "until it runs")
        executor.shutdown(wait=False, cancel_futures=cancelled)
        go_on.set()
        executor.shutdown()
        assert running.result(30)
        assert waiting.cancelled() == cancelled
        assert cancelled or waiting.result(30) == 7
        with pytest.raises(RuntimeError, match="shut down"):
            executor.submit(int, "7")


def test_a_job_that_was_cancelled_while_it_waited_is_not_done() -> None:
    executor, go_on, done = DaemonExecutor(1, "test"), threading.Event(), list[int]()
    running, waiting = executor.submit(go_on.wait, 30), executor.submit(done.append, 1)
    assert waiting.cancel()
    go_on.set()
    assert running.result(30)
    executor.submit(done.append, 2).result(30)
    assert done == [2]
    executor.shutdown()


def test_where_the_system_has_no_more_threads_those_there_are_do_it(monkeypatch: pytest.MonkeyPatch) -> None:
    executor, go_on = DaemonExecutor(2, "test"), threading.Event()

    def no_more(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as none:
        none.setattr(threading.Thread, "start", no_more)
        with pytest.raises(RuntimeError, match="start new thread"):
            executor.submit(int, "7")
    running = executor.submit(go_on.wait, 30)
    with monkeypatch.context() as none:
        none.setattr(threading.Thread, "start", no_more)
        waiting = executor.submit(int, "7")
    go_on.set()
    assert running.result(30)
    assert waiting.result(30) == 7
    executor.shutdown()


def test_after_a_fork_there_are_new_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    executor, go_on = DaemonExecutor(1, "test"), threading.Event()
    executor.submit(go_on.wait, 30)
    monkeypatch.setattr("botkit.executor.os.getpid", lambda: -1)
    assert executor.submit(int, "7").result(30) == 7
    go_on.set()
    executor.shutdown()
