"""Every way to end a hand-off, by each side and in every phase: it ends once, and the user is back with the bot."""

from __future__ import annotations

from typing import Any

import pytest

from botkit.testing.waiting import until
from tests.scenarios.conftest import Stages
from tests.scenarios.stage import END_WORD, JANE, OMAR, Person, Stage

CLOSED = "Your conversation with the agent has ended. Thank you for contacting us."


def _ended_once(person: Person) -> None:
    """The user was told once, agent mode ended once, and the bot answers."""
    person.hears(CLOSED)
    person.talks_to_the_bot_again()
    assert person.told(by="botkit").count(CLOSED) == 1
    assert len(person.stage.wire("clearAgentSession", about=person.id)) == 1


def test_the_end_word_ends_it_on_both_sides(everywhere: Stage) -> None:
    ada = everywhere.person()
    case = ada.is_helped_by(JANE)
    ada.says(END_WORD)
    ada.hears(CLOSED)
    case.is_over()
    _ended_once(ada)
    assert case.typed() == []


@pytest.mark.parametrize(
    "spelled",
    [
        "EndAgentChat",
        "  endagentchat ",
        "ENDAGENTCHAT\n",
        "\tendagentchat",
        "/endagentchat",
        "endagentchat.",
        "/EndAgentChat !",
    ],
)
def test_the_end_word_counts_in_any_case_with_a_slash_and_with_punctuation_behind_it(
    stage: Stage, spelled: str
) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    ada.says(spelled)
    case.is_over()
    _ended_once(ada)


@pytest.mark.parametrize(
    "said", ["please endagentchat", "endagentchat or not?", "end agent chat", "endagentchats"]
)
def test_a_sentence_with_the_end_word_in_it_goes_to_the_agent(stage: Stage, said: str) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    ada.says(said)
    case.gets(said)
    assert ada.user.agent_mode


@pytest.mark.parametrize(
    ("language", "word"), [("en", "Bye, agent!"), ("de-AT", "tschüss"), ("de", "/fin."), ("fr", "bye, agent")]
)
def test_further_words_end_it_in_the_users_language(stages: Stages, language: str, word: str) -> None:
    words = {"en": ["bye, agent"], "de": ["Tschüss", "fin"]}
    stage = stages("end words", bot={"handoff": {"end_chat_words": words}})
    ada = stage.person(language=language)
    case = ada.is_helped_by(JANE)
    ada.says(word)
    case.is_over()
    ada.talks_to_the_bot_again()
    stage.everybody_leaves()


def test_words_of_another_language_are_words_for_the_agent(stages: Stages) -> None:
    words = {"en": ["bye, agent"], "de": ["Tschüss", "fin"]}
    stage = stages("end words", bot={"handoff": {"end_chat_words": words}})
    ada = stage.person(language="en")
    case = ada.is_helped_by(JANE)
    ada.says("fin")
    case.gets("fin")
    ada.says("Bye, agent? Not yet")
    case.gets("Bye, agent? Not yet")
    assert ada.user.agent_mode
    stage.everybody_leaves()


def test_a_plain_list_of_words_is_for_every_language(stages: Stages) -> None:
    stage = stages("end words for all", bot={"handoff": {"end_chat_words": ["leave chat"]}})
    ada = stage.person(language="ja")
    case = ada.is_helped_by(JANE)
    ada.says("Leave chat.")
    case.is_over()
    ada.talks_to_the_bot_again()
    stage.everybody_leaves()


def test_the_end_word_works_before_anybody_accepted(either: Stage) -> None:
    ada = either.person()
    case = ada.asks_for_an_agent()
    ada.says("how long will it take?")
    case.gets("how long will it take?")
    ada.says(END_WORD)
    case.is_over()
    _ended_once(ada)
    assert case.typed() == ["how long will it take?"]


def test_the_end_word_works_before_salesforce_has_even_answered(stage: Stage) -> None:
    stage.salesforce_fails("delay", path="access-token", delay_ms=300)
    ada = stage.person()
    ada.says("talk to an agent")
    ada.hears("send: endagentchat")
    ada.says(END_WORD)
    ada.hears(CLOSED)
    _ended_once(ada)
    assert ada.cases() == []


def test_the_end_word_works_between_two_agents(stage: Stage) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    case.transferred_by(JANE)
    ada.hears("has left the conversation")
    ada.says(END_WORD)
    case.is_over()
    _ended_once(ada)


def test_the_end_word_works_with_the_second_agent(stage: Stage) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    case.transferred_by(JANE, to=OMAR)
    case.accepted_by(OMAR)
    ada.hears(OMAR)
    ada.says(END_WORD)
    case.is_over()
    _ended_once(ada)


def test_the_end_word_works_while_the_session_is_idle(stage: Stage) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    case.goes_idle()
    until(lambda: case.status() == "inactive")
    ada.says(END_WORD)
    case.is_over()
    _ended_once(ada)


def test_the_end_word_said_twice_ends_once(stage: Stage) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    ada.says(END_WORD)
    ada.says(END_WORD)
    case.is_over()
    ada.is_with_the_bot()
    ada.says("hi")
    ada.hears("I am the Acme Assistant")
    assert ada.told(by="botkit").count(CLOSED) == 1


def test_without_an_agent_the_end_word_is_just_a_word_for_the_bot(stage: Stage) -> None:
    ada = stage.person()
    ada.says(END_WORD)
    ada.hears("Sorry, I did not understand that.")


