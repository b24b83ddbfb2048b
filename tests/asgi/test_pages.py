"""The pages of the ASGI door have threads of their own, and not without limit."""

from __future__ import annotations

import asyncio
import threading

from botkit.asgi.interface import Message, Receive, Scope, Send
from botkit.asgi.pages import MAX_PENDING, PagesAsgi
from tests.door.stage import http_scope


class Slow:
    """A service whose metrics come when the test says so."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def exposition(self, *, openmetrics: bool = False) -> bytes:
        assert self.go_on.wait(60)
        return b"metrics"

    def ready(self) -> dict[str, bool]:
        return {"store": True}


async def nothing() -> Message:
    raise AssertionError


async def not_found(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError


async def test_pages_that_wait_take_no_thread_of_the_loop_and_are_limited() -> None:
    service = Slow()
    pages = PagesAsgi(not_found, service, prefix="")

    async def get(path: str) -> int:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        await pages(http_scope("GET", path, {}), nothing, send)
        status: int = sent[0]["status"]
        return status

    waiting = [asyncio.create_task(get("/metrics")) for _ in range(MAX_PENDING)]
    await asyncio.sleep(0)
    assert await get("/metrics") == 503
    assert await get("/healthz") == 200
    await asyncio.to_thread(lambda: None)
    service.go_on.set()
    assert {await page for page in waiting} == {200}
    assert await get("/metrics") == 200
    assert await get("/readyz") == 200
