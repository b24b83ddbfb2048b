"""Sections 3.1 to 3.7 and 3.10 to 3.12: the long poll."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from tests.sandbox.live_chat.conformance.conftest import MakeService, Service
from tests.sandbox.live_chat.visitor import INVALID

# --- 3.1, 3.2: ack, sequence, offset --------------------------------------------------------------------------------


async def test_the_sequence_is_the_index_of_the_last_message_from_0_on(service: Service) -> None:
    """3.2: zero-based, over the whole chat; the first value can be 0 (13.3)."""
    visitor = await service.requested(receiveQueueUpdates=False)
    assert (await visitor.poll()).json["sequence"] == 0
    await service.act(visitor, "accept")
    await service.says(visitor, "hi")
    answer = await visitor.poll()
    assert (answer.types, answer.json["sequence"]) == (["ChatEstablished", "ChatMessage"], 2)


async def test_eighteen_messages_from_the_start_have_the_sequence_17(service: Service) -> None:
    """3.2, as captured."""
    visitor = await service.requested(receiveQueueUpdates=False)
    await service.act(visitor, "accept")
    await service.says(visitor, *map(str, range(16)))
    answer = await visitor.poll()
    assert (len(answer.types), answer.json["sequence"]) == (18, 17)


async def test_the_offset_is_a_large_number_that_grows_inside_a_chat(service: Service) -> None:
    """3.2: 8 to 10 digits in captures; 14: base + index."""
    visitor = await service.requested()
    answer = await visitor.poll()
    assert 8 <= len(str(answer.json["offset"])) <= 10
    base = answer.json["offset"] - answer.json["sequence"]
    await service.act(visitor, "accept")
    await service.says(visitor, "one", "two")
    answer = await visitor.poll()
    assert answer.json["offset"] == base + answer.json["sequence"]


async def test_an_empty_poll_is_a_204_without_a_body_and_keeps_the_ack(service: Service) -> None:
    """3.1: a 204 carries no sequence; repeat with the same ack."""
    visitor = await service.chatting()
    for _ in range(2):
        answer = await visitor.poll()
        assert (answer.status, answer.text) == (204, "")
    await service.says(visitor, "hello")
    assert (await visitor.poll()).texts == ["hello"]


# --- 3.3: what comes again ------------------------------------------------------------------------------------------


async def test_a_poll_with_the_old_ack_gets_the_unacknowledged_messages_again(service: Service) -> None:
    """3.3: that is how a lost response is repaired."""
    visitor = await service.chatting()
    await service.says(visitor, "hello")
    old = visitor.ack
    first = await visitor.poll()
    await service.says(visitor, "more")
    visitor.ack = old
    again = await visitor.poll()
    assert again.json["messages"][: len(first.types)] == first.json["messages"]
    assert again.texts == ["hello", "more"]


async def test_a_response_that_was_lost_on_the_way_is_repaired_by_polling_again(service: Service) -> None:
    """3.3: the guide says to retry a poll that died without a response."""
    visitor = await service.chatting()
    await service.says(visitor, "hello")
    await service.inject("drop-response", operation="Messages", times=1)
    with pytest.raises(aiohttp.ClientError):
        await visitor.poll()
    assert (await visitor.poll()).texts == ["hello"]


async def test_acknowledged_messages_do_not_come_again(service: Service) -> None:
    """3.3: deliver all messages with index > ack."""
    visitor = await service.chatting()
    await service.says(visitor, "one")
    await visitor.poll()
    assert (await visitor.poll()).status == 204
    visitor.ack = -1
    assert (await visitor.poll()).status == 204


async def test_everything_after_the_ack_can_come_again(make_service: MakeService) -> None:
    """3.3 [C]: whether acknowledged messages are forgotten is not known."""
    service = await make_service(replay="everything")
    visitor = await service.chatting()
    await service.says(visitor, "one", "two")
    first = (await visitor.poll()).json["sequence"] - 1
    assert (await visitor.poll()).status == 204
    visitor.ack = first
    assert (await visitor.poll()).texts == ["two"]
    visitor.ack = -1
    answer = await visitor.poll()
    assert answer.types[0] == "ChatRequestSuccess"
    assert answer.texts == ["one", "two"]


async def test_nothing_can_come_again(make_service: MakeService) -> None:
    """3.3 [C]: whether unacknowledged messages are kept is not known."""
    service = await make_service(replay="nothing")
    visitor = await service.chatting()
    await service.says(visitor, "one")
    old = visitor.ack
    assert (await visitor.poll()).texts == ["one"]
    visitor.ack = old
    assert (await visitor.poll()).status == 204


async def test_without_ack_everything_handed_out_counts_as_acknowledged(service: Service) -> None:
    """3.3: clients without it did not see replays."""
    visitor = await service.chatting()
    visitor.ack = None
    for text in ("one", "two"):
        await service.says(visitor, text)
        assert (await visitor.poll()).texts == [text]
    assert (await visitor.poll()).status == 204


async def test_without_ack_nothing_can_count_as_acknowledged(make_service: MakeService) -> None:
    """3.3 [C]: the same as ack=-1."""
    service = await make_service(without_ack="none")
    visitor = await service.chatting()
    visitor.ack = None
    await service.says(visitor, "one")
    await visitor.poll()
    await service.says(visitor, "two")
    assert (await visitor.poll()).texts == ["one", "two"]


async def test_a_poll_without_ack_can_be_refused(make_service: MakeService) -> None:
    """3.3 [C]: the guide documents the parameter."""
    service = await make_service(without_ack="refuse")
    visitor = await service.requested()
    visitor.ack = None
    assert (await visitor.poll()).status == 400
    visitor.ack = -1
    assert (await visitor.poll()).status == 200


async def test_an_ack_nobody_was_given_is_taken_for_the_newest(service: Service) -> None:
    """3.3 says nothing of it."""
    visitor = await service.chatting()
    visitor.ack = 4711
    await service.says(visitor, "hello")
    assert (await visitor.poll()).texts == ["hello"]


async def test_an_ack_nobody_was_given_can_be_refused(make_service: MakeService) -> None:
    """5: 409, "acked out of order" to one client."""
    service = await make_service(ack_ahead="refuse")
    visitor = await service.chatting()
    last, visitor.ack = visitor.ack, 4711
    answer = await visitor.poll()
    assert (answer.status, answer.text) == (409, f"Out of sync Ack. Expected 4711. Actual {last}")


# --- 3.4, 3.5: what a poll waits for --------------------------------------------------------------------------------


async def test_pending_messages_return_at_once_as_one_payload(make_service: MakeService) -> None:
    """3.4: not a stream."""
    service = await make_service(poll_hold_seconds=30)
    visitor = await service.chatting()
    await service.says(visitor, *map(str, range(20)))
    assert (await visitor.poll()).texts == [str(number) for number in range(20)]


async def test_a_waiting_poll_is_answered_as_soon_as_something_happens(make_service: MakeService) -> None:
    """3.4 and 3.5."""
    service = await make_service(poll_hold_seconds=30)
    visitor = await service.chatting()
    poll = asyncio.create_task(visitor.poll())
    await service.polling()
    await service.says(visitor, "one")
    assert (await poll).texts == ["one"]


# --- 3.6: when polling stops ----------------------------------------------------------------------------------------


async def test_a_session_that_is_not_polled_ends_after_the_connection_timeout(service: Service) -> None:
    """3.6: connectionTimeout, 150000 ms in three captures."""
    visitor = await service.requested()
    assert (await visitor.poll()).message("ChatRequestSuccess")["connectionTimeout"] == 150_000
    service.clock.pass_seconds(149)
    assert (await visitor.poll()).status == 204
    service.clock.pass_seconds(151)
    answer = await visitor.poll()
    assert (answer.status, answer.text) == (403, INVALID)
    assert (await service.view(visitor))["status"] == "ended"


async def test_the_timeout_is_the_deployments_and_is_said_in_milliseconds(make_service: MakeService) -> None:
    """3.6: the deployment setting is in seconds."""
    service = await make_service(connection_timeout_seconds=45)
    visitor = await service.requested()
    assert (await visitor.poll()).message("ChatRequestSuccess")["connectionTimeout"] == 45_000
    service.clock.pass_seconds(46)
    assert (await visitor.poll()).status == 403


async def test_a_pause_can_be_too_long_before_the_timeout_that_is_said(make_service: MakeService) -> None:
    """3.10: "more than 45 s", where the same client was told 150000 ms."""
    service = await make_service(poll_pause_seconds=45)
    visitor = await service.requested()
    assert (await visitor.poll()).message("ChatRequestSuccess")["connectionTimeout"] == 150_000
    service.clock.pass_seconds(46)
    assert (await visitor.poll()).status == 403


@pytest.mark.parametrize(("keeps", "status"), [(False, 403), (True, 204)])
async def test_posts_keep_a_session_alive_only_if_switched_so(
    make_service: MakeService, keeps: bool, status: int
) -> None:
    """3.6: if polling stops, the session ends."""
    service = await make_service(posts_keep_alive=keeps)
    visitor = await service.chatting()
    service.clock.pass_seconds(100)
    await visitor.say("hello")
    service.clock.pass_seconds(100)
    assert (await visitor.poll()).status == status


async def test_a_poll_that_waits_keeps_the_session_alive(make_service: MakeService) -> None:
    """3.6 and 9: the timeout concerns lost connections only."""
    service = await make_service(poll_hold_seconds=30)
    visitor = await service.chatting()
    poll = asyncio.create_task(visitor.poll())
    await service.polling()
    service.clock.pass_seconds(1000)
    assert (await visitor.say("still here")).status == 200
    await service.says(visitor, "good")
    assert (await poll).texts == ["good"]


async def test_the_agent_learns_of_a_lost_visitor_without_any_request(service: Service) -> None:
    """3.6: the server ends the session by itself."""
    visitor = await service.chatting()
    service.clock.pass_seconds(151)

    async def has_ended() -> bool:
        return (await service.view(visitor))["status"] == "ended"

    await service.until(has_ended)


# --- 3.7: one poll at a time ----------------------------------------------------------------------------------------


async def test_a_second_poll_is_a_409_and_the_chat_goes_on(make_service: MakeService) -> None:
    """3.7: 409 to the newer poll; two clients treat it as harmless."""
    service = await make_service(poll_hold_seconds=30)
    visitor = await service.chatting()
    first = asyncio.create_task(visitor.poll())
    await service.polling()
    assert (await visitor.poll()).status == 409
    await service.says(visitor, "still here")
    assert (await first).texts == ["still here"]
    await service.says(visitor, "and on")
    assert (await visitor.poll()).texts == ["and on"]


async def test_a_second_poll_can_end_the_chat(make_service: MakeService) -> None:
    """3.7: the guide says that the chat is terminated."""
    service = await make_service(poll_hold_seconds=30, duplicate_poll="end")
    visitor = await service.chatting()
    first = asyncio.create_task(visitor.poll())
    await service.polling()
    assert (await visitor.poll()).status == 409
    assert (await first).status == 403
    assert (await service.view(visitor))["status"] == "ended"


# --- 3.10 to 3.12 ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"X-LIVEAGENT-SESSION-KEY": None},
        {"X-LIVEAGENT-SESSION-KEY": ""},
        {"X-LIVEAGENT-SESSION-KEY": "nobody!1!x="},
        {"X-LIVEAGENT-AFFINITY": None},
        {"X-LIVEAGENT-AFFINITY": "null"},
        {"X-LIVEAGENT-AFFINITY": "deadbeef"},
    ],
    ids=str,
)
async def test_a_missing_or_wrong_key_or_affinity_is_a_403(service: Service, headers: dict[str, Any]) -> None:
    """3.10: with the body text as captured."""
    visitor = await service.chatting()
    for method, path in (("GET", "/System/Messages?ack=-1"), ("POST", "/Chasitor/ChatMessage")):
        answer = await visitor.call(method, path, data=b'{"text": "x"}', headers=headers)
        assert (answer.status, answer.text) == (403, INVALID)
    assert (await visitor.say("x")).status == 200


async def test_a_key_with_another_secret_is_a_403(service: Service) -> None:
    """3.10, and 1: the session key is the secret."""
    visitor = await service.chatting()
    visitor.key = visitor.key[:-4] + "abc="
    assert (await visitor.poll()).status == 403


async def test_a_wrong_affinity_can_be_a_503(make_service: MakeService) -> None:
    """3.9: 503 is an affinity token that is no longer valid; of one that never was, nobody says."""
    service = await make_service(wrong_affinity=503)
    visitor = await service.chatting()
    visitor.affinity = "deadbeef"
    assert (await visitor.poll()).status == 503
    assert (await visitor.reconnect()).status == 200


async def test_the_poll_counter_of_consoles_is_ignored(service: Service) -> None:
    """3.11: pc = 0, 1, 2…"""
    visitor = await service.requested()
    for counter in (0, 1):
        answer = await visitor.call("GET", f"/System/Messages?ack=-1&pc={counter}")
        assert answer.types[0] == "ChatRequestSuccess"


async def test_a_poll_that_waits_hears_of_the_visitors_end(make_service: MakeService) -> None:
    """2.9: who wants that data polls once more; 3.12 says the contrary, see below."""
    service = await make_service(poll_hold_seconds=30)
    visitor = await service.chatting()
    poll = asyncio.create_task(visitor.poll())
    await service.polling()
    await visitor.post("ChatEnd", {"reason": "client"})
    assert (await poll).types == ["ChatEnded"]


async def test_a_pending_poll_can_keep_hanging_after_the_end(make_service: MakeService) -> None:
    """3.12: until the server closes it."""
    service = await make_service(poll_after_client_end="hang", poll_hold_seconds=0.2)
    visitor = await service.chatting()
    poll = asyncio.create_task(visitor.poll())
    await service.polling()
    await visitor.post("ChatEnd", {"reason": "client"})
    assert (await poll).status == 204
    assert (await visitor.poll()).types == ["ChatEnded"]
