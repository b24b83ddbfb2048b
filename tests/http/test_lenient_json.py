"""JSON that others wrote with less care."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.http.lenient_json import MAX_DEPTH, NestedTooDeeply, decoded, encoded, repaired, text

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_clean_json_is_read_as_it_is(value: object) -> None:
    written = json.dumps(value)
    assert decoded(written) == decoded(written.encode()) == decoded(repaired(written)) == value


@pytest.mark.parametrize("half", ["\\ud83d", "\\ude00", "\\ud83d x \\ude00"])
def test_half_a_surrogate_pair_becomes_a_replacement_character(half: str) -> None:
    read = decoded(f'{{"a":"x{half}y","b":[123456789012345678901234567890]}}')
    assert isinstance(read, dict)
    assert "\ufffd" in read["a"]
    assert (read["a"][0], read["a"][-1]) == ("x", "y")
    assert read["b"] == [123456789012345678901234567890]


def test_a_whole_pair_stays() -> None:
    assert decoded('{"a":"\\ud83d\\ude00 \\ud83d"}') == {"a": "😀 \ufffd"}


def test_an_escaped_backslash_before_a_u_is_no_escape() -> None:
    assert decoded(r'["\\ud83d", "\ud83d"]') == ["\\ud83d", "\ufffd"]


def test_bytes_that_are_not_utf8_are_replaced() -> None:
    assert decoded(b'{"a":"x\xffy"}') == {"a": "x\ufffdy"}


def test_half_a_surrogate_pair_can_be_sent() -> None:
    assert json.loads(encoded({"a": "x\ud83dy"})) == {"a": "x\ufffdy"}


def test_a_number_too_large_for_a_float_is_infinite() -> None:
    assert decoded('{"a":1e999,"b":"x\\ud83d"}') == {"a": float("inf"), "b": "x\ufffd"}


@pytest.mark.parametrize(
    "data", [b"", b"{", b"<html>", b"\xff", b"[" * 100_000, b"NaN", b'{"a":"\\ud83d"', b'[NaN, "\\ud83d"]']
)
def test_what_is_not_json_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        decoded(data)


@pytest.mark.parametrize("half", ["", "\\ud83d"])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"]":', "}")])
def test_depth_is_bounded_however_much_of_the_stack_is_left(opening: str, closing: str, half: str) -> None:
    def nested(depth: int) -> str:
        return f'["{half}",{opening * (depth - 1)}0{closing * (depth - 1)}]'

    assert encoded(decoded(nested(MAX_DEPTH)))
    for data in (nested(MAX_DEPTH + 1), nested(MAX_DEPTH + 1).encode(), nested(900)):
        with pytest.raises(NestedTooDeeply):
            decoded(data)


def test_brackets_in_texts_or_beside_each_other_are_no_depth() -> None:
    value = [["[", {}], '"[[\\', {"{": "\\\\["}] * 2 * MAX_DEPTH
    assert decoded(json.dumps(value)) == value


def test_a_number_of_thousands_of_digits_makes_nothing_else_unreadable() -> None:
    read = decoded('{"a":' + "9" * 5_000 + ',"b":' + "9" * 300 + ',"c":1}')
    assert isinstance(read, dict)
    assert (read["a"], text(read["b"]), read["c"]) == (float("inf"), "9" * 300, 1)
    assert json.loads(encoded({"a": read["a"], "b": "\ud83d"})) == {"a": None, "b": "\ufffd"}
