"""An emulated Salesforce on a real socket, and a client that behaves like browsers and servers."""

from __future__ import annotations

import asyncio
import io
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from botkit_sandbox.bus import Bus
from botkit_sandbox.salesforce import SalesforceCloud, SalesforceSandboxSettings, control_routes, routes
from botkit_sandbox.wire import Wire

DEADLINE = 30.0
BASE = "/iamessage/api/v2"


@dataclass
class Event:
    """One frame of the stream, decoded."""

    id: str
    event: str
    data: Any

    @property
    def entry(self) -> dict[str, Any]:
        return self.data["conversationEntry"]

    @property
    def payload(self) -> dict[str, Any]:
        return json.loads(self.entry["entryPayload"])


@dataclass
class Listener:
    """An open event stream, read in the background."""

    response: aiohttp.ClientResponse
    raw: bytearray = field(default_factory=bytearray)
    events: list[Event] = field(default_factory=list)
    pings: int = 0
    ended: str = ""
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def read(self) -> None:
        pending = b""
        try:
            async for chunk in self.response.content.iter_any():
                self.raw += chunk
                pending += chunk.replace(b"\r\n", b"\n")
                *frames, pending = pending.split(b"\n\n")
                for frame in frames:
                    self._receive(frame.decode())
                async with self.changed:
                    self.changed.notify_all()
            self.ended = "end"
        except aiohttp.ClientError:
            self.ended = "broken"
        async with self.changed:
            self.changed.notify_all()

    def _receive(self, frame: str) -> None:
        fields = dict(line.lstrip("\ufeff").split(":", 1) for line in frame.split("\n"))
        if fields["event"] == "ping":
            self.pings += 1
            assert "id" not in fields
            assert fields["data"].isdecimal()
        else:
            self.events.append(Event(fields["id"], fields["event"], json.loads(fields["data"])))

    async def until(self, condition: Callable[[Listener], Any]) -> Any:
        async with asyncio.timeout(DEADLINE), self.changed:
            await self.changed.wait_for(lambda: condition(self))
        return condition(self)

    async def count(self, number: int) -> list[Event]:
        await self.until(lambda self: len(self.events) >= number)
        return self.events

    @property
    def names(self) -> list[str]:
        return [event.event.removeprefix("CONVERSATION_") for event in self.events]

    def texts(self) -> list[str]:
        return [
            event.payload["abstractMessage"]["staticContent"]["text"]
            for event in self.events
            if event.event == "CONVERSATION_MESSAGE"
        ]


