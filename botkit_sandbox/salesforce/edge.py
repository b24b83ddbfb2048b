"""The middleware of the emulated MIAW host: CORS, faults, error bodies, the record on the wire.

Numbers in parentheses are sections of docs/protocols/salesforce-miaw.md.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

import msgspec
from aiohttp import web

from botkit_sandbox.faults import F, Faults
from botkit_sandbox.salesforce.cloud import SalesforceCloud
from botkit_sandbox.salesforce.held_stream import KIND
from botkit_sandbox.salesforce.refusal import CODES, Refusal
from botkit_sandbox.wire import Wire, answering

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
STREAM = "eventStream"
EVENT_ROUTER = "/eventrouter/"
EMBEDDED_SERVICE = "/embeddedservice/"
_REASONS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class Silence:
    """Requests that a fault keeps waiting for an answer."""

    def __init__(self, faults: Faults[F]) -> None:
        self._faults = faults
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Release the requests, since the sandbox stops."""
        self._stopping.set()

    async def hold(self, request: web.Request) -> None:
        """Answer nothing until the client gives up, the fault is cleared or the sandbox stops; then hang up."""
        cleared = self._faults.cleared
        while not (self._stopping.is_set() or is_gone(request) or self._faults.cleared != cleared):
            try:
                await asyncio.wait_for(self._stopping.wait(), 0.1)
            except TimeoutError:
                continue
        hang_up(request)

    async def hold_while(self, request: web.Request, is_held: Callable[[], bool]) -> bool:
        """Wait while a proxy holds an answer back. Returns False if the client gave up or the sandbox stops."""
        while is_held() and not (self._stopping.is_set() or is_gone(request)):
            try:
                await asyncio.wait_for(self._stopping.wait(), 0.1)
            except TimeoutError:
                continue
        return not (self._stopping.is_set() or is_gone(request))


