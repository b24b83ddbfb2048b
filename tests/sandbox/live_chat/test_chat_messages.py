"""Each type of message that System/Messages brings (protocol section 7)."""

from __future__ import annotations

import pytest

from botkit.sandbox.live_chat import Button
from botkit.sandbox.live_chat.settings import SensitiveDataRule

JANE, OMAR, MEI = "Jane Doe", "Omar Haddad", "Mei Tanaka"


@pytest.fixture
async def chat(service):
    return await service.chatting(), service


async def test_established_names_the_agent(service):
    visitor = await service.requested()
    service.cloud.accept(visitor.id, JANE)
    assert (await visitor.poll()).message("ChatEstablished") == {
        "name": JANE,
        "userId": service.cloud.agent(JANE).id,
        "items": [],
        "sneakPeekEnabled": False,
        "chasitorIdleTimeout": {"isEnabled": False},
    }


async def test_established_carries_the_buttons_idle_settings_and_preview(make_service):
    service = await make_service(idle_timeout_seconds=120, idle_warning_seconds=90, sneak_peek=True)
    visitor = await service.requested()
    service.cloud.accept(visitor.id, JANE)
    message = (await visitor.poll()).message("ChatEstablished")
    assert message["chasitorIdleTimeout"] == {"isEnabled": True, "warningTime": 90, "timeout": 120}
    assert message["sneakPeekEnabled"] is True


async def test_the_idle_settings_can_be_spelled_as_in_the_guides_table(make_service):
    service = await make_service(idle_key="chasitorIdletimeout")
    visitor = await service.requested()
    service.cloud.accept(visitor.id, JANE)
    assert "chasitorIdletimeout" in (await visitor.poll()).message("ChatEstablished")


async def test_typing_can_be_empty_as_the_guide_says(make_service):
    service = await make_service(typing_payload="empty")
    visitor = await service.chatting()
    service.cloud.agent_typing(visitor.id, JANE, started=True)
    assert (await visitor.poll()).message("AgentTyping") == {}


async def test_a_transfer_to_an_agent_is_told_when_that_agent_accepts(chat):
    visitor, service = chat
    service.cloud.transfer(visitor.id, JANE, to=OMAR)
    assert service.view(visitor)["status"] == "transferring"
    service.cloud.agent_says(visitor.id, JANE, "one moment")
    service.cloud.accept(visitor.id, OMAR)
    answer = await visitor.poll()
    assert answer.types == ["ChatMessage", "ChatTransferred"]
    message = answer.message("ChatTransferred")
    assert (message["name"], message["userId"]) == (OMAR, service.cloud.agent(OMAR).id)
    assert set(message) == {"name", "userId", "sneakPeekEnabled", "chasitorIdleTimeout"}
    assert service.view(visitor)["agents"] == [service.cloud.agent(OMAR).id]


@pytest.mark.parametrize("how", ["declined", "failed"])
async def test_of_a_transfer_that_no_agent_takes_the_visitor_hears_nothing(chat, how):
    visitor, service = chat
    service.cloud.transfer(visitor.id, JANE, to=OMAR, fail=how == "failed")
    if how == "declined":
        service.cloud.decline(visitor.id, OMAR)
    assert (await visitor.poll()).status == 204
    assert service.view(visitor)["status"] == "active"
    assert service.view(visitor)["agents"] == [service.cloud.agent(JANE).id]


async def test_a_transfer_to_a_button_makes_the_visitor_wait_again(chat):
    visitor, service = chat
    service.cloud.transfer(visitor.id, JANE, to="Billing")
    answer = await visitor.poll()
    assert answer.types == ["TransferToButtonInitiated", "QueueUpdate"]
    assert answer.message("TransferToButtonInitiated") == {}
    assert service.view(visitor)["status"] == "transferring"
    assert service.view(visitor)["button"] == service.cloud.button("Billing").id
    service.cloud.accept(visitor.id, MEI)
    assert (await visitor.poll()).message("ChatTransferred")["name"] == MEI


async def test_who_takes_over_can_be_told_as_a_new_start(make_service):
    service = await make_service(takeover_message="ChatEstablished")
    visitor = await service.chatting()
    service.cloud.transfer(visitor.id, JANE)
    service.cloud.accept(visitor.id, OMAR)
    assert (await visitor.poll()).types[-1] == "ChatEstablished"


async def test_a_failed_transfer_to_a_button_comes_back_to_the_agent(chat):
    visitor, service = chat
    service.cloud.transfer(visitor.id, JANE, to="Billing", fail=True)
    answer = await visitor.poll()
    assert answer.types == ["TransferToButtonInitiated", "ChatTransferred"]
    assert answer.message("ChatTransferred")["name"] == JANE
    assert service.view(visitor)["status"] == "active"


async def test_a_failed_transfer_to_a_button_can_end_the_chat(make_service):
    service = await make_service(transfer_failure="ends")
    visitor = await service.chatting()
    service.cloud.transfer(visitor.id, JANE, to="Billing", fail=True)
    assert (await visitor.poll()).types[-1] == "ChatRequestFail"


async def test_an_agent_who_loses_the_connection_leaves_the_session_alive(chat):
    visitor, service = chat
    service.cloud.disconnect(visitor.id, JANE)
    answer = await visitor.poll()
    assert answer.types == ["AgentDisconnect"]
    assert (await visitor.say("anybody?")).status == 200
    service.cloud.accept(visitor.id, OMAR)
    assert (await visitor.poll()).message("ChatTransferred")["name"] == OMAR


