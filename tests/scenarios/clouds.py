"""What stands on a stage: both emulated clouds on a loop of their own, and the real service behind a WSGI server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from botkit.app import BotKit
from botkit.config.load import load
from botkit.sandbox.server import Sandbox

T = TypeVar("T")
HANDLER_SECONDS = 2.0


class Clouds:
    """The sandbox on a loop in a thread. Its objects are touched on that loop only, through `do`."""

    def __init__(self, bot_folder: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="clouds", daemon=True)
        self._thread.start()
        self.sandbox = Sandbox(0, bot_folder=bot_folder)
        asyncio.run_coroutine_threadsafe(self.sandbox.start(), self._loop).result(30)
        self.kore, self.salesforce, self.wire = self.sandbox.kore, self.sandbox.salesforce, self.sandbox.wire
        self.live_chat = self.sandbox.live_chat
        self._as_usual = self.kore.core.settings, self.salesforce.settings, self.live_chat.settings

    def do(self, action: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """Call `action` on the clouds' loop and wait for its result."""

        async def run() -> T:
            return action(*arguments, **named)

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(30)

    def calm(self) -> None:
        """Nothing goes wrong or is unusual any more."""
        self.kore.core.settings, self.salesforce.settings, self.live_chat.settings = self._as_usual
        self.do(self.kore.set_faults, [])
        self.do(self.salesforce.faults.clear)
        self.do(self.live_chat.faults.clear)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()

    async def _stop(self) -> None:
        await self.sandbox.stop()
        rest = asyncio.all_tasks() - {asyncio.current_task()}  # such as answers that a fault has silenced
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)


class _Quiet(WSGIRequestHandler):
    """No line per request on stderr."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None: ...


class Service:
    """The real `BotKit` of a configuration, in this process, behind a WSGI server on a free port."""

    def __init__(self, configuration: Path, handlers: Callable[[BotKit], None] | None = None) -> None:
        self.kit = BotKit(load(configuration), handler_seconds=HANDLER_SECONDS)
        if handlers is not None:
            handlers(self.kit)
        app = Flask("scenarios")
        self.kit.init_app(app)
        self._server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()
        self.kit.start()
        self.url = f"http://127.0.0.1:{self._server.port}{self.kit.settings.server.prefix}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(30)
        self._server.server_close()
        self.kit.close()
