"""uvicorn as `botkit serve` runs it."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn

from botkit.asgi.access_log import AccessLog
from botkit.asgi.connections import Connections
from botkit.asgi.door import Door
from botkit.asgi.interface import Application
from botkit.asgi.middleware import BotKitAsgi
from botkit.asgi.protocol import HookProtocol
from botkit.cli import stop_signals

KEEP_ALIVE_SECONDS: Final = 75
"""Longer than the 60 seconds for which nginx keeps idle connections to a server: if both sides may close a connection at the same
time, the request that is sent on it then is lost."""
_DRAIN_SECONDS: Final = 15
"""Time limit of the running requests after a signal; longer than that of a commit."""


async def serve_until_stopped(
    hooks: BotKitAsgi,
    app: Application,
    listener: socket.socket,
    *,
    started: Callable[[], None],
    logs_requests: bool,
) -> None:
    """Start the service, serve until a signal stops it, and stop the service.

    Args:
        hooks: answers hooks.
        app: answers all requests, with `hooks` somewhere in it.
        listener: a bound socket.
        started: called when requests are accepted.
        logs_requests: whether every request has a line in the access log.

    Raises:
        LedgerError: the store cannot be used.
    """
    await hooks.start()
    door = hooks.door()
    connections = Connections(door, keep_alive_seconds=KEEP_ALIVE_SECONDS, logs_requests=logs_requests)
    config = uvicorn.Config(
        AccessLog(app, monotonic=time.perf_counter) if logs_requests else app,
        interface="asgi3",
        http=type("Protocol", (HookProtocol,), {"shared": connections}),
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    server = _Server(config, started, door)
    with _signals_end_only(server):
        try:
            await server.serve(sockets=[listener])
        finally:
            await hooks.close()


class _Server(uvicorn.Server):
    """Tells when it has started, and waits less for bodies when it stops."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None], door: Door) -> None:
        super().__init__(config)
        self._on_started = on_started
        self._door = door

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._door.bodies.hurried = True
        await super().shutdown(sockets=sockets)


@contextmanager
def _signals_end_only(server: uvicorn.Server) -> Iterator[None]:
    """Let signals stop the server and do nothing else: uvicorn raises those that it knows again when it has stopped."""

    def end(*_: object) -> None:
        server.should_exit = True

    before = {number: signal.signal(number, end) for number in stop_signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
