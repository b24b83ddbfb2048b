"""The door: WSGI middleware that takes the hook paths and leaves everything else to the wrapped application.

A hook is acknowledged only after the ledger has it. What happens to it afterwards never changes the answer.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

from botkit.errors import BotKitError, HookNotFound, HookRefused, HookTooLarge, HookUnauthorized, LedgerError
from botkit.handoff.conversation import Instant
from botkit.hooks.door import Door
from botkit.hooks.paths import HookPath, HookPaths
from botkit.ledger.interface import Committed, Input
from botkit.traces import where

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

MOST_BYTES = 2 * 1024 * 1024
"""The platform's context alone may be 1 MB (protocols/kore-xo-botkit.md, 2.7)."""
COMMIT_SECONDS = 10.0
"""A ledger that takes longer than this is in trouble; the platform has given up long before."""

_JSON = ("Content-Type", "application/json")
_ACK = b'{"headers":{"supportsMessageAck":true}}'
_ACK_HEADERS = [_JSON, ("supportsMessageAck", "true"), ("Content-Length", str(len(_ACK)))]


class Submit(Protocol):
    """Where inputs go; `ledger.interface.Ledger.submit`."""

    def __call__(self, given: Input, /) -> Future[Committed]: ...


class HookMetrics(Protocol):
    """What the door counts; implemented by `botkit.telemetry`."""

    def hook(self, event: str, status: int, seconds: float) -> None:
        """A hook was answered."""

    def duplicate(self) -> None:
        """A hook had been taken before."""


class BotKitMiddleware:
    """Answers hooks, passes on the rest.

    Args:
        wrapped: the application everything else goes to.
        doors: per bot id.
        submit: hands an input to the ledger, which is started if it has to be.
        prefix: Kore's apiPrefix, ``""`` or ``"/like/this"``.
        metrics: told of every hook.
        now: seconds since the epoch.
        monotonic: seconds for durations.
    """

    def __init__(
        self,
        wrapped: WSGIApplication,
        *,
        doors: Mapping[str, Door],
        submit: Submit,
        prefix: str,
        metrics: HookMetrics,
        now: Callable[[], float],
        monotonic: Callable[[], float],
        commit_seconds: float = COMMIT_SECONDS,
    ) -> None:
        self._wrapped = wrapped
        self._doors = doors
        self._submit = submit
        self._paths = HookPaths(prefix)
        self._metrics = metrics
        self._now = now
        self._monotonic = monotonic
        self._commit_seconds = commit_seconds

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = self._paths.parse(environ.get("PATH_INFO", ""))
        if path is None:
            return self._wrapped(environ, start_response)
        if environ["REQUEST_METHOD"] != "POST":
            return _refuse(start_response, _MethodNotAllowed(), [("Allow", "POST")])
        began = self._monotonic()
        status = 500
        try:
            answer = self._take(path, environ)
            status = 200
            if answer is None:
                start_response("200 OK", list(_ACK_HEADERS))
                return [_ACK]
            start_response(
                "200 OK", [_JSON, ("supportsMessageAck", "true"), ("Content-Length", str(len(answer)))]
            )
            return [answer]
        except HookRefused as refused:
            status = refused.status
            return _refuse(start_response, refused)
        except BotKitError as error:
            log.error("a hook was not taken: %s %s", error.code, error)
            return _refuse(start_response, HookRefused())
        except Exception as error:  # noqa: BLE001 - the edge: a mistake of ours becomes the 500 of the protocol, and is logged
            log.error("a hook was not taken: %s", where(error))
            return _refuse(start_response, HookRefused())
        finally:
            self._metrics.hook(path.event, status, self._monotonic() - began)

    def _take(self, path: HookPath, environ: WSGIEnvironment) -> bytes | None:
        """Commit a hook. Returns the body of the answer where it is not the plain acknowledgement."""
        now = self._now()
        door = self._doors.get(path.bot_id)
        token, apikey = environ.get("HTTP_TOKEN"), environ.get("HTTP_APIKEY")
        if door is None:
            self._check_stranger(token, apikey, now)
            raise HookNotFound("Bot not found")
        door.authentication.check(token=token, apikey=apikey, now=now)
        body = _body(environ)
        given = door.read(path, body, at=Instant(now))
        future = self._submit(given)
        try:
            committed = future.result(self._commit_seconds)
        except FutureTimeout as error:
            # Not begun: it never will be. Begun: it may yet be kept; the platform's next attempt is then known by its key.
            future.cancel()
            raise LedgerError("the store took too long") from error
        if committed.duplicate:
            self._metrics.duplicate()
        # The one event whose answer matters: the dialog goes on with the context in it (2.6).
        return body if path.event == "on_webhook" else None

    def _check_stranger(self, token: str | None, apikey: str | None, now: float) -> None:
        """Only who speaks for one of the bots is told that another does not exist.

        Raises:
            HookUnauthorized: anyone else.
        """
        for door in self._doors.values():
            try:
                door.authentication.check(token=token, apikey=apikey, now=now)
            except HookUnauthorized:
                continue
            return
        raise HookUnauthorized


class _MethodNotAllowed(HookRefused):
    """Hooks are posted."""

    status, wire_code, wire_message = 405, "METHOD_NOT_ALLOWED", "Use POST"


def _body(environ: WSGIEnvironment) -> bytes:
    """The body, never more than the limit.

    Raises:
        HookTooLarge: it is over the limit, whether it says so or not.
    """
    stream = environ["wsgi.input"]
    length = environ.get("CONTENT_LENGTH")
    if length:
        size = int(length) if length.isascii() and length.isdecimal() and len(length) < 20 else MOST_BYTES + 1
        if size > MOST_BYTES:
            raise HookTooLarge
        return _read(stream, size)
    if not environ.get("wsgi.input_terminated"):
        # Neither a length nor an end: reading could wait for ever (PEP 3333).
        return b""
    body = _read(stream, MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        raise HookTooLarge
    return body


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


def _refuse(
    start_response: StartResponse, refused: HookRefused, headers: Iterable[tuple[str, str]] = ()
) -> list[bytes]:
    body = json.dumps(
        {"errors": [{"msg": refused.message, "code": refused.wire_code}]}, separators=(",", ":")
    ).encode()
    found = [_JSON, ("Content-Length", str(len(body))), *headers]
    if refused.status == 401:
        found.append(("response-error-description", body.decode()))
    start_response(f"{refused.status} {HTTPStatus(refused.status).phrase}", found)
    return [body]
