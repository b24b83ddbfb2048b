"""The XO platform in benchmarks: answers every call with OK. A protocol instead of an HTTP library, so that it costs little."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


def answer(body: bytes) -> bytes:
    """A response with this JSON."""
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    )


class Sink(asyncio.Protocol):
    """One kept-alive connection of the service. Reads requests with a Content-Length or without a body; there are no others.

    Args:
        on_call: called with head and body of each complete request; returns the response.
        on_connection: called once.
    """

    def __init__(self, on_call: Callable[[bytes, bytes], bytes], on_connection: Callable[[], None]) -> None:
        self._on_call = on_call
        self._on_connection = on_connection
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._on_connection()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            self._transport.write(self._on_call(head, rest[:length]))  # type: ignore[attr-defined]


async def sink(
    on_call: Callable[[bytes, bytes], bytes], on_connection: Callable[[], None] = lambda: None
) -> int:
    """Listen on a free port, with a `Sink` for each connection. Returns the port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Sink(on_call, on_connection), "127.0.0.1", 0, backlog=1024)
    port: int = server.sockets[0].getsockname()[1]
    return port
