"""What the harness calls an attempt of a member that is no owner, and a shard that has moved."""

from __future__ import annotations

from tests.hostile.owners import (
    NOTICES_SECONDS,
    attempts_of_others,
    moves_since,
    shard_of_user,
)

ADA = 1
TERMS = {shard_of_user(ADA): [(100.0, "one"), (200.0, "two")]}
LATER = NOTICES_SECONDS + 0.1


def test_an_owner_may_attempt_everything() -> None:
    assert attempts_of_others(TERMS, {ADA: [(100.1, "one", "send"), (300.0, "two", "send")]}) == []


def test_the_end_of_its_term_is_noticed_a_moment_later() -> None:
    assert attempts_of_others(TERMS, {ADA: [(200.0 + NOTICES_SECONDS / 2, "one", "send")]}) == []


def test_a_deposed_owner_may_begin_nothing() -> None:
    found = attempts_of_others(TERMS, {ADA: [(200.0 + LATER, "one", "send")]})
    assert found == [f"send by one for user 1 {LATER:.2f} s after two owned it"]


def test_nor_may_a_later_owner_before_its_term() -> None:
    assert attempts_of_others(TERMS, {ADA: [(150.0, "two", "send")]})


def test_a_shard_moves_when_it_has_another_owner() -> None:
    assert moves_since(TERMS, 150.0) == [f"{shard_of_user(ADA)} from one to two"]
    assert moves_since(TERMS, 250.0) == []
    assert moves_since({1: [(100.0, "one"), (200.0, "one")]}, 150.0) == []
