"""Every status of Live Chat, and its effect on a hand-off (docs/protocols/salesforce-live-chat.md, 5).

`test_live_chat_moves.py` has the 503.
"""

from __future__ import annotations

from typing import Any

import pytest

from botkit.testing.waiting import until
from botkit_sandbox.live_chat.faults import Fault
from tests.scenarios.conftest import LIVE_CHAT, Stages
from tests.scenarios.live_chats import api_calls, is_helped
from tests.scenarios.stage import END_WORD, JANE, OMAR, LiveChatCase, Person, Stage

CLOSED = "Your conversation with the agent has ended. Thank you for contacting us."
UNREACHABLE = "Sorry, our agents cannot be reached right now. The virtual assistant is here for you again."
REFUSALS = pytest.mark.parametrize("status", [400, 404, 405])
"""What asking again does not help against."""


@pytest.fixture
def harsh(stages: Stages, logged: list[Any]) -> Stage:
    """The stage `live_chat`, for faults that must be logged as errors."""
    return stages("live-chat", bot=LIVE_CHAT)


def _talk_on(person: Person, case: LiveChatCase) -> None:
    """Both sides still receive messages, and nothing else arrived meanwhile."""
    person.says("are you there?")
    case.told_by(JANE, "still with you")
    case.gets("are you there?")
    person.hears("still with you")


def _answers(case: LiveChatCase, *, operation: str, status: int, times: int = 1) -> None:
    """The chat's next calls of this kind get this answer."""
    fault = Fault(kind="status", operation=operation, status=status, times=times, conversation_id=case.id)
    case.clouds.do(case.clouds.live_chat.inject, fault)


def _statuses(case: LiveChatCase, *operations: str) -> set[int | None]:
    return {entry.status for operation in operations for entry in case.calls(operation)}


POSTS = ("ChasitorInit", "ChatMessage", "ChasitorTyping", "CustomEvent", "ChatEnd")


def _whole_chat(stage: Stage) -> LiveChatCase:
    ada = stage.person()
    case = is_helped(ada)
    ada.types()
    stage.clouds.do(stage.clouds.kore.custom_event, ada.user, {"type": "cart"})
    _talk_on(ada, case)
    ada.says(END_WORD)
    ada.hears(CLOSED)
    case.is_over()
    until(lambda: case.calls("DeleteSession"), "for the end of the session")
    assert case.typed() == ["are you there?"]
    assert ada.told(by="agent") == ["still with you"]
    return case


def test_200_is_all_that_is_heard_of_a_chat_without_trouble(live_chat: Stage) -> None:
    case = _whole_chat(live_chat)
    assert _statuses(case, *POSTS) == {200}
    (end,) = case.calls("ChatEnd")
    assert {poll.status for poll in case.calls("Messages") if poll.id < end.id} <= {200, 204}
    assert all(case.calls(operation) for operation in POSTS)
    assert not case.calls("ReconnectSession")


def test_202_is_as_good(live_chat: Stage) -> None:
    live_chat.live_chat_behaves(post_status=202)
    case = _whole_chat(live_chat)
    assert _statuses(case, "ChasitorInit", "ChatMessage", "ChatEnd") == {202}


def test_204_is_a_poll_without_news_and_followed_by_the_next(live_chat: Stage) -> None:
    live_chat.live_chat_behaves(poll_hold_seconds=0.2)
    ada = live_chat.person()
    case = is_helped(ada)
    until(lambda: case.calls("Messages", status=204), "for a poll without news")
    _talk_on(ada, case)
    empty = case.calls("Messages", status=204)[0]
    following = next(poll for poll in case.calls("Messages") if poll.id > empty.id)
    assert following.path == empty.path, "a 204 changes no ack"


# --- what asking again does not help against


@REFUSALS
def test_a_message_that_is_refused_is_given_back_and_the_chat_goes_on(harsh: Stage, status: int) -> None:
    ada = harsh.person()
    case = is_helped(ada)
    _answers(case, operation="ChatMessage", status=status)
    ada.says("refused")
    ada.hears("This did not reach the agent:\nrefused")
    _talk_on(ada, case)
    assert case.typed() == ["are you there?"]
    assert len(case.calls("ChatMessage", status=status)) == 1
    harsh.everybody_leaves()


