"""Memory of idle event streams in the relay's carrier: plain, within TLS, and many on one connection of HTTP/2.

``python -m benchmarks.streams serve FOLDER`` is a server of event streams that says one thing and then nothing; it writes its
certificate to the folder. ``python -m benchmarks.streams hold URL VERSION CA COUNT`` opens streams through the carrier.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import ssl
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import trustme
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived

from benchmarks.machine import LOAD_CORE, SERVICE_CORE, rss_bytes
from benchmarks.processes import pinned
from botkit.http.curl import CurlTransport
from botkit.http.network import HttpVersion, Network
from botkit.http.values import Request

STREAMS_PER_CONNECTION = 100
"""What servers of HTTP/2 usually allow."""
_AT_ONCE = 32
_FIRST = 2
"""They load what stays, and do not count as memory."""
_EVENT = b"event: ping\ndata: {}\n\n"
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_DEADLINE_SECONDS = 120.0


def run(version: HttpVersion, count: int, *, tls: bool) -> dict[str, Any]:
    """Measure `count` idle streams.

    Returns:
        ``streams``; ``kilobytes``: resident memory of each; ``connections``; ``open_seconds``: until all have said something.
    """
    with (
        tempfile.TemporaryDirectory(prefix="botkit-bench-") as folder,
        pinned(LOAD_CORE, "benchmarks.streams", "serve", folder) as server,
    ):
        ports = json.loads(server.line())
        url = f"https://localhost:{ports['tls']}/" if tls else f"http://localhost:{ports['plain']}/"
        authority = str(Path(folder) / "ca.pem")
        with pinned(
            SERVICE_CORE, "benchmarks.streams", "hold", url, version, authority, str(count)
        ) as holder:
            held: dict[str, Any] = json.loads(holder.line())
            return {"streams": _FIRST + count, **held, "connections": server.ask(do="count")["connections"]}


# --- the server ------------------------------------------------------------------------------------------------------


class Server(asyncio.Protocol):
    """One connection; TLS's ALPN decides between HTTP/1.1 and HTTP/2."""

    def __init__(self, on_connection: Callable[[], None]) -> None:
        self._on_connection = on_connection
        self._buffer = b""
        self._h2: H2Connection | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._on_connection()
        inside = transport.get_extra_info("ssl_object")
        if inside is not None and inside.selected_alpn_protocol() == "h2":
            self._h2 = H2Connection(H2Configuration(client_side=False))
            self._h2.local_settings.max_concurrent_streams = STREAMS_PER_CONNECTION
            self._h2.initiate_connection()
            transport.write(self._h2.data_to_send())

    def data_received(self, data: bytes) -> None:
        if self._h2 is not None:
            self._on_frames(self._h2, data)
            return
        self._buffer += data
        if b"\r\n\r\n" in self._buffer:
            self._buffer = b""
            self._transport.write(_HEAD + b"%x\r\n%b\r\n" % (len(_EVENT), _EVENT))

    def _on_frames(self, connection: H2Connection, data: bytes) -> None:
        for event in connection.receive_data(data):
            if isinstance(event, RequestReceived):
                headers = [(":status", "200"), ("content-type", "text/event-stream")]
                connection.send_headers(event.stream_id, headers)
                connection.send_data(event.stream_id, _EVENT)
        self._transport.write(connection.data_to_send())


async def _serve(folder: str) -> None:
    """Print the ports; for each line, print the number of connections so far."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(Path(folder) / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    context.set_alpn_protocols(["h2", "http/1.1"])
    connections = 0

    def on_connection() -> None:
        nonlocal connections
        connections += 1

    loop = asyncio.get_running_loop()
    ports = {}
    for name, tls in (("plain", None), ("tls", context)):
        server = await loop.create_server(
            lambda: Server(on_connection), "127.0.0.1", 0, ssl=tls, backlog=1024
        )
        ports[name] = server.sockets[0].getsockname()[1]
    print(json.dumps(ports), flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps({"connections": connections}), flush=True)


# --- the carrier -----------------------------------------------------------------------------------------------------


async def _hold(url: str, version: HttpVersion, authority: str, count: str) -> None:
    """Open the streams, print the result, and hold them until standard input ends."""
    network = Network(ca_bundle=Path(authority), http_version=version)
    gate = asyncio.Semaphore(_AT_ONCE)
    request = Request("listen", "GET", url, {"Accept": "text/event-stream"})
    async with CurlTransport(allowed_hosts=None, insecure_http=True, network=network) as carrier:

        async def listen(opened: asyncio.Event) -> None:
            async with gate:
                stream = await carrier.stream(request, silence_seconds=600).__aenter__()
                chunks = stream.chunks()
                await anext(chunks)
            opened.set()
            async for _ in chunks:
                pass

        async def open_streams(number: int) -> list[asyncio.Task[None]]:
            opened = [asyncio.Event() for _ in range(number)]
            tasks = [asyncio.create_task(listen(one)) for one in opened]
            async with asyncio.timeout(_DEADLINE_SECONDS):
                await asyncio.gather(*(one.wait() for one in opened))
            return tasks

        tasks = await open_streams(_FIRST)
        gc.collect()
        before, began = rss_bytes(os.getpid()), time.perf_counter()
        tasks += await open_streams(int(count))
        took = time.perf_counter() - began
        gc.collect()
        kilobytes = (rss_bytes(os.getpid()) - before) / int(count) / 1024
        print(json.dumps({"kilobytes": kilobytes, "open_seconds": took}), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        for task in tasks:
            task.cancel()


if __name__ == "__main__":
    ROLES: dict[str, Callable[..., Any]] = {"serve": _serve, "hold": _hold}
    asyncio.run(ROLES[sys.argv[1]](*sys.argv[2:]))
