"""A small HTTP proxy, and a TLS front for a server without TLS. Both run on threads, so tests need no loop for them."""

from __future__ import annotations

import asyncio
import base64
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import trustme

_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class ConnectProxy:
    """What a proxy does, and what it has been asked. Every name leads to 127.0.0.1, so that tests can use names of hosts.

    Attributes:
        login: ``user:password`` that it asks for; empty for none.
        answer: a status line that it gives to every CONNECT instead of a tunnel, such as ``403 Forbidden``.
        silent: it takes connections and answers nothing.
        ports: target → local port, such as ``{"acme.my.salesforce.com:443": 41234}``; any other target keeps its port.
        asked: method and target of each request.
        headers: the header lines of each request, in small letters.
    """

    login: str = ""
    answer: str = ""
    silent: bool = False
    ports: Mapping[str, int] = field(default_factory=dict)
    port: int = 0
    asked: list[str] = field(default_factory=list)
    headers: list[list[str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its address, with the login if it asks for one."""
        login = f"{self.login}@" if self.login else ""
        return f"http://{login}127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection."""
        if self.silent:
            await reader.read()
            return
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip().split("\r\n")
        self.asked.append(first.rpartition(" ")[0])
        self.headers.append([line.lower() for line in lines])
        if refusal := self._refusal(lines):
            writer.write(f"HTTP/1.1 {refusal}\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
            return
        method, target, _ = first.split(" ")
        if method == "CONNECT":
            port = self.ports.get(target) or int(target.rpartition(":")[2])
            inner = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            host, _, path = target.removeprefix("http://").partition("/")
            inner = await asyncio.open_connection("127.0.0.1", int(host.rpartition(":")[2]))
            kept = [line for line in lines if not line.lower().startswith("proxy-")]
            inner[1].write("\r\n".join([f"{method} /{path} HTTP/1.1", *kept, "", ""]).encode("latin-1"))
        await _join((reader, writer), inner)

    def _refusal(self, lines: list[str]) -> str:
        if self.login:
            wanted = f"Proxy-Authorization: Basic {base64.b64encode(self.login.encode()).decode()}"
            if wanted not in lines:
                return '407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="p"'
        return self.answer


@contextmanager
def connect_proxy(
    *, login: str = "", answer: str = "", silent: bool = False, ports: Mapping[str, int] | None = None
) -> Iterator[ConnectProxy]:
    """A running proxy."""
    proxy = ConnectProxy(login, answer, silent, ports or {})
    with serving(proxy.serve) as proxy.port:
        yield proxy


@contextmanager
def tls_front(
    target_port: int,
    authority: trustme.CA,
    *,
    name: str = "127.0.0.1",
    certificate: trustme.LeafCert | None = None,
) -> Iterator[int]:
    """The port of a TLS server that passes everything to the plain server on `target_port`.

    `authority` signs a certificate for `name`, unless a certificate is given.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (certificate or authority.issue_cert(name)).configure_cert(context)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _join((reader, writer), await asyncio.open_connection("127.0.0.1", target_port))

    with serving(serve, context) as port:
        yield port


@contextmanager
def serving(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]],
    context: ssl.SSLContext | None = None,
) -> Iterator[int]:
    """The port of a server on a thread with an event loop of its own. At the end every connection is closed."""
    loop, tasks = asyncio.new_event_loop(), set[asyncio.Task[None]]()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (task := asyncio.current_task()) is not None:
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await serve(reader, writer)
        finally:
            writer.close()

    async def stop() -> None:
        await turns()  # a server that is closed loses the connections that it is just accepting (Python 3.11)
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # Closing TLS waits for the other side, and a handshake that is under way has no task yet.
        for transport in list(loop._transports.values()):  # type: ignore[attr-defined]
            transport.abort()
        await turns()  # sockets are closed in the next turns of the loop

    async def turns() -> None:
        await asyncio.sleep(0.02)

    # Handshakes that fail are what some tests are about; they need no word on the standard error output.
    loop.set_exception_handler(lambda *_: None)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    starting = asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
    server = asyncio.run_coroutine_threadsafe(starting, loop).result(10)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _join(outer: _Streams, inner: _Streams) -> None:
    """Pass bytes both ways until both sides have ended."""
    try:
        async with asyncio.TaskGroup() as both:
            both.create_task(_pass(outer[0], inner[1]))
            both.create_task(_pass(inner[0], outer[1]))
    finally:  # a task that is cancelled before its first step closes nothing
        inner[1].transport.abort()


async def _pass(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        with suppress(OSError):
            while data := await source.read(65_536):
                target.write(data)
                await target.drain()
    finally:
        target.close()
