"""Sensitive-data rules: no match leaves unmasked, however expensive the pattern is."""

from __future__ import annotations

import asyncio

import pytest

from botkit.agents.live_chat.masking import (
    MAX_RULES,
    IsolatedMasker,
    NotMaskable,
    Rule,
    apply,
    needs_isolation,
    read_rules,
)

CARD = Rule("0GO1", "card", r"\b\d{4}[- ]?\d{4}[- ]?\d{4}[- ]?\d{4}\b", "[card]")
CATASTROPHE = Rule("0GO2", "bad", r"(a+)+$", "*")


def test_a_match_is_replaced() -> None:
    masked = apply("pay with 4111 1111 1111 1111 please", [CARD])
    assert masked.text == "pay with [card] please"
    assert masked.triggered == (CARD,)


def test_text_without_a_match_stays() -> None:
    masked = apply("pay with cash", [CARD])
    assert masked.text == "pay with cash"
    assert masked.triggered == ()


def test_rules_are_applied_one_after_the_other() -> None:
    rules = [Rule("1", "a", "secret", "word"), Rule("2", "b", "word", "*")]
    assert apply("a secret", rules).text == "a *"


def test_a_replacement_is_taken_literally() -> None:
    assert apply("x", [Rule("1", "a", "(x)", r"\1\g<0>$1")]).text == r"\1\g<0>$1"


def test_an_action_other_than_replace_removes() -> None:
    rules = read_rules([{"id": "1", "pattern": "x", "replacement": "y", "actionType": "Remove"}])
    assert apply("axb", rules).text == "ab"


def test_named_groups_as_javascript_writes_them_are_understood() -> None:
    assert apply("id 42", [Rule("1", "a", r"(?<number>\d{2})", "#")]).text == "id #"


def test_digits_are_those_of_javascript() -> None:
    assert apply("٤٢", [Rule("1", "a", r"\d", "#")]).text == "٤٢"


@pytest.mark.parametrize(
    "pattern",
    [CARD.pattern, r"[0-9]{3}-[0-9]{2}-[0-9]{4}", r"visa|master", r"[a*+]{2,3}x", r"\+\d{2,3}\(\d{3}\)"],
)
def test_plain_patterns_are_matched_here(pattern: str) -> None:
    assert not needs_isolation(pattern)


@pytest.mark.parametrize(
    "pattern", [r"\d+", r"a*b", r"x{3,}", r"(a|b){2}", r"(ab)?", r"(a+)+$", r"\d{1,90}\d{1,90}", r"[^\]]+"]
)
def test_patterns_that_may_take_long_are_matched_elsewhere(pattern: str) -> None:
    assert needs_isolation(pattern)


@pytest.mark.parametrize("pattern", ["(", "[", r"\p{Alpha}", "a" * 1_001, "(?u)x", "x{99999999999}"])
def test_with_an_invalid_pattern_no_text_leaves(pattern: str) -> None:
    rules = read_rules([{"id": "1", "pattern": pattern}])
    with pytest.raises(NotMaskable):
        apply("hello", rules)


def test_a_pattern_that_python_warns_of_is_applied() -> None:
    assert apply("a[b", read_rules([{"id": "1", "pattern": "[[a]b", "replacement": "*"}])).text == "a*"


def test_more_rules_than_are_taken_let_nothing_out() -> None:
    rules = read_rules([{"id": str(n), "pattern": "x"} for n in range(MAX_RULES + 1)])
    with pytest.raises(NotMaskable):
        apply("hello", rules)


def test_rules_without_a_pattern_are_no_rules() -> None:
    assert read_rules([{"id": "1"}, "x", None]) == ()


async def test_a_pattern_with_repetition_is_applied_all_the_same() -> None:
    rule = Rule("1", "mail", r"[\w.]+@[\w.]+", "[mail]")
    masked = await IsolatedMasker(timeout_seconds=60.0)("write to ada@example.com — Grüße 😀", [rule, CARD])
    assert masked.text == "write to [mail] — Grüße 😀"
    assert masked.triggered == (rule,)


async def test_a_pattern_that_takes_for_ever_is_given_up_and_lets_nothing_out() -> None:
    masker = IsolatedMasker(timeout_seconds=0.5)
    with pytest.raises(NotMaskable, match="too long"):
        await masker("a" * 40 + "!", [CATASTROPHE])


async def test_the_loop_goes_on_while_a_pattern_takes_for_ever() -> None:
    masking = asyncio.create_task(IsolatedMasker(timeout_seconds=0.5)("a" * 40 + "!", [CATASTROPHE]))
    turns = 0
    while not masking.done():
        turns += 1
        await asyncio.sleep(0.005)
    assert turns > 2
    assert isinstance(masking.exception(), NotMaskable)
