"""The floors of the benchmarks: the same work on this machine without BotKit, and without a store.

``python -m benchmarks.floors posts CLIENT URL SECONDS`` posts with a bare client.
``python -m benchmarks.floors bridge DESK SYSTEM`` listens to conversations with bare aiohttp, and posts agents' messages on.
"""

from __future__ import annotations

import asyncio
import io
import json
import sqlite3
import sys
import tempfile
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pycurl

from benchmarks.payloads import BODY_BYTES
from botkit.errors import CallError
from botkit.http.curl import CurlTransport
from botkit.http.values import Request, Response

CONNECTIONS = 32
_OPENING_AT_ONCE = 32
_POLL_SECONDS = 60
_STOP_SECONDS = 10
_RECEIPT_SECONDS = 0.25
_BODY = b"x" * BODY_BYTES


def posts(client: str, url: str, seconds: str) -> None:
    """Post with one of `CLIENTS`. Prints posts per second, and microseconds of processor time per post."""
    used, began = time.process_time(), time.perf_counter()
    posted = CLIENTS[client](url, float(seconds))
    took, used = time.perf_counter() - began, time.process_time() - used
    print(json.dumps({"per_second": posted / took, "cpu_us": used / posted * 1e6}), flush=True)


def _aiohttp(url: str, seconds: float) -> int:
    """`CONNECTIONS` tasks over one session. Returns the number of posts."""
    end = time.perf_counter() + seconds

    async def post(session: aiohttp.ClientSession) -> int:
        posted = 0
        while time.perf_counter() < end:
            async with session.post(url, data=_BODY) as response:
                await response.read()
            posted += 1
        return posted

    async def main() -> int:
        async with aiohttp.ClientSession() as session:
            return sum(await asyncio.gather(*(post(session) for _ in range(CONNECTIONS))))

    return asyncio.run(main())


def _curl(url: str, seconds: float) -> int:
    """`CONNECTIONS` handles of one libcurl multi handle, without an event loop. Returns the number of posts."""
    end = time.perf_counter() + seconds
    multi = pycurl.CurlMulti()
    for _ in range(CONNECTIONS):
        handle = pycurl.Curl()
        handle.setopt(pycurl.URL, url)
        handle.setopt(pycurl.POSTFIELDS, _BODY)
        handle.setopt(pycurl.HTTPHEADER, ["Content-Type: application/json", "Expect:"])
        handle.setopt(pycurl.WRITEDATA, io.BytesIO())
        multi.add_handle(handle)
    posted, running = 0, CONNECTIONS
    while running:
        _, running = multi.perform()
        _, done, failed = multi.info_read()
        if failed:
            raise OSError(failed[0][2])
        for handle in done:
            posted += 1
            multi.remove_handle(handle)
            if time.perf_counter() < end:
                multi.add_handle(handle)
                running += 1
        if not done:
            multi.select(1.0)
    return posted


def _carrier(url: str, seconds: float) -> int:
    """The relay's own carrier, with `CONNECTIONS` calls at a time. Returns the number of posts."""
    end = time.perf_counter() + seconds
    request = Request("benchmark", "POST", url, {"Content-Type": "application/json"}, _BODY)
    posted, running = 0, CONNECTIONS

    async def main() -> None:
        finished = asyncio.Event()
        async with CurlTransport(allowed_hosts=None, insecure_http=True) as carrier:

            def done(outcome: Response | CallError) -> None:
                nonlocal posted, running
                if isinstance(outcome, CallError):
                    raise outcome
                posted += 1
                if time.perf_counter() < end:
                    carrier.begin(request, done)
                    return
                running -= 1
                if not running:
                    finished.set()

            for _ in range(CONNECTIONS):
                carrier.begin(request, done)
            async with asyncio.timeout(seconds + _STOP_SECONDS):
                await finished.wait()

    asyncio.run(main())
    return posted


CLIENTS: Mapping[str, Callable[[str, float], int]] = {
    "aiohttp": _aiohttp,
    "curl": _curl,
    "carrier": _carrier,
}


