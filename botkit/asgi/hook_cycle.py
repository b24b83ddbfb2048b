"""A hook on a connection of `botkit serve`, from its headers to its answer."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol
from urllib.parse import unquote_to_bytes

from uvicorn.server import ServerState

from botkit.asgi.access_log import log_request
from botkit.asgi.connections import DISCARD_SECONDS, Connections, encoded
from botkit.errors import BodyIncomplete, HookTooLarge
from botkit.handlers.endpoint import ACK_RESPONSE, BODY_UNREAD, Admitted, HookResponse
from botkit.hooks.bodies import MAX_BYTES, checked_length
from botkit.hooks.paths import HookPath
from botkit.http.parts import joined

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class HookConnection(Protocol):
    """The connection of a hook; implemented by `botkit.asgi.protocol.HookProtocol`."""

    parser: Any
    transport: asyncio.Transport
    server_state: ServerState
    url: bytes
    headers: list[tuple[bytes, bytes]]
    is_stranger: bool
    expect_100_continue: bool

    @property
    def shared(self) -> Connections:
        """What all connections of the server have in common."""

    def hook_admitted(self) -> None:
        """The first hook of the connection has a valid token."""

    def hook_answered(self) -> None:
        """The hook was answered, and the connection goes on."""

    def close_within(self, seconds: int) -> None:
        """Close the connection in a while, if it is open then."""


class _Nobody:
    """In place of the event that wakes an application: a hook has none that waits for its body."""

    def set(self) -> None: ...


_NOBODY = _Nobody()


class HookCycle:
    """A hook and its answer, in the place of uvicorn's `RequestResponseCycle`."""

    __slots__ = (
        "_admitted",
        "_awaits_body",
        "_body",
        "_is_complete",
        "_method",
        "_path",
        "_protocol",
        "_target",
        "disconnected",
        "keep_alive",
        "message_event",
        "response_complete",
    )

    def __init__(self, protocol: HookConnection, path: HookPath) -> None:
        self._protocol = protocol
        self._path = path
        self._method = protocol.parser.get_method().decode("latin-1")
        self._target = protocol.url
        self._admitted: Admitted | None = None
        self._body: bytes | bytearray = b""
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
        headers = dict(protocol.headers)
        token, apikey, length = headers.get(b"token"), headers.get(b"apikey"), headers.get(b"content-length")
        if length is None and self.keep_alive and parser.get_http_version() == "1.0":
            # Its body may be chunked, which others may read differently (RFC 9112, 6.1).
            self.keep_alive = False
        try:
            self._admitted = protocol.shared.door.endpoint.admit(
                self._path,
                method=self._method,
                token=None if token is None else token.decode("latin-1"),
                apikey=None if apikey is None else apikey.decode("latin-1"),
            )
            if protocol.is_stranger:
                protocol.hook_admitted()
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
        self._body = joined(self._body, body)
        if len(self._body) > MAX_BYTES:
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
            body, self._body = bytes(self._body), b""
            self._protocol.shared.door.answer(self._admitted, body, self._answer)

    def lost(self) -> None:
        """The connection is gone."""
        if not self._is_complete and not self.response_complete:
            self._refuse(BodyIncomplete())

    def _expire(self) -> None:
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
        self._body = b""
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
        path = path_of(self._target)
        log_request(self._method, path, status=response.status, seconds=seconds, size=len(response.body))


def path_of(url: bytes) -> str:
    """The path of a request's target, decoded."""
    path = url.partition(b"?")[0]
    return (unquote_to_bytes(path) if b"%" in path else path).decode("latin-1")
