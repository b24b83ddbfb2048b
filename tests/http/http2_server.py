"""A small HTTP/2 server over TLS, on a thread of its own."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import trustme
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, DataReceived, Event, RequestReceived, StreamEnded
from h2.settings import SettingCodes

from tests.http.connect_proxy import serving

MAX_STREAMS = 250


@dataclass
class Http2Server:
    """What the server has been asked, and what it does. `chosen`: the protocol that was agreed on for each connection.

    ``/stream`` sends ``one`` and stays open; ``/refused`` and ``/broken`` reset the stream, as one that was not processed and as
    one that failed; ``/flood`` sends as much as it may; any other path is answered with what was sent.
    """

    port: int = 0
    connections: int = 0
    chosen: list[str | None] = field(default_factory=list)
    requests: list[tuple[str, str, bytes]] = field(default_factory=list)
    open: dict[int, _Connection] = field(default_factory=dict)
    _loop: asyncio.AbstractEventLoop | None = None

    def say(self, text: bytes) -> None:
        """Send a text on every open stream."""
        self._on_loop(lambda connection: connection.say(text))

    def go_away(self) -> None:
        """End every connection."""
        self._on_loop(lambda connection: connection.go_away())

    def _on_loop(self, act: Callable[[_Connection], None]) -> None:
        assert self._loop is not None
        for connection in list(self.open.values()):
            self._loop.call_soon_threadsafe(act, connection)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self._loop = asyncio.get_running_loop()
        self.chosen.append(writer.get_extra_info("ssl_object").selected_alpn_protocol())
        self.connections += 1
        number = self.connections
        connection = self.open[number] = _Connection(self, writer)
        try:
            while data := await reader.read(65_536):
                connection.receive(data)
                await writer.drain()
        finally:
            del self.open[number]


class _Connection:
    """One connection."""

    def __init__(self, server: Http2Server, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._writer = writer
        self._http = H2Connection(H2Configuration(client_side=False))
        self._http.initiate_connection()
        self._http.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: MAX_STREAMS})
        self._bodies: dict[int, tuple[str, str, bytearray]] = {}
        self.streams: list[int] = []
        self._flush()

    def receive(self, data: bytes) -> None:
        for event in self._http.receive_data(data):
            self._handle(event)
        self._flush()

    def _handle(self, event: Event) -> None:
        match event:
            case RequestReceived():
                headers = {bytes(name): bytes(value).decode() for name, value in event.headers}
                self._bodies[event.stream_id] = headers[b":method"], headers[b":path"], bytearray()
            case DataReceived():
                self._bodies[event.stream_id][2].extend(event.data)
                self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case StreamEnded():
                self._answer(event.stream_id)
            case ConnectionTerminated():
                self._writer.close()

    def _answer(self, stream: int) -> None:
        method, path, body = self._bodies.pop(stream)
        self._server.requests.append((method, path, bytes(body)))
        if path == "/refused":
            self._http.reset_stream(stream, ErrorCodes.REFUSED_STREAM)
        elif path == "/broken":
            self._http.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)
        elif path in ("/stream", "/flood"):
            self.streams.append(stream)
            self._http.send_headers(stream, [(":status", "200"), ("content-type", "text/event-stream")])
            size = self._http.local_flow_control_window(stream) if path == "/flood" else 0
            while size > 0:
                self._http.send_data(stream, bytes(min(size, 16_384)))
                size -= 16_384
            if path == "/stream":
                self._http.send_data(stream, b"one")
        else:
            self._http.send_headers(stream, [(":status", "200"), ("content-length", str(len(body)))])
            self._http.send_data(stream, bytes(body), end_stream=True)

    def say(self, text: bytes) -> None:
        for stream in self.streams:
            if stream in self._http.streams and not self._http.streams[stream].closed:
                self._http.send_data(stream, text)
        self._flush()

    def go_away(self) -> None:
        self._http.close_connection()
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        self._writer.write(self._http.data_to_send())


@contextmanager
def http2_server(authority: trustme.CA, *, protocols: tuple[str, ...] = ("h2",)) -> Iterator[Http2Server]:
    """A running server with a certificate for 127.0.0.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(list(protocols))
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = Http2Server()
    with serving(server.serve, context) as server.port:
        yield server
