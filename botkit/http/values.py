"""HTTP requests and responses as values, and what carries them.

`kore/` and `salesforce/` build `Request` values and read `Response` values; they never open a socket. Two carriers exist:
`transport.AioTransport` (aiohttp, in the relay) and `transport.SyncTransport` (requests, for command line tools, notebooks).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP call to make.

    `what` names the call in words for logs and errors ("send message"); it never holds a secret. Headers and body are
    kept out of the repr because they do. `max_bytes` is for answers whose size is somebody else's choice: a longer one is
    refused (errors.CallRefused), not taken for trouble; 0 stands for the transport's own limit. `long_poll` marks a request
    whose answer is held back until there is something to tell: thousands of them hang at once, and take no other call's turn.
    """

    what: str
    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)
    body: bytes | None = field(repr=False, default=None)
    timeout_seconds: float = 10.0
    max_bytes: int = 0
    long_poll: bool = False


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, read completely (at most `transport.MAX_RESPONSE_BYTES`)."""

    status: int
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)
    body: bytes = field(repr=False, default=b"")


class Stream(Protocol):
    """An open answer that keeps coming, such as an event stream."""

    status: int
    headers: Mapping[str, str]

    def chunks(self) -> AsyncIterator[bytes]:
        """Bytes as they arrive. Raises errors.Unreachable when the connection breaks or stays silent too long."""

    async def read(self) -> bytes:
        """The rest of the answer, for a status that is not a stream (bounded)."""


class Transport(Protocol):
    """Carries requests. Follows no redirects, sends only to allowed hosts, bounds sizes and times."""

    async def send(self, request: Request) -> Response:
        """Raises: errors.Unreachable, errors.HostNotAllowed. Any HTTP status is an answer, not an error."""

    def stream(self, request: Request, *, silence_seconds: float) -> AbstractAsyncContextManager[Stream]:
        """Open a stream; `silence_seconds` without a byte counts as broken."""
