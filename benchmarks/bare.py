"""This machine's floor: the same work with nothing of BotKit in it.

``python -m benchmarks.bare WHAT …`` runs one of the functions below.
Each says with a line what it has to say, and stays until it is ended.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any

import aiohttp

CONNECTIONS = 32
THREADS = 64
_BODY = b"x" * 3000
_OPENING_AT_ONCE = 32


def echo() -> None:
    """A WSGI application that reads and answers, on granian as `botkit serve` runs it. Prints its port."""
    from botkit.cli.serve import _reserve, _server

    port = _reserve("127.0.0.1", 0)
    print(port, flush=True)
    _server("127.0.0.1", port, THREADS).serve(target_loader=_echo_loader, wrap_loader=False)


def _echo_loader() -> Any:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", "2")])
        return [b"{}"]

    return application


def posts(url: str, seconds: str) -> None:
    """`CONNECTIONS` tasks that post over one aiohttp session. Prints posts per second."""
    end = time.perf_counter() + float(seconds)

    async def post(session: aiohttp.ClientSession) -> int:
        mine = 0
        while time.perf_counter() < end:
            async with session.post(url, data=_BODY) as response:
                await response.read()
            mine += 1
        return mine

    async def main() -> float:
        async with aiohttp.ClientSession() as session:
            return sum(await asyncio.gather(*(post(session) for _ in range(CONNECTIONS)))) / float(seconds)

    print(asyncio.run(main()), flush=True)


def bridge(addresses: str) -> None:
    """Event streams whose messages are posted on: what the latency, memory and idle time of any relay on aiohttp begin with.

    Reads how many streams to open, a number a line; prints a line when they are open.
    """
    asyncio.run(_Bridge(**json.loads(addresses)).run())


class _Bridge:
    def __init__(
        self, *, salesforce_url: str, platform_url: str, organization_id: str, developer_name: str
    ) -> None:
        self._api = f"{salesforce_url}/iamessage/api/v2"
        self._events = f"{salesforce_url}/eventrouter/v1/sse"
        self._sink = platform_url
        self._deployment = {
            "orgId": organization_id[:15],
            "esDeveloperName": developer_name,
            "capabilitiesVersion": "1",
            "platform": "Web",
        }
        self._streams: set[asyncio.Task[None]] = set()
        self._gate = asyncio.Semaphore(_OPENING_AT_ONCE)

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        timeout = aiohttp.ClientTimeout(total=None)
        async with (
            aiohttp.ClientSession() as self._calls,
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as self._long,
        ):
            while line := await loop.run_in_executor(None, sys.stdin.readline):
                await asyncio.gather(*(self._open() for _ in range(int(line))))
                print("open", flush=True)

    async def _open(self) -> None:
        async with self._gate:
            token_url = f"{self._api}/authorization/unauthenticated/access-token"
            async with self._calls.post(token_url, json=self._deployment) as response:
                granted = await response.json()
            headers = {"Authorization": f"Bearer {granted['accessToken']}"}
            body = {
                "conversationId": str(uuid.uuid4()),
                "esDeveloperName": self._deployment["esDeveloperName"],
            }
            async with self._calls.post(f"{self._api}/conversation", json=body, headers=headers) as response:
                response.raise_for_status()
            headers["X-Org-Id"] = self._deployment["orgId"]
            stream = await self._long.get(self._events, headers=headers)
            stream.raise_for_status()
        task = asyncio.create_task(self._carry(stream))
        self._streams.add(task)

    async def _carry(self, stream: aiohttp.ClientResponse) -> None:
        rest = b""
        while chunk := await stream.content.readany():
            *events, rest = (rest + chunk).split(b"\n\n")
            for event in events:
                if b"CONVERSATION_MESSAGE" in event and b"Agent" in event:
                    async with self._calls.post(self._sink, data=event + _BODY) as response:
                        await response.read()
            del chunk


if __name__ == "__main__":
    WHAT: dict[str, Callable[..., None]] = {"echo": echo, "posts": posts, "bridge": bridge}
    WHAT[sys.argv[1]](*sys.argv[2:])
