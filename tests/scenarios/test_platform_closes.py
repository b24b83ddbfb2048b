"""The platform closes an inactive session and says so in an ordinary message of the bot: the chat with the agent ends too."""

from __future__ import annotations

import pytest

from botkit.testing.waiting import until
from tests.scenarios.conftest import Stages
from tests.scenarios.stage import JANE, Person, Stage

WORDS = "Your session ends now, since nothing was said for a while."
CLOSED = "Your conversation with the agent has ended. Thank you for contacting us."


def _times_out(stage: Stage, person: Person, says: str, *, agent_transfer: bool | None = None) -> None:
    kore = stage.clouds.kore
    stage.clouds.do(kore.time_out, person.user, says, agent_transfer=agent_transfer)


@pytest.mark.parametrize("said", [WORDS, "your  SESSION ends now, since nothing was said for a while "])
def test_configured_closing_words_end_the_chat_and_are_shown(stages: Stages, said: str) -> None:
    stage = stages("closing words", bot={"handoff": {"platform_closing_messages": [WORDS]}})
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    _times_out(stage, ada, said, agent_transfer=True)
    ada.hears(said)
    case.is_over()
    assert CLOSED not in ada.told()
    ada.talks_to_the_bot_again()
    stage.everybody_leaves()


def test_a_message_of_the_bot_with_agent_transfer_off_ends_the_chat_and_is_shown(stage: Stage) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    ada.says("is anybody there?")
    case.gets("is anybody there?")
    _times_out(stage, ada, "Goodbye for now!")
    ada.hears("Goodbye for now!")
    case.is_over()
    ada.talks_to_the_bot_again()


def test_an_ordinary_message_of_the_bot_is_not_shown_and_ends_nothing(stage: Stage) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    ada.says("is anybody there?")
    case.gets("is anybody there?")
    talk = stage.clouds.kore.talk
    stage.clouds.do(
        stage.clouds.kore.lanes.put,
        ada.id,
        lambda: talk.closing_words(ada.user, "By the way", agent_transfer=None),
    )
    until(lambda: stage.wire("skipUserMessage", about="By the way"), "for the message to be skipped")
    case.told_by(JANE, "yes, me")
    ada.hears("yes, me")
    assert "By the way" not in ada.told()
    assert ada.user.agent_mode