class Bridge(ABC):
    """Measures the latency, memory and idle time that any relay on aiohttp starts from."""

    def __init__(self, platform_url: str, system: Mapping[str, str]) -> None:
        self._sink = platform_url
        self._system = system
        self._listening: set[asyncio.Task[None]] = set()
        self._gate = asyncio.Semaphore(_OPENING_AT_ONCE)

    async def run(self) -> None:
        """Open conversations until standard input ends."""
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
            listening = await self._begin()
        self._listening.add(asyncio.create_task(listening))

    @abstractmethod
    async def _begin(self) -> Coroutine[Any, Any, None]:
        """Open one conversation. Returns the coroutine that listens to it."""

    async def _post(self, message: bytes) -> None:
        async with self._calls.post(self._sink, data=message + _BODY) as response:
            await response.read()


class MiawBridge(Bridge):
    """MIAW: event streams."""

    async def _begin(self) -> Coroutine[Any, Any, None]:
        api = f"{self._system['organization_base_url']}/iamessage/api/v2"
        deployment = {
            "orgId": self._system["organization_id"][:15],
            "esDeveloperName": self._system["developer_name"],
            "capabilitiesVersion": "1",
            "platform": "Web",
        }
        token_url = f"{api}/authorization/unauthenticated/access-token"
        async with self._calls.post(token_url, json=deployment) as response:
            granted = await response.json()
        headers = {"Authorization": f"Bearer {granted['accessToken']}"}
        body = {"conversationId": str(uuid.uuid4()), "esDeveloperName": deployment["esDeveloperName"]}
        async with self._calls.post(f"{api}/conversation", json=body, headers=headers) as response:
            response.raise_for_status()
        headers["X-Org-Id"] = deployment["orgId"]
        return await self._listen_to(f"{self._system['organization_base_url']}/eventrouter/v1/sse", headers)

    async def _listen_to(self, url: str, headers: Mapping[str, str]) -> Coroutine[Any, Any, None]:
        """Open an event stream. Returns the coroutine that relays what it brings."""
        stream = await self._long.get(url, headers=headers)
        stream.raise_for_status()
        return self._relay(stream.content.iter_any(), headers)

    async def _relay(self, chunks: AsyncIterator[bytes], headers: Mapping[str, str]) -> None:
        rest = b""
        async for chunk in chunks:
            *events, rest = (rest + chunk).split(b"\n\n")
            for event in events:
                if b"CONVERSATION_MESSAGE" in event and b"Agent" in event:
                    await self._pass_on(event, headers)
            del chunk

    async def _pass_on(self, event: bytes, headers: Mapping[str, str]) -> None:
        """Post an agent's message. `headers` are those of calls in its conversation."""
        await self._post(event)