@REFUSALS
def test_a_poll_that_is_refused_is_not_the_end(live_chat: Stage, status: int) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    _answers(case, operation="Messages", status=status, times=2)
    live_chat.live_chat_fails("drop-polls")
    _talk_on(ada, case)
    assert len(case.calls("Messages", status=status)) == 2


@REFUSALS
def test_a_chat_request_that_is_refused_is_told(harsh: Stage, status: int) -> None:
    ada = harsh.person()
    harsh.live_chat_fails("status", operation="ChasitorInit", status=status, times=1)
    ada.says("talk to an agent")
    ada.hears(UNREACHABLE)
    ada.talks_to_the_bot_again()
    assert ada.chats() == []
    harsh.everybody_leaves()


@pytest.mark.parametrize("status", [403, 404, 405])
def test_a_session_that_is_refused_is_told(harsh: Stage, status: int) -> None:
    ada = harsh.person()
    harsh.live_chat_fails("status", operation="SessionId", status=status, times=1)
    ada.says("talk to an agent")
    ada.hears(UNREACHABLE)
    ada.talks_to_the_bot_again()
    harsh.everybody_leaves()


@pytest.mark.parametrize("status", [400, 500])
def test_an_availability_that_is_refused_keeps_nobody_from_an_agent(live_chat: Stage, status: int) -> None:
    live_chat.live_chat_fails("status", operation="Availability", status=status, times=1)
    ada = live_chat.person()
    _talk_on(ada, is_helped(ada))


@pytest.mark.parametrize("status", [400, 403, 405])
def test_an_end_that_is_refused_ends_it_by_ending_the_session(live_chat: Stage, status: int) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    _answers(case, operation="ChatEnd", status=status)
    ada.says(END_WORD)
    ada.hears(CLOSED)
    case.is_over()
    ada.talks_to_the_bot_again()
    until(lambda: case.calls("DeleteSession", status=200), "for the end of the session")


