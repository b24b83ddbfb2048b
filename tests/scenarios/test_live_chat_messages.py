"""Every message that polls of Live Chat may bring, and its effect for the user (docs/protocols/salesforce-live-chat.md, 7).

`test_live_chat.py` and the scenarios of all agent systems have the others; `test_live_chat_coverage.py` lists the test of each.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from botkit.testing.waiting import until
from botkit_sandbox.kore.users import Attachment
from tests.scenarios.live_chats import api_calls, is_helped
from tests.scenarios.stage import END_WORD, JANE, MEI, OMAR, LiveChatCase, Person, Stage

FIRST_IN_LINE = "Your position in the queue: 1"
JANE_JOINED = "Jane Doe has joined the conversation."
JANE_LEFT = "Jane Doe has left the conversation. Please stay, a colleague will be with you shortly."
CLOSED = "Your conversation with the agent has ended. Thank you for contacting us."
NOBODY = "Sorry, no agent is available at the moment. The virtual assistant is here for you again."
PICTURE = Attachment("f-cat", "cat.png", "image", "image/png", b"\x89PNG" + bytes(range(256)))


def _brings(case: LiveChatCase, kind: str, message: Mapping[str, Any]) -> None:
    """Send a message over the wire, also one that no console action causes."""
    case.clouds.do(case.clouds.live_chat.raw_message, case.id, kind, message)


def _came(case: LiveChatCase, kind: str) -> list[Mapping[str, Any]]:
    """The messages of this type that polls have brought."""
    replies = [json.loads(poll.response_body) for poll in case.calls("Messages", status=200)]
    return [item["message"] for reply in replies for item in reply["messages"] if item["type"] == kind]


def _notices(person: Person) -> list[str]:
    """BotKit's messages after the waiting message, the instruction and the queue position."""
    return [text for text in person.told(by="botkit")[2:] if text != FIRST_IN_LINE]


# --- before an agent is there


