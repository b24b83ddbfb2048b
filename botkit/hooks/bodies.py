"""Reading a hook's body: bounded in size, in number and in time.

Reading blocks a thread of the server until the body is there, and WSGI knows no deadline for that. So only so many threads may
read at once (the others stay free for whoever has sent all of it, and for health checks), and whoever watches over the
server's connections can ask how long the slowest has been at it (`botkit.cli.stalled` cuts those off).
"""

from __future__ import annotations

from collections.abc import Callable
from threading import get_ident
from typing import TYPE_CHECKING, Any

from botkit.errors import BodyIncomplete, HookTooLarge, TooManyBodies

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

MAX_BYTES = 2 * 1024 * 1024
"""The platform's context alone may be 1 MB (protocols/kore-xo-botkit.md, 2.7)."""
MAX_CONCURRENT = 64
"""A body comes right behind its headers, so that even a busy service reads only a few at any moment."""


class Bodies:
    """Reads the bodies of one application's hooks; any thread.

    Args:
        monotonic: seconds for durations.
        max_concurrent: how many may be read at the same time.
    """

    def __init__(self, *, monotonic: Callable[[], float], max_concurrent: int = MAX_CONCURRENT) -> None:
        self._monotonic = monotonic
        self._most = max_concurrent
        self._since: dict[int, float] = {}

    def read(self, environ: WSGIEnvironment) -> bytes:
        """The body of a request.

        Raises:
            HookTooLarge: it is over the limit, whether it says so or not.
            BodyIncomplete: it ended early.
            TooManyBodies: it was not read, as too many others are.
        """
        size = _length(environ)
        if size == 0:
            return b""
        since, me = self._since, get_ident()
        if len(since) >= self._most:
            raise TooManyBodies
        since[me] = self._monotonic()
        try:
            # One byte more than may come tells a chunked body that is too long.
            body = _read(environ["wsgi.input"], MAX_BYTES + 1 if size is None else size)
        finally:
            del since[me]
        if size is None and len(body) > MAX_BYTES:
            raise HookTooLarge
        if size is not None and len(body) < size:
            raise BodyIncomplete
        return body

    def waiting(self) -> tuple[int, float]:
        """How many are being read, and for how many seconds the slowest of them."""
        since = list(self._since.values())
        return len(since), self._monotonic() - min(since) if since else 0.0


def _length(environ: WSGIEnvironment) -> int | None:
    """How much comes; None where only its end will tell.

    Raises:
        HookTooLarge: more than may come, or no number.
    """
    length = environ.get("CONTENT_LENGTH")
    if length:
        size = int(length) if length.isascii() and length.isdecimal() and len(length) < 20 else MAX_BYTES + 1
        if size > MAX_BYTES:
            raise HookTooLarge
        return size
    # Neither a length nor an end: reading could wait for ever (PEP 3333).
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