def test_a_405_on_the_way_back_means_that_nothing_was_lost(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    _answers(case, operation="ReconnectSession", status=405)
    _answers(case, operation="ChatMessage", status=503)
    _talk_on(ada, case)
    assert _statuses(case, "ReconnectSession") == {405}
    assert case.typed() == ["are you there?"]


# --- 403: the session is over


def test_a_403_on_a_poll_is_the_end_with_a_word(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    _answers(case, operation="Messages", status=403)
    live_chat.live_chat_fails("drop-polls")
    ada.hears(CLOSED)
    ada.talks_to_the_bot_again()
    case.is_over()


def test_a_403_on_a_post_is_the_end_and_what_was_not_taken_is_given_back(harsh: Stage) -> None:
    ada = harsh.person()
    case = is_helped(ada)
    _answers(case, operation="ChatMessage", status=403)
    ada.says("too late")
    ada.hears("This did not reach the agent:\ntoo late")
    ada.hears(CLOSED)
    ada.talks_to_the_bot_again()
    case.is_over()
    harsh.everybody_leaves()


def test_a_403_on_a_post_comes_after_what_the_agent_had_said(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    live_chat.live_chat_fails("silence", operation="Messages")
    live_chat.live_chat_fails("drop-polls")
    case.told_by(JANE, "goodbye")
    case.ended_by(JANE)
    ada.says("too late")
    until(lambda: case.calls("ChatMessage", status=403))
    live_chat.live_chat_goes_on_with("silence")
    ada.hears("This did not reach the agent:\ntoo late")
    ada.hears(CLOSED)
    ada.talks_to_the_bot_again()
    assert ada.told(by="agent") == ["goodbye"]


def test_a_403_before_the_chat_was_requested_is_told(harsh: Stage) -> None:
    ada = harsh.person()
    harsh.live_chat_fails("status", operation="ChasitorInit", status=403, times=1)
    ada.says("talk to an agent")
    ada.hears(UNREACHABLE)
    ada.talks_to_the_bot_again()
    harsh.everybody_leaves()


# --- 409: two polls, or a number that is not next


def test_a_409_on_a_poll_is_waited_out(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    _answers(case, operation="Messages", status=409)
    live_chat.live_chat_fails("drop-polls")
    _talk_on(ada, case)
    assert case.calls("Messages", status=409)
    assert not case.calls("ReconnectSession")


def test_a_409_on_a_post_is_repaired_with_the_number_it_names(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    session = live_chat.clouds.live_chat.sessions[case.id]
    live_chat.clouds.do(setattr, session, "last_sequence", 40)
    _talk_on(ada, case)
    refused, taken = case.calls("ChatMessage")[-2:]
    assert (refused.status, taken.status) == (409, 200)
    assert taken.request_headers["X-LIVEAGENT-SEQUENCE"] == "41"
    assert case.typed() == ["are you there?"]


def test_a_409_on_a_post_that_names_no_number_is_answered_without_one(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    _answers(case, operation="ChatMessage", status=409)
    _talk_on(ada, case)
    assert "X-LIVEAGENT-SEQUENCE" not in case.calls("ChatMessage")[-1].request_headers
    assert case.typed() == ["are you there?"]


def test_a_409_on_a_repeated_chat_request_means_that_it_had_arrived(live_chat: Stage) -> None:
    live_chat.live_chat_behaves(same_sequence="refuse")
    live_chat.live_chat_fails("drop-response", operation="ChasitorInit", times=1)
    ada = live_chat.person()
    case = is_helped(ada)
    _talk_on(ada, case)
    assert [entry.status for entry in case.calls("ChasitorInit")] == [200, 409]
    assert len(ada.chats()) == 1


def test_after_a_restart_the_first_post_learns_its_number_from_a_409(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    live_chat.restarts()
    _talk_on(ada, case)
    assert case.calls("ChatMessage")[-2].status == 409
    assert case.typed() == ["are you there?"]


# --- 500


def test_nothing_is_sent_that_would_be_a_500_before_an_agent_has_accepted(live_chat: Stage) -> None:
    live_chat.live_chat_behaves(strict_before_established=True)
    ada = live_chat.person()
    case = api_calls(ada)
    ada.says("hello?")
    ada.types()
    live_chat.clouds.do(live_chat.clouds.kore.custom_event, ada.user, {"type": "cart"})
    case.accepted_by(JANE)
    _talk_on(ada, case)
    assert case.typed() == ["hello?", "are you there?"]
    assert 500 not in _statuses(case, *POSTS, "Messages")


def test_nothing_is_sent_that_would_be_a_500_in_a_transfer(live_chat: Stage) -> None:
    live_chat.live_chat_behaves(strict_before_established=True)
    ada = live_chat.person()
    case = is_helped(ada)
    _talk_on(ada, case)  # nothing is in flight to Jane any more
    case.transferred_by(JANE)
    ada.hears("Jane Doe has left")
    ada.types()
    case.accepted_by(OMAR)
    ada.hears("Omar Haddad has joined")
    ada.says("hello Omar")
    case.gets("hello Omar")
    assert 500 not in _statuses(case, *POSTS, "Messages")


def test_what_is_a_500_now_is_sent_again_in_order(live_chat: Stage) -> None:
    live_chat.live_chat_behaves(strict_before_established=True)
    ada = live_chat.person()
    case = is_helped(ada)
    case.transferred_by(JANE)
    ada.hears("Jane Doe has left")
    ada.says("one")
    ada.says("two")
    until(lambda: case.calls("ChatMessage", status=500), "for the service to refuse it")
    case.accepted_by(OMAR)
    case.gets("two")
    assert case.typed() == ["one", "two"]


@pytest.mark.parametrize("operation", ["ChasitorTyping", "CustomEvent"])
def test_what_is_not_worth_repeating_does_not_hold_up_what_is(live_chat: Stage, operation: str) -> None:
    live_chat.live_chat_fails("status", operation=operation, status=500)
    ada = live_chat.person()
    case = is_helped(ada)
    ada.types()
    live_chat.clouds.do(live_chat.clouds.kore.custom_event, ada.user, {"type": "cart"})
    _talk_on(ada, case)
    until(lambda: case.calls(operation), f"for the service to try {operation}")
    assert [entry.status for entry in case.calls(operation)] == [500]
