"""uvicorn's HTTP protocol, in which hooks are answered without a task.

A hook is recognised when its headers are complete, and goes to the door. Everything else takes uvicorn's usual way, also a hook
behind an unanswered request on its connection. One timer looks after all connections: it closes those that send no complete
headers, that idle, or that do not read their answer.

Of uvicorn this relies on the callbacks of the parser, and on the attributes of `RequestResponseCycle` that `HttpToolsProtocol`
itself uses; `tests/asgi/` runs with the lowest allowed version too.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from botkit.asgi.connections import (
    DISCARD_SECONDS,
    HEADER_SECONDS,
    MAX_HEAD_BYTES,
    MAX_PIPELINE,
    OTHER_SECONDS,
    Connections,
)
from botkit.asgi.hook_cycle import HookCycle, path_of


class _Trailers(list[tuple[bytes, bytes]]):
    """In the place of the headers once these are complete: trailers are ignored."""

    def append(self, _: tuple[bytes, bytes], /) -> None: ...


_TRAILERS = _Trailers()


class HookProtocol(HttpToolsProtocol):
    """One connection. A subclass for each server has its `shared`."""

    shared: ClassVar[Connections]
    _deadline: int | None = None
    """The tick of the timer at which the connection is closed."""
    _is_head: bool = True
    """Whether the headers of a request are incomplete, or none has begun."""
    is_stranger: bool = True
    """Whether no hook was admitted on it yet."""
    _running: RequestResponseCycle | None = None
    """The request that the application answers now."""
    _extra_bytes: int = 0
    """Received since the last part of a body or the last complete request."""

    # --- asyncio's callbacks ----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._deadline = self.shared.now + HEADER_SECONDS
        self.shared.opened(self, self.client[0] if self.client else "", self.connections)

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
        if not self._is_head and type(cycle) is HookCycle:
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
        self._client_has_gone()
        self.shared.closed(self)
        cycle: object = self.cycle
        if type(cycle) is HookCycle:
            cycle.lost()

    def _end(self, why: str) -> None:
        """Close the connection; with an answer if this request has none, and no earlier one is owed one."""
        is_answered = self.cycle is None or self.cycle.response_complete
        if self.transport.is_closing():
            return
        if is_answered == self._is_head and not self.pipeline:
            self.send_400_response(why)
        else:
            self._close()

    def _close(self) -> None:
        """Close the connection; applications whose answers are not complete are told that the client has gone."""
        self.pipeline.clear()
        self._client_has_gone()
        self.transport.close()

    def _client_has_gone(self) -> None:
        # `cycle` is the newest request. The one that is answered now may be an earlier one, of which uvicorn knows nothing here.
        for cycle in (self._running, self.cycle):
            if cycle is not None:
                cycle.disconnected = True
                cycle.message_event.set()

    # --- the parser's callbacks -------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        # What uvicorn prepares here, only requests that are no hooks need; see `_usual_way`.
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        if self.cycle is None or self.cycle.response_complete:
            self._deadline = self.shared.now + HEADER_SECONDS

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            return  # See `_parse`.
        self._is_head = False
        before = self.cycle
        path = self.shared.door.endpoint.path_of(path_of(self.url))
        if path is None or (before is not None and not before.response_complete):
            self._deadline = self.shared.now + OTHER_SECONDS
            self._usual_way()
        else:
            self._deadline = None
            cycle = HookCycle(self, path)
            self.cycle = cycle  # type: ignore[assignment]
            cycle.begin()
        self.headers = _TRAILERS

    def on_body(self, body: bytes) -> None:
        self._extra_bytes = 0
        cycle: object = self.cycle
        if type(cycle) is HookCycle:
            cycle.on_body(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._is_head:
            return  # The request asks for an upgrade.
        self._is_head, self._extra_bytes = True, 0
        cycle: object = self.cycle
        if type(cycle) is HookCycle:
            cycle.on_message_complete()
        else:
            super().on_message_complete()

    # --- uvicorn's callbacks ----------------------------------------------------------------------------------------

    def on_response_complete(self) -> None:
        self._running = self.pipeline[-1][0] if self.pipeline else None
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

    def hook_admitted(self) -> None:
        """The first hook of the connection has a valid token: it is no stranger any more."""
        self.is_stranger = False
        self.shared.strangers.remove(self)

    @property
    def idle_until(self) -> int | None:
        """The tick at which it is closed unless a request comes; None while one is under way."""
        cycle = self.cycle
        if self.pipeline or not self._is_head or self._extra_bytes or not (cycle and cycle.response_complete):
            return None
        return self._deadline

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
            self._close()
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
        if not self.pipeline:
            self._running = self.cycle


class PageProtocol(HookProtocol):
    """A connection to the listener for monitors: it has the same limits, and takes no hooks."""

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            return  # See `_parse`.
        self._is_head = False
        self._deadline = self.shared.now + OTHER_SECONDS
        self._usual_way()
