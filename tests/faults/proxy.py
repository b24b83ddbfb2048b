"""A TCP proxy that disturbs connections, with toxiproxy's names: reset_peer, slicer, limit_data, timeout, down."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

_WAIT_SECONDS = 45.0
_STOP_SECONDS = 0.05
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
Disturbance = Literal["reset", "stick"]
"""Half of what was being carried arrives and the connection breaks; or the connection is half open from then on."""


@dataclass(eq=False)
class _Connection:
    """One connection through the proxy: the client's side and the server's."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    stuck: bool = False
    """Half open: bytes are taken and go nowhere, and nobody closes."""
    answer_bytes: int | None = None
    """So many bytes of the answer arrive, then the connection breaks."""


@dataclass
class Proxy:
    """Runs on its own event loop. A setting applies to bytes from then on."""

    target: tuple[str, int]
    slice_bytes: int = 0
    """slicer: what the server says arrives in pieces of so many bytes."""
    drip_seconds: float = 0.0
    """The pause after each of these pieces."""
    latency_seconds: float = 0.0
    """How long what either side says is under way."""
    disturb: Callable[[bool], Disturbance | None] | None = None
    """Asked for each piece that is carried, and told whether it is the server's."""
    injected: int = 0
    """How many connections were disturbed, and how many pieces on those that were not broken."""
    limit_data: tuple[bytes, int] | None = None
    """Of the answer to the next request that has these bytes in it, so many arrive and then the connection breaks."""
    refuse_data: bytes = b""
    """The next request that has these bytes in it does not arrive; the connection breaks instead."""
    down: bool = False
    """New connections are taken and reset."""
    silent: bool = False
    """New connections are half open from the beginning."""
    url: str = ""
    _open: set[_Connection] = field(default_factory=set)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def calm(self) -> None:
        """Disturb nothing any more. What is half open stays so."""
        self.slice_bytes, self.drip_seconds, self.latency_seconds = 0, 0.0, 0.0
        self.disturb, self.down, self.silent = None, False, False

    def reset_peer(self) -> int:
        """Reset every open connection. Returns their number."""
        return self._do(self._reset_all)

    def _reset_all(self) -> int:
        connections = list(self._open)
        for one in connections:
            _reset(one)
        self.injected += len(connections)
        return len(connections)

    def timeout(self) -> int:
        """Make every open connection half open: it stays open, and carries nothing."""

        def stick() -> int:
            for one in self._open:
                one.stuck = True
            self.injected += len(self._open)
            return len(self._open)

        return self._do(stick)

    def _do(self, action: Callable[[], int]) -> int:
        async def run() -> int:
            return action()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(_WAIT_SECONDS)

    async def _serve(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        self.injected += self.down or self.silent
        if self.down:
            _reset_writer(client)
            return
        try:
            answers, server = await asyncio.open_connection(*self.target)
        except OSError:
            _reset_writer(client)
            return
        connection = _Connection(client, server, stuck=self.silent)
        self._open.add(connection)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, server, connection, from_server=False))
                group.create_task(self._pump(answers, client, connection, from_server=True))
        finally:
            self._open.discard(connection)
            client.close()
            server.close()

    async def _pump(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        connection: _Connection,
        *,
        from_server: bool,
    ) -> None:
        try:
            while data := await source.read(65_536):
                if connection.stuck:
                    continue
                if not from_server and self.refuse_data and self.refuse_data in data:
                    self.refuse_data = b""
                    self.injected += 1
                    _reset(connection)
                    return
                if not from_server and self.limit_data is not None and self.limit_data[0] in data:
                    connection.answer_bytes, self.limit_data = self.limit_data[1], None
                    self.injected += 1
                if from_server and connection.answer_bytes is not None:
                    sink.write(data[: connection.answer_bytes])
                    await sink.drain()
                    _reset(connection)
                    return
                if self.latency_seconds:
                    self.injected += not from_server
                    await asyncio.sleep(self.latency_seconds)
                disturbance = None if self.disturb is None else self.disturb(from_server)
                self.injected += disturbance is not None
                if disturbance == "stick":
                    connection.stuck = True
                    continue
                if disturbance == "reset":
                    sink.write(data[: len(data) // 2])
                    await sink.drain()
                    _reset(connection)
                    return
                size = self.slice_bytes if from_server and self.slice_bytes else len(data)
                self.injected += from_server and self.drip_seconds > 0
                for start in range(0, len(data), size):
                    sink.write(data[start : start + size])
                    await sink.drain()
                    await asyncio.sleep(self.drip_seconds)
        except (ConnectionError, OSError):
            return
        finally:
            if not connection.stuck:
                sink.close()


def _reset(connection: _Connection) -> None:
    _reset_writer(connection.client)
    _reset_writer(connection.server)


def _reset_writer(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN."""
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()


@contextmanager
def running_proxy(url: str) -> Iterator[Proxy]:
    """A proxy in front of a server, given by its URL."""
    where = urlsplit(url)
    assert where.hostname is not None
    assert where.port is not None
    proxy = Proxy((where.hostname, where.port))
    loop = proxy._loop
    thread = threading.Thread(target=loop.run_forever, name="proxy", daemon=True)
    thread.start()

    async def start() -> asyncio.Server:
        server = await asyncio.start_server(proxy._serve, "127.0.0.1", 0)
        proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return server

    async def stop(server: asyncio.Server) -> None:
        server.close()
        await asyncio.sleep(0)  # a connection that has just been accepted has no task yet
        while rest := asyncio.all_tasks() - {asyncio.current_task()}:
            # With both ends reset, every task ends by itself. Connections may have been made meanwhile.
            for one in list(proxy._open):
                _reset(one)
            await asyncio.wait(rest, timeout=_STOP_SECONDS)

    server = asyncio.run_coroutine_threadsafe(start(), loop).result(_WAIT_SECONDS)
    try:
        yield proxy
    finally:
        asyncio.run_coroutine_threadsafe(stop(server), loop).result(_WAIT_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_WAIT_SECONDS)
        loop.close()
