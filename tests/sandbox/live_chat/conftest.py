"""An emulated Live Chat service on a real socket, and a client that speaks to it as public clients do."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from botkit.sandbox.bus import Bus
from botkit.sandbox.live_chat import LiveChatCloud, LiveChatSandboxSettings, control_routes, routes
from botkit.sandbox.live_chat.faults import Fault
from botkit.sandbox.wire import Wire

DEADLINE = 5.0
BASE = "/chat/rest"
JANE, OMAR, MEI = "Jane Doe", "Omar Haddad", "Mei Tanaka"


@dataclass
class Answer:
    """What came back."""

    status: int
    text: str
    headers: Any = None

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def types(self) -> list[str]:
        return [each["type"] for each in self.json["messages"]]

    def message(self, kind: str) -> dict[str, Any]:
        return next(each["message"] for each in self.json["messages"] if each["type"] == kind)


class Clock:
    """Milliseconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now_ms = 1_760_000_000_000

    def __call__(self) -> int:
        return self.now_ms

    def pass_seconds(self, seconds: float) -> None:
        self.now_ms += int(seconds * 1000)


class Visitor:
    """A visitor's client: a session, and the calls of the API."""

    def __init__(self, service: Service) -> None:
        self.service, self.cloud = service, service.cloud
        self.key = self.id = ""
        self.affinity = "null"
        self.ack: int | None = -1
        self.offset: int | None = None
        self.sequence = 0
        self.heard: list[dict[str, Any]] = []

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str | None] | None = None,
        data: Any = None,
    ) -> Answer:
        sent: dict[str, str | None] = {
            "X-LIVEAGENT-API-VERSION": "58",
            "X-LIVEAGENT-AFFINITY": self.affinity,
            "X-LIVEAGENT-SESSION-KEY": self.key or None,
        }
        sent |= headers or {}
        if body is not None:
            data = io.BytesIO(json.dumps(body).encode())
        url = path if path.startswith("http") else self.service.base_url + BASE + path
        kept = {name: value for name, value in sent.items() if value is not None}
        async with self.service.http.request(method, url, headers=kept, data=data) as response:
            return Answer(response.status, await response.text(), response.headers)

    async def begin(self) -> Visitor:
        answer = await self.call("GET", "/System/SessionId")
        assert answer.status == 200, answer.text
        self.key, self.id = answer.json["key"], answer.json["id"]
        self.affinity = answer.json["affinityToken"]
        return self

    def request_body(self, **changes: Any) -> dict[str, Any]:
        settings = self.cloud.settings
        body = {
            "organizationId": settings.organization_id,
            "deploymentId": settings.deployment_id,
            "buttonId": settings.buttons[0].id,
            "sessionId": self.id,
            "userAgent": "tests",
            "language": "en-US",
            "screenResolution": "1900x1080",
            "visitorName": "Ada Lovelace",
            "prechatDetails": [
                {"label": "Email", "value": "ada@acme.example", "transcriptFields": ["Email__c"]}
            ],
            "prechatEntities": [],
            "receiveQueueUpdates": True,
            "isPost": True,
        }
        return {name: value for name, value in (body | changes).items() if value is not ...}

    async def request(self, **changes: Any) -> Answer:
        return await self.post("ChasitorInit", self.request_body(**changes))

    async def post(self, noun: str, body: Any = None, *, sequence: int | str | None = "next") -> Answer:
        """A POST with the next sequence number, with another one, or (None) without."""
        number = self.sequence + 1 if sequence == "next" else sequence
        headers = {"X-LIVEAGENT-SEQUENCE": None if number is None else str(number)}
        prefix = "System" if noun == "MultiNoun" else "Chasitor"
        answer = await self.call("POST", f"/{prefix}/{noun}", {} if body is None else body, headers=headers)
        if sequence == "next" and answer.status == 200:
            self.sequence += 1
        return answer

    async def say(self, text: str) -> Answer:
        return await self.post("ChatMessage", {"text": text})

    async def poll(self, **headers: str | None) -> Answer:
        """One poll; what it brings is acknowledged with the next one."""
        query = "" if self.ack is None else f"?ack={self.ack}"
        answer = await self.call("GET", f"/System/Messages{query}", headers=headers)
        if answer.status == 200:
            self.offset = answer.json["offset"]
            self.heard += answer.json["messages"]
            if self.ack is not None:
                self.ack = answer.json["sequence"]
        return answer

    async def until(self, kind: str) -> dict[str, Any]:
        """Poll until a message of this type has come; returns its payload."""
        async with asyncio.timeout(DEADLINE):
            seen = 0
            while True:
                for number, each in enumerate(self.heard[seen:], start=seen):
                    if each["type"] == kind:
                        self.heard = self.heard[number + 1 :]
                        return each["message"]
                seen = len(self.heard)
                answer = await self.poll()
                assert answer.status in (200, 204), answer.text

    async def reconnect(self, offset: int | str | None = "last") -> Answer:
        given = self.offset if offset == "last" else offset
        query = "" if given is None else f"?ReconnectSession.offset={given}"
        answer = await self.call(
            "GET", f"/System/ReconnectSession{query}", headers={"X-LIVEAGENT-AFFINITY": "null"}
        )
        if answer.status == 200:
            self.affinity, self.sequence = answer.json["messages"][0]["message"]["affinityToken"], 0
        return answer

    async def resync(self) -> Answer:
        body = {"organizationId": self.cloud.settings.organization_id}
        return await self.post("ChasitorResyncState", body, sequence=None)


