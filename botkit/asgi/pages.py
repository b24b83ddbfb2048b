"""An ASGI middleware that adds the pages for operators and monitors to an application."""

from __future__ import annotations

import asyncio

from botkit.asgi.interface import Application, Receive, Scope, Send, path_in, respond
from botkit.observability.pages import BLOCKING, HEALTHY, Page, Watched

_NOT_ALLOWED = Page(405, "text/plain; charset=utf-8", b"Use GET\n")


class PagesAsgi:
    """Answers ``/healthz``, ``/readyz`` and ``/metrics`` below the prefix, and passes on everything else.

    Health is answered on the loop, so it tells whether the loop is alive; the others in a thread, since they may block.
    """

    def __init__(self, wrapped: Application, service: Watched, *, prefix: str) -> None:
        self._wrapped = wrapped
        self._service = service
        self._healthz = f"{prefix}/healthz"
        self._blocking = {f"{prefix}{path}": page for path, page in BLOCKING.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI 3."""
        path = path_in(scope) if scope["type"] == "http" else ""
        if path != self._healthz and path not in self._blocking:
            await self._wrapped(scope, receive, send)
            return
        if scope["method"] not in ("GET", "HEAD"):
            page = _NOT_ALLOWED
        elif path == self._healthz:
            page = HEALTHY
        else:
            accept = dict(scope["headers"]).get(b"accept", b"").decode("latin-1")
            page = await asyncio.to_thread(self._blocking[path], self._service, accept)
        headers = [
            (b"content-type", page.content_type.encode()),
            (b"content-length", str(len(page.body)).encode()),
        ]
        if page is _NOT_ALLOWED:
            headers.append((b"allow", b"GET, HEAD"))
        await respond(send, page.status, headers, page.body)