async def test_agents_join_and_leave_a_conference(chat):
    visitor, service = chat
    service.cloud.conference(visitor.id, JANE, to=OMAR)
    service.cloud.agent_says(visitor.id, OMAR, "me too")
    service.cloud.leave(visitor.id, OMAR)
    answer = await visitor.poll()
    assert answer.types == ["AgentJoinedConference", "ChatMessage", "AgentLeftConference"]
    assert answer.message("AgentJoinedConference") == {"name": OMAR}
    assert answer.message("ChatMessage")["name"] == OMAR


async def test_custom_events_go_both_ways(chat):
    visitor, service = chat
    service.cloud.custom_event(visitor.id, JANE, kind="survey", data='{"n": 1}')
    assert (await visitor.poll()).message("CustomEvent") == {"type": "survey", "data": '{"n": 1}'}
    await visitor.post("CustomEvent", {"type": "page", "data": "/cart"})
    assert service.view(visitor)["transcript"][-1]["text"] == "Custom event page: /cart"


async def test_any_other_message_can_be_emitted(chat):
    visitor, service = chat
    service.cloud.raw_message(visitor.id, "NewVisitorBreadcrumb", {"location": "https://acme.example"})
    service.cloud.raw_message(visitor.id, "RichMessage", {"type": "ChatWindowMenu", "items": [{"text": "A"}]})
    answer = await visitor.poll()
    assert answer.types == ["NewVisitorBreadcrumb", "RichMessage"]


@pytest.mark.parametrize("reason", ["Unavailable", "NoPost", "InternalFailure", "Blocked", "Unknown"])
async def test_a_request_fails_with_each_reason(service, reason):
    service.inject("request-fail", reason=reason, times=1)
    visitor = await service.requested()
    assert (await visitor.poll()).json["messages"] == [
        {"type": "ChatRequestFail", "message": {"reason": reason, "attachedRecords": []}}
    ]
    assert (await visitor.poll()).status == 403


@pytest.mark.parametrize("state", ["queued", "chatting"])
async def test_a_request_can_fail_later_even_during_the_chat(service, state):
    visitor = await getattr(service, state)()
    service.cloud.route_failure(visitor.id, reason="Unavailable")
    answer = await visitor.poll()
    assert answer.types[-1] == "ChatRequestFail"
    assert service.view(visitor)["status"] == "ended"


async def test_the_page_after_the_chat_is_named(make_service):
    service = await make_service(post_chat_url="https://acme.example/bye")
    visitor = await service.requested()
    success = (await visitor.poll()).message("ChatRequestSuccess")
    service.cloud.route_failure(visitor.id)
    assert success["postChatUrl"] == "https://acme.example/bye"
    assert (await visitor.poll()).message("ChatRequestFail")["postChatUrl"] == "https://acme.example/bye"


@pytest.mark.parametrize("sent_in", ["ChatRequestSuccess", "SensitiveDataRules"])
async def test_sensitive_data_rules_are_for_the_client_to_apply(make_service, sent_in):
    rule = SensitiveDataRule(id="0GO1", name="Cards", pattern=r"\d{16}", replacement="****")
    service = await make_service(sensitive_data_rules=(rule,), rules_sent_in=sent_in)
    visitor = await service.chatting()
    rules = next(
        each["message"]["sensitiveDataRules"]
        for each in await heard_again(visitor)
        if each["type"] == sent_in
    )
    assert rules == [
        {"id": "0GO1", "name": "Cards", "pattern": r"\d{16}", "replacement": "****", "actionType": "Replace"}
    ]
    await visitor.say("4111111111111111")
    assert service.view(visitor)["transcript"][-1]["text"] == "4111111111111111"


async def heard_again(visitor) -> list:
    visitor.ack = -1
    return (await visitor.poll()).json["messages"]


async def test_the_visitors_notices_show_in_the_transcript(chat):
    visitor, service = chat
    await visitor.post("ChasitorIdleTimeoutWarningEvent", {"idleTimeoutWarningEvent": "triggered"})
    await visitor.post("SensitiveDataRuleTriggered", {"rules": [{"id": "0GO1", "name": "Cards"}]})
    texts = [line["text"] for line in service.view(visitor)["transcript"]]
    assert texts[-2:] == ["Idle warning triggered", "Sensitive data was masked: Cards"]


@pytest.mark.parametrize(
    ("how", "attached"),
    [
        ("none", []),
        ("ids", ["003SB0000000001"]),
        ("fields", [{"fieldName": "ContactId", "fieldValue": "003SB0000000001"}]),
    ],
)
async def test_the_end_can_carry_the_records(make_service, how, attached):
    service = await make_service(attached_records=how)
    entity = {
        "entityName": "Contact",
        "saveToTranscript": "ContactId",
        "entityFieldsMaps": [{"fieldName": "Email", "label": "Email", "doCreate": True}],
    }
    visitor = await service.chatting(prechatEntities=[entity])
    service.cloud.agent_ends(visitor.id, JANE)
    assert (await visitor.poll()).message("ChatEnded")["attachedRecords"] == attached


async def test_the_visitors_place_can_be_left_out(make_service):
    service = await make_service(geo_location=False)
    visitor = await service.requested()
    assert "geoLocation" not in (await visitor.poll()).message("ChatRequestSuccess")


async def test_an_agent_can_answer_by_itself(make_service):
    service = await make_service(auto_accept=True, auto_reply="You said: {text}")
    visitor = await service.requested()
    await visitor.until("ChatEstablished")
    await visitor.say("hello")
    assert (await visitor.until("ChatMessage"))["text"] == "You said: hello"


async def test_buttons_can_have_agents_of_their_own(make_service):
    buttons = (Button(id="573SB0000000001", name="Support", agents=(MEI,)),)
    service = await make_service(buttons=buttons)
    visitor = await service.requested()
    assert service.view(visitor)["assignedTo"] == service.cloud.agent(MEI).id
