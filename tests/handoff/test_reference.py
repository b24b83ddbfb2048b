"""The reference of a hand-off: derived from the session's id, the same after a move to another system, read tolerantly."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.handoff.reference import number_in, number_of, reference, shown, successor

SESSION = "3d07a9b7-6f5f-4b51-9d8e-000000000001"


def test_a_reference_is_the_beginning_of_the_session_id() -> None:
    assert reference(SESSION) == shown(0x3D07A9B76F) == "7M3T-KDVF"


@given(st.uuids(version=4))
def test_a_reference_is_read_back_to_the_same_number(session: uuid.UUID) -> None:
    assert number_in(reference(str(session))) == number_of(str(session)) == number_in(str(session).upper())


@pytest.mark.parametrize(
    "typed", ["7m3tkdvf", " 7M3T KDVF ", "7M3T‑KDVF", "7M3T–KDVF", "\u20687M3T-KDVF\u2069", "7.M.3.T.KDVF"]
)
def test_a_reference_is_read_as_people_type_it(typed: str) -> None:
    assert number_in(typed) == number_of(SESSION)


def test_letters_that_look_like_digits_count_as_digits() -> None:
    assert number_in("o1iL-0000") == number_in("0111-0000")


@pytest.mark.parametrize("typed", ["", "7M3T-KDV", "7M3T-KDVFF", "7M3T-KDVU", "u-123"])
def test_anything_else_is_no_reference(typed: str) -> None:
    assert number_in(typed) is None


def test_the_next_system_in_line_keeps_the_reference_but_not_the_id() -> None:
    following = successor(SESSION, "ffffffff-ffff-4fff-bfff-ffffffffffff")
    assert following == "3d07a9b7-6fff-4fff-bfff-ffffffffffff"
    assert reference(following) == reference(SESSION)
    assert uuid.UUID(following).version == 4
