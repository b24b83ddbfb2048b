"""The ASGI middleware: it answers the hook paths and passes everything else to the wrapped application."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Protocol

from botkit.asgi.bodies import PendingBodies
from botkit.asgi.door import Door, Store
from botkit.asgi.interface import Application, Message, Receive, Scope, Send, path_in, respond
from botkit.asgi.pages import PagesAsgi
from botkit.errors import BodyIncomplete, BotKitError, HookTooLarge
from botkit.executor import DaemonExecutor
from botkit.handlers.endpoint import HookEndpoint, HookResponse, prefix_taken
from botkit.hooks.bodies import MAX_BYTES, checked_length
from botkit.hooks.paths import HookPath
from botkit.http.parts import joined
from botkit.loop_calls import LoopCalls
from botkit.observability.events import get_logger
from botkit.observability.tracebacks import where

_log = get_logger("botkit.asgi")


class Hosted(Store, Protocol):
    """The service behind the middleware; implemented by `botkit.service.service.Service`."""

    def start_on(self, calls: LoopCalls) -> None:
        """Start it, with its relay on this loop, also if it was closed before; blocks. Raises: LedgerError."""

    def close(self) -> None:
        """Stop it; blocks."""


class BotKitAsgi:
    """Answers hooks and passes on everything else: other requests, WebSockets, and the server's lifespan.

    The service starts and stops with the server, around the application's own startup and shutdown, and its relay lives on the
    server's loop. Without lifespan messages, as below a mount of another application, the first hook starts the service, with a
    relay in a thread of its own.

    Args:
        wrapped: the application that gets everything else.
        endpoint: the steps of a hook.
        service: commits and relays the hooks.
        threads: the number of hooks whose handlers run at the same time.

    Raises:
        NotConfigured: the application is or has a kit with the same prefix.
    """

    def __init__(
        self, wrapped: Application, endpoint: HookEndpoint, service: Hosted, *, threads: int
    ) -> None:
        if endpoint.prefix in _prefixes_in(wrapped):
            raise prefix_taken(endpoint.prefix)
        self.wrapped = wrapped
        self._endpoint = endpoint
        self._service = service
        self._threads = threads
        self._door: Door | None = None
        self._thread = DaemonExecutor(1, "botkit-start-and-stop")
        """Of its own: the application may have given the loop's own threads more than they can do."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI 3."""
        kind = scope["type"]
        if kind == "http" and (path := self._endpoint.path_of(path_in(scope))) is not None:
            await self._hook(path, scope, receive, send)
        elif kind == "lifespan":
            await _Lifespan(self).run(scope, receive, send)
        else:
            await self.wrapped(scope, receive, send)

    async def start(self) -> None:
        """Start the service, with its relay on the running loop. Raises: LedgerError if the store cannot be used."""
        door = self.door()
        await door.calls.loop.run_in_executor(self._thread, self._service.start_on, door.calls)

    async def close(self) -> None:
        """Stop the service; what is under way is finished."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._service.close)

    def door(self) -> Door:
        """The door of the running loop."""
        loop = asyncio.get_running_loop()
        door = self._door
        if door is None or door.calls.loop is not loop:
            door = Door(
                self._endpoint,
                self._service,
                LoopCalls(loop),
                bodies=PendingBodies(loop),
                threads=self._threads,
            )
            self._door = door
        return door

    async def _hook(self, path: HookPath, scope: Scope, receive: Receive, send: Send) -> None:
        door, endpoint = self.door(), self._endpoint
        headers = {name: value.decode("latin-1") for name, value in scope["headers"] if name in _READ}
        began = None
        try:
            admitted = endpoint.admit(
                path, method=scope["method"], token=headers.get(b"token"), apikey=headers.get(b"apikey")
            )
            began = admitted.began
            length = headers.get(b"content-length")
            body = b"" if length == "0" else await _read(door.bodies, length, receive)
        except Exception as error:  # noqa: BLE001 - the edge: any error is logged and becomes an answer of the protocol
            response = endpoint.failed(path, error, began=began)
        else:
            answered: asyncio.Future[HookResponse] = door.calls.loop.create_future()

            def then(response: HookResponse) -> None:
                if not answered.done():  # The server cancels requests whose client has gone.
                    answered.set_result(response)

            door.answer(admitted, body, then)
            response = await answered
        encoded = [(name.lower().encode(), value.encode()) for name, value in response.headers]
        await respond(send, response.status, encoded, b"" if scope["method"] == "HEAD" else response.body)


def _prefixes_in(application: Application) -> Iterator[str]:
    """The prefixes of the kits around an application. A kit behind another middleware is not found."""
    while isinstance(application, BotKitAsgi | PagesAsgi):
        if isinstance(application, BotKitAsgi):
            yield application._endpoint.prefix
        application = application.wrapped


_READ = frozenset({b"token", b"apikey", b"content-length"})


async def _read(bodies: PendingBodies, length: str | None, receive: Receive) -> bytes:
    """The body of a request.

    Raises:
        HookTooLarge: it is over the limit, with or without a Content-Length.
        BodyIncomplete: the client has gone, or took too long.
        TooManyBodies: too many others are pending.
    """
    if length is not None:
        checked_length(length)
    body: bytes | bytearray = b""
    more = True
    try:
        async with asyncio.timeout(None) as limit:

            def expire() -> None:
                limit.reschedule(0.0)

            bodies.add(expire)
            try:
                while more:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise BodyIncomplete
                    body = joined(body, message.get("body", b""))
                    if len(body) > MAX_BYTES:
                        raise HookTooLarge
                    more = message.get("more_body", False)
            finally:
                bodies.remove(expire)
    except TimeoutError as error:
        raise BodyIncomplete from error
    return bytes(body)


class _Lifespan:
    """One lifespan of a server: the service runs while it lasts.

    The application gets the server's messages, and the server its answers. An application without a lifespan of its own raises
    an exception, or returns; then the answers are ours (https://asgi.readthedocs.io/en/latest/specs/lifespan.html).
    """

    def __init__(self, middleware: BotKitAsgi) -> None:
        self._middleware = middleware
        self._receive: Receive
        self._send: Send
        self._received: Message | None = None
        """The server's latest message, until it is answered."""
        self._takes_part = False
        """Whether the application has answered one."""
        self._is_over = False

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take part in it until its end."""
        self._receive, self._send = receive, send
        try:
            await self._run(scope)
        except _StartFailed:
            return

    async def _run(self, scope: Scope) -> None:
        try:
            await self._middleware.wrapped(scope, self._to_application, self._to_server)
        except _StartFailed:
            raise
        except Exception as error:
            if self._takes_part:
                if not self._is_over:
                    await self._middleware.close()
                raise
            _log.debug("application_without_lifespan", error=where(error))
        while not self._is_over:
            message = self._received or await self._to_application()
            await self._to_server({"type": f"{message['type']}.complete"})

    async def _to_application(self) -> Message:
        """The server's next message."""
        message = self._received = await self._receive()
        if message["type"] == "lifespan.startup":
            try:
                await self._middleware.start()
            except Exception as error:
                self._is_over = True
                kind = error.code if isinstance(error, BotKitError) else type(error).__name__
                await self._send({"type": "lifespan.startup.failed", "message": f"{kind}: {error}"})
                raise _StartFailed from error
        return message

    async def _to_server(self, message: Message) -> None:
        """Pass on an answer of the application."""
        if self._is_over:
            return  # An application that answers to `_StartFailed`.
        self._received, self._takes_part = None, True
        if message["type"] != "lifespan.startup.complete":
            self._is_over = True
            await self._middleware.close()
        await self._send(message)


class _StartFailed(Exception):
    """The service could not be started; the server has been told."""
