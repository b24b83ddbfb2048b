"""The fault switches (protocol section 14)."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

JANE = "Jane Doe"


def said(service, visitor) -> list[str]:
    return [line["text"] for line in service.view(visitor)["transcript"] if line["role"] == "EndUser"]


@pytest.mark.parametrize("status", [400, 403, 409, 429, 500, 502, 503])
async def test_any_status_can_be_answered_so_many_times(service, status):
    visitor = await service.chatting()
    service.inject("status", status=status, operation="ChatMessage", times=2)
    assert [(await visitor.say("x")).status for _ in range(3)] == [status, status, 200]
    assert said(service, visitor) == ["x"]


async def test_a_fault_concerns_its_path_operation_and_conversation_only(service):
    ada, bob = await service.chatting(), await service.requested()
    service.inject("status", status=500, conversation_id=ada.id, path="POST ", operation="ChasitorTyping")
    assert (await ada.post("ChasitorTyping")).status == 500
    assert (await ada.say("x")).status == 200
    assert (await bob.post("ChasitorTyping")).status == 200


async def test_refused_requests_are_not_done(service):
    visitor = await service.chatting()
    service.inject("refuse", times=1)
    with pytest.raises(aiohttp.ClientError):
        await visitor.say("x")
    assert said(service, visitor) == []


async def test_a_dropped_poll_repeats_its_messages_on_the_next_one(service):
    visitor = await service.chatting()
    service.inject("drop-response", operation="Messages", times=1)
    service.cloud.agent_says(visitor.id, JANE, "hello")
    with pytest.raises(aiohttp.ClientError):
        await visitor.poll()
    assert (await visitor.poll()).message("ChatMessage")["text"] == "hello"


async def test_a_delayed_request_is_done_all_the_same(service):
    visitor = await service.chatting()
    service.inject("delay", delay_ms=1, times=1)
    assert (await visitor.say("x")).status == 200


async def test_silence_ends_when_it_is_cleared(service):
    visitor = await service.chatting()
    service.inject("silence")
    waiting = asyncio.create_task(visitor.say("x"))
    done, _ = await asyncio.wait({waiting}, timeout=0.2)
    assert not done
    service.cloud.faults.clear()
    with pytest.raises(aiohttp.ClientError):
        await waiting


async def test_empty_polls_bring_nothing_until_the_fault_is_cleared(make_service):
    service = await make_service(poll_hold_seconds=0.1)
    visitor = await service.requested()
    service.inject("empty-polls")
    assert [(await visitor.poll()).status for _ in range(2)] == [204, 204]
    service.cloud.faults.clear()
    assert (await visitor.poll()).types[0] == "ChatRequestSuccess"


async def test_clearing_empty_polls_wakes_a_poll_that_waits(make_service):
    service = await make_service(poll_hold_seconds=30)
    visitor = await service.requested()
    service.inject("empty-polls")
    poll = asyncio.create_task(visitor.poll())
    await service.polling()
    service.cloud.faults.clear()
    async with asyncio.timeout(2):
        assert (await poll).types[0] == "ChatRequestSuccess"


async def test_a_lost_message_is_answered_with_ok(service):
    visitor = await service.chatting()
    service.inject("lose-message", times=1)
    assert [(await visitor.say(text)).status for text in ("one", "two")] == [200, 200]
    assert said(service, visitor) == ["two"]


async def test_messages_in_quick_succession_are_lost(service):
    visitor = await service.chatting()
    service.inject("lose-quick", within_ms=15)
    for text, pause in (("one", 0.010), ("quick", 0.020), ("three", 0.015), ("four", 0)):
        assert (await visitor.say(text)).status == 200
        service.clock.pass_seconds(pause)
    assert said(service, visitor) == ["one", "three", "four"]


async def test_sessions_can_expire_at_once(service):
    visitor = await service.chatting()
    service.inject("expire-sessions")
    assert (await visitor.say("x")).status == 403
    assert service.view(visitor)["status"] == "ended"
    assert service.cloud.faults.all() == ()


async def test_waiting_polls_can_lose_their_connection_and_the_chat_goes_on(make_service):
    service = await make_service(poll_hold_seconds=30)
    visitor = await service.chatting()
    poll = asyncio.create_task(visitor.poll())
    await service.polling()
    service.inject("drop-polls")
    with pytest.raises(aiohttp.ClientError):
        await poll
    service.cloud.agent_says(visitor.id, JANE, "hello")
    assert (await visitor.poll()).types == ["ChatMessage"]


async def test_the_same_fault_for_the_same_requests_is_replaced(service):
    service.inject("status", status=500)
    service.inject("status", status=502)
    assert [fault.status for fault in service.cloud.faults.all()] == [502]
