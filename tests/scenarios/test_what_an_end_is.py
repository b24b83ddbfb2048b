"""Ends that agents' sides state in the field, and that are none: the chat goes on until it is really over."""

from __future__ import annotations

from datetime import timedelta

import pytest

from botkit.testing.waiting import until
from tests.scenarios.stage import JANE, MEI, OMAR, Person, Stage

CLOSED = "Your conversation with the agent has ended. Thank you for contacting us."
NOBODY = "Sorry, no agent is available at the moment"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botkit.handoff.agents_side.SETTLE_FOR", timedelta(milliseconds=50))


def _asked(stage: Stage, person: Person) -> int:
    """How often the routing status of the person's conversation was asked."""
    path = f"GET /iamessage/api/v2/conversation/{person.cases()[-1].id}"
    entries = stage.clouds.do(lambda: list(stage.clouds.wire.entries))
    return sum(f"{entry.method} {entry.path}" == path for entry in entries)


def _as_long_as_an_end_takes(stage: Stage) -> None:
    """Wait until another user's agent, who goes now without a word, counts as gone."""
    grace = stage.person("Grace Hopper")
    case = grace.is_helped_by(MEI)
    stage.clouds.do(_vanish, stage, case.id)
    grace.hears(CLOSED)


def _vanish(stage: Stage, conversation_id: str) -> None:
    conversation = stage.clouds.salesforce.conversation(conversation_id)
    conversation.routing_status = "NEEDS_ROUTING"
    stage.clouds.salesforce.remove_everybody(conversation)


def test_a_supervisors_end_does_not_end_the_chat(either: Stage) -> None:
    ada = either.person()
    case = ada.is_helped_by(JANE)
    case.ended_by_a_supervisor()
    until(lambda: _asked(either, ada), "for the routing status to be asked")
    case.told_by(JANE, "I am still here")
    ada.hears("I am still here")
    ada.says("good")
    case.gets("good")
    assert ada.user.agent_mode
    assert CLOSED not in ada.told()


def test_a_supervisors_end_counts_when_the_routing_status_confirms_it(either: Stage) -> None:
    either.salesforce_behaves(supervisor_end_is_final=True)
    ada = either.person()
    ada.is_helped_by(JANE).ended_by_a_supervisor()
    ada.hears(CLOSED)
    assert _asked(either, ada) >= 2
    ada.talks_to_the_bot_again()


@pytest.mark.parametrize("role", ["Agent", "EndUser"])
def test_an_end_by_an_agent_or_the_user_is_believed_at_once(stage: Stage, role: str) -> None:
    stage.salesforce_behaves(ended_by_role=role)
    ada = stage.person()
    ada.is_helped_by(JANE).ended_by(JANE)
    ada.hears(CLOSED)
    assert _asked(stage, ada) == 0


@pytest.mark.parametrize("role", ["System", "Chatbot", "Router", "agentforce"])
def test_an_end_by_anybody_else_ends_the_chat_in_bounded_time(stage: Stage, role: str) -> None:
    stage.salesforce_behaves(ended_by_role=role)
    ada = stage.person()
    ada.is_helped_by(JANE).ended_by(JANE)
    ada.hears(CLOSED)
    assert _asked(stage, ada) >= 2
    ada.talks_to_the_bot_again()


def test_a_failed_routing_that_works_a_moment_later_is_not_told(either: Stage) -> None:
    ada = either.person()
    case = ada.asks_for_an_agent()
    ada.hears("send:")
    case.fails_to_be_routed(again=True)
    case.accepted_by(JANE)
    ada.hears("Jane Doe has joined")
    case.told_by(JANE, "there you are")
    ada.hears("there you are")
    assert not any(NOBODY in text for text in ada.told())


