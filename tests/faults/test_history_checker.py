from __future__ import annotations

from tests.faults.history import Violations, violations


def test_a_good_history_has_no_violations() -> None:
    assert violations(["a", "b"], ["a", "b"]) == Violations()


def test_what_is_missing_is_lost() -> None:
    assert violations(["a", "b"], ["b"]).lost == ("a",)


def test_what_nobody_promised_may_be_missing() -> None:
    assert violations(["a", "b"], ["b"], unconfirmed={"a"}) == Violations()


def test_every_further_showing_is_a_repetition() -> None:
    assert violations(["a"], ["a", "a", "a"]).repeated == ("a", "a")


def test_what_nobody_promised_may_not_be_repeated() -> None:
    assert violations(["a"], ["a", "a"], unconfirmed={"a"}).repeated == ("a",)


def test_what_nobody_sent_is_invented() -> None:
    assert violations(["a"], ["a", "b"]).invented == ("b",)


def test_what_overtakes_is_out_of_order() -> None:
    assert violations(["a", "b", "c"], ["b", "a", "c"]).out_of_order == ("a",)
