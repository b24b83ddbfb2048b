"""Users, the XO platform and Salesforce during a conversation benchmark: one process, one loop, on the other core.

Salesforce is a desk (see `desks`); the platform is a sink. ``python -m benchmarks.clouds DESK`` prints a line of JSON with
addresses, then carries out requests, one line of JSON each (see `Clouds`). One clock stamps what leaves Salesforce and what
arrives at the platform.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import sys
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import jwt
from aiohttp import web
from aiohttp.typedefs import Handler

from benchmarks.desks import DESKS, Desk
from benchmarks.payloads import agent_transfer
from benchmarks.platform import OK, answer, sink
from benchmarks.processes import AGENT_JOINED, BOT_ID, CLIENT_ID, SECRET

HOOKS_AT_ONCE = 32
DEADLINE_SECONDS = 90.0
_MARK = b"benchmark message "
_JOINED = AGENT_JOINED.encode()
_TALK = [
    ("outgoing", "Hello! How can I help you today?"),
    ("incoming", "where is my order"),
    ("outgoing", "Please give me your order number."),
    ("incoming", "4711"),
    ("outgoing", "I cannot find that one. Would you like to talk to a person?"),
    ("incoming", "yes please"),
]


class Clouds:
    """The peers of the service. The public methods are the requests."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._joined = 0
        self._sent: dict[int, float] = {}
        self._seconds: list[float] = []
        self._changed = asyncio.Event()
        self._users = 0
        self._number = 0
        self._calls: Counter[str] = Counter()
        self._chance = random.Random(20)

    async def start(self) -> dict[str, Any]:
        """Listen. Returns the addresses."""
        self._platform = f"http://127.0.0.1:{await sink(self._on_call, self._on_connection)}"
        routes = self._desk.routes()
        routes.middlewares.append(self._counted)
        runner = web.AppRunner(routes, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=2048)
        await site.start()
        return {
            "platform_url": self._platform,
            "system": self._desk.system(f"http://127.0.0.1:{runner.addresses[0][1]}"),
        }

    async def open(self, *, port: int, count: int, listening: bool) -> dict[str, float]:
        """Hand `count` users over. Returns when each has the message that an agent joined, and is listened to."""
        numbers = iter(range(self._users, self._users + count))
        self._users += count
        wanted = self._joined + count
        listeners = self._desk.listeners() + count if listening else 0
        token = jwt.encode({"appId": CLIENT_ID, "exp": int(time.time()) + 3600}, SECRET, algorithm="HS256")
        headers = {"token": token, "Content-Type": "application/json"}
        url = f"http://127.0.0.1:{port}/sdk/bots/{BOT_ID}/on_agent_transfer"
        began = time.perf_counter()
        async with aiohttp.ClientSession(headers=headers) as session:

            async def post() -> None:
                for number in numbers:
                    body = agent_transfer(number, bot_id=BOT_ID, platform_url=self._platform)
                    async with session.post(url, data=body) as response:
                        if response.status != 200:
                            raise RuntimeError(f"a hook was answered {response.status}")

            await asyncio.gather(*(post() for _ in range(HOOKS_AT_ONCE)))
            acknowledged = time.perf_counter() - began
            await self._until(lambda: self._joined >= wanted)
            await self._until(lambda: self._desk.listeners() >= listeners)
        return {"seconds": time.perf_counter() - began, "hooks_acknowledged_seconds": acknowledged}

    async def talk(
        self, *, messages: int, per_second: float, conversations: int | None = None
    ) -> dict[str, Any]:
        """Agents send messages at random times in random conversations. Returns their milliseconds to the platform.

        Args:
            messages: how many.
            per_second: the average rate.
            conversations: send them in so many conversations only.
        """
        live = self._desk.live()[:conversations]
        # A garbage collection in this process would count as latency of the service.
        gc.collect()
        gc.freeze()
        self._sent.clear()
        self._seconds.clear()
        due = time.perf_counter()
        for _ in range(messages):
            due += self._chance.expovariate(per_second)
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            self._number += 1
            text = f"{_MARK.decode()}{self._number}. It will be with you on Thursday."
            self._sent[self._number] = time.perf_counter()
            self._desk.say(self._chance.choice(live), text)
        await self._until(lambda: not self._sent)
        return {"ms": [seconds * 1000 for seconds in self._seconds]}

    async def end(self) -> dict[str, Any]:
        """Agents end all conversations."""
        live = self._desk.live()
        for one in live:
            self._desk.end(one)
        await self._until(lambda: self._desk.listeners() == 0)
        return {"ended": len(live)}

    async def counts(self) -> dict[str, Any]:
        """How many calls of each kind the service has made so far, and how many connections to the platform."""
        return dict(self._calls)

    async def await_listeners(self, *, count: int) -> dict[str, Any]:
        """Wait until so many requests listen at the desk."""
        await self._until(lambda: self._desk.listeners() >= count)
        return {"listeners": self._desk.listeners()}

    async def await_silence(self) -> dict[str, Any]:
        """Wait until no request listens at the desk: the service is gone."""
        await self._until(lambda: not self._desk.listeners())
        return {}

    @web.middleware
    async def _counted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        self._calls[f"{request.method} {resource.canonical if resource is not None else ''}"] += 1
        return await handler(request)

    def _on_connection(self) -> None:
        self._calls["connections"] += 1

    def _on_call(self, head: bytes, body: bytes) -> bytes:
        self._calls[head.split(b"/", 6)[5].partition(b"?")[0].decode()] += 1
        if head.startswith(b"GET"):
            return answer(_transcript())
        place = body.find(_MARK)
        if place >= 0:
            now = time.perf_counter()
            number = int(body[place + len(_MARK) : place + len(_MARK) + 12].partition(b".")[0])
            sent = self._sent.pop(number, None)
            if sent is not None:
                self._seconds.append(now - sent)
        elif _JOINED in body:
            self._joined += 1
        self._changed.set()
        return OK

    async def _until(self, seen: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not seen():
                self._changed.clear()
                try:
                    await asyncio.wait_for(self._changed.wait(), 0.05)
                except TimeoutError:
                    continue


def _transcript() -> bytes:
    messages = [
        {
            "_id": f"ms-{uuid.UUID(int=place)}",
            "type": kind,
            "components": [{"cT": "text", "data": {"text": text}}],
            "timestampValue": 1_689_673_606_939 + place,
            "sessionId": "64b6543210fedcba98765432",
        }
        for place, (kind, text) in enumerate(_TALK)
    ]
    return json.dumps({"total": len(messages), "moreAvailable": False, "messages": messages[::-1]}).encode()


async def _main(desk: str) -> None:
    clouds = Clouds(DESKS[desk]())
    print(json.dumps(await clouds.start()), flush=True)
    actions: dict[str, Callable[..., Awaitable[dict[str, Any]]]] = {
        "open": clouds.open,
        "talk": clouds.talk,
        "end": clouds.end,
        "counts": clouds.counts,
        "await_listeners": clouds.await_listeners,
        "await_silence": clouds.await_silence,
    }
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        request = json.loads(line)
        result = await actions[request.pop("do")](**request)
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
