"""The middleware of the emulated Live Chat host: CORS, faults, plain-text errors, the record on the wire.

Numbers in parentheses are sections of docs/protocols/salesforce-live-chat.md.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from botkit_sandbox.live_chat.cloud import LiveChatCloud
from botkit_sandbox.live_chat.faults import Fault, Kind
from botkit_sandbox.salesforce.edge import (
    Silence,
    cors_headers,
    hang_up,
    json_answer,
    record_exchange,
    web_page,
)
from botkit_sandbox.salesforce.refusal import Refusal
from botkit_sandbox.wire import answering

Handler = Callable[[web.Request], Awaitable[web.Response]]
KEY = "X-LIVEAGENT-SESSION-KEY"
LONG_POLL = "Messages"
"""The operation that waits for events."""
# Session keys and upload tokens are shortened before the wire keeps a text.
_SECRETS = re.compile(r"([0-9a-f-]{36}(?:!|%21)\d{10,16}(?:!|%21))[\w+/=%-]+|(fileToken\W{1,5})[\w=%-]+")
_REASONS = {
    400: "Bad Request",
    403: "Session required but was invalid or not found",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict: duplicate long poll",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class Edge:
    """Handles every request."""

    def __init__(self, cloud: LiveChatCloud) -> None:
        self._cloud = cloud
        self._silence = Silence(cloud.faults)
        self.stop = self._silence.stop

    async def around(self, request: web.Request, operation: str, handler: Handler) -> web.Response:
        """Answer a request, with faults, error bodies and the record on the wire."""
        started = time.perf_counter()
        cloud = self._cloud
        if not cloud.base_url:
            cloud.base_url = f"{request.scheme}://{request.host}"
        if request.method == "OPTIONS":
            return self._with_cors(request, web.Response(status=200))
        body = b""
        try:
            if request.content_type != "multipart/form-data":
                body = await request.read()  # aiohttp keeps it for the handler
            broken = await self._before(request, operation) if cloud.faults else None
            response = await self._answer(request, operation, handler) if broken is None else broken
        except Refusal as refusal:
            response = self._refused(refusal.status, refusal.message)
        except web.HTTPException as refusal:
            response = self._refused(refusal.status, refusal.reason)
            if "Allow" in refusal.headers:
                response.headers["Allow"] = refusal.headers["Allow"]
        record_exchange(
            self._cloud.wire, request, response, operation=operation, started=started, body=body, hide=_public
        )
        if cloud.faults and self._fault("drop-response", request, operation):
            hang_up(request)
        return self._with_cors(request, response)

    async def _answer(self, request: web.Request, operation: str, handler: Handler) -> web.Response:
        if operation == LONG_POLL:
            return await handler(request)
        with answering(self._cloud.wire, operation):
            return await handler(request)

    def _with_cors(self, request: web.Request, response: web.Response) -> web.Response:
        """Add the CORS headers for browser clients."""
        if cors_headers(request, response, self._cloud.settings.cors_origins, allowed_headers="Content-Type"):
            # A public client sends its requests with credentials.
            response.headers["Access-Control-Allow-Credentials"] = "true"
        return response

    async def _before(self, request: web.Request, operation: str) -> web.Response | None:
        if delay := self._fault("delay", request, operation):
            await asyncio.sleep(delay.delay_ms / 1000)
        if self._fault("refuse", request, operation):
            hang_up(request)
            return web.Response(status=503)
        if self._fault("silence", request, operation):
            await self._silence.hold(request)
            return web.Response(status=503)
        if page := self._fault("page", request, operation):
            return web_page(302 if page.location else 200, page.location)
        if fault := self._fault("status", request, operation):
            if fault.status == 503:
                self._cloud.note_503(request.headers.get(KEY))
            reason = _REASONS.get(fault.status, "Error")
            return self._refused(fault.status, fault.message or f"{reason} (fault switch)")
        return None

    def _refused(self, status: int, message: str) -> web.Response:
        """A plain-text error, as captured. The guide says that the body repeats the code and the message (5)."""
        if self._cloud.settings.error_body == "json":
            return json_answer({"code": status, "message": message}, status=status)
        return web.Response(text=message, status=status)

    def _fault(self, kind: Kind, request: web.Request, operation: str) -> Fault | None:
        session_id = request.headers.get(KEY, "").partition("!")[0].partition("%21")[0]
        line = f"{request.method} {request.path}"
        return self._cloud.faults.use(kind, line=line, operation=operation, conversation_id=session_id)


def _public(text: str) -> str:
    return _SECRETS.sub(lambda found: f"{found[1] or found[2]}…", text)
