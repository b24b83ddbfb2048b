from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from benchmarks.load import CONNECTIONS, Messages, Relayed, load


class Service:
    """Counts each hook as relayed, and answers it a little later."""

    def __init__(self, back: Relayed) -> None:
        self.back = back
        self.seen: list[int] = []
        self.callers: set[object] = set()

    async def receive(self, request: web.Request) -> web.Response:
        self.seen.append(json.loads(await request.read())["requestId"])
        self.callers.add(request.transport)
        self.back(b"", b"")
        await asyncio.sleep(0.01)
        return web.json_response({})


@pytest.fixture
async def service() -> AsyncIterator[tuple[Service, int]]:
    one = Service(Relayed())
    app = web.Application()
    app.router.add_post("/hook", one.receive)
    server = TestServer(app)
    await server.start_server()
    assert server.port is not None
    yield one, server.port
    await server.close()


FIRST = 1_501_244_150_000


async def post(
    service: Service,
    port: int,
    numbers: itertools.count[int],
    *,
    seconds: float,
    connections: int = CONNECTIONS,
) -> dict[str, object]:
    messages = Messages(
        numbers, port=port, sink_port=9, path="/hook", bot_id="st-1", client_id="cs-1", secret="s" * 32
    )
    return await load(
        messages,
        service.back,
        ports=[port],
        connections=connections,
        seconds=seconds,
        warm_up_seconds=0,
        relayed=True,
    )


async def test_everything_that_was_posted_is_answered_and_counted_before_a_job_ends(
    service: tuple[Service, int],
) -> None:
    one, port = service
    result = await post(one, port, itertools.count(FIRST), seconds=0.05)
    assert result["acknowledged"] == result["relayed"] == len(one.seen) > 0


async def test_no_hook_is_posted_twice_by_several_jobs(service: tuple[Service, int]) -> None:
    one, port = service
    numbers = itertools.count(FIRST)
    results = [await post(one, port, numbers, seconds=0.05) for _ in range(2)]
    assert len(set(one.seen)) == len(one.seen) == sum(int(str(result["relayed"])) for result in results)


async def test_there_are_as_many_connections_as_asked_for(service: tuple[Service, int]) -> None:
    one, port = service
    await post(one, port, itertools.count(FIRST), seconds=0.05, connections=5)
    assert len(one.callers) == 5