@dataclass
class Service:
    """The emulated deployment, its address, and new visitors."""

    cloud: LiveChatCloud
    http: aiohttp.ClientSession
    base_url: str
    control_url: str
    clock: Clock
    runners: list[web.AppRunner] = field(default_factory=list)

    def visitor(self) -> Visitor:
        return Visitor(self)

    async def requested(self, **changes: Any) -> Visitor:
        """A visitor who asked for a chat and has heard nothing yet."""
        visitor = await self.visitor().begin()
        answer = await visitor.request(**changes)
        assert (answer.status, answer.text) == (200, "OK"), answer
        return visitor

    async def queued(self, **changes: Any) -> Visitor:
        """A visitor who knows that the request succeeded."""
        visitor = await self.requested(**changes)
        await visitor.until("ChatRequestSuccess")
        visitor.heard.clear()
        return visitor

    async def chatting(self, **changes: Any) -> Visitor:
        """A visitor with Jane as the agent, who knows it."""
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
        """Wait until that many polls wait."""
        await _eventually(lambda: self.cloud.open_polls() == number)


MakeService = Callable[..., Awaitable[Service]]


@pytest.fixture
async def make_service() -> AsyncIterator[MakeService]:
    """Starts emulated deployments: `await make_service(sneak_peek=True)`. Polls are held for a tenth of a second."""
    made: list[Service] = []
    http = aiohttp.ClientSession()
    http._retry_connection = False  # or a GET whose connection breaks is silently sent again

    async def make(*, wire: Wire | None = None, organisation: Any = None, **switches: Any) -> Service:
        clock = Clock()
        cloud = LiveChatCloud(
            wire=wire,
            bus=wire.bus if wire else Bus(),
            organisation=organisation,
            settings=LiveChatSandboxSettings(**({"poll_hold_seconds": 0.1} | switches)),
            clock=clock,
        )
        page = web.Application()
        page.add_routes(control_routes(cloud))
        runners, urls = [], []
        for app in (routes(cloud), page):
            # As the sandbox does it; aiohttp's TestServer would cancel handlers whose client hung up.
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            runners.append(runner)
            urls.append("http://{}:{}".format(*runner.addresses[0]))
        cloud.base_url = urls[0]
        made.append(Service(cloud, http, *urls, clock, runners))
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


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any]], Awaitable[None]]:
    return _eventually


async def _eventually(condition: Callable[[], Any]) -> None:
    for _ in range(int(DEADLINE / 0.01)):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it never came true")
