"""The doors with a ledger whose outcome the test chooses: WSGI, ASGI, and the protocol class of `botkit serve`."""

from __future__ import annotations

import asyncio
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, NamedTuple

import uvicorn
from uvicorn.server import ServerState

from botkit.asgi.connections import Connections
from botkit.asgi.interface import Message, Receive, Scope, Send, respond
from botkit.asgi.middleware import BotKitAsgi
from botkit.asgi.protocol import HookProtocol, PageProtocol
from botkit.handlers.dispatch import Dispatch
from botkit.handlers.endpoint import HookEndpoint
from botkit.handoff.conversation import Conversation
from botkit.hooks.parser import HookParser
from botkit.ledger.interface import Committed, Input
from botkit.loop_calls import LoopCalls
from botkit.wsgi.middleware import BotKitMiddleware
from tests.hooks.hook_payloads import BOT_ID, NOW, settings, token
from tests.hooks.no_handlers import no_handlers

HANDLER_THREADS = 4


class Answer(NamedTuple):
    """An answer; the names of its headers are in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> tuple[str, str | int]:
        """The message and the code of a refusal."""
        (error,) = json.loads(self.body)["errors"]
        return error["msg"], error["code"]


class Counted:
    def __init__(self) -> None:
        self.hooks: list[tuple[str, int]] = []
        self.duplicates = 0

    def hook(self, event: str, status: int, seconds: float) -> None:
        self.hooks.append((event, status))

    def duplicate(self) -> None:
        self.duplicates += 1


class Service:
    """The ledger behind a door. `outcome` is what becomes of an input; None: nothing, for ever."""

    def __init__(self) -> None:
        self.inputs: list[Input] = []
        self.dropped: list[Input] = []
        self.is_running = True
        self.starts = 0
        self.closed = 0
        self.start_error: Exception | None = None
        self.calls: LoopCalls | None = None
        self.outcome: Callable[[Input], Committed | Exception | None] = lambda input: Committed(
            Conversation(input.conversation_id), (), ()
        )

    def submit(self, input: Input, /) -> Future[Committed]:
        self.inputs.append(input)
        future: Future[Committed] = Future()
        outcome = self.outcome(input)
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        elif outcome is not None:
            future.set_result(outcome)
        return future

    def submit_then(self, input: Input, then: Callable[[Committed | Exception], None]) -> Callable[[], None]:
        self.inputs.append(input)
        outcome = self.outcome(input)
        if outcome is not None:
            then(outcome)
        return lambda: self.dropped.append(input)

    def start(self) -> None:
        self.starts += 1
        if self.start_error is not None:
            raise self.start_error
        self.is_running = True

    def start_on(self, calls: LoopCalls) -> None:
        self.calls = calls
        self.start()

    def close(self) -> None:
        self.closed += 1
        self.is_running = False


class Stage(ABC):
    """A door in front of an application that echoes the path with status 404."""

    def __init__(
        self,
        *,
        prefix: str = "",
        linked: tuple[str, ...] = (),
        dispatch: Dispatch | None = None,
        commit_seconds: float = 0.01,
        **kore: Any,
    ) -> None:
        configured = settings(prefix=prefix, **kore)
        self.service = Service()
        self.counted = Counted()
        parser = HookParser(replace(configured.bots[BOT_ID], linked=linked), insecure_http=False)
        self.endpoint = HookEndpoint(
            parsers=dict.fromkeys((BOT_ID, *linked), parser),
            dispatch=dispatch or no_handlers(),
            submit=self.service.submit,
            prefix=prefix,
            metrics=self.counted,
            now=lambda: NOW,
            monotonic=lambda: 0.0,
            commit_seconds=commit_seconds,
        )

    @property
    def inputs(self) -> list[Input]:
        """What the ledger got."""
        return self.service.inputs

    def call(
        self,
        body: bytes = b"",
        *,
        event: str = "on_user_message",
        path: str | None = None,
        method: str = "POST",
        bot_id: str = BOT_ID,
        auth: str | None = "",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request, with a valid token unless another `auth` is given."""
        sent = {"content-length": str(len(body)), **(headers or {})}
        if auth is not None:
            sent["token"] = auth or token()
        return self.request(method, path if path is not None else f"/sdk/bots/{bot_id}/{event}", sent, body)

    @abstractmethod
    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """One request; the names of the headers are in small letters."""


class Wsgi(Stage):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.middleware = BotKitMiddleware(_wsgi_application, self.endpoint)

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "wsgi.input": io.BytesIO(body)}
        for name, value in headers.items():
            key = name.upper().replace("-", "_")
            environ[key if key.startswith("CONTENT_") else f"HTTP_{key}"] = value
        return self.respond(environ)

    def respond(self, environ: dict[str, Any]) -> Answer:
        """One request as PEP 3333 describes it."""
        began: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            began.append((status, headers))

        content = b"".join(self.middleware(environ, start_response))
        ((status, sent),) = began
        return Answer(int(status.split()[0]), {name.lower(): value for name, value in sent}, content)


