from __future__ import annotations

import threading

from botkit.handlers.keyed_lock import KeyedLock
from botkit.testing.waiting import until


def test_a_holder_waits_for_the_one_before_it() -> None:
    lock, order = KeyedLock(), list[str]()
    inside, go_on = threading.Event(), threading.Event()

    def first() -> None:
        with lock.hold("ada", 10.0):
            inside.set()
            go_on.wait(10)
            order.append("first")

    def second() -> None:
        with lock.hold("ada", 10.0):
            order.append("second")

    one, two = threading.Thread(target=first), threading.Thread(target=second)
    one.start()
    inside.wait(10)
    two.start()
    with lock.hold("bob", 10.0):
        order.append("somebody else")
    go_on.set()
    one.join(10)
    two.join(10)
    assert order == ["somebody else", "first", "second"]


def test_a_holder_is_waited_for_until_its_time_limit() -> None:
    lock = KeyedLock()
    with lock.hold("ada", 10.0):
        done = threading.Event()

        def impatient() -> None:
            with lock.hold("ada", 0.01):
                done.set()

        threading.Thread(target=impatient).start()
        assert done.wait(10)


def test_a_holder_that_raises_releases_the_lock() -> None:
    lock = KeyedLock()
    try:
        with lock.hold("ada", 10.0):
            raise ValueError
    except ValueError:
        pass
    with lock.hold("ada", 10.0):
        pass
    assert lock._last == {}


def test_a_holder_waits_without_limit_for_one_that_has_not_entered() -> None:
    lock, order = KeyedLock(), list[str]()
    first_is_in, go_on, third_has_waited = threading.Event(), threading.Event(), threading.Event()

    def first() -> None:
        with lock.hold("ada", 10.0):
            first_is_in.set()
            go_on.wait(10)

    def second() -> None:
        with lock.hold("ada", 10.0):
            order.append("second")

    def third() -> None:
        with lock.hold("ada", 0.01):
            order.append("third")
        third_has_waited.set()

    threads = [threading.Thread(target=work) for work in (first, second, third)]
    threads[0].start()
    assert first_is_in.wait(10)
    last = lock._last["ada"]
    threads[1].start()
    until(lambda: lock._last["ada"] is not last, "for the second to queue")
    threads[2].start()
    assert not third_has_waited.wait(0.1)
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert order == ["second", "third"]
