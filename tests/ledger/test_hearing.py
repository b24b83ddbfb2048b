"""The queue of a thread that hears notifications on the connection on which it works."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from botkit.ledger.postgresql.database import LOST, Connection, connect
from botkit.ledger.postgresql.hearing import Hearing
from botkit.testing.waiting import until
from tests.postgresql import Server

LONG = 60.0
"""Longer than a test may take."""


@pytest.fixture
def other(postgresql: Server) -> Iterator[Connection]:
    with connect(postgresql.url, "other") as other:
        yield other


@pytest.fixture
def own(postgresql: Server) -> Iterator[Connection]:
    with connect(postgresql.url, "own") as own:
        yield own


def _wait_for_ever(queue: Hearing[str], own: Connection) -> None:
    while True:
        queue.wait(own, LONG)


def test_a_notification_ends_the_wait(own: Connection, other: Connection) -> None:
    heard: list[str] = []
    queue: Hearing[str] = Hearing(check="PostgreSQL")
    with queue.listening(own, {"news": heard.append}):
        later = threading.Timer(0.05, other.execute, ("NOTIFY news, 'first'",))
        later.start()
        while not heard:
            queue.wait(own, LONG)
        later.join()
    assert heard == ["first"]


def test_the_bell_ends_the_wait(own: Connection) -> None:
    queue: Hearing[str] = Hearing(check="PostgreSQL")
    with queue.listening(own, {}):
        for item in ("before it waits", "while it waits"):
            later = threading.Timer(0.05 if "while" in item else 0.0, queue.put, (item,))
            later.start()
            if "before" in item:
                later.join()
            queue.wait(own, LONG)
            assert queue.take(10, 0.0) == [item]
            later.join()


def test_a_notification_that_comes_beside_an_answer_wakes_nobody(own: Connection, other: Connection) -> None:
    heard: list[str] = []
    queue: Hearing[str] = Hearing(check="PostgreSQL")
    with queue.listening(own, {"news": heard.append}):
        other.execute("NOTIFY news, 'first'")

        def comes() -> bool:
            own.execute("SELECT 1")
            return bool(heard)

        until(comes, "for the notification")
    assert heard == ["first"]


def test_the_end_of_the_session_ends_the_wait(own: Connection, other: Connection) -> None:
    queue: Hearing[str] = Hearing(check="PostgreSQL")
    with queue.listening(own, {}):
        other.execute("SELECT pg_terminate_backend(%s)", (own.info.backend_pid,))
        with pytest.raises(LOST):
            _wait_for_ever(queue, own)


def test_the_bell_may_ring_after_the_end(own: Connection) -> None:
    queue: Hearing[str] = Hearing(check="PostgreSQL")
    with queue.listening(own, {}):
        pass
    queue._sleeps = True
    queue.put("late")
    assert queue.take(10, 0.0) == ["late"]
