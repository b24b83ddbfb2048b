"""The queue of a ledger's thread: when its bell rings, and for what it does not ring at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from botkit.ledger.waiting import MAX_WAIT_SECONDS, Waiting


class Loop:
    """A loop whose timers go off when the test says so, and the clock that they go by."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[tuple[float, Callable[..., None], tuple[Any, ...]]] = []

    def call_later(self, seconds: float, function: Callable[..., None], *args: Any) -> None:
        self.timers.append((self.now + seconds, function, args))

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        due = [one for one in self.timers if one[0] <= self.now]
        self.timers = [one for one in self.timers if one[0] > self.now]
        for _, function, args in due:
            function(*args)


class Queue(Waiting[str]):
    """What is put in, and taken without waiting."""

    def __init__(self, loop: Loop) -> None:
        super().__init__(check="nothing")
        self._loop = cast(asyncio.AbstractEventLoop, loop)

    def put_patiently(self, item: str) -> None:
        assert self.put(item, self._loop, may_wait=True)

    @property
    def rings(self) -> bool:
        return not self._bell.locked()

    def taken(self) -> list[str]:
        return self.take(10, 0)


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    loop = Loop()
    monkeypatch.setattr("botkit.ledger.waiting.time", SimpleNamespace(monotonic=lambda: loop.now))
    return loop


@pytest.fixture
def queue(loop: Loop) -> Queue:
    return Queue(loop)


def test_an_item_that_may_wait_does_not_wake_the_thread(queue: Queue, loop: Loop) -> None:
    queue.put_patiently("one")
    loop.pass_time(MAX_WAIT_SECONDS * 0.9)
    assert not queue.rings


def test_it_waits_no_longer_than_it_may(queue: Queue, loop: Loop) -> None:
    queue.put_patiently("one")
    loop.pass_time(MAX_WAIT_SECONDS)
    assert queue.rings
    assert queue.taken() == ["one"]


def test_it_is_taken_with_the_next_item_that_does_not_wait(queue: Queue, loop: Loop) -> None:
    queue.put_patiently("one")
    queue.put("two")
    assert queue.rings
    assert queue.taken() == ["one", "two"]
    loop.pass_time(MAX_WAIT_SECONDS)
    assert not queue.rings
    assert loop.timers == []


def test_what_comes_after_that_has_its_own_time(queue: Queue, loop: Loop) -> None:
    queue.put_patiently("one")
    loop.pass_time(MAX_WAIT_SECONDS * 0.75)
    queue.taken()
    queue.put_patiently("two")
    loop.pass_time(MAX_WAIT_SECONDS * 0.75)
    assert not queue.rings
    loop.pass_time(MAX_WAIT_SECONDS * 0.25)
    assert queue.rings


def test_many_items_have_one_timer(queue: Queue, loop: Loop) -> None:
    for number in range(100):
        queue.put_patiently(str(number))
        if number % 7 == 0:
            queue.taken()
    assert len(loop.timers) == 1


def test_a_loop_that_stands_still_keeps_no_item_of_another_from_its_time(queue: Queue, loop: Loop) -> None:
    stands_still = Loop()
    queue.put("one", cast(asyncio.AbstractEventLoop, stands_still), may_wait=True)
    queue.put_patiently("two")
    loop.pass_time(MAX_WAIT_SECONDS)
    assert queue.rings


def test_what_waits_can_be_hurried(queue: Queue) -> None:
    queue.hurry()
    assert not queue.rings
    queue.put_patiently("one")
    queue.hurry()
    assert queue.rings


def test_a_close_wakes_the_thread_for_what_waits(queue: Queue) -> None:
    queue.put_patiently("one")
    queue.close()
    assert queue.rings
    assert queue.taken() == ["one"]
