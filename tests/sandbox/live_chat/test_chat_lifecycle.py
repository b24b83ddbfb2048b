"""A chat from its session to its end (protocol sections 1, 2 and 7)."""

from __future__ import annotations

import asyncio
import re

import pytest

JANE, OMAR, MEI = "Jane Doe", "Omar Haddad", "Mei Tanaka"


async def test_a_session_has_a_key_that_starts_with_its_id_and_an_affinity_token(service):
    answer = await service.visitor().call("GET", "/System/SessionId")
    body = answer.json
    assert answer.status == 200
    assert set(body) == {"key", "id", "clientPollTimeout", "affinityToken"}
    assert re.fullmatch(re.escape(body["id"]) + r"!\d{13}!.{27}=", body["key"])
    assert re.fullmatch(r"[0-9a-f]{8}", body["affinityToken"])
    assert body["clientPollTimeout"] == 40


@pytest.mark.parametrize("path", ["/System/SessionId/", "/System/SessionId?SessionId.ClientType=lightning"])
async def test_a_session_may_be_asked_for_with_a_slash_or_a_client_type(service, path):
    assert (await service.visitor().call("GET", path)).status == 200


async def test_a_normal_start_says_success_queue_position_established_and_greeting_in_this_order(
    make_service,
):
    service = await make_service(auto_greeting="Welcome")
    visitor = await service.requested()
    service.cloud.accept(visitor.id, JANE)
    answer = await visitor.poll()
    assert answer.types == ["ChatRequestSuccess", "QueueUpdate", "ChatEstablished", "ChatMessage"]
    assert answer.json["sequence"] == 3
    assert answer.message("ChatMessage")["text"] == "Welcome"


async def test_the_success_says_how_long_a_client_may_stay_silent(service):
    visitor = await service.requested()
    success = (await visitor.poll()).message("ChatRequestSuccess")
    assert success["connectionTimeout"] == 150_000
    assert success["visitorId"] == visitor.id
    assert (success["queuePosition"], success["estimatedWaitTime"]) == (1, -1)
    assert success["sensitiveDataRules"] == []
    assert set(success) >= {"url", "oref", "geoLocation", "customDetails", "transcriptSaveEnabled"}


async def test_without_queue_updates_there_is_no_word_of_the_queue(service):
    visitor = await service.requested(receiveQueueUpdates=False)
    answer = await visitor.poll()
    assert answer.types == ["ChatRequestSuccess"]
    assert not {"queuePosition", "estimatedWaitTime"} & set(answer.message("ChatRequestSuccess"))


async def test_messages_go_both_ways(service):
    visitor = await service.chatting()
    assert (await visitor.say("hello")).text == "OK"
    service.cloud.agent_says(visitor.id, JANE, "good morning")
    said = await visitor.until("ChatMessage")
    jane = service.cloud.agent(JANE).id
    assert said == {
        "text": "good morning",
        "name": JANE,
        "schedule": {"responseDelayMilliseconds": 0.0},
        "agentId": jane,
    }
    lines = [(line["role"], line["text"]) for line in service.view(visitor)["transcript"]]
    assert lines[-2:] == [("EndUser", "hello"), ("Agent", "good morning")]


async def test_what_is_written_before_an_agent_is_there_reaches_the_agent(service):
    visitor = await service.requested()
    for text in ("one", "two"):
        assert (await visitor.say(text)).status == 200
    service.cloud.accept(visitor.id, JANE)
    texts = [line["text"] for line in service.view(visitor)["transcript"] if line["role"] == "EndUser"]
    assert texts == ["one", "two"]


async def test_the_visitors_typing_and_preview_show_at_the_desk(service):
    visitor = await service.chatting()
    assert (await visitor.post("ChasitorTyping")).status == 200
    assert service.view(visitor)["userTyping"] is True
    assert (await visitor.post("ChasitorNotTyping")).status == 200
    assert service.view(visitor)["userTyping"] is False
    assert (await visitor.post("ChasitorSneakPeek", {"position": 0, "text": "I wan"})).status == 200
    assert service.view(visitor)["preview"] == "I wan"


