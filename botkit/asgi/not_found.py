"""The application of `botkit serve` behind the hooks and the pages: it has nothing else."""

from __future__ import annotations

from botkit.asgi.interface import Receive, Scope, Send, respond
from botkit.handlers.stray_hooks import StrayHooks

_BODY = b"Not Found\n"
_HEADERS = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(_BODY)).encode())]


class NotFound:
    """Answers every request with 404, and logs those that look like hooks."""

    def __init__(self, prefix: str) -> None:
        self._stray = StrayHooks(prefix)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI 3."""
        if scope["type"] != "http":
            raise NotImplementedError(f"{scope['type']} is not for this application")
        self._stray.not_found(scope["method"], scope["path"])
        await respond(send, 404, _HEADERS, _BODY)
