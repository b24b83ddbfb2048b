"""The middleware of the emulated platform: the record on the wire, faults, rate limits and errors.

Numbers in parentheses are sections of docs/protocols/kore-xo-botkit.md.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate

from aiohttp import web
from aiohttp.typedefs import Middleware

from botkit_sandbox.kore.cloud import KoreCloud
from botkit_sandbox.kore.faults import Fault
from botkit_sandbox.wire import Wire, answering

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SILENCE_SECONDS = 60.0


def refusal(status: int, message: str, code: str | int, *, retry_after: int | None = None) -> web.Response:
    """An error in the platform's shape, ``{"errors": [{"msg", "code"}]}``."""
    headers = {"Retry-After": str(retry_after)} if retry_after is not None else None
    return web.json_response({"errors": [{"msg": message, "code": code}]}, status=status, headers=headers)


def unauthorized(cloud: KoreCloud, why: str) -> web.Response:
    told = cloud.core.settings.refusal_words == "reason"
    return refusal(401, f"Invalid auth token: {why}" if told else "Invalid auth token", 4002)


def forbidden(what: str) -> web.Response:
    return refusal(403, f"The app's API scopes do not include {what}", "FORBIDDEN")


@dataclass(slots=True)
class MinuteLimit:
    """Counts the calls of a minute."""

    _minute: int = 0
    _seen: int = 0

    def exceeded(self, now: float, calls: int | None) -> bool:
        """Count one more call. Returns whether it is beyond `calls` in this minute; None for no limit."""
        if calls is None:
            return False
        if int(now // 60) != self._minute:
            self._minute, self._seen = int(now // 60), 0
        self._seen += 1
        return self._seen > calls


def wire_middleware(cloud: KoreCloud) -> Middleware:
    """Middleware that records BotKit's calls and applies faults."""

    @web.middleware
    async def record(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith("/api/"):
            return await handler(request)
        started = time.perf_counter()
        faults = cloud.core.faults.for_callback(request.path)
        response: web.StreamResponse | None = None
        body = b""
        try:
            if not any(fault.refuse for fault in faults):
                body = await request.read()
            response = await _with_faults(faults, request, handler, cloud.core.wire)
        except web.HTTPException as error:
            response = refusal(
                error.status, error.reason, "NOT_FOUND" if error.status == 404 else error.status
            )
        finally:
            if cloud.core.wire is not None:
                cloud.core.wire.record(
                    source="botkit",
                    target="kore",
                    label=_label(request.path),
                    method=request.method,
                    path=request.path_qs,
                    status=response.status if response is not None else None,
                    duration_ms=round((time.perf_counter() - started) * 1000, 2),
                    request_headers=dict(request.headers),
                    request_body=body.decode(errors="replace"),
                    response_body=_response_text(response),
                )
        if response is None:
            return _hang_up(request)
        if cloud.core.settings.clock_ahead:
            response.headers["Date"] = formatdate(cloud.core.now(), usegmt=True)
        return response

    return record


async def _with_faults(
    faults: list[Fault], request: web.Request, handler: Handler, wire: Wire | None
) -> web.StreamResponse | None:
    """The handler's response, or None to close the connection instead."""
    for fault in faults:
        await asyncio.sleep(fault.delay_ms / 1000)
    if any(fault.refuse for fault in faults):
        return None
    if any(fault.silence for fault in faults):
        await asyncio.sleep(SILENCE_SECONDS)
        return None
    if any(fault.page for fault in faults):
        await request.read()
        return web.Response(text="<!doctype html><title>Sign in</title>", content_type="text/html")
    for fault in faults:
        if fault.status is not None:
            await request.read()
            return refusal(
                fault.status, "The sandbox was told to fail", "SANDBOX_FAULT", retry_after=fault.retry_after
            )
    with answering(wire, _label(request.path)):
        response = await handler(request)
    return None if any(fault.drop_response for fault in faults) else response


def _hang_up(request: web.Request) -> web.Response:
    """Close the connection without an answer. The returned response is never sent."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=444)


def _label(path: str) -> str:
    """The name of the call, which follows the bot id in the path."""
    parts = path.strip("/").split("/")
    for index, part in enumerate(parts):
        if part.startswith("st-") and index + 1 < len(parts):
            return parts[index + 1]
    return "/".join(parts[1:3])


def _response_text(response: web.StreamResponse | None) -> str:
    if response is None:
        return "(connection closed)"
    if isinstance(response, web.Response) and isinstance(response.body, bytes | bytearray):
        if response.content_type == "application/json" or response.content_type.startswith("text/"):
            return bytes(response.body).decode(errors="replace")
        return f"({len(response.body)} bytes)"
    return ""


async def json_object(request: web.Request) -> Mapping[str, object] | None:
    """The body as a JSON object; None when it is not one."""
    try:
        content = json.loads(await request.read())
    except (ValueError, UnicodeDecodeError, RecursionError):
        return None
    return content if isinstance(content, dict) else None
