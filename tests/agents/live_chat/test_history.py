"""Finding the new messages in the chat that a new server sends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.agents.live_chat.position import REMEMBERED_MESSAGES, Position, read_session_data, unseen


def lines(*said: str) -> list[dict[str, object]]:
    return [
        {"type": "Agent", "name": "Ada", "content": text, "timestamp": 1, "sequence": n}
        for n, text in enumerate(said)
    ]


def fresh(told: list[dict[str, object]], *heard: str) -> list[str]:
    position = Position()
    for text in heard:
        position = position.with_message(text)
    found = unseen(
        read_session_data({"chatMessages": told}), read=position.digests, count=position.messages_read
    )
    return [line.text for line in found]


def test_after_nothing_was_heard_everything_is_new() -> None:
    assert fresh(lines("a", "b")) == ["a", "b"]


def test_after_everything_was_heard_nothing_is_new() -> None:
    assert fresh(lines("a", "b"), "a", "b") == []


def test_a_repeated_word_is_not_taken_for_its_first_time() -> None:
    assert fresh(lines("ok", "ok"), "ok") == ["ok"]


def test_an_account_whose_beginning_is_missing_is_laid_right() -> None:
    assert fresh(lines("b", "c"), "a", "b") == ["c"]


def test_an_account_with_a_greeting_we_never_got_is_laid_right() -> None:
    assert fresh(lines("welcome", "a", "b", "c"), "a", "b") == ["c"]


def test_without_a_known_message_every_message_is_new() -> None:
    assert fresh(lines("x", "y"), "a", "b") == ["x", "y"]


def test_blanks_case_and_entities_do_not_make_another_saying() -> None:
    assert fresh(lines("Tom &amp;  Jerry "), "tom & jerry") == []


def test_lines_are_read_in_the_order_of_their_numbers() -> None:
    assert fresh(list(reversed(lines("a", "b", "c")))) == ["a", "b", "c"]


def test_odd_numbers_leave_the_order_as_it_is() -> None:
    told = [{"type": "Agent", "content": text, "sequence": 1} for text in ("b", "a")]
    assert fresh(told) == ["b", "a"]  # type: ignore[arg-type]


@pytest.mark.parametrize("odd", [True, None, "1", 1.5, []])
def test_numbers_that_are_none_leave_the_order_as_it_is(odd: object) -> None:
    told = [{"type": "Agent", "content": text, "sequence": number} for text, number in (("b", 5), ("a", odd))]
    assert [line.text for line in read_session_data({"chatMessages": told})] == ["b", "a"]


def test_lines_that_are_no_objects_are_left_out() -> None:
    assert read_session_data({"chatMessages": ["x", None, {"type": "Agent", "content": "a"}]})[0].text == "a"


@given(st.lists(st.sampled_from(["ok", "yes", "no", "hello"]), max_size=30), st.data())
def test_a_whole_account_never_loses_and_never_repeats(said: list[str], data: st.DataObject) -> None:
    heard = data.draw(st.integers(0, len(said)))
    # With more repetitions than are remembered the count decides, and it does as long as the account is whole.
    assert fresh(lines(*said), *said[:heard]) == said[heard:]


@given(st.lists(st.integers(), unique=True, max_size=30), st.data())
def test_a_cut_account_never_loses(said: list[int], data: st.DataObject) -> None:
    texts = [f"word {n}" for n in said]
    heard = data.draw(st.integers(0, len(texts)))
    cut = data.draw(st.integers(0, max(0, heard - 1)))
    assert fresh(lines(*texts[cut:]), *texts[:heard]) == texts[heard:]


def test_as_much_is_remembered_as_a_position_can_afford() -> None:
    position = Position()
    for n in range(100):
        position = position.with_message(f"word {n}")
    assert len(position.digests) == REMEMBERED_MESSAGES
    assert len(position.written()) < 200
