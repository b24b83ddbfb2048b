"""Section 14: the checklist for a faithful emulator, as far as the sections before have not said it."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from tests.sandbox.live_chat.conformance.conftest import MakeService, Service
from tests.sandbox.live_chat.visitor import INVALID, JANE, OMAR

# --- order and states -----------------------------------------------------------------------------------------------


async def test_a_normal_start_says_success_queue_position_established_and_greeting_in_this_order(
    make_service: MakeService,
) -> None:
    """14, order on a normal start: the greeting is optional; several messages in one batch."""
    service = await make_service(auto_greeting="Welcome")
    visitor = await service.requested()
    await service.act(visitor, "accept")
    answer = await visitor.poll()
    assert answer.types == ["ChatRequestSuccess", "QueueUpdate", "ChatEstablished", "ChatMessage"]
    assert (answer.texts, answer.json["sequence"]) == (["Welcome"], 3)


async def test_one_post_may_yield_several_messages_in_one_batch(make_service: MakeService) -> None:
    """14: ChasitorInit, with agents who accept by themselves (bot auto-agent)."""
    service = await make_service(auto_accept=True, auto_greeting="Welcome", auto_reply="You said: {text}")
    visitor = await service.requested()
    assert len((await visitor.poll()).types) == 4
    await visitor.batch(("ChatMessage", {"text": "a"}), ("ChatMessage", {"text": "b"}))
    assert (await visitor.poll()).texts == ["You said: a", "You said: b"]


async def test_a_session_goes_from_state_to_state(service: Service) -> None:
    """14, state machine: created, requested, queued, active, transferring or disconnected, active, ended."""
    visitor = await service.requested()
    seen = [(await service.view(visitor))["status"]]
    for what, body in (
        ("accept", {}),
        ("transfer", {"to": OMAR}),
        ("accept", {"agent": OMAR}),
        ("disconnect", {"agent": OMAR}),
        ("accept", {}),
        ("end", {}),
    ):
        await service.act(visitor, what, **body)
        seen.append((await service.view(visitor))["status"])
    assert seen == ["assigned", "active", "transferring", "active", "transferring", "active", "ended"]


async def test_a_pending_end_is_delivered_once_and_then_everything_is_a_403(service: Service) -> None:
    """14: 403 with the text of 3.10 in the last state, but first the pending ChatEnded once."""
    visitor = await service.chatting()
    await service.says(visitor, "bye")
    await service.act(visitor, "end")
    answer = await visitor.say("late")
    assert (answer.status, answer.text) == (403, INVALID)
    assert (await visitor.post("ChatMessage", {"text": "late"}, sequence=99)).status == 403
    before = visitor.ack
    assert (await visitor.poll()).types == ["ChatMessage", "ChatEnded"]
    visitor.ack = before
    answer = await visitor.poll()
    assert (answer.status, answer.text) == (403, INVALID)
    assert await service.read(visitor) == []


# --- fault knobs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 403, 409, 429, 500, 502, 503])
async def test_any_status_so_many_times(service: Service, status: int) -> None:
    """14: 503 now, 409, 500."""
    visitor = await service.chatting()
    await service.inject("status", status=status, operation="ChatMessage", times=2)
    assert [(await visitor.say("x")).status for _ in range(3)] == [status, status, 200]
    assert await service.read(visitor) == ["x"]


async def test_409_on_a_poll(service: Service) -> None:
    """14: 409 on poll; the chat goes on."""
    visitor = await service.chatting()
    await service.inject("status", status=409, operation="Messages", times=1)
    await service.says(visitor, "hello")
    assert (await visitor.poll()).status == 409
    assert (await visitor.poll()).texts == ["hello"]


async def test_nothing_but_204_until_the_fault_is_cleared(service: Service) -> None:
    """14: 204-only silence (13.10)."""
    visitor = await service.requested()
    await service.inject("empty-polls")
    assert [(await visitor.poll()).status for _ in range(2)] == [204, 204]
    await service.clear_faults()
    assert (await visitor.poll()).types[0] == "ChatRequestSuccess"


async def test_clearing_the_silence_wakes_a_poll_that_waits(make_service: MakeService) -> None:
    """14."""
    service = await make_service(poll_hold_seconds=30)
    visitor = await service.requested()
    await service.inject("empty-polls")
    poll = asyncio.create_task(visitor.poll())
    await service.polling()
    await service.clear_faults()
    assert (await poll).types[0] == "ChatRequestSuccess"


async def test_a_delayed_request_is_done_all_the_same(service: Service) -> None:
    """14: delay."""
    visitor = await service.chatting()
    await service.inject("delay", delay_ms=1, times=1)
    assert (await visitor.say("x")).status == 200


async def test_a_response_is_dropped_after_processing(service: Service) -> None:
    """14: dropped response, for tests of retries; the same message without a number comes twice."""
    visitor = await service.chatting()
    await service.inject("drop-response", operation="ChatMessage", times=1)
    with pytest.raises(aiohttp.ClientError):
        await visitor.post("ChatMessage", {"text": "x"}, sequence=None)
    assert (await visitor.post("ChatMessage", {"text": "x"}, sequence=None)).status == 200
    assert await service.read(visitor) == ["x", "x"]


async def test_refused_requests_are_not_done(service: Service) -> None:
    """14: the connection breaks before."""
    visitor = await service.chatting()
    await service.inject("refuse", times=1)
    with pytest.raises(aiohttp.ClientError):
        await visitor.say("x")
    assert await service.read(visitor) == []


async def test_silence_ends_when_it_is_cleared(service: Service) -> None:
    """14: requests that are never answered."""
    visitor = await service.chatting()
    await service.inject("silence")
    waiting = asyncio.create_task(visitor.say("x"))
    done, _ = await asyncio.wait({waiting}, timeout=0.1)
    assert not done
    await service.clear_faults()
    with pytest.raises(aiohttp.ClientError):
        await waiting
    assert await service.read(visitor) == []


async def test_a_lost_message_is_answered_with_ok(service: Service) -> None:
    """14: lost quick messages; here the next one, however quick."""
    visitor = await service.chatting()
    await service.inject("lose-message", times=1)
    assert [(await visitor.say(text)).status for text in ("one", "two")] == [200, 200]
    assert await service.read(visitor) == ["two"]


async def test_sessions_can_expire_at_once(service: Service) -> None:
    """14: session expiry."""
    visitor = await service.chatting()
    await service.inject("expire-sessions")
    assert (await visitor.say("x")).status == 403
    assert (await service.view(visitor))["status"] == "ended"


async def test_waiting_polls_can_lose_their_connection_and_the_chat_goes_on(
    make_service: MakeService,
) -> None:
    """14."""
    service = await make_service(poll_hold_seconds=30)
    visitor = await service.chatting()
    poll = asyncio.create_task(visitor.poll())
    await service.polling()
    await service.inject("drop-polls")
    with pytest.raises(aiohttp.ClientError):
        await poll
    await service.says(visitor, "hello")
    assert (await visitor.poll()).texts == ["hello"]


async def test_a_fault_concerns_its_path_operation_and_conversation_only(service: Service) -> None:
    """14: minimal means, for one session among many."""
    ada, bob = await service.chatting(), await service.requested()
    await service.inject(
        "status", status=500, conversation_id=ada.id, path="POST ", operation="ChasitorTyping"
    )
    assert (await ada.post("ChasitorTyping")).status == 500
    assert (await ada.say("x")).status == 200
    assert (await bob.post("ChasitorTyping")).status == 200


async def test_the_retired_service_can_be_gone(service: Service) -> None:
    """10: what the endpoints answer now is unknown; a client must fail clearly."""
    await service.inject("status", status=410, path="/chat/rest/")
    assert (await service.visitor().call("GET", "/System/SessionId")).status == 410


# --- agents ---------------------------------------------------------------------------------------------------------


async def test_an_agent_who_logs_off_leaves_the_chats_to_others(service: Service) -> None:
    """14, agent side: drop connection."""
    visitor = await service.chatting()
    await service.online(JANE, False)
    assert (await visitor.poll()).types == ["AgentDisconnect"]
    assert await service.assigned(visitor) == OMAR


async def test_a_disconnected_agent_who_comes_back_is_asked_again(make_service: MakeService) -> None:
    """14, agent side: the session stays alive with nobody else there."""
    service = await make_service(agents=(JANE,))
    visitor = await service.chatting()
    await service.online(JANE, False)
    assert (await service.view(visitor))["status"] == "transferring"
    await service.online(JANE, True)
    assert await service.assigned(visitor) == JANE
