"""uvicorn's HTTP protocol, in which hooks are answered without a task.

A hook is recognised when its headers are complete, and goes to the door. Everything else takes uvicorn's usual way, also a hook
behind an unanswered request on its connection. One timer looks after all connections: it closes those that send no complete
headers, that idle, or that do not read their answer.

Of uvicorn this relies on the callbacks of the parser, and on the attributes of `RequestResponseCycle` that `HttpToolsProtocol`
itself uses; `tests/asgi/` runs with the lowest allowed version too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, ClassVar, Final
from urllib.parse import unquote_to_bytes

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from botkit.asgi.access_log import log_request
from botkit.asgi.door import Door
from botkit.errors import BodyIncomplete, HookTooLarge
from botkit.handlers.endpoint import ACK_RESPONSE, BODY_UNREAD, Admitted, HookResponse
from botkit.hooks.bodies import MAX_BYTES, checked_length
from botkit.hooks.paths import HookPath
from botkit.observability.events import get_logger

_log = get_logger("botkit.serve")

MAX_CONNECTIONS: Final = 4096
"""Further ones are closed at once."""
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
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Connections:
    """What the connections of one server have in common.

    Args:
        door: answers hooks.
        keep_alive_seconds: how long a connection may idle.
        logs_requests: whether every hook has a line in the access log.
    """

    def __init__(self, door: Door, *, keep_alive_seconds: int, logs_requests: bool) -> None:
        self.door = door
        self.keep_alive_seconds = keep_alive_seconds
        self.logs_requests = logs_requests
        self.now = 0
        """The number of looks: seconds, exact enough for limits and cheaper than a clock."""
        self._open: set[Any] = set()
        self._is_looking = False
        self._refused = 0
        self._usual: list[tuple[bytes, bytes]] | None = None
        self._ack = b""

    def admits(self, connection: HookProtocol) -> bool:
        """Whether there is room for a new connection; looks after it from now on."""
        self._open = connection.connections
        if not self._is_looking:
            self._is_looking = True
            self.door.calls.loop.call_later(_LOOK_SECONDS, self._look)
        if len(self._open) <= MAX_CONNECTIONS:
            return True
        self._refused += 1
        return False

    def encoded_ack(self, usual: list[tuple[bytes, bytes]]) -> bytes:
        """The plain acknowledgement; `usual` are uvicorn's headers, such as the date: another list each second."""
        if usual is not self._usual:
            self._usual, self._ack = usual, encoded(ACK_RESPONSE, usual)
        return self._ack

    def _look(self) -> None:
        self.now += 1
        if self._refused:
            _log.warning("connections_refused", count=self._refused, limit=MAX_CONNECTIONS)
            self._refused = 0
        for connection in list(self._open):
            connection.look(self.now)
        self._is_looking = bool(self._open)
        if self._is_looking:
            self.door.calls.loop.call_later(_LOOK_SECONDS, self._look)