class Edge:
    """The middleware of every request."""

    def __init__(self, cloud: SalesforceCloud) -> None:
        self._cloud = cloud
        self._silence = Silence(cloud.faults)
        self.stop = self._silence.stop

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Handle a request, with faults, error bodies and the record on the wire."""
        started = time.perf_counter()
        cloud = self._cloud
        if not cloud.base_url:
            cloud.base_url = f"{request.scheme}://{request.host}"
        if request.method == "OPTIONS":
            return web.Response(status=200)
        operation = request.match_info.route.name or "unknown"
        body = b""
        try:
            if request.content_type != "multipart/form-data":
                body = await request.read()  # aiohttp keeps it for the handler
            broken = await self._before(request, operation) if cloud.faults else None
            response = await self._answer(request, operation, handler) if broken is None else broken
        except Refusal as refusal:
            response = self.error(request, refusal)
        except web.HTTPException as refusal:
            response = self._http_error(request, refusal)
        if operation != STREAM or response.status != 200:
            record_exchange(
                self._cloud.wire, request, response, operation=operation, started=started, body=body
            )
        if cloud.faults and cloud.faults.use("drop-response", line=_line(request), operation=operation):
            hang_up(request)
        return response

    async def _answer(self, request: web.Request, operation: str, handler: Handler) -> web.StreamResponse:
        if operation == STREAM:
            return await handler(request)
        with answering(self._cloud.wire, operation):
            return await handler(request)

    async def headers_pass(self, request: web.Request) -> bool:
        """Wait while a proxy holds even the headers of a stream. Returns False if the client gave up."""

        def is_held() -> bool:
            fault = self._cloud.faults.find(KIND) if self._cloud.faults else None
            return fault is not None and fault.held == "headers"

        return await self._silence.hold_while(request, is_held)

    async def add_cors(self, request: web.Request, response: web.StreamResponse) -> None:
        """Add CORS headers for browser clients, preflight included, and the date. Runs before any header is sent."""
        if offset := self._cloud.settings.date_offset_seconds:
            response.headers["Date"] = formatdate(time.time() + offset, usegmt=True)
        allowed = self._cloud.settings.cors_origins
        if cors_headers(request, response, allowed, allowed_headers="Authorization, Content-Type"):
            response.headers["Access-Control-Expose-Headers"] = "Retry-After, Content-Disposition"

    def error(self, request: web.Request, refusal: Refusal) -> web.Response:
        """The error body: Spring's on the event router, one text for web clients' calls, `message` and a code elsewhere (6)."""
        headers = {} if refusal.retry_after is None else {"Retry-After": f"{refusal.retry_after:g}"}
        if request.path.startswith(EVENT_ROUTER):
            if self._cloud.settings.event_router_errors == "text":
                return web.Response(text=refusal.message, status=refusal.status, headers=headers)
            body: dict[str, Any] = {
                "timestamp": datetime.fromtimestamp(self._cloud.clock() / 1000, UTC).isoformat(),
                "status": refusal.status,
                "error": _REASONS.get(refusal.status, "Error"),
                "path": request.path,
                "message": refusal.message,
            }
        elif request.path.startswith(EMBEDDED_SERVICE):
            body = {"text": refusal.message}
        else:
            body = {"message": refusal.message, self._cloud.settings.error_key: refusal.code}
        # Written as Spring writes it: bridges search the raw text for '"status":401,"error":"Unauthorized","path":…' (1.6).
        response = json_answer(body, status=refusal.status)
        response.headers.update(headers)
        return response

    def _http_error(self, request: web.Request, refusal: web.HTTPException) -> web.Response:
        response = self.error(request, Refusal(refusal.status, refusal.reason))
        if "Allow" in refusal.headers:
            response.headers["Allow"] = refusal.headers["Allow"]
        return response

    async def _before(self, request: web.Request, operation: str) -> web.Response | None:
        faults, line = self._cloud.faults, _line(request)
        if delay := faults.use("delay", line=line, operation=operation):
            await asyncio.sleep(delay.delay_ms / 1000)
        if faults.use("refuse", line=line, operation=operation):
            hang_up(request)
            return web.Response(status=503)
        if operation != STREAM and faults.use("silence", line=line, operation=operation):
            await self._silence.hold(request)
            return web.Response(status=503)
        if page := faults.use("page", line=line, operation=operation):
            return web_page(page.status or (302 if page.location else 200), page.location)
        if fault := faults.use("status", line=line, operation=operation):
            status = 503 if fault.status is None else fault.status
            why = CODES.get(status, "FAULT").replace("_", " ").capitalize()
            raise Refusal(
                status,
                fault.message or f"{why} (fault switch)",
                retry_after=fault.retry_after,
                code=fault.code,
            )
        return None


def web_page(status: int, location: str = "") -> web.Response:
    """What stands between a client and the service may answer with: a page of its own, or a redirect to one."""
    headers = {"Location": location} if location else {}
    text = "<!DOCTYPE html><html><head><title>Login</title></head><body>Please log in.</body></html>"
    return web.Response(status=status, text=text, content_type="text/html", headers=headers)


def record_exchange(
    wire: Wire | None,
    request: web.Request,
    response: web.StreamResponse,
    *,
    operation: str,
    started: float,
    body: bytes,
    hide: Callable[[str], str] = str,
) -> None:
    """Record an answered request, if exchanges are recorded.

    Args:
        wire: the record; None where exchanges are not recorded.
        request: the request.
        response: its answer; a stream has no body to record.
        operation: names the call.
        started: `time.perf_counter()` when the request arrived.
        body: the request's body.
        hide: removes secrets from a path, a header's value or a body.
    """
    if wire is None:
        return
    wire.record(
        source="botkit",
        target="salesforce",
        label=operation,
        method=request.method,
        path=hide(request.path_qs),
        status=response.status,
        duration_ms=round((time.perf_counter() - started) * 1000, 2),
        request_headers={name: hide(value) for name, value in request.headers.items()},
        request_body=hide(readable(body)),
        response_body=hide(readable(response.body)) if isinstance(response, web.Response) else "",
    )


def cors_headers(
    request: web.Request, response: web.StreamResponse, origins: tuple[str, ...], *, allowed_headers: str
) -> bool:
    """Add the CORS headers that both services share, if the request comes from a browser page of an allowed origin.

    Args:
        request: the request, maybe a preflight.
        response: the answer to it.
        origins: the allowed origins; empty for all.
        allowed_headers: for a preflight that names no headers.

    Returns:
        Whether headers were added.
    """
    origin = request.headers.get("Origin")
    if origin is None or (origins and origin not in origins):
        return False
    headers = response.headers
    headers["Access-Control-Allow-Origin"] = origin
    headers["Vary"] = "Origin"
    if request.method == "OPTIONS":
        headers["Access-Control-Allow-Methods"] = "GET, POST, DELETE, OPTIONS"
        headers["Access-Control-Allow-Headers"] = request.headers.get(
            "Access-Control-Request-Headers", allowed_headers
        )
        headers["Access-Control-Max-Age"] = "600"
        if request.headers.get("Access-Control-Request-Private-Network") == "true":
            headers["Access-Control-Allow-Private-Network"] = "true"
    return True


def readable(body: object) -> str:
    """A body as text. The wire shortens the tokens in it."""
    if not isinstance(body, bytes) or not body:
        return ""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return f"({len(body)} bytes)"


async def json_body(request: web.Request) -> bytes:
    """Raises: Refusal 400 when there is no body."""
    body = await request.read()
    if not body:
        raise Refusal(400, "Required request body is missing")
    return body


def json_answer(data: object, *, status: int = 200) -> web.Response:
    """A JSON answer."""
    return web.Response(body=msgspec.json.encode(data), status=status, content_type="application/json")


def _line(request: web.Request) -> str:
    return f"{request.method} {request.path}"


def hang_up(request: web.Request) -> None:
    """Break the client's connection."""
    if request.transport is not None:
        request.transport.abort()


def is_gone(request: web.Request) -> bool:
    """Whether the client hung up."""
    return request.transport is None or request.transport.is_closing()