class PromisingBridge(MiawBridge):
    """MIAW over the relay's own carrier, with what the promise needs and nothing else.

    A message is on the disk before it is posted, and a receipt goes to Salesforce after it. There is one table and one thread;
    no rules, no order, no second attempts, no repeats recognised.
    """

    async def run(self) -> None:
        with (
            tempfile.TemporaryDirectory(prefix="botkit-bench-") as folder,
            ThreadPoolExecutor(1) as self._thread,
        ):
            path = Path(folder) / "floor.sqlite"
            self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.execute("CREATE TABLE outbox (id TEXT PRIMARY KEY, event BLOB) WITHOUT ROWID")
            self._posted: list[tuple[str]] = []
            async with CurlTransport(allowed_hosts=None, insecure_http=True) as self._carrier:
                await super().run()
            self._database.close()

    async def _listen_to(self, url: str, headers: Mapping[str, str]) -> Coroutine[Any, Any, None]:
        request = Request("listen", "GET", url, headers)
        stream = await self._carrier.stream(request, silence_seconds=600).__aenter__()
        return self._relay(stream.chunks(), headers)

    async def _pass_on(self, event: bytes, headers: Mapping[str, str]) -> None:
        data = json.loads(event.partition(b"data:")[2])
        entry = data["conversationEntry"]["identifier"]
        posted, self._posted = self._posted, []
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._commit, entry, event, posted)
        receipt = self._receipt(data["conversationId"], entry, headers)
        self._carrier.begin(self._message(event), partial(self._passed_on, entry, receipt))

    def _commit(self, entry: str, event: bytes, posted: list[tuple[str]]) -> None:
        """Write a message, and forget those that were posted before it."""
        self._database.execute("BEGIN IMMEDIATE")
        self._database.execute("INSERT INTO outbox VALUES (?, ?)", (entry, event))
        self._database.executemany("DELETE FROM outbox WHERE id = ?", posted)
        self._database.execute("COMMIT")

    def _message(self, event: bytes) -> Request:
        return Request(
            "post", "POST", f"{self._sink}/api/botsdk/stream/st-1/sendUserMessage", {}, event + _BODY
        )

    def _receipt(self, conversation_id: str, entry: str, headers: Mapping[str, str]) -> Request:
        ack = {"id": str(uuid.uuid4()), "entryType": "Delivery", "conversationEntryId": entry}
        body = json.dumps({"acks": [ack]}).encode()
        url = f"{self._system['organization_base_url']}/iamessage/api/v2/conversation/{conversation_id}/acknowledge-entries"
        return Request("acknowledge", "POST", url, {**headers, "Content-Type": "application/json"}, body)

    def _passed_on(self, entry: str, receipt: Request, outcome: Response | CallError) -> None:
        _succeeded(outcome)
        self._posted.append((entry,))
        later = partial(self._carrier.begin, receipt, _succeeded)
        asyncio.get_running_loop().call_later(_RECEIPT_SECONDS, later)


def _succeeded(outcome: Response | CallError) -> None:
    if isinstance(outcome, CallError) or outcome.status >= 300:
        raise RuntimeError(f"a call failed: {outcome}")


class LiveChatBridge(Bridge):
    """Live Chat: long polls over kept-alive connections."""

    async def _begin(self) -> Coroutine[Any, Any, None]:
        api = f"{self._system['live_agent_url']}/chat/rest"
        headers = {"X-LIVEAGENT-API-VERSION": "58", "X-LIVEAGENT-AFFINITY": "null"}
        async with self._calls.get(f"{api}/System/SessionId", headers=headers) as response:
            session = await response.json()
        headers["X-LIVEAGENT-AFFINITY"] = session["affinityToken"]
        headers["X-LIVEAGENT-SESSION-KEY"] = session["key"]
        body = {
            "organizationId": self._system["organization_id"],
            "deploymentId": self._system["deployment_id"],
            "buttonId": self._system["button_id"],
            "sessionId": session["id"],
            "prechatDetails": [],
            "prechatEntities": [],
            "receiveQueueUpdates": True,
            "isPost": True,
        }
        first = {**headers, "X-LIVEAGENT-SEQUENCE": "1"}
        async with self._calls.post(f"{api}/Chasitor/ChasitorInit", json=body, headers=first) as response:
            response.raise_for_status()
        return self._listen(f"{api}/System/Messages", headers)

    async def _listen(self, url: str, headers: Mapping[str, str]) -> None:
        ack = -1
        while True:
            async with (
                asyncio.timeout(_POLL_SECONDS),
                self._long.get(f"{url}?ack={ack}", headers=headers) as reply,
            ):
                body = await reply.read()
                reply.raise_for_status()
            if not body:
                continue
            answer = json.loads(body)
            ack = answer["sequence"]
            for message in answer["messages"]:
                if message["type"] == "ChatMessage":
                    await self._post(json.dumps(message).encode())
            del body, answer


BRIDGES: Mapping[str, type[Bridge]] = {
    "miaw": MiawBridge,
    "miaw-promise": PromisingBridge,
    "live-chat": LiveChatBridge,
}


def bridge(desk: str, addresses: str) -> None:
    """Read numbers of conversations to open, one a line. Prints a line when they are open."""
    asyncio.run(BRIDGES[desk](**json.loads(addresses)).run())


if __name__ == "__main__":
    FLOORS: dict[str, Callable[..., None]] = {"posts": posts, "bridge": bridge}
    FLOORS[sys.argv[1]](*sys.argv[2:])
