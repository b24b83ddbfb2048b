"""Reads the body of a hook in a WSGI application, with limits on size and number.

Reading blocks a thread of the server until the body has arrived, and WSGI has no deadline for that. So the number of threads
that read at once is limited, which leaves the others for complete requests and health checks; the time is limited by the server,
or by the proxy in front of it. `botkit.asgi.bodies` is for servers with an event loop.
"""

from __future__ import annotations

from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any

from botkit.errors import BodyIncomplete, HookTooLarge, TooManyBodies

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

MAX_BYTES = 2 * 1024 * 1024
"""The platform's context alone may be 1 MB (docs/protocols/kore-xo-botkit.md, 2.7)."""
MAX_CONCURRENT = 64
"""Max bodies that are read at the same time. A body follows its headers at once, so even a busy service reads only a few."""


class Bodies:
    """Reads the bodies of one application's hooks. Thread-safe."""

    def __init__(self) -> None:
        self._free = BoundedSemaphore(MAX_CONCURRENT)

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
        if not self._free.acquire(blocking=False):
            raise TooManyBodies
        try:
            # One byte more than the limit, to notice a chunked body that is too long.
            body = _read(environ["wsgi.input"], MAX_BYTES + 1 if size is None else size)
        finally:
            self._free.release()
        if size is None and len(body) > MAX_BYTES:
            raise HookTooLarge
        if size is not None and len(body) < size:
            raise BodyIncomplete
        return body


def checked_length(length: str | bytes) -> int:
    """A Content-Length as a number. Raises: HookTooLarge if it is over the limit, or no number."""
    size = int(length) if length.isdigit() and length.isascii() and len(length) < 20 else MAX_BYTES + 1
    if size > MAX_BYTES:
        raise HookTooLarge
    return size


def _length(environ: WSGIEnvironment) -> int | None:
    """The length of the body; None for a chunked one. Raises: HookTooLarge if it is over the limit, or no number."""
    length = environ.get("CONTENT_LENGTH")
    if length:
        return checked_length(length)
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
