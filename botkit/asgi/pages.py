"""An ASGI middleware that adds the pages for operators and monitors to an application."""

from __future__ import annotations

import asyncio
from typing import Final

from botkit.asgi.interface import Application, Receive, Scope, Send, path_in, respond
from botkit.executor import DaemonExecutor
from botkit.observability.pages import BLOCKING, HEALTHY, Page, Watched

MAX_PENDING: Final = 32
"""Requests for one page that may wait for a thread or have one; further ones are refused."""
_THREADS = 2
_NOT_ALLOWED = Page(405, "text/plain; charset=utf-8", b"Use GET\n")
_BUSY = Page(503, "text/plain; charset=utf-8", b"Too many requests wait for this page\n")


class PagesAsgi:
    """Answers ``/healthz``, ``/readyz`` and ``/metrics`` below the prefix, and passes on everything else.

    Health is answered on the loop, so it tells whether the loop is alive; the others in threads of their own, since they may
    block: many of them delay nothing else.
    """

    def __init__(self, wrapped: Application, service: Watched, *, prefix: str) -> None:
        self.wrapped = wrapped
        self._service = service
        self._threads = DaemonExecutor(_THREADS, "botkit-pages")
        self._healthz = f"{prefix}/healthz"
        self._blocking = {f"{prefix}{path}": page for path, page in BLOCKING.items()}
        self._pending = dict.fromkeys(self._blocking, 0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI 3."""
        path = path_in(scope) if scope["type"] == "http" else ""
        if path != self._healthz and path not in self._blocking:
            await self.wrapped(scope, receive, send)
            return
        if scope["method"] not in ("GET", "HEAD"):
            page = _NOT_ALLOWED
        elif path == self._healthz:
            page = HEALTHY
        else:
            accept = dict(scope["headers"]).get(b"accept", b"").decode("latin-1")
            page = await self._in_thread(path, accept)
        headers = [
            (b"content-type", page.content_type.encode()),
            (b"content-length", str(len(page.body)).encode()),
        ]
        if page is _NOT_ALLOWED:
            headers.append((b"allow", b"GET, HEAD"))
        await respond(send, page.status, headers, page.body)

    async def _in_thread(self, path: str, accept: str) -> Page:
        if self._pending[path] >= MAX_PENDING:
            return _BUSY
        loop = asyncio.get_running_loop()
        self._pending[path] += 1
        try:
            return await loop.run_in_executor(self._threads, self._blocking[path], self._service, accept)
        finally:
            self._pending[path] -= 1
