"""The doors of a kit, each in a server on this machine: WSGI, ASGI, and the protocol class of `botkit serve`.

Behind the last two, the relay lives on the server's loop.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine
from typing import Any, Literal, Protocol, TypeVar

import uvicorn
from flask import Flask
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from botkit.asgi.connections import Connections
from botkit.asgi.middleware import BotKitAsgi
from botkit.asgi.protocol import HookProtocol
from botkit.kit import BotKit
from botkit.testing.serving import Server

DoorName = Literal["wsgi", "asgi", "serve"]
T = TypeVar("T")
_WAIT_SECONDS = 45.0


class Door(Protocol):
    """A server that stays, and the kit behind it, which may be closed and replaced."""

    url: str
    """Of the server; hooks are below the kit's prefix."""

    def open(self, kit: BotKit) -> None:
        """Put the kit behind the server and start it."""

    def close(self) -> None:
        """Stop the kit. The server stays, and its hooks are refused."""

    def stop(self) -> None:
        """Stop the server."""


class WsgiDoor:
    """See `Door`: a Flask application in Werkzeug's server."""

    def __init__(self) -> None:
        self._kit: BotKit
        self._app: Any = None
        self._server = Server(lambda environ, start_response: self._app(environ, start_response))
        self.url = self._server.url

    def open(self, kit: BotKit) -> None:
        app = Flask("wsgi-door")
        kit.init_app(app)
        kit.start()
        self._app, self._kit = app, kit

    def close(self) -> None:
        self._kit.close()

    def stop(self) -> None:
        self._server.close()


class AsgiDoor:
    """See `Door`: an ASGI application in uvicorn, on a loop in a thread."""

    def __init__(self) -> None:
        self._app: Any = None
        self._loop: asyncio.AbstractEventLoop
        listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        config = uvicorn.Config(
            self._answer,
            interface="asgi3",
            http=self._protocol(),
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            timeout_keep_alive=75,
        )
        self._server = uvicorn.Server(config)
        self._running = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(listening)), daemon=True)
        self._thread.start()
        assert self._running.wait(_WAIT_SECONDS)

    def open(self, kit: BotKit) -> None:
        app = kit.asgi(kit.asgi_pages(_nothing_here))
        self._run(self._start(app))

    def close(self) -> None:
        self._run(self._app.close())

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(_WAIT_SECONDS)

    def _protocol(self) -> type[HttpToolsProtocol]:
        return HttpToolsProtocol

    async def _start(self, app: BotKitAsgi) -> None:
        await app.start()
        self._app = app

    async def _serve(self, listening: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.call_soon(self._running.set)
        await self._server.serve(sockets=[listening])

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_WAIT_SECONDS)


class ServeDoor(AsgiDoor):
    """See `Door`: as `botkit serve` runs it."""

    def _protocol(self) -> type[HttpToolsProtocol]:
        class Protocol(HookProtocol):
            """One server's."""

        self._hooks = Protocol
        return Protocol

    async def _start(self, app: BotKitAsgi) -> None:
        await super()._start(app)
        door = app.door()
        if not hasattr(self._hooks, "shared"):
            self._hooks.shared = Connections(
                door, keep_alive_seconds=75, logs_requests=False, max_open=4096, max_strangers=1024
            )
        self._hooks.shared.door = door


async def _nothing_here(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


def opened(name: DoorName) -> Door:
    """A door of this kind, without a kit yet."""
    doors: dict[DoorName, type[WsgiDoor | AsgiDoor]] = {
        "wsgi": WsgiDoor,
        "asgi": AsgiDoor,
        "serve": ServeDoor,
    }
    return doors[name]()
