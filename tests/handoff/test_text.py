"""Length of texts, and cutting them."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from botkit.handoff.text import LONGEST_COMPARED, as_compared, cut, length, split

FAMILY = "👨‍👩‍👧‍👦"
WAVING_FLAG = "🏴󠁧󠁢󠁳󠁣󠁴󠁿"
GRAPHEMES = [
    "a",
    "ß",
    "中",
    "😀",
    FAMILY,
    WAVING_FLAG,
    "👍🏽",
    "❤️",
    "🇩🇪",
    "🇰🇷",
    "e\u0301",
    "n\u0303\u0323",
    "\u1112\u1161\u11ab",
    "한\u11ab",
    "क्षि",
    "กำ",
    "שׁ",
]
"""Graphemes that stay separate beside any other."""
SPACES = [" ", "\n", "\r\n", "\n\n", "\t", "  ", "\u2028"]

words = st.lists(st.sampled_from(GRAPHEMES), min_size=1, max_size=12).map("".join)
prose = st.lists(st.one_of(words, st.sampled_from(SPACES)), max_size=30).map("".join)


def dense(text: str) -> str:
    return "".join(text.split())


def borders(text: str) -> set[int]:
    """The grapheme borders in a text made of GRAPHEMES and SPACES."""
    found = {0}
    index = 0
    parts = sorted([*GRAPHEMES, *SPACES], key=len, reverse=True)
    while index < len(text):
        index += len(next(part for part in parts if text.startswith(part, index)))
        found.add(index)
    return found


@pytest.mark.parametrize(
    ("text", "units"), [("", 0), ("abc", 3), ("中", 1), ("😀", 2), ("e\u0301", 2), (FAMILY, 11)]
)
def test_length_counts_utf_16_code_units(text: str, units: int) -> None:
    assert length(text) == units


def test_length_takes_half_a_surrogate_pair_as_one_unit() -> None:
    assert length("\ud83d") == 1


@given(st.text())
def test_length_is_what_an_encoder_says(text: str) -> None:
    assert length(text) == len(text.encode("utf-16-be", "surrogatepass")) // 2


@given(st.text(), st.integers(min_value=0, max_value=40))
def test_what_is_cut_is_a_beginning_that_fits(text: str, limit: int) -> None:
    assert text.startswith(cut(text, limit))
    assert length(cut(text, limit)) <= limit


@given(prose, st.integers(min_value=0, max_value=60))
def test_cutting_wastes_less_than_one_grapheme(text: str, limit: int) -> None:
    if length(text) > limit:
        assert length(cut(text, limit)) > limit - max(map(length, GRAPHEMES))


def test_a_text_that_fits_is_not_touched_by_a_cut() -> None:
    assert cut(" 😀 ", 4) == " 😀 "


def test_a_cut_never_halves_an_emoji() -> None:
    assert cut("ab😀", 3) == "ab"


@pytest.mark.parametrize("grapheme", [item for item in GRAPHEMES if len(item) > 1])
def test_a_cut_keeps_a_grapheme_together(grapheme: str) -> None:
    text = f"ab{grapheme}c"
    assert {cut(text, limit) for limit in range(2, length(text))} == {"ab", f"ab{grapheme}"}


def test_flags_are_cut_between_and_not_within() -> None:
    assert cut("🇩🇪🇰🇷🇳🇱", 7) == "🇩🇪"
    assert split("🇩🇪🇰🇷🇳🇱", 7) == ["🇩🇪", "🇰🇷", "🇳🇱"]


def test_a_grapheme_longer_than_the_limit_is_cut_between_its_code_points() -> None:
    assert split(FAMILY, 4) == ["👨\u200d", "👩\u200d", "👧\u200d", "👦"]


def test_a_cut_to_nothing_is_nothing() -> None:
    assert [cut("abc", 0), cut("abc", -1), cut("😀", 1)] == ["", "", ""]


def test_a_text_that_fits_is_one_piece_unchanged() -> None:
    assert split("  two words \n", 13) == ["  two words \n"]


@pytest.mark.parametrize("text", ["", " ", "\n\n\t", " " * 100])
def test_a_blank_text_has_no_pieces(text: str) -> None:
    assert split(text, 10) == []


def test_pieces_end_between_words() -> None:
    assert split("one two three four", 9) == ["one two", "three", "four"]


def test_white_space_just_over_the_limit_does_not_cost_a_word() -> None:
    assert split("one two three", 7) == ["one two", "three"]


def test_a_line_end_is_preferred_to_a_space() -> None:
    assert split("one two\nthree four five", 14) == ["one two", "three four", "five"]


def test_a_paragraph_is_preferred_to_a_line_end() -> None:
    assert split("one two six\n\nthree\nfour five", 18) == ["one two six", "three\nfour five"]


def test_a_line_end_near_the_beginning_does_not_make_a_tiny_piece() -> None:
    assert split("Hi\none two three four", 12) == ["Hi\none two", "three four"]


def test_a_long_word_is_not_cut_if_it_fits_into_the_next_piece() -> None:
    assert split("see https://a.example/path", 22) == ["see", "https://a.example/path"]


def test_a_no_break_space_is_no_place_to_break() -> None:
    assert split("about 10\u00a0000 euros", 10) == ["about", "10\u00a0000", "euros"]


def test_a_space_that_carries_an_accent_is_no_place_to_break() -> None:
    assert split("one two \u0301three", 8) == ["one", "two \u0301thr", "ee"]


def test_the_indentation_after_a_cut_at_a_line_end_stays() -> None:
    assert split("first line:\n    indented", 14) == ["first line:", "    indented"]


def test_a_text_without_spaces_is_cut_where_it_is_full() -> None:
    assert split("一二三四五六七", 3) == ["一二三", "四五六", "七"]


def test_a_carriage_return_and_its_line_feed_stay_together() -> None:
    assert split("aaaa\r\nbbbb", 5) == ["aaaa", "bbbb"]


@pytest.mark.parametrize("limit", [1, 0, -5])
def test_a_limit_that_cannot_hold_every_character_is_refused(limit: int) -> None:
    with pytest.raises(ValueError, match="limit"):
        split("text", limit)


@given(st.text(), st.integers(min_value=2, max_value=40))
@example("a " * 50 + "😀" * 50, 7)
def test_every_piece_fits_and_is_not_blank(text: str, limit: int) -> None:
    for piece in split(text, limit):
        assert length(piece) <= limit
        assert piece.strip()


@given(st.one_of(st.text(), prose), st.integers(min_value=2, max_value=40))
def test_nothing_is_lost_but_white_space_at_the_cuts_and_the_ends(text: str, limit: int) -> None:
    rest = text
    for piece in split(text, limit):
        skipped, found, rest = rest.partition(piece)
        assert found
        assert not skipped.strip()
    assert not rest.strip()


@given(prose, st.integers(min_value=max(map(length, GRAPHEMES)), max_value=60))
def test_no_grapheme_is_cut_if_every_grapheme_fits(text: str, limit: int) -> None:
    meeting = borders(text)
    at = 0
    for piece in split(text, limit):
        at = text.index(piece, at)
        assert at in meeting
        at += len(piece)
        assert at in meeting


@given(st.lists(words, min_size=1, max_size=20), st.integers(min_value=2, max_value=300))
def test_no_word_is_cut_if_every_word_fits(parts: list[str], limit: int) -> None:
    if max(map(length, parts)) <= limit:
        assert [word for piece in split(" ".join(parts), limit) for word in piece.split()] == parts


def test_a_very_long_text_is_split_in_no_time() -> None:
    for unit in ("word ", "x", "🇩🇪", "e" + "\u0301" * 500, " "):
        text = unit * (1_000_000 // length(unit))
        assert all(length(piece) <= 10_000 for piece in split(text, 10_000))


def test_a_text_that_is_longer_than_any_configured_one_is_compared_as_it_is() -> None:
    accents = "\u0327\u0301" * (LONGEST_COMPARED // 2)
    assert as_compared(f"{accents}!") == f"{accents}!"
    assert as_compared(f"{accents[:-2]}!") != f"{accents[:-2]}!"
