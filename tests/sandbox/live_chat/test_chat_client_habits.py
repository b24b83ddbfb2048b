"""What public clients of this API are used to (protocol sections 1, 2 and 13): the service puts up with all of it."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import pytest
import yarl

from botkit.sandbox.salesforce.ids import long_id

JANE = "Jane Doe"


async def test_a_body_may_come_as_plain_text_as_fetch_sends_strings(service):
    visitor = await service.visitor().begin()
    headers = {"Content-Type": "text/plain;charset=UTF-8"}
    answer = await visitor.call("POST", "/Chasitor/ChasitorInit", visitor.request_body(), headers=headers)
    assert (answer.status, answer.text) == (200, "OK")


async def test_typing_may_come_without_a_body(service):
    visitor = await service.chatting()
    assert (await visitor.call("POST", "/Chasitor/ChasitorTyping")).status == 200


async def test_a_request_may_leave_out_what_is_not_needed_and_add_what_nobody_documents(service):
    visitor = await service.visitor().begin()
    answer = await visitor.request(
        sessionId=...,
        visitorName=...,
        userAgent=...,
        screenResolution=...,
        prechatDetails=...,
        prechatEntities=...,
        agentId=None,
        trackingId="",
        isPost=False,
        visitorInfo={"visitCount": 1, "originalReferrer": "", "pages": [{"location": "x", "time": 1}]},
    )
    assert answer.status == 200


async def test_booleans_may_be_texts(service):
    visitor = await service.requested(doFallback="true", receiveQueueUpdates="true", agentId="")
    assert "QueueUpdate" in (await visitor.poll()).types


@pytest.mark.parametrize("form", ["15 characters", "18 characters"])
async def test_ids_may_have_15_or_18_characters(service, form):
    settings = service.cloud.settings
    ids = [settings.organization_id, settings.deployment_id, settings.buttons[0].id]
    if form == "18 characters":
        ids = [long_id(each) for each in ids]
    visitor = await service.requested(organizationId=ids[0], deploymentId=ids[1], buttonId=ids[2])
    assert (await visitor.poll()).types[0] == "ChatRequestSuccess"


@pytest.mark.parametrize("encoded", [False, True], ids=["raw", "percent-encoded"])
async def test_the_key_may_be_raw_or_percent_encoded_in_header_and_path(make_service, encoded):
    service = await make_service()
    # A key with everything that is special in a path.
    service.cloud.chance.token = lambda size: (b"\xfb\xef\xbe\xff\xff\xff" * 4)[:size]
    visitor = await service.visitor().begin()
    assert {"+", "/", "="} <= set(visitor.key)
    key = quote(visitor.key, safe="") if encoded else visitor.key
    assert (
        await visitor.call("GET", "/System/Messages", headers={"X-LIVEAGENT-SESSION-KEY": key})
    ).status == 204
    url = yarl.URL(f"{service.base_url}/chat/rest/System/SessionId/{key}", encoded=True)
    headers = {"X-LIVEAGENT-API-VERSION": "34", "X-LIVEAGENT-AFFINITY": visitor.affinity}
    async with service.http.delete(url, headers=headers) as response:
        assert response.status == 200


async def test_the_key_of_a_deletion_may_stand_in_the_header_alone(service):
    visitor = await service.chatting()
    assert (await visitor.call("DELETE", "/System/SessionId")).status == 200
    assert (await visitor.poll()).status == 403


async def test_a_reason_of_the_clients_own_ends_the_chat_as_well(service):
    visitor = await service.chatting()
    assert (await visitor.post("ChatEnd", {"reason": "clientIdleTimeout"})).status == 200
    assert (await visitor.poll()).message("ChatEnded")["reason"] == "client"


async def test_a_client_without_ack_and_without_numbers_holds_a_whole_conversation(service):
    visitor = service.visitor()
    visitor.ack = None
    await visitor.begin()
    await visitor.post("ChasitorInit", visitor.request_body(sessionId=...), sequence=None)
    await visitor.until("ChatRequestSuccess")
    service.cloud.accept(visitor.id, JANE)
    await visitor.until("ChatEstablished")
    for text in ("one", "two"):
        await visitor.post("ChatMessage", {"text": text}, sequence=None)
        service.cloud.agent_says(visitor.id, JANE, text.upper())
        assert (await visitor.until("ChatMessage"))["text"] == text.upper()
    await visitor.post("ChatEnd", {"reason": "client"}, sequence=None)
    assert (await visitor.until("ChatEnded"))["reason"] == "client"


async def test_header_names_come_in_any_case(service):
    visitor = await service.visitor().begin()
    headers = {
        "x-liveagent-api-version": "34",
        "x-liveagent-affinity": visitor.affinity,
        "x-liveagent-session-key": visitor.key,
    }
    async with service.http.get(f"{service.base_url}/chat/rest/System/Messages", headers=headers) as response:
        assert response.status == 204


async def test_a_browser_may_ask_before_it_sends_the_headers_of_this_api(service):
    headers = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-liveagent-affinity,x-liveagent-api-version",
    }
    answer = await service.visitor().call("OPTIONS", "/Chasitor/ChatMessage", headers=headers)
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    assert "x-liveagent-affinity" in answer.headers["Access-Control-Allow-Headers"]


async def test_a_browser_may_read_answers_and_errors(service):
    for path in ("/System/SessionId", "/System/Messages?ack=-1"):
        answer = await service.visitor().call("GET", path, headers={"Origin": "https://shop.example"})
        assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"


async def test_origins_can_be_limited(make_service):
    service = await make_service(cors_origins=("https://shop.example",))
    answer = await service.visitor().call(
        "GET", "/System/SessionId", headers={"Origin": "https://evil.example"}
    )
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_a_session_that_asks_for_nothing_expires_soon(service):
    visitor = await service.visitor().begin()
    service.clock.pass_seconds(61)
    assert (await visitor.request()).status == 403


async def test_a_session_that_is_not_polled_ends_after_the_connection_timeout(service):
    visitor = await service.chatting()
    service.clock.pass_seconds(149)
    assert (await visitor.poll()).status == 204
    service.clock.pass_seconds(151)
    assert (await visitor.poll()).status == 403
    assert service.view(visitor)["status"] == "ended"


async def test_the_desk_learns_of_a_lost_visitor_without_any_request(service, eventually):
    visitor = await service.chatting()
    service.clock.pass_seconds(151)
    await eventually(lambda: service.view(visitor)["status"] == "ended")


async def test_a_poll_that_waits_keeps_the_session_alive(make_service):
    service = await make_service(poll_hold_seconds=30)
    visitor = await service.chatting()
    poll = asyncio.create_task(visitor.poll())
    await service.polling()
    service.clock.pass_seconds(1000)
    service.cloud.sweep()
    service.cloud.agent_says(visitor.id, JANE, "still there?")
    assert (await poll).types == ["ChatMessage"]


async def test_the_timeout_begins_when_the_client_of_a_waiting_poll_hangs_up(make_service, eventually):
    service = await make_service(poll_hold_seconds=30)
    visitor = await service.chatting()
    poll = asyncio.create_task(visitor.poll())
    await service.polling()
    service.clock.pass_seconds(1000)
    poll.cancel()
    await eventually(lambda: service.cloud.open_polls() == 0)
    service.clock.pass_seconds(149)
    service.cloud.sweep()
    assert service.view(visitor)["status"] == "active"
    service.clock.pass_seconds(2)
    service.cloud.sweep()
    assert service.view(visitor)["status"] == "ended"


@pytest.mark.parametrize(("keeps", "status"), [(False, 403), (True, 204)])
async def test_posts_keep_a_session_alive_only_if_switched_so(make_service, keeps, status):
    service = await make_service(posts_keep_alive=keeps)
    visitor = await service.chatting()
    service.clock.pass_seconds(100)
    await visitor.say("hello")
    service.clock.pass_seconds(100)
    assert (await visitor.poll()).status == status


async def test_the_timeout_is_the_deployments_and_is_said_in_milliseconds(make_service):
    service = await make_service(connection_timeout_seconds=45)
    visitor = await service.requested()
    assert (await visitor.poll()).message("ChatRequestSuccess")["connectionTimeout"] == 45_000
    service.clock.pass_seconds(46)
    assert (await visitor.poll()).status == 403
