from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest
from structlog.testing import capture_logs

from botkit.loop_calls import LoopCalls


class CountingLoop(asyncio.SelectorEventLoop):
    """Counts the wake-ups from other threads."""

    wake_ups = 0

    def _write_to_self(self) -> None:
        self.wake_ups += 1
        super()._write_to_self()  # type: ignore[misc]


@pytest.fixture
def loop() -> Iterator[CountingLoop]:
    loop = CountingLoop()
    yield loop
    loop.close()


def in_a_thread(work: Callable[[], object]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()


def run_once(loop: asyncio.AbstractEventLoop) -> None:
    loop.call_soon(loop.stop)
    loop.run_forever()


def test_calls_are_made_on_the_loop_in_order_after_one_wake_up(loop: CountingLoop) -> None:
    calls, made, threads = LoopCalls(loop), list[int](), set[int]()

    def call(number: int) -> None:
        made.append(number)
        threads.add(threading.get_ident())

    def submit() -> None:
        for number in range(100):
            calls.soon(call, number)

    in_a_thread(submit)
    assert made == []
    run_once(loop)
    assert made == list(range(100))
    assert threads == {threading.get_ident()}
    assert loop.wake_ups == 1


def test_calls_after_a_round_wake_the_loop_again(loop: CountingLoop) -> None:
    calls, made = LoopCalls(loop), list[str]()
    for word in ("one", "two"):
        in_a_thread(lambda word=word: calls.soon(made.append, word))  # type: ignore[misc]
        run_once(loop)
    assert made == ["one", "two"]
    assert loop.wake_ups == 2


def test_a_call_made_by_a_call_is_for_the_next_round(loop: CountingLoop) -> None:
    calls, made = LoopCalls(loop), list[str]()

    def again() -> None:
        made.append("again")
        calls.soon(again)

    calls.soon(again)
    run_once(loop)
    assert made == ["again"]
    run_once(loop)
    assert made == ["again", "again"]


def test_calls_of_several_threads_are_all_made(loop: CountingLoop) -> None:
    calls, made = LoopCalls(loop), list[tuple[int, int]]()
    total = 4 * 2_000

    def submit(thread: int) -> None:
        for number in range(2_000):
            calls.soon(made.append, (thread, number))
        calls.soon(stop_after_the_last)

    def stop_after_the_last() -> None:
        if len(made) == total:
            loop.stop()

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    loop.run_forever()
    for thread in threads:
        thread.join(10)
    assert [number for thread, number in made if thread == 2] == list(range(2_000))
    assert len(made) == total


def test_a_call_that_raises_is_logged_and_the_others_are_made(loop: CountingLoop) -> None:
    calls, made = LoopCalls(loop), list[str]()

    def fails() -> None:
        raise ValueError("a secret")

    for one in (lambda: made.append("before"), fails, lambda: made.append("after")):
        calls.soon(one)
    with capture_logs() as lines:
        run_once(loop)
    assert made == ["before", "after"]
    assert [line["event"] for line in lines] == ["call_failed"]
    assert "a secret" not in str(lines)


def test_calls_to_a_closed_loop_are_dropped_and_not_kept(loop: CountingLoop) -> None:
    calls, made = LoopCalls(loop), list[str]()
    calls.soon(made.append, "not made: the loop is closed before its next round")
    loop.close()
    for _ in range(3):
        calls.soon(made.append, "dropped")
    assert made == []
    assert len(calls._waiting) == 0
