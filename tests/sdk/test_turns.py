from __future__ import annotations

import threading

from botkit.sdk.turns import Turns


def test_a_turn_waits_for_the_one_before_it() -> None:
    turns, order = Turns(), list[str]()
    inside, go_on = threading.Event(), threading.Event()

    def first() -> None:
        with turns.taken("ada", 10.0):
            inside.set()
            go_on.wait(10)
            order.append("first")

    def second() -> None:
        with turns.taken("ada", 10.0):
            order.append("second")

    one, two = threading.Thread(target=first), threading.Thread(target=second)
    one.start()
    inside.wait(10)
    two.start()
    with turns.taken("bob", 10.0):
        order.append("somebody else")
    go_on.set()
    one.join(10)
    two.join(10)
    assert order == ["somebody else", "first", "second"]


def test_a_turn_that_takes_too_long_is_not_waited_for() -> None:
    turns = Turns()
    with turns.taken("ada", 10.0):
        done = threading.Event()

        def impatient() -> None:
            with turns.taken("ada", 0.01):
                done.set()

        threading.Thread(target=impatient).start()
        assert done.wait(10)


def test_a_turn_that_fails_ends_all_the_same_and_leaves_nothing_behind() -> None:
    turns = Turns()
    try:
        with turns.taken("ada", 10.0):
            raise ValueError
    except ValueError:
        pass
    with turns.taken("ada", 10.0):
        pass
    assert turns._last == {}
