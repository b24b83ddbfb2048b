"""Texts of the largest hook that is read: deciding about them takes the ledger's thread for milliseconds."""

from __future__ import annotations

import pytest

from botkit.handoff.events import TranscriptLine
from botkit.handoff.text import pieces, split
from botkit.hooks.bodies import MAX_BYTES
from botkit.http.values import MAX_RESPONSE_BYTES
from tests.handoff.story import Story
from tests.work import steps

UNITS = {
    "words": "a ",
    "spaces": " ",
    "lines": "a\n",
    "paragraphs": "a\n\n",
    "carriage returns": "a\r\n",
    "accents": "\u0301",
    "spaces with accents": " \u0301",
    "joiners": "\u200d",
    "joined emoji": "👨\u200d👩\u200d👧",
    "flags": "🇩",
    "emoji": "😀",
    "right to left": "\u200fا",
    "no-break spaces": "\u00a0",
    "decomposed Hangul": "\u1100",
    "joined consonants": "\u0915\u094d",
    "markup": "<&",
    "markdown": "[*](",
    "placeholders": "{{",
    "masks": "#*#",
    "backslashes": "\\",
    "digits": "9",
    "halves of surrogate pairs": "\ud83d",
    "one word": "a",
}
MAX_STEPS = 50_000
"""About five milliseconds."""


def largest(unit: str) -> str:
    """A text that fills the largest hook."""
    return unit * (MAX_BYTES // len(unit.encode(errors="surrogatepass")))


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS.keys())
def test_no_message_of_a_user_takes_long_to_decide(unit: str) -> None:
    text = f"a{largest(unit)}b"
    for story in (Story(), Story().transfer(), Story().with_agent()):
        assert steps(lambda story=story: story.user(text)) < MAX_STEPS  # type: ignore[misc]
        assert steps(lambda story=story: story.bot(text)) < MAX_STEPS  # type: ignore[misc]


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS.keys())
@pytest.mark.parametrize("count", [1, 100])
def test_no_history_takes_long_to_tell(unit: str, count: int) -> None:
    """A history of as many characters as a response may have."""
    text = f"a{unit * (MAX_RESPONSE_BYTES // 4 // count // len(unit))}b"
    lines = tuple(TranscriptLine("user" if index % 2 else "bot", text, "rtm") for index in range(count))
    story = Story().transfer()
    assert steps(lambda: story.granted(*lines)) < MAX_STEPS
    assert len(story.sent) == 1


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS.keys())
def test_splitting_twice_the_text_takes_twice_the_work(unit: str) -> None:
    one, two = (f"a{unit * (count // len(unit))}b" for count in (100_000, 200_000))
    work = steps(lambda: split(one, 10_000))
    assert work < MAX_STEPS
    assert steps(lambda: split(two, 10_000)) < 2.2 * work + 100


def test_a_text_is_split_no_further_than_it_is_asked_for() -> None:
    first = pieces("word " * 400_000, 10_000)
    assert steps(lambda: next(first)) < 100


def test_a_text_that_is_too_long_to_keep_is_given_back_to_the_user() -> None:
    story = Story().with_agent().user("a " * 300_000)
    assert story.sent == []
    assert len(story.told) == 1
