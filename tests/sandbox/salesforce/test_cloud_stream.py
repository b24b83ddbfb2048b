"""The event stream (docs/protocols/salesforce-miaw.md, 4)."""

from __future__ import annotations

import asyncio
import json
import uuid
from contextlib import AsyncExitStack

import pytest

from botkit.testing.waiting import async_until
from tests.sandbox.salesforce.conftest import MakeSalesforce, Salesforce


async def test_the_stream_is_refused_without_a_token_in_springs_words(salesforce: Salesforce) -> None:
    client = await salesforce.client().sign_in()
    status, body = await client.call(
        "GET", "/eventrouter/v1/sse", headers={"X-Org-Id": "00DSB0000000001"}, token=None
    )
    assert status == 401
    assert (body["status"], body["error"], body["path"]) == (401, "Unauthorized", "/eventrouter/v1/sse")
    assert "errorCode" not in body


@pytest.mark.parametrize("org_id", ["00DSB00000000012AA", "00DXX0000000001", ""])
async def test_an_organization_id_other_than_the_tokens_15_characters_is_a_400(
    salesforce: Salesforce, org_id: str
) -> None:
    client = await salesforce.client().sign_in()
    status, body = await client.call("GET", "/eventrouter/v1/sse", headers={"X-Org-Id": org_id})
    assert status == 400
    assert body["message"] == "OrgId in the header and token must match"


async def test_an_expired_token_is_a_401_that_says_jwt_is_expired(make_salesforce: MakeSalesforce) -> None:
    now = [1_760_000_000_000]
    salesforce = await make_salesforce(clock=lambda: now[0])
    client = await salesforce.opened()
    now[0] += 360 * 60_000
    response = await client.connect()
    assert response.status == 401
    assert "Jwt is expired" in await response.text()


async def test_the_stream_answers_at_once_even_if_there_is_nothing_to_say(salesforce: Salesforce) -> None:
    client = await salesforce.client().sign_in()
    async with asyncio.timeout(30):
        response = await client.connect()
    assert (response.status, response.content_type) == (200, "text/event-stream")
    response.close()