async def test_the_agents_typing_is_said_with_a_uuid(service):
    visitor = await service.chatting()
    service.cloud.agent_typing(visitor.id, JANE, started=True)
    service.cloud.agent_typing(visitor.id, JANE, started=False)
    answer = await visitor.poll()
    assert answer.types == ["AgentTyping", "AgentNotTyping"]
    assert answer.message("AgentTyping") == {"name": JANE, "agentId": service.cloud.agent(JANE).client_id}


async def test_the_agents_end_is_told_once_and_then_everything_is_a_403(service):
    visitor = await service.chatting()
    service.cloud.agent_ends(visitor.id, JANE)
    assert (await visitor.say("late")).status == 403
    assert (await visitor.post("ChatMessage", {"text": "late"}, sequence=99)).status == 403
    before = visitor.ack
    answer = await visitor.poll()
    assert answer.json["messages"] == [
        {"type": "ChatEnded", "message": {"attachedRecords": [], "reason": "agent"}}
    ]
    visitor.ack = before
    answer = await visitor.poll()
    assert (answer.status, answer.text) == (403, "Session required but was invalid or not found")
    assert (await visitor.post("ChatEnd", {"reason": "client"})).status == 403


async def test_what_the_agent_said_last_comes_with_the_end(service):
    visitor = await service.chatting()
    service.cloud.agent_says(visitor.id, JANE, "bye")
    service.cloud.agent_ends(visitor.id, JANE)
    assert (await visitor.poll()).types == ["ChatMessage", "ChatEnded"]


async def test_the_visitors_end_is_answered_with_ok_and_comes_with_one_more_poll(service):
    visitor = await service.chatting()
    answer = await visitor.post("ChatEnd", {"reason": "client", "type": "ChatEndReason"})
    assert (answer.status, answer.text) == (200, "OK")
    assert service.view(visitor)["status"] == "ended"
    assert (await visitor.poll()).message("ChatEnded")["reason"] == "client"
    assert (await visitor.poll()).status == 403


async def test_deleting_the_session_ends_the_chat_and_leaves_nothing_to_fetch(service):
    visitor = await service.chatting()
    answer = await visitor.call("DELETE", f"/System/SessionId/{visitor.key}")
    assert answer.status == 200
    assert service.view(visitor)["status"] == "ended"
    assert (await visitor.poll()).status == 403


async def test_a_poll_that_waits_is_refused_when_the_session_is_deleted(make_service):
    service = await make_service(poll_hold_seconds=30)
    visitor = await service.chatting()
    poll = asyncio.create_task(visitor.poll())
    await service.polling()
    await visitor.call("DELETE", f"/System/SessionId/{visitor.key}")
    assert (await poll).status == 403


async def test_the_pre_chat_details_are_the_attributes(service):
    details = [
        {"label": "Email", "value": "ada@acme.example", "transcriptFields": ["Email__c"]},
        {"label": "Vip", "value": True, "transcriptFields": [], "displayToAgent": False},
        {"label": "Orders", "value": 3, "entityMaps": [{"entityName": "Case", "fieldName": "Orders__c"}]},
        {"label": "Phone", "value": None, "entityFieldMaps": [], "doKnowledgeSearch": False},
    ]
    visitor = await service.requested(prechatDetails=details)
    view = service.view(visitor)
    assert view["attributes"] == {"Email": "ada@acme.example", "Vip": "true", "Orders": "3", "Phone": ""}
    assert view["hiddenAttributes"] == ["Vip"]
    assert view["transcriptFields"] == {"Email__c": "ada@acme.example"}
    assert view["entities"] == []
    assert (view["visitorName"], view["language"]) == ("Ada Lovelace", "en-US")