class Client:
    """One end user's client: a token, and the calls of the API."""

    def __init__(self, salesforce: Salesforce) -> None:
        self.http, self.base_url, self.cloud = salesforce.http, salesforce.base_url, salesforce.cloud
        self.answers = salesforce.answers
        self.token: str = ""
        self.granted: dict[str, Any] = {}
        self.conversation_id = str(uuid.uuid4())

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        token: str | None = "",
    ) -> tuple[int, Any]:
        response = await self.raw(method, path, body, headers=headers, token=token)
        text = await response.read()
        return response.status, json.loads(text) if text else None

    async def raw(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        token: str | None = "",
    ) -> aiohttp.ClientResponse:
        sent = {} if token is None else {"Authorization": f"Bearer {token or self.token}"}
        url = self.base_url + (path if path.startswith(("/iamessage", "/event")) else BASE + path)
        data = {"data": body} if isinstance(body, bytes | aiohttp.MultipartWriter) else {"json": body}
        answer = await self.http.request(
            method, url, headers=sent | (headers or {}), **({} if body is None else data)
        )
        self.answers.append(answer)
        return answer

    def token_request(self, **changes: Any) -> dict[str, Any]:
        body = {
            "orgId": self.cloud.org_id,
            "esDeveloperName": self.cloud.settings.developer_name,
            "capabilitiesVersion": "1",
            "platform": "Web",
        }
        return {name: value for name, value in (body | changes).items() if value is not None}

    async def sign_in(self) -> Client:
        status, self.granted = await self.call(
            "POST", "/authorization/unauthenticated/access-token", self.token_request(), token=None
        )
        assert status == 200
        self.token = self.granted["accessToken"]
        return self

    async def create(self, **changes: Any) -> tuple[int, Any]:
        body = {
            "conversationId": self.conversation_id,
            "esDeveloperName": self.cloud.settings.developer_name,
            "routingAttributes": {"_firstName": "Ada", "_lastName": "Lovelace", "Order_Number": "42"},
            "language": "en_US",
        }
        return await self.call("POST", "/conversation", body | changes)

    async def open(self) -> Client:
        await self.sign_in()
        status, _ = await self.create()
        assert status == 201
        return self

    def message(self, text: str, message_id: str = "", **changes: Any) -> dict[str, Any]:
        message = {
            "id": message_id or str(uuid.uuid4()),
            "messageType": "StaticContentMessage",
            "staticContent": {"formatType": "Text", "text": text},
        }
        return {"message": message, "esDeveloperName": self.cloud.settings.developer_name} | changes

    async def say(self, text: str, message_id: str = "", **changes: Any) -> tuple[int, Any]:
        return await self.call("POST", f"{self.path}/message", self.message(text, message_id, **changes))

    @property
    def path(self) -> str:
        return f"/conversation/{self.conversation_id}"

    @property
    def deletes(self) -> str:
        return f"?esDeveloperName={self.cloud.settings.developer_name}"

    async def entries(self, **query: Any) -> list[dict[str, Any]]:
        asked = "&".join(f"{name}={value}" for name, value in query.items())
        status, body = await self.call("GET", f"{self.path}/entries?{asked}")
        assert status == 200
        return body["conversationEntries"]

    async def connect(
        self, *, last_event_id: str | None = None, org_id: str | None = None, token: str = ""
    ) -> aiohttp.ClientResponse:
        headers = {"Accept": "text/event-stream", "X-Org-Id": org_id or self.cloud.org_id}
        if last_event_id is not None:
            headers["Last-Event-Id"] = last_event_id
        return await self.raw("GET", "/eventrouter/v1/sse", headers=headers, token=token)

    @asynccontextmanager
    async def listening(self, **how: Any) -> AsyncIterator[Listener]:
        response = await self.connect(**how)
        assert response.status == 200, await response.text()
        listener = Listener(response)
        task = asyncio.create_task(listener.read())
        try:
            yield listener
        finally:
            response.close()
            await task


@dataclass
class Salesforce:
    """The emulated organisation, its address, and new clients of it."""

    cloud: SalesforceCloud
    http: aiohttp.ClientSession
    base_url: str
    control_url: str
    servers: list[TestServer]
    answers: list[aiohttp.ClientResponse] = field(default_factory=list)

    async def stop(self) -> None:
        for server in self.servers:
            await server.close()

    def client(self) -> Client:
        return Client(self)

    async def opened(self) -> Client:
        return await self.client().open()

    async def accepted(self) -> Client:
        client = await self.opened()
        self.cloud.accept(client.conversation_id, "Jane Doe")
        return client

    async def control(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        url, data = f"{self.control_url}/sandbox/salesforce/{path}", io.BytesIO(json.dumps(body).encode())
        async with self.http.request(method, url, data=data) as response:
            return response.status, await response.json()


MakeSalesforce = Callable[..., Awaitable[Salesforce]]


@pytest.fixture
async def make_salesforce() -> AsyncIterator[MakeSalesforce]:
    """A function that starts an organisation: `await make_salesforce(split_urls=False)`."""
    made: list[Salesforce] = []
    http = aiohttp.ClientSession()

    async def make(
        *, clock: Callable[[], int] | None = None, wire: Wire | None = None, **switches: Any
    ) -> Salesforce:
        more: dict[str, Any] = {} if clock is None else {"clock": clock}
        bus = wire.bus if wire else Bus()
        cloud = SalesforceCloud(wire=wire, bus=bus, settings=SalesforceSandboxSettings(**switches), **more)
        page = web.Application()
        page.add_routes(control_routes(cloud))
        urls: list[str] = []
        servers: list[TestServer] = []
        for app in (routes(cloud), page):
            server = TestServer(app, skip_url_asserts=True)
            await server.start_server(shutdown_timeout=1)
            servers.append(server)
            urls.append(str(server.make_url("")).rstrip("/"))
        cloud.base_url = urls[0]
        base_url, control_url = urls
        made.append(Salesforce(cloud, http, base_url, control_url, servers))
        return made[-1]

    yield make
    for salesforce in made:
        for answer in salesforce.answers:
            answer.close()
    await http.close()
    for salesforce in made:
        await salesforce.stop()


@pytest.fixture
async def salesforce(make_salesforce: MakeSalesforce) -> Salesforce:
    """One organisation with the default switches."""
    return await make_salesforce()
