"""The control API's state, event stream and wire."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from botkit_sandbox import control
from botkit_sandbox.bus import Bus
from botkit_sandbox.control import control_routes
from botkit_sandbox.wire import Wire, WireEntry

Client = TestClient[web.Request, web.Application]


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def wire(bus: Bus) -> Wire:
    return Wire(bus)


@pytest.fixture
async def client(bus: Bus, wire: Wire) -> AsyncIterator[Client]:
    app = web.Application()
    app.add_routes(control_routes(bus, wire, lambda: {"kore": {"users": []}, "salesforce": {"agents": []}}))

    async def close(_: web.Application) -> None:
        bus.close()

    app.on_shutdown.append(close)
    async with TestClient(TestServer(app)) as client:
        yield client


def hook(wire: Wire, label: str = "on_user_message") -> WireEntry:
    return wire.record(source="kore", target="botkit", label=label, status=200, request_body="hello")


async def next_event(stream: aiohttp.ClientResponse) -> tuple[str, Any]:
    """The next event; comments are skipped."""
    async with asyncio.timeout(30):
        while True:
            frame = (await stream.content.readuntil(b"\n\n")).decode()
            fields = dict(
                line.split(": ", 1) for line in frame.splitlines() if line and not line.startswith(":")
            )
            if fields:
                return fields["event"], json.loads(fields["data"])


async def test_the_stream_begins_with_a_snapshot_and_goes_on_with_the_news(
    client: Client, bus: Bus, wire: Wire
) -> None:
    before = hook(wire)
    async with client.get("/sandbox/events") as stream:
        assert stream.content_type == "text/event-stream"
        name, snapshot = await next_event(stream)
        assert name == "snapshot"
        assert snapshot["kore"] == {"users": []}
        assert snapshot["salesforce"] == {"agents": []}
        assert [row["id"] for row in snapshot["wire"]] == [before.id]
        bus.publish("kore", {"kind": "message", "userId": "u-1"})
        after = hook(wire)
        assert await next_event(stream) == ("kore", {"kind": "message", "userId": "u-1"})
        assert await next_event(stream) == ("wire", after.summary())


def poll(wire: Wire, reply: str, *, status: int = 200) -> WireEntry:
    return wire.record(
        source="botkit", target="salesforce", label="Messages", status=status, response_body=reply
    )


async def test_the_row_of_a_long_poll_names_the_types_of_its_messages(client: Client, wire: Wire) -> None:
    reply = {"messages": [{"type": "ChatEstablished", "message": {}}, {"type": "ChatMessage"}], "sequence": 1}
    kept = poll(wire, json.dumps(reply))
    brought = {"brought": ["ChatEstablished", "ChatMessage"]}
    async with client.get("/sandbox/events") as stream:
        _, snapshot = await next_event(stream)
        assert snapshot["wire"] == [kept.summary() | brought]
        news = poll(wire, json.dumps(reply))
        assert await next_event(stream) == ("wire", news.summary() | brought)


@pytest.mark.parametrize("reply", ["", "OK", '{"messages": [{"ty', '{"messages": []}', '{"messages": "x"}'])
async def test_a_long_poll_without_messages_is_an_ordinary_row(
    client: Client, wire: Wire, reply: str
) -> None:
    kept = poll(wire, reply, status=204)
    async with client.get("/sandbox/state") as answer:
        assert (await answer.json())["wire"] == [kept.summary()]


async def test_a_quiet_stream_shows_that_it_lives(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "HEARTBEAT_SECONDS", 0.01)
    async with client.get("/sandbox/events") as stream, asyncio.timeout(30):
        await next_event(stream)
        assert (await stream.content.readuntil(b"\n\n")).startswith(b":")


async def test_one_exchange_can_be_opened_with_its_bodies(client: Client, wire: Wire) -> None:
    entry = hook(wire)
    async with client.get(f"/sandbox/wire/{entry.id}") as answer:
        assert (await answer.json())["request_body"] == "hello"


async def test_an_exchange_that_is_no_longer_kept_is_not_found(client: Client) -> None:
    async with client.get("/sandbox/wire/99") as answer:
        assert answer.status == 404


async def test_the_wire_can_be_cleared(client: Client, wire: Wire) -> None:
    hook(wire)
    async with client.delete("/sandbox/wire") as answer:
        assert answer.status == 204
    async with client.get("/sandbox/state") as answer:
        assert (await answer.json())["wire"] == []


async def test_only_so_many_pages_can_watch(
    client: Client, monkeypatch: pytest.MonkeyPatch, bus: Bus
) -> None:
    async with client.get("/sandbox/events") as first:
        await next_event(first)
        streams = [await client.get("/sandbox/events") for _ in range(control.MAX_WATCHERS - 1)]
        async with client.get("/sandbox/events") as refused:
            assert refused.status == 503
    for stream in streams:
        stream.close()


async def test_stopping_ends_open_streams(client: Client) -> None:
    async with client.get("/sandbox/events") as stream:
        await next_event(stream)
        async with asyncio.timeout(30):
            await client.server.close()
            assert await stream.content.read() == b""