async def test_frames_have_an_id_an_event_and_one_line_of_json(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    await client.say("two\nlines and ünïcode 🙂")
    async with client.listening() as stream:
        await stream.until(lambda self: "MESSAGE" in self.names)
        raw = bytes(stream.raw)
    for frame in raw.split(b"\n\n")[:-1]:
        lines = frame.split(b"\n")
        assert [line.split(b":")[0] for line in lines] == [b"id", b"event", b"data"]
    assert stream.texts() == ["two\nlines and ünïcode 🙂"]


async def test_ids_are_decimal_and_grow_from_the_tokens_last_event_id(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    async with client.listening() as stream:
        await stream.count(3)
    ids = [int(event.id) for event in stream.events]
    assert ids == sorted(set(ids))
    assert ids[0] > int(client.granted["lastEventId"])


async def test_every_event_has_the_whole_envelope_with_the_payload_encoded_twice(
    salesforce: Salesforce,
) -> None:
    client = await salesforce.accepted()
    await client.say("hello")
    async with client.listening() as stream:
        await stream.until(lambda self: "MESSAGE" in self.names)
    for event in stream.events:
        assert set(event.data) == {
            "channelPlatformKey",
            "channelType",
            "channelAddressIdentifier",
            "conversationId",
            "conversationEntry",
        }
        assert event.data["channelType"] == "embedded_messaging"
        assert event.data["conversationId"] == client.conversation_id
        entry = event.entry
        assert isinstance(entry["entryPayload"], str)
        assert (event.payload["entryType"], event.payload["id"]) == (entry["entryType"], entry["identifier"])
        assert set(entry["sender"]) == {"role", "appType", "subject", "clientIdentifier"}
        assert isinstance(entry["transcriptedTimestamp"], int)
        assert isinstance(entry["clientTimestamp"], int)
        assert (entry["clientDuration"], entry["contextParamMap"]) == (0, {})


async def test_salesforces_sample_finds_a_name_in_every_event_it_makes_an_entry_of(
    salesforce: Salesforce,
) -> None:
    """The sample reads `senderDisplayName` if that is not empty, else ``entryPayload.entries[0]`` (end of 4.4)."""
    client = await salesforce.accepted()
    await client.say("hello")
    salesforce.cloud.transfer(client.conversation_id, "Jane Doe", to="queue")
    salesforce.cloud.route_failure(client.conversation_id)
    async with client.listening() as stream:
        await stream.until(lambda self: self.names.count("ROUTING_RESULT") == 3)
    for event in stream.events:
        assert event.entry["senderDisplayName"] or event.payload["entries"][0]["displayName"]


async def test_without_a_last_event_id_everything_is_replayed(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    for _ in range(2):
        async with client.listening() as stream:
            await stream.count(4)
        assert stream.names == ["UPDATED", "ROUTING_RESULT", "SESSION_STATUS_CHANGED", "ROUTING_WORK_RESULT"]


async def test_with_a_last_event_id_the_stream_goes_on_after_it(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    async with client.listening() as stream:
        events = await stream.count(4)
    await client.say("while nobody listened")
    async with client.listening(last_event_id=events[2].id) as stream:
        await stream.count(2)
    assert stream.names == ["ROUTING_WORK_RESULT", "MESSAGE"]


async def test_a_stream_opened_after_create_with_the_tokens_event_id_misses_nothing(
    salesforce: Salesforce,
) -> None:
    client = await salesforce.opened()
    async with client.listening(last_event_id=client.granted["lastEventId"]) as stream:
        await stream.count(3)


async def test_last_event_id_zero_replays_everything(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    async with client.listening(last_event_id="0") as stream:
        await stream.count(3)


async def test_the_last_event_id_can_be_made_necessary(make_salesforce: MakeSalesforce) -> None:
    client = await (await make_salesforce(last_event_id_required=True)).opened()
    assert (await client.connect()).status == 400
    assert (await client.connect(last_event_id="0")).status == 200


async def test_one_stream_carries_exactly_the_conversations_of_its_subject(
    salesforce: Salesforce,
) -> None:
    client, other = await salesforce.opened(), await salesforce.opened()
    second = str(uuid.uuid4())
    await client.create(conversationId=second)
    async with client.listening() as stream:
        await stream.count(6)
    assert {event.data["conversationId"] for event in stream.events} == {client.conversation_id, second}
    assert other.conversation_id not in bytes(stream.raw).decode()


async def test_several_streams_of_a_subject_get_every_event(salesforce: Salesforce) -> None:
    client = await salesforce.accepted()
    _, again = await client.call("GET", "/authorization/continuation-access-token")
    async with (
        client.listening() as one,
        client.listening() as two,
        client.listening(token=again["accessToken"]) as tab,
    ):
        salesforce.cloud.agent_says(client.conversation_id, "Jane Doe", "hello")
        for stream in (one, two, tab):
            await stream.until(lambda self: self.texts() == ["hello"])


async def test_pings_come_without_an_id(make_salesforce: MakeSalesforce) -> None:
    client = await (await make_salesforce(ping_seconds=0.02)).client().sign_in()
    async with client.listening() as stream:
        await stream.until(lambda self: self.pings >= 2)
        assert bytes(stream.raw).startswith(b"event:ping\ndata:0\n\n")


async def test_pings_can_count(make_salesforce: MakeSalesforce) -> None:
    client = await (await make_salesforce(ping_seconds=0.02, ping_counts=True)).client().sign_in()
    async with client.listening() as stream:
        await stream.until(lambda self: self.pings >= 2)
        assert b"event:ping\ndata:1\n\n" in bytes(stream.raw)


async def test_a_stream_can_be_given_a_longest_life(make_salesforce: MakeSalesforce) -> None:
    client = await (await make_salesforce(stream_max_seconds=0.05)).client().sign_in()
    async with client.listening() as stream:
        await stream.until(lambda self: self.ended == "end")


async def test_a_stream_ends_when_its_token_has_expired(make_salesforce: MakeSalesforce) -> None:
    now = [1_760_000_000_000]
    salesforce = await make_salesforce(clock=lambda: now[0], ping_seconds=0.02)
    client = await salesforce.opened()
    async with client.listening() as stream:
        await stream.count(3)
        now[0] += 360 * 60_000
        await stream.until(lambda self: self.ended)
    assert (await client.connect()).status == 401


async def test_the_replay_window_can_be_short(make_salesforce: MakeSalesforce) -> None:
    salesforce = await make_salesforce(replay_window=5)
    client = await salesforce.accepted()
    for number in range(100):
        salesforce.cloud.agent_says(client.conversation_id, "Jane Doe", f"{number}")
    async with client.listening() as stream:
        await stream.until(lambda self: "99" in self.texts())
    assert len(stream.events) < 30


async def test_a_client_that_went_away_is_forgotten(make_salesforce: MakeSalesforce) -> None:
    salesforce = await make_salesforce(ping_seconds=0.02)
    client = await salesforce.opened()
    async with client.listening() as stream:
        await stream.count(3)
        assert salesforce.cloud.open_streams() == 1
    await async_until(lambda: not salesforce.cloud.open_streams())


async def test_an_event_of_any_name_can_be_sent(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    async with client.listening() as stream:
        await salesforce.control(
            "POST",
            f"conversations/{client.conversation_id}/emit",
            {"event": "CONVERSATION_FROM_THE_FUTURE", "entryType": "FromTheFuture", "payload": {"a": 1}},
        )
        await stream.count(5)
    assert stream.names[-1] == "FROM_THE_FUTURE"
    assert json.loads(stream.events[-1].entry["entryPayload"])["a"] == 1


async def test_a_hundred_streams_each_get_the_events_of_their_own_user_only(salesforce: Salesforce) -> None:
    clients = [await salesforce.opened() for _ in range(100)]
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(client.listening()) for client in clients]
        for client in clients:
            salesforce.cloud.accept(client.conversation_id, "Jane Doe")
            salesforce.cloud.agent_says(client.conversation_id, "Jane Doe", client.conversation_id)
        for client, stream in zip(clients, streams, strict=True):
            await stream.until(lambda self: self.texts())
            assert stream.texts() == [client.conversation_id]
            assert {event.data["conversationId"] for event in stream.events} == {client.conversation_id}
        assert salesforce.cloud.open_streams() == 100
