"""BotKit's own messages: in the user's language, with default or configured texts, or switched off."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from botkit.handoff.translations import MESSAGES
from tests.scenarios.conftest import Stages
from tests.scenarios.stage import END_WORD, JANE, Stage

LIKE_THE_PAGE = json.loads(
    (Path(__file__).parent.parent / "config" / "responses_like_the_page.json").read_text(encoding="utf-8")
)


def _greeted(stage: Stage, language: str) -> list[str]:
    """BotKit's messages to a user of this language, from the transfer to the end."""
    user = stage.person(language=language)
    case = user.asks_for_an_agent()
    case.accepted_by(JANE)
    case.told_by(JANE, "here I am")
    user.hears("here I am")
    user.says(END_WORD)
    user.talks_to_the_bot_again()
    return user.told(by="botkit")


def _expected(language: str) -> list[str]:
    words = MESSAGES[language]
    return [
        words["lookingForAgentMessage"],
        words["endChatFromUserInstruction"].replace("{command}", "endagentchat"),
        words["agentJoinedMessage"].replace("{agent}", _isolated(language)),
        words["conversationClosedMessage"],
    ]


def _isolated(language: str) -> str:
    return f"\u200f\u2068{JANE}\u2069" if language == "ar" else JANE


@pytest.mark.parametrize("language", sorted(MESSAGES))
def test_a_whole_conversation_is_accompanied_in_each_of_the_pages_languages(
    stage: Stage, language: str
) -> None:
    assert _greeted(stage, language) == _expected(language)


@pytest.mark.parametrize(
    ("spelled", "language"),
    [
        ("zh-TW", "zh_tw"),
        ("zh_tw", "zh_tw"),
        ("zh-CN", "zh_cn"),
        ("zh-HK", "zh_tw"),
        ("zh-Hans", "zh_cn"),
        ("pt-BR", "pt"),
        ("es-419", "es"),
        ("en_US", "en"),
        ("de-AT", "de"),
        ("AR", "ar"),
        ("sw", "en"),
        ("??", "en"),
    ],
)
def test_the_users_language_is_found_however_it_is_spelled(stage: Stage, spelled: str, language: str) -> None:
    assert _greeted(stage, spelled) == _expected(language)


def test_an_unknown_language_gets_the_bots_default_one(stages: Stages) -> None:
    stage = stages("french", bot={"handoff": {"default_language": "fr"}})
    assert _greeted(stage, "sw") == _expected("fr")


@pytest.mark.parametrize("language", LIKE_THE_PAGE)
def test_the_pages_json_of_fifteen_languages_is_used_as_pasted(stages: Stages, language: str) -> None:
    stage = stages("pasted", bot={"handoff": {"responses": LIKE_THE_PAGE}})
    words = LIKE_THE_PAGE[language]
    assert len(LIKE_THE_PAGE) == 15
    assert _greeted(stage, language) == [
        words["lookingForAgentMessage"],
        words["endChatFromUserInstruction"],
        words["agentJoinedMessage"],
        words["conversationClosedMessage"],
    ]


def test_one_message_of_one_language_can_be_changed_and_the_rest_stays(stages: Stages) -> None:
    own = {"de": {"agentJoinedMessage": "{agent} ist jetzt für Sie da."}}
    stage = stages("one changed", bot={"handoff": {"responses": own}})
    expected = _expected("de")
    expected[2] = "Jane Doe ist jetzt für Sie da."
    assert _greeted(stage, "de-CH") == expected
    assert _greeted(stage, "en") == _expected("en")


def test_null_silences_a_message(stages: Stages) -> None:
    own = {"en": {"lookingForAgentMessage": None, "agentJoinedMessage": None}}
    stage = stages("silenced", bot={"handoff": {"responses": own}})
    _, instruction, _, closed = _expected("en")
    assert _greeted(stage, "en") == [instruction, closed]
    assert _greeted(stage, "fr") == _expected("fr")
