"""The connections of one server: their limits, the timer that looks after all of them, and what they send alike."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

from botkit.asgi.door import Door
from botkit.asgi.strangers import Strangers
from botkit.handlers.endpoint import ACK_RESPONSE, HookResponse
from botkit.observability.events import get_logger

_log = get_logger("botkit.serve")

MAX_MONITORS: Final = 64
"""Max connections to the listener for monitors (`server.health_port`)."""
MAX_HEAD_BYTES: Final = 64 * 1024
"""Max size of a request's headers, and of what is neither its headers nor its body, such as trailers."""
MAX_PIPELINE: Final = 64
"""Requests that may wait on one connection for the answer of an earlier one."""
HEADER_SECONDS: Final = 15
"""Time limit of a request's headers, from its first byte or from the start of its connection."""
OTHER_SECONDS: Final = 60
"""Time limit of a request that is no hook, from its headers until its answer has been read."""
DISCARD_SECONDS: Final = 2
"""How long the rest of a body is thrown away, after an answer that ends the connection: to a client that still sends, closing at
once would look like a broken connection without an answer."""
_LOOK_SECONDS = 1.0
_LOOKS_PER_LINE = 60


class Connections:
    """What the connections of one server have in common.

    Args:
        door: answers hooks.
        keep_alive_seconds: how long a connection may idle.
        logs_requests: whether every hook has a line in the access log.
        max_open: how many may be open. Above it, the oldest stranger goes; without another one, the connection that is idle for
            longest.
        max_strangers: how many strangers of one address may be open. Above it, the oldest of them goes.
    """

    def __init__(
        self, door: Door, *, keep_alive_seconds: int, logs_requests: bool, max_open: int, max_strangers: int
    ) -> None:
        self.door = door
        self.keep_alive_seconds = keep_alive_seconds
        self.logs_requests = logs_requests
        self.now = 0
        """The number of ticks of the timer: seconds, exact enough for limits and cheaper than a clock."""
        self.strangers: Strangers[Any] = Strangers()
        self._max_open = max_open
        self._max_strangers = max_strangers
        self._open: set[Any] = set()
        self._leaving: set[Any] = set()
        """Connections that were told to close, until the loop has closed them."""
        self._is_looking = False
        self._refused = 0
        self._next_line = 0
        """The tick at which refused connections may be logged again."""
        self._usual: list[tuple[bytes, bytes]] | None = None
        self._ack = b""

    def opened(self, connection: Any, address: str, open: set[Any]) -> None:
        """A connection was opened: make room for it, and start the timer that checks all of them."""
        self._open = open
        if not self._is_looking:
            self._is_looking = True
            self.door.calls.loop.call_later(_LOOK_SECONDS, self._look)
        if self.strangers.add(connection, address) > self._max_strangers:
            self._refuse(self.strangers.oldest_beside(connection))
        if len(open) - len(self._leaving) > self._max_open:
            oldest = self.strangers.oldest()
            self._refuse(oldest if oldest is not connection else self._idle_for_longest() or connection)

    def closed(self, connection: Any) -> None:
        """The connection is gone."""
        self.strangers.remove(connection)
        self._leaving.discard(connection)

    def encoded_ack(self, usual: list[tuple[bytes, bytes]]) -> bytes:
        """The plain acknowledgement; `usual` are uvicorn's headers, such as the date: another list each second."""
        if usual is not self._usual:
            self._usual, self._ack = usual, encoded(ACK_RESPONSE, usual)
        return self._ack

    def _idle_for_longest(self) -> Any | None:
        """Of those on which a hook was admitted: so nobody with a valid token can keep all places by requests now and then."""
        known = (one for one in self._open if one not in self.strangers and one not in self._leaving)
        idle = (one for one in known if one.idle_until is not None)
        return min(idle, key=lambda one: one.idle_until, default=None)

    def _refuse(self, connection: Any) -> None:
        self._refused += 1
        self.strangers.remove(connection)
        self._leaving.add(connection)
        connection.transport.abort()

    def _look(self) -> None:
        self.now += 1
        if self._refused and self.now >= self._next_line:
            _log.warning(
                "connections_refused",
                count=self._refused,
                open=len(self._open),
                max_connections=self._max_open,
                max_connections_per_address=self._max_strangers,
            )
            self._refused, self._next_line = 0, self.now + _LOOKS_PER_LINE
        for connection in list(self._open):
            connection.look(self.now)
        self._is_looking = bool(self._open)
        if self._is_looking:
            self.door.calls.loop.call_later(_LOOK_SECONDS, self._look)


def encoded(response: HookResponse, usual: Iterable[tuple[bytes, bytes]], *, with_body: bool = True) -> bytes:
    """A response as HTTP/1.1, with the usual headers of the server."""
    status = HTTPStatus(response.status)
    lines = [f"HTTP/1.1 {status} {status.phrase}\r\n".encode()]
    lines += [b"%b: %b\r\n" % header for header in usual]
    lines += [f"{name.lower()}: {value}\r\n".encode() for name, value in response.headers]
    return b"".join([*lines, b"\r\n", response.body if with_body else b""])