class Asgi(Stage):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.middleware = BotKitAsgi(_asgi_application, self.endpoint, self.service, threads=HANDLER_THREADS)

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        return asyncio.run(self.respond(http_scope(method, path, headers), in_pieces(body)))

    async def respond(self, scope: Scope, receive: Receive) -> Answer:
        """One request as ASGI describes it."""
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        await self.middleware(scope, receive, send)
        started, *parts = sent
        assert started["type"] == "http.response.start"
        assert {part["type"] for part in parts} == {"http.response.body"}
        headers = {name.decode(): value.decode() for name, value in started["headers"]}
        return Answer(started["status"], headers, b"".join(part["body"] for part in parts))


def http_scope(method: str, path: str, headers: Mapping[str, str], **more: Any) -> Scope:
    """The scope of an HTTP request."""
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    return {"type": "http", "http_version": "1.1", "method": method, "path": path, "headers": encoded, **more}


def in_pieces(*pieces: bytes) -> Receive:
    """A body in these pieces; then the client is gone."""
    messages: list[Message] = [
        {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
        for number, piece in enumerate(pieces, 1)
    ]

    async def receive() -> Message:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    return receive


class Protocol(Stage):
    """The protocol class on a transport in memory."""

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        async def one() -> bytes:
            connection = self.connect()
            lines = [f"{method} {path} HTTP/1.1", "host: here"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            connection.feed("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
            return await connection.answered()

        ((status, sent, content),) = answers(asyncio.run(one()), head=method == "HEAD")
        return Answer(status, sent, content)

    def connect(self) -> Connection:
        """A new connection to a new server on the running loop."""
        return self.server().connect()

    def server(
        self,
        *,
        logs_requests: bool = False,
        max_open: int = 4096,
        max_strangers: int = 1024,
        hooks: bool = True,
    ) -> Server:
        """A new server on the running loop; without `hooks`, the one for monitors."""
        middleware = BotKitAsgi(_asgi_application, self.endpoint, self.service, threads=HANDLER_THREADS)
        connections = Connections(
            middleware.door(),
            keep_alive_seconds=5,
            logs_requests=logs_requests,
            max_open=max_open,
            max_strangers=max_strangers,
        )
        config = uvicorn.Config(
            middleware if hooks else _asgi_application,
            log_config=None,
            log_level="critical",
            lifespan="off",
            interface="asgi3",
        )
        return Server(connections, config, HookProtocol if hooks else PageProtocol)


class Server:
    """The state of a server."""

    def __init__(
        self, connections: Connections, config: uvicorn.Config, protocol: type[HookProtocol]
    ) -> None:
        self.connections = connections
        self.state = ServerState()
        self._config = config
        self._made = type("Made", (protocol,), {"shared": connections})

    def connect(self, address: str = "192.0.2.1") -> Connection:
        """A new connection from this address."""
        return Connection(self._made(config=self._config, server_state=self.state, app_state={}), address)

    def seconds_pass(self, seconds: int) -> None:
        """The timer of the connections fires so often."""
        for _ in range(seconds):
            self.connections._look()


class Connection:
    """A connection to the protocol class, from the client's side."""

    def __init__(self, protocol: HookProtocol, address: str) -> None:
        self.protocol = protocol
        self.transport = _Transport(self.protocol, address)
        self.protocol.connection_made(self.transport)

    def feed(self, data: bytes) -> None:
        """The client sends this."""
        if not self.transport.is_closing():
            self.protocol.data_received(data)

    async def answered(self, count: int = 1) -> bytes:
        """Everything that was sent to the client, with so many answers or the end of the connection."""
        transport = self.transport
        while transport.sent.count(b"HTTP/1.1 ") < count and not transport.is_closing():
            transport.heard.clear()
            await transport.heard.wait()
        for _ in range(3):  # A body may follow its head.
            await asyncio.sleep(0)
        return bytes(self.transport.sent)


class _Transport(asyncio.Transport):
    def __init__(self, protocol: asyncio.Protocol, address: str) -> None:
        super().__init__({"peername": (address, 50_000)})
        self._protocol = protocol
        self.sent = bytearray()
        self.heard = asyncio.Event()
        self.closed = self.aborted = self.paused = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed, "written after the end"
        self.sent += data
        self.heard.set()

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.heard.set()
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        self.aborted = True
        self.close()

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


def answers(said: bytes, *, head: bool = False) -> list[tuple[int, dict[str, str], bytes]]:
    """The answers in what a server said; `head`: the answer to HEAD, which has no body."""
    found = []
    while said:
        start, _, said = said.partition(b"\r\n\r\n")
        first, *lines = start.decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        size = 0 if head else int(headers.get("content-length", 0))
        found.append((int(first.split()[1]), headers, said[:size]))
        said = said[size:]
    return found


def _wsgi_application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("404 NOT FOUND", [])
    return [f"wrapped {environ['PATH_INFO']}".encode()]


async def _asgi_application(scope: Scope, receive: Receive, send: Send) -> None:
    body = f"wrapped {scope['path']}".encode()
    await respond(send, 404, [(b"content-length", str(len(body)).encode())], body)


DOORS: Mapping[str, type[Stage]] = {"wsgi": Wsgi, "asgi": Asgi, "protocol": Protocol}
