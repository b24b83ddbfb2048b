"""The control routes of the sandbox as a whole: state, event stream, and exchanges on the wire.

    GET /sandbox/state        {addresses, kore, salesforce, live-chat, wire: [summaries, oldest first]}
    GET /sandbox/addresses    what `botkit sandbox --json` prints
    GET /sandbox/events       text/event-stream: first ``snapshot`` (as above), then events named ``wire`` or after a cloud
    GET /sandbox/wire/{id}    one exchange with headers and bodies
    DELETE /sandbox/wire      delete all exchanges

The summary of a long poll with messages has their types in ``brought``.

The clouds' own control routes live beside them, under ``/sandbox/kore/``, ``/sandbox/salesforce/`` and ``/sandbox/live-chat/``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from aiohttp import web

from botkit_sandbox.bus import Bus, BusItem
from botkit_sandbox.live_chat.edge import LONG_POLL
from botkit_sandbox.wire import Wire, WireEntry

MAX_WATCHERS = 64
HEARTBEAT_SECONDS = 15.0

State = Callable[[], Mapping[str, Any]]


def control_routes(bus: Bus, wire: Wire, state: State) -> list[web.RouteDef]:
    """Routes over one bus and wire.

    Args:
        state: returns the rest of a snapshot, beside the wire.
    """
    watchers = asyncio.Semaphore(MAX_WATCHERS)

    def snapshot() -> dict[str, Any]:
        return {**state(), "wire": [_summary(entry) for entry in wire.entries]}

    async def get_state(_: web.Request) -> web.Response:
        return web.json_response(snapshot())

    async def get_exchange(request: web.Request) -> web.Response:
        entry = wire.find(int(request.match_info["id"]))
        if entry is None:
            return web.json_response({"error": "This exchange is no longer kept"}, status=404)
        return web.json_response(entry.detail())

    async def forget_exchanges(_: web.Request) -> web.Response:
        wire.entries.clear()
        return web.Response(status=204)

    async def get_events(request: web.Request) -> web.StreamResponse:
        if watchers.locked():
            return web.json_response({"error": f"{MAX_WATCHERS} pages are watching already"}, status=503)
        async with watchers:
            stream = web.StreamResponse(
                headers={
                    "Content-Type": "text/event-stream",
                    "Cache-Control": "no-store",
                    "X-Accel-Buffering": "no",
                }
            )
            await stream.prepare(request)
            try:
                await _watch(stream, bus, wire, snapshot)
            except ConnectionResetError:
                return stream  # The watcher disconnected.
            return stream

    return [
        web.get("/sandbox/state", get_state),
        web.get("/sandbox/events", get_events),
        web.get(r"/sandbox/wire/{id:\d{1,15}}", get_exchange),
        web.delete("/sandbox/wire", forget_exchanges),
    ]


async def _watch(stream: web.StreamResponse, bus: Bus, wire: Wire, snapshot: State) -> None:
    with bus.subscribe() as news:
        # Subscribed before the snapshot is taken, so no item is lost between them; the page ignores duplicates.
        await stream.write(_frame("snapshot", snapshot()))
        while True:
            try:
                item = await asyncio.wait_for(anext(news), HEARTBEAT_SECONDS)
            except TimeoutError:
                await stream.write(b": still here\n\n")
            except StopAsyncIteration:
                return
            else:
                await stream.write(_frame(item.topic, _data_for_watchers(item, wire)))


def _data_for_watchers(item: BusItem, wire: Wire) -> Mapping[str, Any]:
    """The data of an item for watchers. A long poll also has the types of its messages."""
    if item.topic != "wire" or item.data.get("label") != LONG_POLL:
        return item.data
    entry = wire.find(item.data["id"])
    return item.data if entry is None else _summary(entry)


def _summary(entry: WireEntry) -> dict[str, Any]:
    brought = _brought(entry) if entry.label == LONG_POLL else []
    return entry.summary() | ({"brought": brought} if brought else {})


def _brought(entry: WireEntry) -> list[str]:
    """Types of the messages in a reply of System/Messages (docs/protocols/salesforce-live-chat.md, 2.4)."""
    try:
        reply = msgspec.json.decode(entry.response_body, type=_Reply)
    except msgspec.DecodeError:  # no reply, or a long one, of which the wire keeps only the beginning
        return []
    return [message.type for message in reply.messages]


class _Message(msgspec.Struct):
    type: str


class _Reply(msgspec.Struct):
    messages: list[_Message]


def _frame(event: str, data: Mapping[str, Any]) -> bytes:
    return f"event: {event}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()
