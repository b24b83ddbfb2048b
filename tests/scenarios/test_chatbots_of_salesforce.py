"""A chatbot on Salesforce's side answers first and hands over to a person: its leaving ends nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from botkit.testing.waiting import until
from tests.scenarios.stage import JANE, Case, Person, Stage

ASTRO_LEFT = "Astro has left the conversation. Please stay, a colleague will be with you shortly."


@pytest.fixture
def astro_first(either: Stage) -> Iterator[Stage]:
    """A stage whose organisation lets the chatbot Astro answer first."""
    either.salesforce_behaves(chatbot="Astro")
    yield either
    either.salesforce_behaves(chatbot="", chatbot_leaves="before-agent")


def is_helped_by_astro(stage: Stage) -> tuple[Person, Case]:
    ada = stage.person()
    case = ada.asks_for_an_agent()
    ada.hears("Astro has joined")
    return ada, case


def notices(ada: Person) -> list[str]:
    """BotKit's messages after the waiting message and the instruction."""
    return ada.told(by="botkit")[2:]


def test_a_chatbot_of_salesforce_joins_is_answered_and_hands_over_to_a_person(astro_first: Stage) -> None:
    ada, case = is_helped_by_astro(astro_first)
    salesforce = astro_first.clouds.salesforce
    astro_first.clouds.do(salesforce.bot_says, case.id, "What is it about?")
    ada.hears("What is it about?")
    ada.says("my parcel is late")
    case.gets("my parcel is late")
    astro_first.clouds.do(salesforce.bot_hands_over, case.id)
    case.accepted_by(JANE)
    ada.hears("Jane Doe has joined")
    case.told_by(JANE, "Jane here")
    ada.hears("Jane here")
    assert notices(ada) == [
        "Astro has joined the conversation.",
        ASTRO_LEFT,
        "Jane Doe has joined the conversation.",
    ]
    assert ada.user.agent_mode


def test_a_chatbot_that_leaves_after_the_person_has_joined_ends_nothing(astro_first: Stage) -> None:
    astro_first.salesforce_behaves(chatbot_leaves="after-agent")
    ada, case = is_helped_by_astro(astro_first)
    astro_first.clouds.do(astro_first.clouds.salesforce.bot_hands_over, case.id, to=JANE)
    case.accepted_by(JANE)
    ada.hears("Jane Doe has joined")
    case.told_by(JANE, "Jane here")
    ada.hears("Jane here")
    ada.says("good")
    case.gets("good")
    assert notices(ada) == ["Astro has joined the conversation.", "Jane Doe has joined the conversation."]


def test_a_chatbot_that_leaves_without_a_word_ends_nothing(astro_first: Stage) -> None:
    ada, case = is_helped_by_astro(astro_first)
    astro_first.clouds.do(astro_first.clouds.salesforce.bot_leaves, case.id)
    ada.hears("Astro has left the conversation")
    case.accepted_by(JANE)
    ada.hears("Jane Doe has joined")
    assert ada.user.agent_mode


def test_what_the_user_writes_between_the_chatbot_and_the_person_reaches_the_person(
    astro_first: Stage,
) -> None:
    ada, case = is_helped_by_astro(astro_first)
    astro_first.clouds.do(astro_first.clouds.salesforce.bot_hands_over, case.id)
    ada.hears("Astro has left the conversation")
    ada.says("are you there?")
    case.gets("are you there?")
    case.accepted_by(JANE)
    ada.hears("Jane Doe has joined")
    assert ada.user.agent_mode


def test_a_chatbot_that_ends_the_session_brings_the_user_back_to_the_bot(astro_first: Stage) -> None:
    ada, case = is_helped_by_astro(astro_first)
    astro_first.clouds.do(astro_first.clouds.salesforce.system_end, case.id)
    ada.is_with_the_bot()
    until(lambda: not ada.user.agent_mode, "for the bot to answer again")
