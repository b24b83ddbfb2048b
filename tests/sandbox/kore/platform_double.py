"""The emulated platform on a real socket, with a stub BotKit that records its hooks and reacts as the test says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import jwt
from aiohttp import web

from botkit.testing.waiting import async_until
from botkit_sandbox.bus import Bus
from botkit_sandbox.kore import KoreCloud, load_export, sample_bot_folder
from botkit_sandbox.kore.users import User
from botkit_sandbox.wire import Wire

SAMPLE = load_export(sample_bot_folder())


async def serve(app: web.Application) -> tuple[web.AppRunner, str]:
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    return runner, f"http://127.0.0.1:{port}"


@dataclass
class Hook:
    """One hook as BotKit received it."""

    event: str
    component_id: str | None
    headers: dict[str, str]
    body: dict[str, Any]


Reaction = Callable[[Hook], Awaitable[None]]


@dataclass
class StubBotKit:
    """Passes every message through, unless `react` has another reaction for the event."""

    client_id: str
    client_secret: str
    http: aiohttp.ClientSession
    clock: Callable[[], float] = time.time
    url: str = ""
    hooks: list[Hook] = field(default_factory=list)
    react: dict[str, Reaction] = field(default_factory=dict)
    status: int = 200
    webhook_status: int = 200
    failing: set[str] = field(default_factory=set)
    answer: dict[str, Any] = field(default_factory=dict)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def token(self, *, secret: str | None = None, algorithm: str = "HS256", **claims: Any) -> str:
        claims = {"appId": self.client_id, "exp": self.clock() + 60} | claims
        return jwt.encode(
            {k: v for k, v in claims.items() if v is not None}, secret or self.client_secret, algorithm
        )

    async def receive(self, request: web.Request) -> web.Response:
        hook = Hook(
            event=request.match_info["event"],
            component_id=request.match_info.get("component"),
            headers=dict(request.headers),
            body=await request.json(),
        )
        self.hooks.append(hook)
        status = 500 if hook.event in self.failing else self.status
        if hook.event == "on_webhook":
            status = self.webhook_status
        if status < 300:
            reaction = self.react.get(hook.event, self.pass_on)
            task = asyncio.ensure_future(reaction(hook))
            self.tasks.add(task)
        return web.json_response(self.answer, status=status)

    async def pass_on(self, hook: Hook) -> None:
        """Pass a message through, as a BotKit without a hand-off does."""
        if hook.event == "on_user_message":
            await self.call("sendBotMessageUrl", hook)
        elif hook.event == "on_bot_message":
            await self.call("sendUserMessageUrl", hook)

    async def call(self, url_name: str, hook: Hook, **changes: Any) -> tuple[int, Any]:
        return await self.post(hook.body[url_name], {**hook.body, **changes})

    async def action(self, name: str, hook: Hook, **changes: Any) -> tuple[int, Any]:
        """A call whose URL is made from baseUrl, as the SDK does."""
        url = f"{hook.body['baseUrl']}/{name}/{hook.body['requestId']}"
        return await self.post(url, {**hook.body, **changes})

    async def post(self, url: str, body: Any, **headers: str) -> tuple[int, Any]:
        headers = {"auth": self.token()} | headers
        async with self.http.post(url, json=body, headers=headers) as response:
            return response.status, await response.json()

    async def get(self, url: str, **headers: str) -> tuple[int, Any]:
        async with self.http.get(url, headers={"auth": self.token()} | headers) as response:
            return response.status, await response.json()

    def of(self, event: str) -> list[Hook]:
        return [hook for hook in self.hooks if hook.event == event]

    async def nth(self, event: str, number: int = 1) -> Hook:
        await async_until(lambda: len(self.of(event)) >= number)
        return self.of(event)[number - 1]

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def settle(self) -> None:
        for task in list(self.tasks):
            await task


@dataclass
class ShiftedClock:
    """The machine's clock plus an offset that tests set."""

    ahead: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@dataclass
class Platform:
    """The emulator, its address, and the BotKit behind it."""

    cloud: KoreCloud
    url: str
    botkit: StubBotKit
    clock: ShiftedClock
    wire: Wire
    bus: Bus
    http: aiohttp.ClientSession

    def chat(self, user: User) -> list[tuple[str, str]]:
        return [(m.speaker, m.text) for m in user.messages]

    async def quiet(self, user: User) -> None:
        """Wait until every action of the user is processed. A script may use a whole second of processor time."""
        await async_until(lambda: not self.cloud.lanes.busy(user.key), seconds=30)

    async def says(self, user: User, text: str) -> None:
        self.cloud.say(user, text)
        await self.quiet(user)

    async def handed_over(self, **who: str) -> User:
        user = self.cloud.add_user(**who)
        await self.says(user, "talk to an agent")
        assert user.agent_mode
        return user


Start = Callable[..., Awaitable[Platform]]
