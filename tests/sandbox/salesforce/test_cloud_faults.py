"""The faults of the emulated Salesforce."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Literal

import aiohttp
import pytest

from botkit.testing.waiting import async_until
from botkit_sandbox.salesforce.faults import Fault
from tests.sandbox.salesforce.conftest import MakeSalesforce, Salesforce


@pytest.mark.parametrize("status", [401, 403, 404, 409, 412, 417, 429, 500, 503])
async def test_a_route_answers_with_a_status_for_so_many_requests(
    salesforce: Salesforce, status: int
) -> None:
    client = await salesforce.opened()
    salesforce.cloud.inject(Fault(kind="status", status=status, times=2, operation="sendMessage"))
    assert [(await client.say("hi"))[0] for _ in range(3)] == [status, status, 202]
    assert len(await client.entries(entryTypeFilter="Message")) == 1


async def test_a_429_can_carry_retry_after(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    salesforce.cloud.inject(Fault(kind="status", status=429, retry_after=3))
    answer = await client.raw("GET", client.path)
    assert (answer.status, answer.headers["Retry-After"]) == (429, "3")
    assert (await answer.json())["errorCode"] == "TOO_MANY_REQUESTS"


async def test_only_paths_with_the_given_part_are_concerned(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    salesforce.cloud.inject(Fault(kind="status", status=500, path="/entries"))
    assert (await client.call("GET", f"{client.path}/entries"))[0] == 500
    assert (await client.call("GET", client.path))[0] == 200


async def test_only_one_conversation_can_be_concerned(salesforce: Salesforce) -> None:
    client, other = await salesforce.opened(), await salesforce.opened()
    salesforce.cloud.inject(Fault(kind="status", status=500, conversation_id=client.conversation_id))
    assert (await client.say("hi"))[0] == 500
    assert (await other.say("hi"))[0] == 202


async def test_the_event_router_answers_faults_in_springs_words(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    salesforce.cloud.inject(Fault(kind="status", status=503, operation="eventStream"))
    response = await client.connect()
    assert response.status == 503
    assert (await response.json())["path"] == "/eventrouter/v1/sse"


async def test_a_fault_stays_until_it_is_cleared(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    salesforce.cloud.inject(Fault(kind="status", status=500))
    assert [(await client.say("hi"))[0] for _ in range(3)] == [500] * 3
    salesforce.cloud.faults.clear()
    assert (await client.say("hi"))[0] == 202


async def test_an_answer_can_be_delayed(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    salesforce.cloud.inject(Fault(kind="delay", delay_ms=60, times=1))
    started = time.perf_counter()
    await client.say("hi")
    assert time.perf_counter() - started >= 0.06


async def test_connections_can_be_closed_without_an_answer(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    salesforce.cloud.inject(Fault(kind="refuse", times=1, operation="sendMessage"))
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.say("hi")
    assert await client.entries(entryTypeFilter="Message") == []


async def test_a_message_can_be_processed_and_its_answer_lost_and_the_same_id_again_is_not_shown_twice(
    salesforce: Salesforce,
) -> None:
    client = await salesforce.opened()
    message_id = str(uuid.uuid4())
    salesforce.cloud.inject(Fault(kind="drop-response", times=1, operation="sendMessage"))
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.say("hi", message_id)
    status, body = await client.say("hi", message_id)
    assert (status, body["conversationEntries"][0]["id"]) == (202, message_id)
    assert len(await client.entries(entryTypeFilter="Message")) == 1


async def test_silence_takes_requests_and_never_answers(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    salesforce.cloud.inject(Fault(kind="silence", operation="routingStatus"))
    with pytest.raises(asyncio.TimeoutError):
        async with asyncio.timeout(0.1):
            await client.call("GET", client.path)
    assert (await client.say("other calls work"))[0] == 202


async def test_silence_keeps_streams_open_and_dumb_until_it_is_cleared(
    make_salesforce: MakeSalesforce,
) -> None:
    salesforce = await make_salesforce(ping_seconds=0.02)
    client = await salesforce.accepted()
    async with client.listening() as stream:
        await stream.until(lambda self: self.pings)
        salesforce.cloud.inject(Fault(kind="silence"))
        await asyncio.sleep(0.03)  # events under way may arrive
        before = len(stream.raw)
        salesforce.cloud.agent_says(client.conversation_id, "Jane Doe", "unheard")
        await asyncio.sleep(0.1)
        assert (len(stream.raw), stream.ended) == (before, "")
        salesforce.cloud.faults.clear()
        await stream.until(lambda self: self.texts() == ["unheard"])


async def test_requests_kept_waiting_are_let_go_when_silence_is_cleared(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    salesforce.cloud.inject(Fault(kind="silence", times=1))
    waiting = asyncio.create_task(client.say("hi"))
    await async_until(lambda: not salesforce.cloud.faults, "for the request to be kept waiting")
    salesforce.cloud.faults.clear()
    with pytest.raises(aiohttp.ClientConnectionError):
        await waiting


@pytest.mark.parametrize(("how", "ended"), [("abort", "broken"), ("end", "end")])
async def test_open_streams_can_be_dropped(
    salesforce: Salesforce, how: Literal["abort", "end"], ended: str
) -> None:
    client = await salesforce.opened()
    async with client.listening() as stream:
        await stream.count(3)
        salesforce.cloud.inject(Fault(kind="drop-streams", how=how))
        await stream.until(lambda self: self.ended)
    assert stream.ended == ended
    assert salesforce.cloud.faults.all() == ()
    async with client.listening(last_event_id=stream.events[-1].id) as again:
        await client.say("after")
        await again.until(lambda self: self.texts() == ["after"])


async def test_one_conversations_stream_can_be_dropped_alone(salesforce: Salesforce) -> None:
    client, other = await salesforce.opened(), await salesforce.opened()
    async with client.listening() as dropped, other.listening() as kept:
        await dropped.count(3)
        await kept.count(3)
        salesforce.cloud.inject(Fault(kind="drop-streams", conversation_id=client.conversation_id))
        await dropped.until(lambda self: self.ended)
        assert kept.ended == ""


async def test_the_next_event_can_be_repeated_with_the_same_id(salesforce: Salesforce) -> None:
    client = await salesforce.accepted()
    async with client.listening() as stream:
        salesforce.cloud.inject(Fault(kind="repeat-event", times=1))
        salesforce.cloud.agent_says(client.conversation_id, "Jane Doe", "one")
        salesforce.cloud.agent_says(client.conversation_id, "Jane Doe", "two")
        await stream.until(lambda self: "two" in self.texts())
    assert stream.texts() == ["one", "one", "two"]
    one, again = (
        event for event in stream.events if event.event == "CONVERSATION_MESSAGE" and "one" in str(event.data)
    )
    assert (one.id, one.entry["identifier"]) == (again.id, again.entry["identifier"])


async def test_an_event_can_be_lost_from_the_stream_but_stay_in_the_list(salesforce: Salesforce) -> None:
    client = await salesforce.accepted()
    async with client.listening() as stream:
        salesforce.cloud.inject(Fault(kind="lose-event", times=1))
        salesforce.cloud.agent_says(client.conversation_id, "Jane Doe", "lost")
        salesforce.cloud.agent_says(client.conversation_id, "Jane Doe", "seen")
        await stream.until(lambda self: self.texts())
    assert stream.texts() == ["seen"]
    assert len(await client.entries(entryTypeFilter="Message")) == 2


async def said_with(salesforce: Salesforce, fault: Fault) -> list[tuple[str, int]]:
    """What a stream brings of three messages: their texts, and their ids counted from the first."""
    client = await salesforce.accepted()
    async with client.listening() as stream:
        await stream.count(8)
        last = int(stream.events[-1].id)
        salesforce.cloud.inject(fault)
        for text in ("one", "two", "three", "last"):
            if text == "last":
                salesforce.cloud.faults.clear()
            salesforce.cloud.agent_says(client.conversation_id, "Jane Doe", text)
        await stream.until(lambda self: "last" in self.texts())
    numbers = [int(event.id) - last for event in stream.events if event.event == "CONVERSATION_MESSAGE"]
    return list(zip(stream.texts(), numbers, strict=True))


async def test_a_lost_event_leaves_a_gap_in_the_ids_or_none(salesforce: Salesforce) -> None:
    lost = await said_with(salesforce, Fault(kind="lose-event", times=1))
    assert lost == [("two", 2), ("three", 3), ("last", 4)]
    lost = await said_with(salesforce, Fault(kind="lose-event", times=1, ids="renewed"))
    assert lost == [("two", 1), ("three", 2), ("last", 3)]


async def test_a_late_event_comes_after_others_with_its_own_id_or_a_new_one(salesforce: Salesforce) -> None:
    late = await said_with(salesforce, Fault(kind="late-event", times=1))
    assert late == [("two", 2), ("one", 1), ("three", 3), ("last", 4)]
    late = await said_with(salesforce, Fault(kind="late-event", times=1, behind=3, ids="renewed"))
    assert late == [("two", 1), ("three", 2), ("last", 3), ("one", 4)]


async def test_only_each_so_many_th_event_can_be_concerned(salesforce: Salesforce) -> None:
    client = await salesforce.accepted()
    async with client.listening() as stream:
        await stream.count(6)
        salesforce.cloud.inject(Fault(kind="lose-event", every=3))
        for number in range(9):
            salesforce.cloud.agent_says(client.conversation_id, "Jane Doe", str(number))
        salesforce.cloud.faults.clear()
        salesforce.cloud.agent_says(client.conversation_id, "Jane Doe", "last")
        await stream.until(lambda self: "last" in self.texts())
    assert len(stream.texts()) == 7


async def test_an_event_of_an_unknown_type_can_come_after_another(salesforce: Salesforce) -> None:
    client = await salesforce.accepted()
    async with client.listening() as stream:
        await stream.count(6)
        salesforce.cloud.inject(Fault(kind="unknown-event", times=1))
        salesforce.cloud.agent_says(client.conversation_id, "Jane Doe", "one")
        await stream.until(lambda self: "NOVELTY" in self.names)
    assert stream.names[-2:] == ["MESSAGE", "NOVELTY"]


@pytest.mark.parametrize(("event_ids", "gap"), [("own", 1), ("shared", 2)])
async def test_ids_count_the_events_of_one_user_or_of_all(
    make_salesforce: MakeSalesforce, event_ids: str, gap: int
) -> None:
    salesforce = await make_salesforce(event_ids=event_ids)
    client, other = await salesforce.accepted(), await salesforce.accepted()
    async with client.listening() as stream:
        await stream.count(6)
        for one in (client, other, client):
            salesforce.cloud.agent_says(one.conversation_id, "Jane Doe", "hello")
        await stream.until(lambda self: len(self.texts()) == 2)
    first, second = (int(event.id) for event in stream.events if event.event == "CONVERSATION_MESSAGE")
    assert second - first == gap


async def test_an_event_can_be_cut_in_the_middle_and_comes_whole_after_reconnecting(
    salesforce: Salesforce,
) -> None:
    client = await salesforce.accepted()
    async with client.listening() as stream:
        await stream.count(6)
        salesforce.cloud.inject(Fault(kind="truncate-event", times=1))
        salesforce.cloud.agent_says(client.conversation_id, "Jane Doe", "cut")
        await stream.until(lambda self: self.ended)
    assert stream.ended == "broken"
    assert stream.texts() == []
    assert b"event:CONVERSATION_MESSAGE\ndata:{" in bytes(stream.raw)
    async with client.listening(last_event_id=stream.events[-1].id) as again:
        await again.until(lambda self: self.texts() == ["cut"])


async def test_an_event_can_be_late(salesforce: Salesforce) -> None:
    client = await salesforce.accepted()
    async with client.listening() as stream:
        await stream.count(6)
        salesforce.cloud.inject(Fault(kind="delay-event", times=1, delay_ms=60))
        started = time.perf_counter()
        salesforce.cloud.agent_says(client.conversation_id, "Jane Doe", "late")
        await stream.until(lambda self: self.texts() == ["late"])
    assert time.perf_counter() - started >= 0.06


async def test_lines_can_end_in_cr_lf(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    salesforce.cloud.inject(Fault(kind="crlf"))
    async with client.listening() as stream:
        await stream.count(4)
    assert bytes(stream.raw).count(b"\r\n") == bytes(stream.raw).count(b"\n") == 16


async def test_a_byte_order_mark_can_come_first(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    salesforce.cloud.inject(Fault(kind="bom", times=1))
    for starts in (b"\xef\xbb\xbfid:", b"id:"):
        async with client.listening() as stream:
            await stream.count(3)
        assert bytes(stream.raw).startswith(starts)


async def test_tokens_can_be_made_to_expire_now_which_ends_streams_and_refuses_calls(
    salesforce: Salesforce,
) -> None:
    client = await salesforce.opened()
    async with client.listening() as stream:
        await stream.count(3)
        salesforce.cloud.inject(Fault(kind="expire-tokens"))
        await stream.until(lambda self: self.ended)
    status, body = await client.say("hi")
    assert status == 401
    assert "Jwt is expired" in body["message"]
    assert (await client.connect()).status == 401
    assert (await client.sign_in()).token


async def test_streams_may_outlive_their_token_by_switch(make_salesforce: MakeSalesforce) -> None:
    salesforce = await make_salesforce(expiry_ends_stream=False)
    client = await salesforce.accepted()
    async with client.listening() as stream:
        await stream.count(6)
        salesforce.cloud.inject(Fault(kind="expire-tokens"))
        salesforce.cloud.agent_says(client.conversation_id, "Jane Doe", "still here")
        await stream.until(lambda self: self.texts() == ["still here"])


async def test_shutting_down_ends_open_streams_and_waiting_requests_quickly(
    make_salesforce: MakeSalesforce,
) -> None:
    salesforce = await make_salesforce()
    client = await salesforce.opened()
    async with client.listening() as stream:
        await stream.count(3)
        salesforce.cloud.inject(Fault(kind="silence", operation="routingStatus", times=1))
        waiting = asyncio.create_task(client.call("GET", client.path))
        await async_until(lambda: not salesforce.cloud.faults, "for the request to be kept waiting")
        await salesforce.stop()
        with pytest.raises(aiohttp.ClientConnectionError):
            await waiting
        await stream.until(lambda self: self.ended)


# --- a proxy that holds streams back ----------------------------------------------------------------------------------


async def test_a_held_stream_has_headers_and_no_event_until_the_proxy_lets_go(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    async with client.listening() as stream:
        await stream.until(lambda self: self.events)
        before = len(stream.raw)
        salesforce.cloud.inject(Fault(kind="hold-stream"))
        await client.say("held back")
        assert "held back" in str(await client.entries())
        assert len(stream.raw) == before
        salesforce.cloud.faults.clear()
        await stream.until(lambda self: self.texts() == ["held back"])


async def test_a_proxy_may_hold_even_the_headers_back(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    salesforce.cloud.inject(Fault(kind="hold-stream", held="headers"))
    connecting = asyncio.create_task(client.connect())
    done, _ = await asyncio.wait({connecting}, timeout=0.3)
    assert not done
    salesforce.cloud.faults.clear()
    response = await connecting
    assert response.status == 200
    response.close()


async def test_a_proxy_may_pass_events_only_with_a_full_buffer(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    salesforce.cloud.inject(Fault(kind="hold-stream", held="buffer"))
    async with client.listening() as stream:
        await client.say("short")
        await client.say("x" * 6_000)
        assert stream.raw == b""
        await client.say("y" * 6_000)
        await stream.until(lambda self: len(self.raw) == 8_192)


async def test_a_proxy_may_hold_each_event_until_the_next_one(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    salesforce.cloud.inject(Fault(kind="hold-stream", held="last"))
    async with client.listening() as stream:
        await client.say("one")
        await client.say("two")
        await stream.until(lambda self: self.texts() == ["one"])
        await client.say("three")
        await stream.until(lambda self: self.texts() == ["one", "two"])
