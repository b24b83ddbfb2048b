"""An emulated Live Chat service on real sockets, with its agents."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from botkit.testing.clock import ManualClock
from botkit.testing.waiting import async_until
from botkit_sandbox.bus import Bus
from botkit_sandbox.live_chat import LiveChatCloud, LiveChatSandboxSettings, control_routes, routes
from botkit_sandbox.live_chat.faults import Fault
from botkit_sandbox.wire import Wire
from tests.sandbox.live_chat.visitor import JANE, Visitor


@dataclass
class Service:
    """The emulated deployment, its address, and new visitors."""

    cloud: LiveChatCloud
    http: aiohttp.ClientSession
    base_url: str
    control_url: str
    clock: ManualClock
    runners: list[web.AppRunner] = field(default_factory=list)

    def visitor(self) -> Visitor:
        return Visitor(self.http, self.base_url)

    async def requested(self, **changes: Any) -> Visitor:
        """A visitor who has requested a chat and has not polled yet."""
        visitor = await self.visitor().begin()
        answer = await visitor.request(**changes)
        assert (answer.status, answer.text) == (200, "OK"), answer
        return visitor

    async def queued(self, **changes: Any) -> Visitor:
        """A visitor who has received ChatRequestSuccess."""
        visitor = await self.requested(**changes)
        await visitor.until("ChatRequestSuccess")
        visitor.heard.clear()
        return visitor

    async def chatting(self, **changes: Any) -> Visitor:
        """A visitor with Jane as the agent, who has received ChatEstablished."""
        visitor = await self.requested(**changes)
        self.cloud.accept(visitor.id, JANE)
        await visitor.until("ChatEstablished")
        return visitor

    def inject(self, kind: str, **how: Any) -> None:
        self.cloud.inject(Fault(kind=kind, **how))  # type: ignore[arg-type]

    def view(self, visitor: Visitor) -> dict[str, Any]:
        return next(each for each in self.cloud.state()["conversations"] if each["id"] == visitor.id)

    async def control(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        url = f"{self.control_url}/sandbox/live-chat/{path}"
        async with self.http.request(method, url, data=json.dumps(body).encode()) as response:
            return response.status, await response.json()

    async def polling(self, number: int = 1) -> None:
        """Wait until this number of polls wait."""
        await async_until(lambda: self.cloud.open_polls() == number)


MakeService = Callable[..., Awaitable[Service]]


@pytest.fixture
async def make_service() -> AsyncIterator[MakeService]:
    """A function that starts a deployment: `await make_service(sneak_peek=True)`. Polls are held for a tenth of a second."""
    made: list[Service] = []
    http = aiohttp.ClientSession()
    http._retry_connection = False  # otherwise aiohttp repeats a GET whose connection breaks

    async def make(*, wire: Wire | None = None, organisation: Any = None, **switches: Any) -> Service:
        clock = ManualClock(1_760_000_000.0)
        cloud = LiveChatCloud(
            wire=wire,
            bus=wire.bus if wire else Bus(),
            organisation=organisation,
            settings=LiveChatSandboxSettings(**({"poll_hold_seconds": 0.1} | switches)),
            clock=clock.milliseconds,
        )
        page = web.Application()
        page.add_routes(control_routes(cloud))
        runners: list[web.AppRunner] = []
        urls: list[str] = []
        for app in (routes(cloud), page):
            # As in the sandbox; aiohttp's TestServer would cancel handlers whose client hung up.
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            runners.append(runner)
            urls.append("http://{}:{}".format(*runner.addresses[0]))
        cloud.base_url = urls[0]
        base_url, control_url = urls
        made.append(Service(cloud, http, base_url, control_url, clock, runners))
        return made[-1]

    yield make
    await http.close()
    for service in made:
        for runner in service.runners:
            await runner.cleanup()


@pytest.fixture
async def service(make_service: MakeService) -> Service:
    """One deployment with the default switches."""
    return await make_service()
