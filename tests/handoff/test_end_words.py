"""Words that end a hand-off."""

from __future__ import annotations

import pytest

from botkit.handoff.end_words import MAX_LENGTH, plain
from botkit.handoff.events import MetaInfo, UserProfile
from tests.handoff.story import Story, rules

WORDS = {"en": ("bye agent",), "de": ("Tschüss",), "pt-BR": ("tchau",), "": ("#leave",)}


def ends(said: str, language: str = "en", *, payload: str = "") -> bool:
    story = Story(rules(end_chat_words=WORDS))
    story.with_agent(
        profile=UserProfile(user_id="u-1", language=language), meta=MetaInfo(end_word="endagentchat")
    )
    return story.user(said, payload=payload, agent_transfer=True).conversation.session is None


@pytest.mark.parametrize(
    ("said", "language"),
    [
        ("endagentchat", "ko"),
        ("/EndAgentChat!", "en"),
        ("endagentchat .", "en"),
        ("Bye   Agent!!", "en-GB"),
        ("tschüss…", "de-AT"),
        ("TCHAU", "pt"),
        ("#leave", "ja"),
        ("bye agent", "ja"),  # A language without words has those of the bot's default language.
    ],
)
def test_an_end_word_ends(said: str, language: str) -> None:
    assert ends(said, language)


@pytest.mark.parametrize(
    ("said", "language"),
    [
        ("please say bye agent", "en"),
        ("Tschüss", "en"),
        ("bye agent", "de"),
        ("endagentchat" + "!" * MAX_LENGTH, "en"),
        ("!", "en"),
        ("/", "en"),
    ],
)
def test_anything_else_does_not(said: str, language: str) -> None:
    assert not ends(said, language)


def test_the_payload_behind_a_button_counts_too() -> None:
    assert ends("Leave the chat", payload="endagentchat")


def test_a_text_of_punctuation_is_compared_as_it_is() -> None:
    assert plain("///") == "///"
    assert plain(" !? ") == "!?"