class HookProtocol(HttpToolsProtocol):
    """One connection. A subclass for each server has its `shared`."""

    shared: ClassVar[Connections]
    _deadline: int | None = None
    """The look at which the connection is closed."""
    _is_head: bool = True
    """Whether the headers of a request are incomplete, or none has begun."""
    _extra_bytes: int = 0
    """Received since the last part of a body or the last complete request."""

    # --- asyncio's callbacks ----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._deadline = self.shared.now + HEADER_SECONDS
        if not self.shared.admits(self):
            transport.abort()

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        self._extra_bytes += len(data)
        try:
            self._parse(data)
        except httptools.HttpParserError:
            self._end("Invalid HTTP request received.")
            return
        if self._extra_bytes > MAX_HEAD_BYTES:
            self._end("The headers are too large.")
            return
        cycle: object = self.cycle
        if not self._is_head and type(cycle) is _HookCycle:
            cycle.await_body()

    def _parse(self, data: bytes | memoryview) -> None:
        """Feed the parser. Raises: HttpParserError if it is no HTTP, or no more of it is wanted."""
        while True:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as asked:
                # Java's HttpClient asks for HTTP/2 with its first request. No upgrade is ever taken, but the parser skips the
                # body of such a request, and would read it as the next one. So a new parser gets it without the question.
                (offset,) = asked.args
                data = memoryview(data)[offset:]
                head = self._head_without_upgrade()
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # As uvicorn's.
                self.parser.feed_data(head)

    def _head_without_upgrade(self) -> bytes:
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        if method == b"CONNECT":
            raise httptools.HttpParserError("this is no proxy")
        headers = [b"%b: %b\r\n" % header for header in self.headers if header[0] != b"upgrade"]
        return b"".join([b"%b %b HTTP/%b\r\n" % (method, self.url, version), *headers, b"\r\n"])

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        cycle: object = self.cycle
        if type(cycle) is _HookCycle:
            cycle.lost()

    def _end(self, why: str) -> None:
        """Close the connection; with an answer if this request has none, and no earlier one is owed one."""
        is_answered = self.cycle is None or self.cycle.response_complete
        if self.transport.is_closing():
            return
        if is_answered == self._is_head and not self.pipeline:
            self.send_400_response(why)
        else:
            self.transport.close()

    # --- the parser's callbacks -------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        # What uvicorn prepares here, only requests that are no hooks need; see `_usual_way`.
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        if self.cycle is None or self.cycle.response_complete:
            self._deadline = self.shared.now + HEADER_SECONDS

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_head:  # Trailers are ignored.
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            return  # See `_parse`.
        self._is_head = False
        before = self.cycle
        path = self.shared.door.endpoint.path_of(_path(self.url))
        if path is None or (before is not None and not before.response_complete):
            self._deadline = self.shared.now + OTHER_SECONDS
            self._usual_way()
        else:
            self._deadline = None
            cycle = _HookCycle(self, path)
            self.cycle = cycle  # type: ignore[assignment]
            cycle.begin()

    def on_body(self, body: bytes) -> None:
        self._extra_bytes = 0
        cycle: object = self.cycle
        if type(cycle) is _HookCycle:
            cycle.on_body(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._is_head:
            return  # The request asks for an upgrade.
        self._is_head, self._extra_bytes = True, 0
        cycle: object = self.cycle
        if type(cycle) is _HookCycle:
            cycle.on_message_complete()
        else:
            super().on_message_complete()

    # --- uvicorn's callbacks ----------------------------------------------------------------------------------------

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete:
            self._deadline = self.shared.now + self.shared.keep_alive_seconds

    def pause_writing(self) -> None:
        super().pause_writing()
        self.flow.pause_reading()  # The answers to further hooks would have no limit.

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.pipeline:
            self.flow.resume_reading()

    def hook_answered(self) -> None:
        """A hook was answered, and the connection goes on."""
        if self.pipeline or (self.flow.read_paused and not self.flow.write_paused):
            self.on_response_complete()
        else:
            self.server_state.total_requests += 1
            self._deadline = self.shared.now + self.shared.keep_alive_seconds

    def close_within(self, seconds: int) -> None:
        """Close the connection in a while, if it is open then."""
        self._deadline = self.shared.now + seconds

    def look(self, now: int) -> None:
        """Called by the timer."""
        if self._deadline is None or now < self._deadline:
            return
        if self.transport.is_closing():
            self.transport.abort()  # The client does not read what is still to be sent.
        else:
            self.transport.close()
            self._deadline = now + DISCARD_SECONDS

    def _usual_way(self) -> None:
        """Let uvicorn handle the request. Raises: HttpParserError if too many wait already."""
        if len(self.pipeline) >= MAX_PIPELINE:
            raise httptools.HttpParserError("too many requests in a pipeline")
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers += headers
        super().on_headers_complete()


class _Nobody:
    """Nobody waits for the message of a hook."""

    def set(self) -> None: ...


_NOBODY = _Nobody()


class _HookCycle:
    """A hook and its answer, in the place of uvicorn's `RequestResponseCycle`."""

    __slots__ = (
        "_admitted",
        "_awaits_body",
        "_is_complete",
        "_method",
        "_parts",
        "_path",
        "_protocol",
        "_size",
        "_target",
        "disconnected",
        "keep_alive",
        "message_event",
        "response_complete",
    )

    def __init__(self, protocol: HookProtocol, path: HookPath) -> None:
        self._protocol = protocol
        self._path = path
        self._method = protocol.parser.get_method().decode("latin-1")
        self._target = protocol.url
        self._admitted: Admitted | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._is_complete = False
        """Whether the whole request has arrived."""
        self._awaits_body = False
        # What uvicorn reads and writes:
        self.disconnected = False
        self.keep_alive = True
        self.message_event = _NOBODY
        self.response_complete = False

    def begin(self) -> None:
        """The headers are there: check the caller."""
        protocol, parser = self._protocol, self._protocol.parser
        self.keep_alive = parser.should_keep_alive()
        token = apikey = length = None
        for name, value in protocol.headers:
            if name == b"token":
                token = value.decode("latin-1")
            elif name == b"content-length":
                length = value
            elif name == b"apikey":
                apikey = value.decode("latin-1")
        try:
            self._admitted = protocol.shared.door.endpoint.admit(
                self._path, method=self._method, token=token, apikey=apikey
            )
            if length is not None:
                checked_length(length)
        except Exception as error:  # noqa: BLE001 - the edge: any error is logged and becomes an answer of the protocol
            self._refuse(error)
        else:
            if protocol.expect_100_continue:
                protocol.transport.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        if self.response_complete:
            return
        self._parts.append(body)
        self._size += len(body)
        if self._size > MAX_BYTES:
            self._refuse(HookTooLarge())

    def await_body(self) -> None:
        """What has arrived was read; the body may be incomplete."""
        if self._is_complete or self._awaits_body or self.response_complete:
            return
        try:
            self._protocol.shared.door.bodies.add(self._expire)
        except Exception as error:  # noqa: BLE001 - see `begin`
            self._refuse(error)
        else:
            self._awaits_body = True

    def on_message_complete(self) -> None:
        """The whole request is there."""
        self._is_complete = True
        if self.response_complete:
            if not self.keep_alive:
                self._protocol.transport.close()
            return
        self._stop_waiting()
        if self._admitted is not None:
            parts = self._parts
            body = parts[0] if len(parts) == 1 else b"".join(parts)
            self._parts = []
            self._protocol.shared.door.answer(self._admitted, body, self._answer)

    def lost(self) -> None:
        """The connection is gone."""
        if not self._is_complete and not self.response_complete:
            self._refuse(BodyIncomplete())

    def _expire(self) -> None:
        self._awaits_body = False
        self._refuse(BodyIncomplete())

    def _refuse(self, error: Exception) -> None:
        began = self._admitted.began if self._admitted is not None else None
        self._answer(self._protocol.shared.door.endpoint.failed(self._path, error, began=began))

    def _stop_waiting(self) -> None:
        if self._awaits_body:
            self._awaits_body = False
            self._protocol.shared.door.bodies.remove(self._expire)

    def _answer(self, response: HookResponse) -> None:
        self._stop_waiting()
        self._parts = []
        self.response_complete = True
        protocol, transport = self._protocol, self._protocol.transport
        if not self._is_complete and (response.status in BODY_UNREAD or protocol.expect_100_continue):
            # A client that was not told to continue may send its next request instead of the body.
            self.keep_alive = False
        if not transport.is_closing():
            usual = protocol.server_state.default_headers
            if response is ACK_RESPONSE and self.keep_alive:
                transport.write(protocol.shared.encoded_ack(usual))
            else:
                if not self.keep_alive:
                    usual = [*usual, (b"connection", b"close")]
                transport.write(encoded(response, usual, with_body=self._method != "HEAD"))
            if self.keep_alive:
                protocol.hook_answered()
            else:
                if self._is_complete:
                    transport.close()
                protocol.close_within(DISCARD_SECONDS)
        if protocol.shared.logs_requests:
            self._log(response)

    def _log(self, response: HookResponse) -> None:
        shared = self._protocol.shared
        began = self._admitted.began if self._admitted is not None else None
        seconds = 0.0 if began is None else shared.door.endpoint.monotonic() - began
        path = _path(self._target)
        log_request(self._method, path, status=response.status, seconds=seconds, size=len(response.body))


def encoded(response: HookResponse, usual: Iterable[tuple[bytes, bytes]], *, with_body: bool = True) -> bytes:
    """A response as HTTP/1.1, with the usual headers of the server."""
    status = HTTPStatus(response.status)
    lines = [f"HTTP/1.1 {status} {status.phrase}\r\n".encode()]
    lines += [b"%b: %b\r\n" % header for header in usual]
    lines += [f"{name.lower()}: {value}\r\n".encode() for name, value in response.headers]
    return b"".join([*lines, b"\r\n", response.body if with_body else b""])


def _path(url: bytes) -> str:
    """The path of a request's target, decoded."""
    path = url.partition(b"?")[0]
    return (unquote_to_bytes(path) if b"%" in path else path).decode("latin-1")
