"""The access log of `botkit serve --access-log`: one event per request, with neither query, headers, bodies nor addresses."""

from __future__ import annotations

import re
from collections.abc import Callable

from botkit.asgi.interface import Application, Message, Receive, Scope, Send
from botkit.observability.events import get_logger

_log = get_logger("botkit.access")
_MAX_PATH = 200
_NOT_PLAIN = re.compile(r"[^\x21-\x7e]")


def log_request(method: str, path: str, *, status: int, seconds: float, size: int) -> None:
    """Log an answered request; `size` is that of the answer's body in bytes."""
    _log.info(
        "request",
        method=_NOT_PLAIN.sub("?", method)[:16],
        path=_NOT_PLAIN.sub("?", path)[:_MAX_PATH],
        status=status,
        ms=round(seconds * 1000, 1),
        bytes=size,
    )


class AccessLog:
    """Logs each HTTP request of an ASGI application when its answer is complete.

    Args:
        wrapped: the application.
        monotonic: seconds for durations.
    """

    def __init__(self, wrapped: Application, *, monotonic: Callable[[], float]) -> None:
        self._wrapped = wrapped
        self._monotonic = monotonic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI 3."""
        if scope["type"] != "http":
            await self._wrapped(scope, receive, send)
            return
        began = self._monotonic()
        status, size = 500, 0  # The server's answer, if the application fails.

        async def note(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                size += len(message.get("body", b""))
            await send(message)

        try:
            await self._wrapped(scope, receive, note)
        finally:
            seconds = self._monotonic() - began
            log_request(scope["method"], scope["path"], status=status, seconds=seconds, size=size)
