"""The access log of `botkit serve --access-log`: one event per request, with neither query, headers, bodies nor addresses."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from botkit.observability.events import get_logger

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_log = get_logger("botkit.access")
_MAX_PATH = 200
_NOT_PLAIN = re.compile(r"[^\x21-\x7e]")


class AccessLog:
    """Logs each request of a WSGI application when its answer is complete.

    Args:
        wrapped: the application.
        monotonic: seconds for durations.
    """

    def __init__(self, wrapped: WSGIApplication, *, monotonic: Callable[[], float]) -> None:
        self._wrapped = wrapped
        self._monotonic = monotonic

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        began = self._monotonic()
        answered = {"status": ""}

        def note(status: str, *more: Any) -> Any:
            answered["status"] = status
            return start_response(status, *more)

        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")

        def done(size: int) -> None:
            status = answered["status"].partition(" ")[0]
            _log.info(
                "request",
                method=_NOT_PLAIN.sub("?", method)[:16],
                path=_NOT_PLAIN.sub("?", path)[:_MAX_PATH],
                status=int(status) if status.isdecimal() else 500,
                ms=round((self._monotonic() - began) * 1000, 1),
                bytes=size,
            )

        try:
            parts = self._wrapped(environ, note)
        except BaseException:
            done(0)
            raise
        if isinstance(parts, list):  # A hook's answer.
            done(sum(map(len, parts)))
            return parts
        return _Counted(parts, done)


class _Counted:
    """An answer that is logged when it is closed, with the bytes that were taken from it."""

    def __init__(self, parts: Iterable[bytes], done: Callable[[int], None]) -> None:
        self._parts = parts
        self._done = done
        self._size = 0

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            self._size += len(part)
            yield part

    def close(self) -> None:
        """Called by the server at the end (PEP 3333)."""
        try:
            if (close := getattr(self._parts, "close", None)) is not None:
                close()
        finally:
            self._done(self._size)