def test_a_request_that_succeeded_is_not_an_agent_who_accepted(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = api_calls(ada)
    ada.hears(FIRST_IN_LINE)
    (success,) = _came(case, "ChatRequestSuccess")
    assert success["connectionTimeout"] == 150_000
    assert _notices(ada) == []
    assert case.calls("ChatMessage") == []


def test_a_request_that_fails_in_the_middle_of_a_chat_is_its_end(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    case.told_by(JANE, "one moment")
    case.cannot_be_routed()
    ada.hears(NOBODY)
    ada.talks_to_the_bot_again()
    assert ada.told(by="agent") == ["one moment"]
    assert _came(case, "ChatRequestFail")


def test_a_request_that_succeeds_and_fails_at_once_is_told_as_the_failure_it_is(live_chat: Stage) -> None:
    live_chat.live_chat_behaves(unavailable_reply="success-then-fail")
    live_chat.live_chat_fails("status", operation="Availability", status=500, times=1)
    cloud = live_chat.clouds.live_chat
    ada = live_chat.person()
    for agent in (JANE, OMAR, MEI):
        live_chat.clouds.do(cloud.set_online, agent, False)
    try:
        ada.says("talk to an agent")
        ada.hears(NOBODY)
        ada.talks_to_the_bot_again()
    finally:
        for agent in (JANE, OMAR, MEI):
            live_chat.clouds.do(cloud.set_online, agent, True)


def test_a_queue_that_knows_no_places_is_not_told_of(live_chat: Stage) -> None:
    live_chat.live_chat_behaves(queue_positions=False)
    ada = live_chat.person()
    is_helped(ada)
    assert not any("queue" in text for text in ada.told())


def test_a_place_that_is_told_twice_is_said_once(live_chat: Stage) -> None:
    live_chat.live_chat_behaves(auto_assign=False)
    ada = live_chat.person()
    case = api_calls(ada)
    ada.hears(FIRST_IN_LINE)
    for position in (0, 0, 3, 3):
        _brings(case, "QueueUpdate", {"position": position})
    ada.hears("Your position in the queue: 4")
    assert ada.told(by="botkit").count("Your position in the queue: 4") == 1
    assert ada.told(by="botkit").count(FIRST_IN_LINE) == 1


def test_a_greeting_of_the_button_is_heard_like_a_message(live_chat: Stage) -> None:
    live_chat.live_chat_behaves(auto_greeting="Welcome to Acme.")
    ada = live_chat.person()
    is_helped(ada)
    ada.hears("Welcome to Acme.")


# --- agents who write


def test_what_the_console_makes_of_an_agents_words_is_undone(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    case.told_by(JANE, "a &lt; b &amp; <b>c</b><br>d")
    ada.hears("a < b & c\nd")


@pytest.mark.parametrize("payload", ["named", "empty"])
def test_an_agents_typing_in_any_order_is_no_message_and_disturbs_none(
    live_chat: Stage, payload: str
) -> None:
    live_chat.live_chat_behaves(typing_payload=payload)
    ada = live_chat.person()
    case = is_helped(ada)
    cloud = live_chat.clouds.live_chat
    for started in (True, True, False, True):
        live_chat.clouds.do(cloud.agent_typing, case.id, JANE, started=started)
    case.told_by(JANE, "there it is")
    live_chat.clouds.do(cloud.agent_typing, case.id, JANE, started=False)
    case.told_by(JANE, "and more")
    ada.hears("and more")
    assert ada.told(by="agent") == ["there it is", "and more"]
    assert (len(_came(case, "AgentTyping")), len(_came(case, "AgentNotTyping"))) == (3, 2)


def test_an_agents_custom_event_disturbs_no_message(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    cloud = live_chat.clouds.live_chat
    live_chat.clouds.do(cloud.custom_event, case.id, JANE, kind="survey", data='{"stars":5}')
    case.told_by(JANE, "thank you")
    ada.hears("thank you")
    assert ada.told(by="agent") == ["thank you"]
    assert _came(case, "CustomEvent") == [{"type": "survey", "data": '{"stars":5}'}]


def test_a_breadcrumb_of_the_visitor_is_nobodys_business(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    _brings(case, "NewVisitorBreadcrumb", {"location": "https://www.example.com/cart"})
    case.told_by(JANE, "hello")
    ada.hears("hello")
    assert _came(case, "NewVisitorBreadcrumb")
    assert not any("cart" in text for text in ada.told())


def test_the_choices_of_a_rich_message_are_shown(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    items = [{"text": "Billing"}, {"text": "Delivery"}]
    _brings(case, "RichMessage", {"type": "ChatWindowMenu", "items": items})
    case.told_by(JANE, "choose one")
    ada.hears("choose one")
    shown = ada.messages()[-2]
    assert shown.template is not None
    assert [button["title"] for button in shown.template["buttons"]] == ["Billing", "Delivery"]


# --- agents who come and go


def test_a_transfer_to_a_button_is_a_wait_and_not_the_end(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    case.transferred_by(JANE, to="Billing")
    ada.hears(JANE_LEFT)
    ada.says("still here")
    case.accepted_by(OMAR)
    case.gets("still here")
    ada.hears("Omar Haddad has joined")
    assert _notices(ada) == [JANE_JOINED, JANE_LEFT, "Omar Haddad has joined the conversation."]
    assert _came(case, "TransferToButtonInitiated") == [{}]
    assert ada.user.agent_mode


def test_a_transfer_to_a_button_that_nobody_takes_comes_back(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    case.transferred_by(JANE, fail=True)
    ada.hears(JANE_JOINED, times=2)
    case.told_by(JANE, "nobody there, so I stay")
    ada.hears("nobody there, so I stay")
    assert _notices(ada) == [JANE_JOINED, JANE_LEFT, JANE_JOINED]


def test_a_transfer_to_a_button_may_end_as_a_failed_request(live_chat: Stage) -> None:
    live_chat.live_chat_behaves(transfer_failure="ends")
    ada = live_chat.person()
    case = is_helped(ada)
    case.transferred_by(JANE, fail=True)
    ada.hears(NOBODY)
    ada.talks_to_the_bot_again()
    case.is_over()


@pytest.mark.parametrize("takeover", ["ChatTransferred", "ChatEstablished"])
def test_an_agent_whose_connection_is_lost_is_followed_by_another(live_chat: Stage, takeover: str) -> None:
    live_chat.live_chat_behaves(takeover_message=takeover)
    ada = live_chat.person()
    case = is_helped(ada)
    case.dropped_by(JANE)
    ada.hears(JANE_LEFT)
    ada.says("hello?")
    case.accepted_by(OMAR)
    case.gets("hello?")
    case.told_by(OMAR, "here I am")
    ada.hears("here I am")
    assert _notices(ada) == [JANE_JOINED, JANE_LEFT, "Omar Haddad has joined the conversation."]
    assert _came(case, "AgentDisconnect")


def test_an_agent_whose_connection_was_lost_may_just_speak_again(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    agent_id = live_chat.clouds.live_chat.agent(JANE).id
    _brings(case, "AgentDisconnect", {})
    ada.hears(JANE_LEFT)
    _brings(case, "ChatMessage", {"name": JANE, "text": "sorry, my line", "agentId": agent_id})
    ada.hears("sorry, my line")
    assert _notices(ada) == [JANE_JOINED, JANE_LEFT, JANE_JOINED]


def test_a_guest_of_a_conference_is_announced_and_may_leave_again(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    case.joined_in_conference_by(MEI, host=JANE)
    ada.hears("Mei Tanaka has joined")
    case.told_by(MEI, "hello too")
    case.dropped_by(MEI)
    case.told_by(JANE, "we two again")
    ada.hears("we two again")
    assert ada.told(by="agent") == ["hello too", "we two again"]
    assert _notices(ada) == [JANE_JOINED, "Mei Tanaka has joined the conversation."]
    assert (len(_came(case, "AgentJoinedConference")), len(_came(case, "AgentLeftConference"))) == (1, 1)


@pytest.mark.parametrize("records", ["none", "fields"])
def test_an_end_is_an_end_whatever_records_are_attached(live_chat: Stage, records: str) -> None:
    live_chat.live_chat_behaves(attached_records=records)
    ada = live_chat.person()
    case = is_helped(ada)
    case.told_by(JANE, "goodbye")
    case.ended_by(JANE)
    ada.hears(CLOSED)
    ada.talks_to_the_bot_again()
    assert ada.told()[-4:-2] == ["goodbye", CLOSED]
    assert [end["reason"] for end in _came(case, "ChatEnded")] == ["agent"]


@pytest.mark.parametrize("message", [{"reason": "agent"}, {"reason": "client"}, {"reason": "new"}, {}])
def test_an_end_is_an_end_whatever_its_reason(live_chat: Stage, message: dict[str, str]) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    _brings(case, "ChatEnded", message)
    ada.hears(CLOSED)
    ada.talks_to_the_bot_again()


def test_a_chat_that_ends_before_anybody_accepted_is_not_called_a_conversation(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = api_calls(ada)
    ada.says("my order is late")
    _brings(case, "ChatEnded", {"reason": "agent"})
    ada.hears(NOBODY)
    assert ada.hears("This did not reach the agent").text.endswith("my order is late")
    ada.talks_to_the_bot_again()
    assert CLOSED not in ada.told()


def test_a_chat_whose_agent_was_lost_may_end_without_another(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    _brings(case, "AgentDisconnect", {"name": JANE})
    ada.hears(JANE_LEFT)
    _brings(case, "ChatEnded", {"reason": "agent"})
    ada.hears(CLOSED)
    ada.talks_to_the_bot_again()


def test_words_before_a_request_fails_are_heard_and_the_failure_is_told_too(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = api_calls(ada)
    _brings(case, "ChatMessage", {"name": "Acme", "text": "All our agents are busy."})
    case.cannot_be_routed()
    ada.hears("All our agents are busy.")
    ada.hears(NOBODY)
    ada.talks_to_the_bot_again()


# --- files


def test_a_file_that_is_wanted_no_more_is_named_and_not_uploaded(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    cloud = live_chat.clouds.live_chat
    case.asked_for_a_file_by(JANE)
    ada.hears("Jane Doe is asking for a file")
    live_chat.clouds.do(cloud.cancel_file, case.id, JANE)
    case.told_by(JANE, "never mind")
    ada.hears("never mind")
    ada.says("", PICTURE)
    case.gets("[cat.png]")
    assert [told["type"] for told in _came(case, "FileTransfer")] == ["Requested", "Canceled"]


def test_a_file_that_failed_on_the_agents_side_is_said(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    _brings(case, "FileTransfer", {"type": "Failure"})
    ada.hears("The file could not be delivered to the agent.")


# --- what organises the chat


def test_rules_for_sensitive_data_may_come_as_a_message_of_their_own(live_chat: Stage) -> None:
    rule = {"id": "0GO000000000001", "name": "Card", "pattern": "[0-9]{16}", "replacement": "****"}
    live_chat.live_chat_behaves(rules_sent_in="SensitiveDataRules", sensitive_data_rules=(rule,))
    ada = live_chat.person()
    case = api_calls(ada)
    ada.says("my card is 4111111111111111")
    case.accepted_by(JANE)
    case.gets("my card is ****")
    assert _came(case, "SensitiveDataRules")
    until(lambda: case.calls("SensitiveDataRuleTriggered"))


def test_the_times_for_a_silent_user_may_be_spelled_as_in_the_guide(live_chat: Stage) -> None:
    live_chat.live_chat_behaves(
        idle_key="chasitorIdletimeout", idle_timeout_seconds=60, idle_warning_seconds=1
    )
    ada = live_chat.person()
    case = is_helped(ada)
    case.told_by(JANE, "are you there?")
    ada.hears("The conversation will end soon if you do not reply")


def test_another_server_is_followed_before_the_chat_begins(live_chat: Stage) -> None:
    here = live_chat.clouds.live_chat.base_url
    there = here.replace("127.0.0.1", "localhost")
    live_chat.live_chat_fails("switch-server", times=1, url=f"{there}/chat")
    ada = live_chat.person()
    case = is_helped(ada)
    ada.says("hello there")
    case.gets("hello there")
    hosts = {entry.request_headers["Host"] for entry in (*case.calls("ChatMessage"), *case.calls("Messages"))}
    assert hosts == {there.removeprefix("http://")}


def test_another_server_is_followed_in_the_middle_of_a_chat(live_chat: Stage) -> None:
    here = live_chat.clouds.live_chat.base_url
    there = here.replace("127.0.0.1", "localhost")
    ada = live_chat.person()
    case = is_helped(ada)
    _brings(case, "SwitchServer", {"newUrl": f"{there}/chat"})
    case.told_by(JANE, "follow me")
    ada.hears("follow me")
    ada.says("I did")
    case.gets("I did")
    assert case.calls("ChatMessage")[-1].request_headers["Host"] == there.removeprefix("http://")


def test_the_chat_so_far_comes_with_the_first_poll_after_a_reconnection(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    for number in range(2):
        case.told_by(JANE, f"answer {number}")
        ada.hears(f"answer {number}")
        live_chat.live_chat_fails("pod-restart")
        until(lambda: len(case.calls("ChasitorResyncState", status=200)) == number + 1)  # noqa: B023
    case.told_by(JANE, "answer 2")
    ada.hears("answer 2")
    assert ada.told(by="agent") == ["answer 0", "answer 1", "answer 2"]
    first, second = _came(case, "ChasitorSessionData")
    assert [line["content"] for line in second["chatMessages"] if line["type"] == "Agent"] == [
        "answer 0",
        "answer 1",
    ]
    assert len(first["chatMessages"]) < len(second["chatMessages"])
    (reply, _) = case.calls("ReconnectSession", status=200)
    assert json.loads(reply.response_body)["messages"][0]["type"] == "ReconnectSession"


def test_the_end_by_the_user_is_confirmed_to_nobody_who_listens(live_chat: Stage) -> None:
    ada = live_chat.person()
    case = is_helped(ada)
    ada.says(END_WORD)
    ada.hears(CLOSED)
    case.is_over()
    ada.talks_to_the_bot_again()
    assert _notices(ada)[-1:] == [CLOSED]
    assert _notices(ada).count(CLOSED) == 1