def test_an_agent_who_accepts_after_a_failed_routing_is_welcome(stage: Stage) -> None:
    ada = stage.person()
    case = ada.asks_for_an_agent()
    ada.hears("send:")
    case.fails_to_be_routed()
    case.accepted_by(JANE)
    ada.hears("Jane Doe has joined")
    assert not any(NOBODY in text for text in ada.told())


def test_a_failed_routing_after_which_nothing_happens_is_told_once(either: Stage) -> None:
    ada = either.person()
    case = ada.asks_for_an_agent()
    ada.hears("send:")
    case.fails_to_be_routed()
    ada.hears(NOBODY)
    case.is_over()
    ada.talks_to_the_bot_again()
    assert len([text for text in ada.told() if NOBODY in text]) == 1


def test_a_session_that_ends_without_any_agent_is_not_called_a_conversation(either: Stage) -> None:
    ada = either.person()
    case = ada.asks_for_an_agent()
    until(case.from_user, "for the talk before: a later message would open a new session")
    case.ended_by_the_system()
    ada.hears(NOBODY)
    ada.talks_to_the_bot_again()
    assert CLOSED not in ada.told()


def test_the_organisations_own_words_when_nobody_is_there_are_shown_and_not_doubled(either: Stage) -> None:
    either.salesforce_behaves(closed_response="We are open from 9 to 5, Monday to Friday.")
    ada = either.person()
    ada.says("talk to an agent")
    ada.hears("We are open from 9 to 5")
    ada.talks_to_the_bot_again()
    assert not any(NOBODY in text or text == CLOSED for text in ada.told())
    assert len([text for text in ada.told() if "9 to 5" in text]) == 1


def test_the_organisations_own_words_after_a_failed_routing_are_shown_and_not_doubled(either: Stage) -> None:
    ada = either.person()
    case = ada.asks_for_an_agent()
    ada.hears("send:")
    case.fails_to_be_routed(says="Our team is away until Monday.")
    ada.hears("Our team is away until Monday.")
    ada.talks_to_the_bot_again()
    assert not any(NOBODY in text for text in ada.told())


@pytest.mark.parametrize("removed", ["before", "after"])
def test_an_inactive_session_whose_agent_is_removed_goes_on_when_the_user_writes(
    either: Stage, removed: str
) -> None:
    either.salesforce_behaves(inactive_removes_agent=removed)
    ada = either.person()
    case = ada.is_helped_by(JANE)
    case.goes_idle()
    _as_long_as_an_end_takes(either)
    assert ada.user.agent_mode
    ada.says("sorry, I was away")
    case.gets("sorry, I was away")
    ada.hears("Jane Doe has left the conversation")
    case.accepted_by(OMAR)
    case.told_by(OMAR, "no problem")
    ada.hears("no problem")
    assert CLOSED not in ada.told()


def test_an_agent_who_resumes_an_inactive_session_is_heard(stage: Stage) -> None:
    stage.salesforce_behaves(inactive_removes_agent="after")
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    case.goes_idle()
    _as_long_as_an_end_takes(stage)
    case.resumed_by(JANE)
    case.told_by(JANE, "are you still there?")
    ada.hears("are you still there?")
    assert ada.user.agent_mode
    assert CLOSED not in ada.told()


def test_an_inactive_session_that_salesforce_ends_in_the_end_is_over(stage: Stage) -> None:
    stage.salesforce_behaves(inactive_removes_agent="after")
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    case.goes_idle()
    case.ended_by_the_system()
    ada.hears(CLOSED)
    ada.talks_to_the_bot_again()


def test_the_organisations_fallback_message_is_told_when_nobody_is_there(stage: Stage) -> None:
    stage.salesforce_behaves(fallback_message="Write to help@acme.example instead.")
    ada = stage.person()
    case = ada.asks_for_an_agent()
    until(case.from_user, "for the talk before: a later message would open a new session")
    case.fails_to_be_routed()
    ada.hears("Write to help@acme.example instead.")
    ada.talks_to_the_bot_again()
    assert not any(NOBODY in text for text in ada.told())
