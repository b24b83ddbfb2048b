"""The XO platform's end of a connection: one call after the other, of which some may go wrong."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable

from tests.hostile.misdeeds import Misdeed

BACKLOG = 1024
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
Answer = tuple[bytes, Misdeed | None]
"""A response, and what goes wrong with it."""


class Doorway(asyncio.Protocol):
    """One kept-alive connection of the service. Reads requests with a Content-Length or without a body; there are no others.

    Args:
        on_call: called with head and body of each complete request; returns its answer.
    """

    def __init__(self, on_call: Callable[[bytes, bytes], Answer]) -> None:
        self._on_call = on_call
        self._buffer = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while not self._transport.is_closing():
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            self._answer(*self._on_call(head, rest[:length]))

    def _answer(self, response: bytes, misdeed: Misdeed | None) -> None:
        if misdeed is None:
            self._transport.write(response)
        elif misdeed.breaks != "never":
            self._reset()
        elif misdeed.delay_seconds:
            asyncio.get_running_loop().call_later(misdeed.delay_seconds, self._late, response)
        else:
            self._transport.write(response)

    def _late(self, response: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(response)

    def _reset(self) -> None:
        connection = self._transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._transport.abort()


def refusal(misdeed: Misdeed) -> bytes:
    """The response of a call that is not taken."""
    advice = f"Retry-After: {misdeed.retry_after}\r\n" if misdeed.retry_after else ""
    return f"HTTP/1.1 {misdeed.status} Refused\r\n{advice}Content-Length: 0\r\n\r\n".encode()


async def listening(on_call: Callable[[bytes, bytes], Answer]) -> asyncio.Server:
    """A server on a free port of loopback, with a `Doorway` for each connection."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: Doorway(on_call), "127.0.0.1", 0, backlog=BACKLOG)
