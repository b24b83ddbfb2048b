"""Reads the body of a hook, with limits on size, number and time.

Reading blocks a thread of the server until the body has arrived, and WSGI has no deadline for that. So the number of threads
that read at once is limited, which leaves the others for complete requests and health checks. The server can ask how long
the slowest read has taken, to close stalled connections (`botkit.cli.stalled`).
"""

from __future__ import annotations

from collections.abc import Callable
from threading import get_ident
from typing import TYPE_CHECKING, Any

from botkit.errors import BodyIncomplete, HookTooLarge, TooManyBodies

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

MAX_BYTES = 2 * 1024 * 1024
"""The platform's context alone may be 1 MB (docs/protocols/kore-xo-botkit.md, 2.7)."""
MAX_CONCURRENT = 64
"""Max bodies that are read at the same time. A body follows its headers at once, so even a busy service reads only a few."""


class Bodies:
    """Reads the bodies of one application's hooks. Thread-safe. `monotonic` returns seconds for durations."""

    def __init__(self, *, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._since: dict[int, float] = {}

    def read(self, environ: WSGIEnvironment) -> bytes:
        """The body of a request.

        Raises:
            HookTooLarge: the body is over the limit, with or without a Content-Length.
            BodyIncomplete: the body ended early.
            TooManyBodies: too many others are being read.
        """
        size = _length(environ)
        if size == 0:
            return b""
        since, thread = self._since, get_ident()
        if len(since) >= MAX_CONCURRENT:
            raise TooManyBodies
        since[thread] = self._monotonic()
        try:
            # One byte more than the limit, to notice a chunked body that is too long.
            body = _read(environ["wsgi.input"], MAX_BYTES + 1 if size is None else size)
        finally:
            del since[thread]
        if size is None and len(body) > MAX_BYTES:
            raise HookTooLarge
        if size is not None and len(body) < size:
            raise BodyIncomplete
        return body

    def waiting(self) -> tuple[int, float]:
        """The number of bodies that are being read, and the seconds that the slowest has taken so far."""
        since = list(self._since.values())
        return len(since), self._monotonic() - min(since) if since else 0.0


def _length(environ: WSGIEnvironment) -> int | None:
    """The length of the body; None for a chunked one. Raises: HookTooLarge if it is over the limit, or no number."""
    length = environ.get("CONTENT_LENGTH")
    if length:
        size = int(length) if length.isascii() and length.isdecimal() and len(length) < 20 else MAX_BYTES + 1
        if size > MAX_BYTES:
            raise HookTooLarge
        return size
    # Without a length or an end mark, reading could block forever (PEP 3333).
    return None if environ.get("wsgi.input_terminated") else 0


def _read(stream: Any, size: int) -> bytes:
    body: bytes = stream.read(size)
    if len(body) == size or not body:
        return body
    parts = [body]
    missing = size - len(body)
    while missing and (part := stream.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