def test_the_user_and_the_agent_end_it_at_the_same_time(everywhere: Stage) -> None:
    ada = everywhere.person()
    case = ada.is_helped_by(JANE)
    ada.says(END_WORD)
    case.ended_by(JANE)
    _ended_once(ada)


def test_what_an_agent_says_after_the_end_word_was_sent_does_not_bring_the_session_back(stage: Stage) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    stage.salesforce_fails("delay", path="DELETE ", delay_ms=200)
    ada.says(END_WORD)
    ada.is_with_the_bot()
    case.told_by(JANE, "one more thing")
    case.is_over()
    ada.talks_to_the_bot_again()
    assert "one more thing" not in ada.told()


# --- the platform's side


def test_the_user_closes_the_window(everywhere: Stage) -> None:
    ada = everywhere.person()
    case = ada.is_helped_by(JANE)
    ada.closes_the_window()
    case.is_over()
    _ended_once(ada)


def test_a_session_closure_that_is_said_twice_ends_once(everywhere: Stage) -> None:
    ada = everywhere.person()
    case = ada.is_helped_by(JANE)
    ada.closes_the_window(repeat=True)
    case.is_over()
    _ended_once(ada)


def test_the_user_closes_the_window_before_anybody_accepted(stage: Stage) -> None:
    ada = stage.person()
    case = ada.asks_for_an_agent()
    ada.closes_the_window()
    case.is_over()
    _ended_once(ada)


def test_a_closed_window_without_an_agent_is_nothing(stage: Stage) -> None:
    ada = stage.person()
    ada.says("hi")
    ada.hears("Ask me for")
    ada.closes_the_window()
    ada.talks_to_the_bot_again()
    assert ada.told(by="botkit") == []
    assert stage.wire("clearAgentSession", about=ada.id) == []


def test_the_platform_timed_the_agent_mode_out(everywhere: Stage) -> None:
    ada = everywhere.person()
    case = ada.is_helped_by(JANE)
    everywhere.clouds.do(everywhere.clouds.kore.time_out, ada.user)
    ada.says("hi")
    ada.hears("I am the Acme Assistant")
    case.is_over()
    assert ada.told(by="botkit").count(CLOSED) == 1
    assert case.typed() == []


def test_the_platform_believes_in_an_agent_nobody_here_knows_of(stage: Stage) -> None:
    ada = stage.person()
    stage.clouds.do(stage.clouds.kore.core.set_agent_mode, ada.user, True)
    ada.says("hi")
    ada.hears("Ask me for your order status")
    ada.is_with_the_bot()
    assert ada.told(by="botkit") == [CLOSED]
    assert ada.cases() == []


def test_after_a_lost_session_the_user_can_ask_for_an_agent(stage: Stage) -> None:
    ada = stage.person()
    stage.clouds.do(stage.clouds.kore.core.set_agent_mode, ada.user, True)
    ada.says("hi")
    ada.is_with_the_bot()
    ada.hears("Ask me for your order status")
    ada.is_helped_by(JANE)


# --- again


def test_a_second_hand_off_in_the_same_session_is_a_new_conversation(everywhere: Stage) -> None:
    ada = everywhere.person()
    first = ada.is_helped_by(JANE)
    ada.says("first")
    first.gets("first")
    first.ended_by(JANE)
    ada.talks_to_the_bot_again()
    second = ada.asks_for_an_agent()
    second.accepted_by(OMAR)
    ada.hears("Omar Haddad has joined")
    ada.says("second")
    second.gets("second")
    second.told_by(OMAR, "hello again")
    ada.hears("hello again")
    assert first.id != second.id
    assert first.typed() == ["first"]
    assert second.typed() == ["second"]


def test_the_story_of_a_second_hand_off_has_the_first_one_in_it(stage: Stage) -> None:
    ada = stage.person()
    first = ada.is_helped_by(JANE)
    first.told_by(JANE, "Please try it again later.")
    ada.hears("try it again")
    ada.says(END_WORD)
    ada.talks_to_the_bot_again()
    second = ada.asks_for_an_agent("just a human please")
    ada.says("hello")
    second.gets("hello")
    assert any("Please try it again later." in line for line in second.from_user()[0].splitlines())


def test_five_hand_offs_one_after_the_other(stage: Stage) -> None:
    ada = stage.person()
    for number in range(1, 6):
        case = ada.asks_for_an_agent()
        case.accepted_by(JANE)
        ada.hears("Jane Doe has joined", times=number)
        ada.says(END_WORD)
        case.is_over()
        ada.is_with_the_bot()
    assert len(ada.cases()) == 5
    ada.talks_to_the_bot_again()


def test_the_sessions_token_expires(stages: Stages, logged: list[Any]) -> None:
    # The end is the same at every stage of the hand-off.
    stage = stages("expiring")
    stage.salesforce_behaves(guest_token_minutes=1.2 / 60)
    ada = stage.person()
    ada.says("talk to an agent")
    ada.hears("Your session with the agent has timed out")
    ada.talks_to_the_bot_again()
    stage.everybody_leaves()


@pytest.mark.parametrize("receive", ["stream", "poll"])
def test_a_token_that_is_refused_before_its_time_ends_it_with_a_word(stages: Stages, receive: str) -> None:
    stage = stages("expiring" if receive == "stream" else "expiring poll", receive=receive)
    ada = stage.person()
    ada.is_helped_by(JANE)
    stage.salesforce_fails("expire-tokens")
    ada.hears("Your session with the agent has timed out")
    ada.talks_to_the_bot_again()
    stage.everybody_leaves()
