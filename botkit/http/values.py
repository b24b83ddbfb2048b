"""HTTP requests and responses as values, and the interface of their carriers.

`kore/` and `agents/` build `Request` values and read `Response` values; they never open a socket. Two carriers send them:
`curl.CurlTransport` (libcurl, in the relay) and `carriers.SyncTransport` (requests, for command line tools and notebooks).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import field

from botkit.handoff.record import Record

if TYPE_CHECKING:
    from botkit.errors import CallError


MAX_RESPONSE_BYTES = 8 * 1024 * 1024
"""A longer response is not read to its end, and counts as `errors.BadReply`."""
USER_AGENT = "BotKit-Python"


class Request(Record, frozen=True):
    """One HTTP call.

    Attributes:
        what: names the call in logs and errors ("send message"); never holds a secret.
        headers: not in the repr, because they hold secrets. Neither are the URL and the body.
        max_bytes: a longer response is refused (errors.CallRefused). 0: the carrier's own limit, with a retryable error
            (errors.BadReply).
        long_poll: the server responds only at an event. Thousands are open at once, so they do not count towards the limit
            of calls to a host.
        body_is_read: if False, libcurl's carrier takes a whole head with 2xx for a success, even if the body is cut off: the call
            was accepted, and repeating it would do it twice.
    """

    what: str
    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    timeout_seconds: float = 10.0
    max_bytes: int = 0
    long_poll: bool = False
    body_is_read: bool = True

    _hidden = frozenset({"url", "headers", "body"})


class Response(Record, frozen=True):
    """A response, read completely (at most `MAX_RESPONSE_BYTES`). `url` is the request's; errors name its host."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    url: str = ""

    _hidden = frozenset({"headers", "body", "url"})


class Forwarding(Record, frozen=True):
    """How a hook is passed on unchanged, as its parser has found out: so its payload need not be read again for the request.

    Attributes:
        call: the name of the call, such as ``send_bot_message``.
        url: the URL of the call.
        members: the JSON members that the payload lacks, each followed by a comma.
    """

    call: str
    url: str
    members: bytes

    _hidden = frozenset({"url", "members"})


class Stream(Protocol):
    """A response that is read while it arrives, such as an event stream."""

    status: int
    headers: Mapping[str, str]

    def chunks(self) -> AsyncIterator[bytes]:
        """Bytes as they arrive. Raises errors.Unreachable when the connection breaks or stays silent too long."""

    async def read(self) -> bytes:
        """The rest of the response, for a status that is not a stream (bounded)."""


class Transport(Protocol):
    """Sends requests. Follows no redirects, calls only allowed hosts, limits sizes and times."""

    async def send(self, request: Request) -> Response:
        """Raises: errors.Unreachable, errors.HostNotAllowed. Every HTTP status is a response, not an error."""

    def stream(self, request: Request, *, silence_seconds: float) -> AbstractAsyncContextManager[Stream]:
        """Open a stream; `silence_seconds` without a byte counts as broken."""


Done = Callable[["Response | CallError"], None]


class CallbackTransport(Transport, Protocol):
    """A transport that can also start a call without a task."""

    def begin(self, request: Request, done: Done) -> Callable[[], None]:
        """Start a call on the running loop.

        Args:
            request: the call.
            done: called with what `send` would return or raise: once, on the loop, after this method has returned.

        Returns:
            A function that cancels the call; `done` is not called then.

        Raises:
            HostNotAllowed: the URL may not be called.
        """


def begin_in_task(
    send: Callable[[Request], Coroutine[Any, Any, Response]], request: Request, done: Done
) -> Callable[[], None]:
    """`CallbackTransport.begin` for a transport that can only `send`."""

    async def call() -> None:
        from botkit.errors import CallError

        try:
            outcome: Response | CallError = await send(request)
        except CallError as error:
            outcome = error
        done(outcome)

    task = asyncio.get_running_loop().create_task(call())

    def cancel() -> None:
        task.cancel()

    return cancel
