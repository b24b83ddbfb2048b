"""The server of `botkit serve`, inside the test's own process."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any, cast

import pytest
import uvicorn

from botkit.asgi.interface import Receive, Scope, Send
from botkit.cli import uvicorn_server


async def _application(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("nobody asks")


class _Ticking(uvicorn_server._Server):
    """Tells when it begins to wait."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.ticked = asyncio.Event()

    async def on_tick(self, counter: int) -> bool:
        self.ticked.set()
        return await super().on_tick(counter)


async def test_a_signal_stops_a_server_that_waits_for_its_next_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uvicorn_server, "_TICK_SECONDS", 3600.0)
    config = uvicorn.Config(_application, lifespan="off", log_config=None)
    config.load()
    server = _Ticking(config, lambda: None, cast("Any", None), None)
    with uvicorn_server._signals_end_only(server):
        running = asyncio.create_task(server.main_loop())
        await server.ticked.wait()
        await asyncio.to_thread(os.kill, os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(running, 30)
    assert server.should_exit
