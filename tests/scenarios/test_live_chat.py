"""Live Chat from end to end: its own features. The rules it shares with MIAW are tested with the fixture `everywhere`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from botkit.testing.waiting import until
from botkit_sandbox.kore.users import Attachment
from botkit_sandbox.live_chat.settings import SensitiveDataRule
from tests.scenarios.conftest import LIVE_CHAT, Stages
from tests.scenarios.live_chats import api_calls, is_helped
from tests.scenarios.stage import END_WORD, JANE, MEI, OMAR, Stage

LOOKING = "One moment, please. We are looking for an agent who can help you."
NOBODY = "Sorry, no agent is available at the moment. The virtual assistant is here for you again."
CLOSED = "Your conversation with the agent has ended. Thank you for contacting us."
PICTURE = b"\x89PNG" + bytes(range(256))


# --- before an agent accepts


def test_what_is_known_of_the_user_is_shown_to_the_agent(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = api_calls(ada)
    shown = case.attributes()
    assert shown["City"] == "Hyderabad"
    assert (shown["_firstName"], shown["_email"]) == ("Ada", "ada@example.com")
    assert live_chat.clouds.do(lambda: case.chat.visitor_name) == "Ada Lovelace"


def test_records_are_found_or_created_as_the_configuration_says(stages: Stages) -> None:
    contact = {
        "fields": {"Email": {"attribute": "_email", "find": True}, "LastName": {"attribute": "_lastName"}},
        "save_to_transcript": "ContactId",
        "link_to": {"entity": "Case", "field": "ContactId"},
    }
    legacy = {
        "labels": {"_email": "Email"},
        "entities": {"Contact": contact, "Case": {"fields": {"Subject": {"attribute": "City"}}}},
    }
    stage = stages("records", bot={"agents": {**LIVE_CHAT["agents"], "systems": {"legacy": legacy}}})
    ada = stage.person()
    case = api_calls(ada)
    records = {record["entityName"]: record for record in stage.clouds.do(lambda: list(case.chat.records))}
    assert records["Contact"]["fields"]["LastName"] == "Lovelace"
    assert records["Case"]["fields"]["Subject"] == "Hyderabad"
    assert case.attributes()["Email"] == "ada@example.com"
    stage.everybody_leaves()


def test_what_is_typed_before_an_agent_accepts_is_kept_and_arrives_after_the_story(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = api_calls(ada)
    for number in range(1, 5):
        ada.says(f"hello {number}?")
    until(lambda: ada.chat()[-1] == ("user", "hello 4?"))
    assert case.from_user() == []
    case.accepted_by(JANE)
    ada.says("finally")
    case.gets("finally")
    assert case.from_user()[0].startswith("Conversation so far\nAda Lovelace: talk to an agent")
    assert case.typed() == ["hello 1?", "hello 2?", "hello 3?", "hello 4?", "finally"]


def test_what_was_kept_for_an_agent_who_never_came_is_given_back(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = api_calls(ada)
    ada.says("how long will it take?")
    ada.says(END_WORD)
    ada.hears(CLOSED)
    assert ada.hears("This did not reach the agent").text.endswith("how long will it take?")
    case.is_over()
    ada.talks_to_the_bot_again()


def test_the_place_in_the_queue_is_told_when_it_changes(live_chat: Stage) -> None:
    live_chat.live_chat_behaves(auto_assign=False, queue_positions=True)
    first, second = live_chat.person(), live_chat.person("Grace Hopper")
    first_case = api_calls(first)
    first.hears("Your position in the queue: 1")
    api_calls(second)
    second.hears("Your position in the queue: 2")
    first_case.accepted_by(JANE)
    second.hears("Your position in the queue: 1")
    assert sum("queue" in text for text in first.told()) == 1


def test_nobody_online_is_told_at_once(live_chat: Stage) -> None:
    ada = live_chat.person()
    for agent in (JANE, OMAR, MEI):
        live_chat.clouds.do(live_chat.clouds.live_chat.set_online, agent, False)
    try:
        ada.says("talk to an agent")
        ada.hears(NOBODY)
        ada.talks_to_the_bot_again()
    finally:
        for agent in (JANE, OMAR, MEI):
            live_chat.clouds.do(live_chat.clouds.live_chat.set_online, agent, True)
    assert ada.chats() == []


@pytest.mark.parametrize("reason", ["Unavailable", "NoPost", "InternalFailure", "Blocked", "Unknown"])
def test_a_request_that_fails_is_told_and_the_user_is_back(live_chat: Stage, reason: str) -> None:
    live_chat.live_chat_fails("request-fail", reason=reason, times=1)
    ada = live_chat.person()
    ada.says("talk to an agent")
    ada.hears(NOBODY)
    ada.talks_to_the_bot_again()


def test_when_all_agents_decline_the_user_is_told(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = api_calls(ada)
    for _ in (JANE, OMAR, MEI):
        asked = until(lambda: live_chat.clouds.do(lambda: case.chat.assigned))
        assert asked is not None
        live_chat.clouds.do(live_chat.clouds.live_chat.decline, case.id, asked.name)
    ada.hears(NOBODY)
    ada.talks_to_the_bot_again()


def test_a_request_that_is_never_answered_is_given_up(stages: Stages) -> None:
    impatient = {"agents": {**LIVE_CHAT["agents"], "systems": {"legacy": {"answer_within": "1s"}}}}
    stage = stages("unanswered", bot=impatient)
    stage.live_chat_behaves(poll_hold_seconds=0.3)
    stage.live_chat_fails("empty-polls")
    ada = stage.person()
    ada.says("talk to an agent")
    ada.hears(NOBODY)
    ada.talks_to_the_bot_again()
    stage.everybody_leaves()


# --- agents


def test_a_transfer_to_an_agent_is_told_when_it_is_taken(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    case.transferred_by(JANE, to=OMAR)
    ada.says("still with Jane")
    case.gets("still with Jane")
    case.accepted_by(OMAR)
    ada.hears("Omar Haddad has joined")
    case.told_by(OMAR, "Omar here")
    ada.hears("Omar here")
    told = ada.told(by="botkit")
    assert [text for text in told if "Jane Doe" in text or "Omar" in text] == [
        "Jane Doe has joined the conversation.",
        "Jane Doe has left the conversation. Please stay, a colleague will be with you shortly.",
        "Omar Haddad has joined the conversation.",
    ]
    assert ada.user.agent_mode


def test_a_message_type_nobody_has_seen_changes_nothing(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    cloud = live_chat.clouds.live_chat
    live_chat.clouds.do(cloud.raw_message, case.id, "BrandNew", {"text": "what is this"})
    case.told_by(JANE, "still here")
    ada.hears("still here")
    assert not any("what is this" in text for text in ada.told())


def test_the_agent_sees_the_user_typing(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    ada.types()
    until(lambda: case.chat.user_typing, "for the typing to be seen")
    ada.types(started=False)
    until(lambda: not case.chat.user_typing, "for the end of the typing to be seen")


def test_the_user_sees_the_agent_typing(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    ada.types()
    until(lambda: case.chat.user_typing, "for the platform to have said where events go")
    case.typed_by(JANE, started=True)
    until(lambda: ada.user.agent_typing, "for the agent's typing to be seen")
    case.told_by(JANE, "done")
    until(lambda: not ada.user.agent_typing, "for the agent's words to end the typing")


def test_an_event_of_the_agents_console_reaches_the_users_client(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    ada.types()
    until(lambda: case.chat.user_typing, "for the platform to have said where events go")
    console = live_chat.clouds.live_chat
    live_chat.clouds.do(console.custom_event, case.id, JANE, kind="cart", data='{"items":3}')
    (sent,) = until(lambda: live_chat.wire("sendBotEvent", about="cart"))
    assert json.loads(sent.request_body)["customEvent"] == {"type": "cart", "items": 3}


def test_where_the_platform_has_not_said_where_events_go_nothing_is_sent(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    case.typed_by(JANE, started=True)
    case.told_by(JANE, "hello")
    ada.hears("hello")
    assert live_chat.wire("sendBotEvent", about=ada.id) == []


def test_the_wait_is_told_in_minutes(live_chat: Stage) -> None:
    live_chat.live_chat_behaves(auto_assign=False, queue_positions=True)
    ada = live_chat.person()
    case = api_calls(ada)
    wait = {"position": 3, "estimatedWaitTime": 100}
    live_chat.clouds.do(live_chat.clouds.live_chat.raw_message, case.id, "QueueUpdate", wait)
    ada.hears("Estimated wait in minutes: 2")


def test_an_event_of_the_users_client_reaches_the_agents_console(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    event = {"type": "cart", "items": 3}
    live_chat.clouds.do(live_chat.clouds.kore.custom_event, ada.user, event)
    (sent,) = until(lambda: live_chat.wire("CustomEvent", about="Chasitor"))
    body = json.loads(sent.request_body)
    assert (body["type"], json.loads(body["data"])) == ("cart", event)
    assert case.typed() == []


def test_what_the_organisation_does_not_want_to_read_is_masked(live_chat: Stage) -> None:
    rule = SensitiveDataRule(id="0GO000000000001", name="Card", pattern="[0-9]{16}", replacement="****")
    live_chat.live_chat_behaves(
        sensitive_data_rules=(
            {"id": rule.id, "name": rule.name, "pattern": rule.pattern, "replacement": rule.replacement},
        )
    )
    ada = live_chat.person()
    case = is_helped(ada)
    ada.says("my card is 4111111111111111, thanks")
    case.gets("my card is ****, thanks")


# --- files


def test_a_file_the_agent_asks_for_is_asked_of_the_user_and_arrives(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    case.asked_for_a_file_by(JANE)
    ada.hears("Jane Doe is asking for a file")
    ada.says("here it is", Attachment("f-cat", "cat.png", "image", "image/png", PICTURE))
    case.gets("cat.png")
    assert case.typed() == ["here it is", "cat.png"]
    (file,) = live_chat.clouds.do(
        lambda: [f for f in live_chat.clouds.live_chat.files._files.values() if f.owner == case.id]
    )
    assert file.data == PICTURE


def test_a_file_nobody_asked_for_is_named(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    ada.says("", Attachment("f-dog", "dog.png", "image", "image/png", PICTURE))
    case.gets("[dog.png]")


def test_a_file_that_is_too_large_is_said(live_chat: Stage) -> None:
    live_chat.live_chat_behaves(max_file_mb=0.0001)
    ada = live_chat.person()
    case = is_helped(ada)
    case.asked_for_a_file_by(JANE)
    ada.hears("Jane Doe is asking for a file")
    ada.says("", Attachment("f-big", "big.png", "image", "image/png", PICTURE))
    ada.hears("Not delivered to the agent: ")
    ada.says("sorry")
    case.gets("sorry")


# --- silence


def test_a_user_who_falls_silent_is_warned_and_then_back_with_the_bot(live_chat: Stage) -> None:
    live_chat.live_chat_behaves(idle_timeout_seconds=2, idle_warning_seconds=1)
    ada = live_chat.person()
    case = is_helped(ada)
    case.told_by(JANE, "Are you there?")
    ada.hears("The conversation will end soon if you do not reply")
    ada.hears("ended because there was no reply")
    case.is_over()
    ada.talks_to_the_bot_again()
    assert live_chat.wire("ChasitorIdleTimeoutWarningEvent", about="triggered")


def test_a_user_who_answers_the_warning_goes_on(live_chat: Stage) -> None:
    live_chat.live_chat_behaves(idle_timeout_seconds=60, idle_warning_seconds=1)
    ada = live_chat.person()
    case = is_helped(ada)
    case.told_by(JANE, "Are you there?")
    ada.hears("The conversation will end soon if you do not reply")
    ada.says("yes, yes")
    case.gets("yes, yes")
    until(lambda: live_chat.wire("ChasitorIdleTimeoutWarningEvent", about="cleared"))
    assert ada.user.agent_mode


# --- trouble


def _pod_restarts(stage: Stage) -> None:
    stage.live_chat_fails("pod-restart")


def test_a_moved_server_while_waiting_loses_nothing(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = api_calls(ada)
    _pod_restarts(live_chat)
    ada.says("typed meanwhile")
    case.accepted_by(JANE)
    ada.hears("Jane Doe has joined")
    case.gets("typed meanwhile")


def test_a_moved_server_in_the_middle_loses_and_repeats_nothing(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    for number in range(6):
        case.told_by(JANE, f"answer {number}")
        ada.says(f"question {number}")
        if number in (1, 3, 4):
            _pod_restarts(live_chat)
    case.gets("question 5")
    ada.hears("answer 5")
    assert case.typed() == [f"question {number}" for number in range(6)]
    assert ada.told(by="agent") == [f"answer {number}" for number in range(6)]


def test_a_moved_server_during_a_transfer_is_not_the_end(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    case.transferred_by(JANE)
    ada.hears("Jane Doe has left")
    _pod_restarts(live_chat)
    case.accepted_by(OMAR)
    ada.hears("Omar Haddad has joined")
    case.told_by(OMAR, "here I am")
    ada.hears("here I am")


def test_a_moved_server_at_the_end_ends_it_all_the_same(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    _pod_restarts(live_chat)
    ada.says(END_WORD)
    ada.hears(CLOSED)
    case.is_over()
    ada.talks_to_the_bot_again()


@pytest.mark.parametrize(
    "operation", ["Availability", "SessionId", "ChasitorInit", "Messages", "ChatMessage", "ChatEnd"]
)
@pytest.mark.parametrize("status", [500, 503])
def test_a_server_error_on_any_call_loses_nothing(live_chat: Stage, operation: str, status: int) -> None:
    live_chat.live_chat_fails("status", operation=operation, status=status, times=2)
    ada = live_chat.person()
    case = is_helped(ada)
    ada.says("question")
    case.gets("question")
    case.told_by(JANE, "answer")
    ada.hears("answer")
    ada.says(END_WORD)
    case.is_over()
    ada.talks_to_the_bot_again()
    assert case.typed() == ["question"]
    assert ada.told(by="agent") == ["answer"]


def test_a_session_that_is_not_known_any_more_is_the_end_with_a_word(live_chat: Stage) -> None:
    ada = live_chat.person()
    is_helped(ada)
    live_chat.live_chat_fails("expire-sessions")
    ada.hears(CLOSED)
    ada.talks_to_the_bot_again()


def test_polls_that_break_off_bring_everything_once(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    for number in range(5):
        case.told_by(JANE, f"answer {number}")
        live_chat.live_chat_fails("drop-polls")
    ada.hears("answer 4")
    assert ada.told(by="agent") == [f"answer {number}" for number in range(5)]


def test_a_second_hand_off_is_a_new_chat(live_chat: Stage) -> None:
    ada = live_chat.person()
    first = is_helped(ada)
    first.ended_by(JANE)
    ada.talks_to_the_bot_again()
    second = api_calls(ada)
    second.accepted_by(OMAR)
    ada.hears("Omar Haddad has joined")
    ada.says("second")
    second.gets("second")
    assert (first.id != second.id, first.typed()) == (True, [])


def test_a_dialogs_live_chat_object_wins_over_the_other(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = is_helped(ada, "human of either kind")
    shown: dict[str, Any] = case.attributes()
    assert (shown["City"], shown["Country"]) == ("Poona", "India")
    ada.says("goodbye chat")
    ada.hears(CLOSED)
    case.is_over()
