"""uvicorn as `botkit serve` runs it: a listener for everything, and one for monitors alone if it is configured."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

import uvicorn

from botkit.asgi.access_log import AccessLog
from botkit.asgi.connections import MAX_MONITORS, Connections
from botkit.asgi.door import Door
from botkit.asgi.interface import Application
from botkit.asgi.middleware import BotKitAsgi
from botkit.asgi.protocol import HookProtocol, PageProtocol
from botkit.cli import stop_signals

KEEP_ALIVE_SECONDS: Final = 75
"""Longer than the 60 seconds for which nginx keeps idle connections to a server: if both sides may close a connection at the same
time, the request that is sent on it then is lost."""
_TICK_SECONDS: Final = 1.0
"""How often the date of responses is set."""
_DRAIN_SECONDS: Final = 15
"""Time limit of the running requests after a signal; longer than that of a commit."""


@dataclass(frozen=True, slots=True)
class Listening:
    """A bound socket, and what is behind it.

    Attributes:
        listener: the socket.
        app: answers the requests.
        max_connections: how many may be open.
        max_of_address: how many of one address may be open on which no hook was admitted yet.
    """

    listener: socket.socket
    app: Application
    max_connections: int = MAX_MONITORS
    max_of_address: int = MAX_MONITORS


async def serve_until_stopped(
    hooks: BotKitAsgi,
    everybody: Listening,
    monitors: Listening | None,
    *,
    started: Callable[[], None],
    logs_requests: bool,
) -> None:
    """Start the service, serve until a signal stops it, and stop the service.

    Args:
        hooks: answers hooks.
        everybody: the listener for all requests, with `hooks` somewhere in its application.
        monitors: the one for the pages alone, if there is one.
        started: called when requests are accepted.
        logs_requests: whether every request has a line in the access log.

    Raises:
        LedgerError: the store cannot be used.
    """
    await hooks.start()
    door = hooks.door()
    beside = None
    if monitors is not None:
        config = _config(PageProtocol, monitors, door, logs_requests=logs_requests)
        beside = _Beside(config, monitors.listener)
    config = _config(HookProtocol, everybody, door, logs_requests=logs_requests)
    server = _Server(config, started, door, beside)
    with _signals_end_only(server):
        try:
            await server.serve(sockets=[everybody.listener])
        finally:
            await hooks.close()


def _config(
    protocol: type[HookProtocol], listening: Listening, door: Door, *, logs_requests: bool
) -> uvicorn.Config:
    connections = Connections(
        door,
        keep_alive_seconds=KEEP_ALIVE_SECONDS,
        logs_requests=logs_requests,
        max_open=listening.max_connections,
        max_strangers=listening.max_of_address,
    )
    app = listening.app
    return uvicorn.Config(
        AccessLog(app, monotonic=time.perf_counter) if logs_requests else app,
        interface="asgi3",
        http=type("Protocol", (protocol,), {"shared": connections}),
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


class _Beside(uvicorn.Server):
    """The server of the second listener. The first one starts, drives and stops it."""

    def __init__(self, config: uvicorn.Config, listener: socket.socket) -> None:
        config.load()
        super().__init__(config)
        self.lifespan = config.lifespan_class(config)
        self._listener = listener

    async def begin(self) -> None:
        """Accept requests."""
        await self.startup(sockets=[self._listener])

    async def end(self) -> None:
        """Accept no more, and finish those that are under way."""
        await self.shutdown(sockets=[self._listener])


class _Server(uvicorn.Server):
    """Tells when it has started, waits less for bodies when it stops, and takes the server beside it along."""

    def __init__(
        self, config: uvicorn.Config, on_started: Callable[[], None], door: Door, beside: _Beside | None
    ) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told = asyncio.Event()
        super().__init__(config)
        self._on_started = on_started
        self._door = door
        self._beside = beside

    @property
    def should_exit(self) -> bool:
        """Whether the server stops; set by signals."""
        return self._should_exit

    @should_exit.setter
    def should_exit(self, should_exit: bool) -> None:
        self._should_exit = should_exit
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._told.set)

    async def main_loop(self) -> None:
        """As uvicorn's, which looks ten times a second whether it should stop: as much work as many keep-alives."""
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                async with asyncio.timeout(_TICK_SECONDS):
                    await self._told.wait()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self._beside is not None:
            await self._beside.begin()
        self._on_started()

    async def on_tick(self, counter: int) -> bool:
        if self._beside is not None:
            await self._beside.on_tick(counter)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._door.bodies.hurried = True
        if self._beside is not None:
            await asyncio.gather(self._beside.end(), super().shutdown(sockets=sockets))
        else:
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
