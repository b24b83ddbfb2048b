"""The door: WSGI middleware that takes the hook paths and leaves everything else to the wrapped application.

A hook is acknowledged only after the ledger has it. What happens to it afterwards never changes the answer.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import nullcontext
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from botkit.errors import BotKitError, HookNotFound, HookRefused, HookUnauthorized, LedgerError
from botkit.handlers.dispatch import Dispatch, DispatchResult
from botkit.handlers.running import ContextFactory
from botkit.handoff.conversation import Instant
from botkit.hooks.bodies import MAX_CONCURRENT, Bodies
from botkit.hooks.parser import HookParser
from botkit.hooks.paths import HookPath, HookPaths
from botkit.ledger.interface import Committed, Input
from botkit.observability.tracebacks import where

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

COMMIT_SECONDS = 10.0
"""A ledger that takes longer than this is in trouble; the platform has given up long before."""

_JSON = ("Content-Type", "application/json")
_BODY_LEFT = {408, 413, 503}
"""The answers after which a part of the body is still to come: nothing else can follow on that connection."""
_ACK = b'{"headers":{"supportsMessageAck":true}}'
_ACKNOWLEDGED = ("supportsMessageAck", "true")
_ACK_HEADERS = [_JSON, _ACKNOWLEDGED, ("Content-Length", str(len(_ACK)))]


class Submit(Protocol):
    """Where inputs go; `ledger.interface.Ledger.submit`."""

    def __call__(self, given: Input, /) -> Future[Committed]: ...


class HookMetrics(Protocol):
    """What the door counts; implemented by `botkit.observability.metrics`."""

    def hook(self, event: str, status: int, seconds: float) -> None:
        """A hook was answered."""

    def duplicate(self) -> None:
        """A hook had been taken before."""


class BotKitMiddleware:
    """Answers hooks, passes on the rest.

    Args:
        wrapped: the application everything else goes to.
        doors: per bot id.
        dispatch: the bots' own handlers.
        submit: hands an input to the ledger, which is started if it has to be.
        prefix: Kore's apiPrefix, ``""`` or ``"/like/this"``.
        metrics: told of every hook.
        now: seconds since the epoch.
        monotonic: seconds for durations.
        commit_seconds: how long the ledger may take.
        max_concurrent_bodies: how many bodies are read at the same time.
        around: what handlers are called in, such as the application's context.
    """

    def __init__(
        self,
        wrapped: WSGIApplication,
        *,
        doors: Mapping[str, HookParser],
        dispatch: Dispatch,
        submit: Submit,
        prefix: str,
        metrics: HookMetrics,
        now: Callable[[], float],
        monotonic: Callable[[], float],
        commit_seconds: float = COMMIT_SECONDS,
        max_concurrent_bodies: int = MAX_CONCURRENT,
        around: ContextFactory = nullcontext,
    ) -> None:
        self._wrapped = wrapped
        self._doors = doors
        self._dispatch = dispatch
        self._around = around
        self._submit = submit
        self._paths = HookPaths(prefix)
        self._metrics = metrics
        self._now = now
        self._monotonic = monotonic
        self._commit_seconds = commit_seconds
        self.bodies = Bodies(monotonic=monotonic, max_concurrent=max_concurrent_bodies)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = self._paths.parse(environ.get("PATH_INFO", ""))
        if path is None:
            return self._wrapped(environ, start_response)
        if environ["REQUEST_METHOD"] != "POST":
            return _refuse(start_response, _MethodNotAllowed(), [("Allow", "POST")])
        began = self._monotonic()
        status = 500
        try:
            dealt = self._take(path, environ)
            status = dealt.status
            if dealt.body is None:
                start_response("200 OK", list(_ACK_HEADERS))
                return [_ACK]
            headers = [_JSON, ("Content-Length", str(len(dealt.body)))]
            if status == HTTPStatus.OK:  # One that is answered later is not acknowledged now (3).
                headers.append(_ACKNOWLEDGED)
            start_response(f"{status} {HTTPStatus(status).phrase}", headers)
            return [dealt.body]
        except HookRefused as refused:
            status = refused.status
            return _refuse(start_response, refused, _closing(environ) if status in _BODY_LEFT else ())
        except BotKitError as error:
            log.error("a hook was not taken: %s %s", error.code, error)
            return _refuse(start_response, HookRefused())
        except Exception as error:  # noqa: BLE001 - the edge: a mistake of ours becomes the 500 of the protocol, and is logged
            log.error("a hook was not taken: %s", where(error))
            return _refuse(start_response, HookRefused())
        finally:
            self._metrics.hook(path.event, status, self._monotonic() - began)

    def _take(self, path: HookPath, environ: WSGIEnvironment) -> DispatchResult:
        """Commit a hook, and whatever the bot's handlers want of it. Returns how it is answered."""
        now = self._now()
        door = self._doors.get(path.bot_id)
        token, apikey = environ.get("HTTP_TOKEN"), environ.get("HTTP_APIKEY")
        if door is None:
            self._check_stranger(token, apikey, now)
            raise HookNotFound("Bot not found")
        door.authentication.check(token=token, apikey=apikey, now=now)
        hook = door.read(path, self.bodies.read(environ), at=Instant(now))
        chain = self._dispatch.matching(hook)
        if chain is not None:
            # Given to the ledger within the turn, so that what a user wrote keeps its order; durable outside it.
            with self._dispatch.turn(chain, hook):
                dealt = self._dispatch.deal(chain, hook, self._around)
                committing = [self._submit(given) for given in dealt.inputs]
        else:
            # A webhook is the one event whose answer matters: the dialog goes on with the context in it (2.6).
            dealt = DispatchResult((hook.given,), body=hook.body if path.event == "on_webhook" else None)
            committing = [self._submit(hook.given)]
        for future in committing:
            self._await(future)
        return dealt

    def _await(self, committing: Future[Committed]) -> None:
        try:
            committed = committing.result(self._commit_seconds)
        except FutureTimeout as error:
            # Not begun: it never will be. Begun: it may yet be kept; the platform's next attempt is then known by its key.
            committing.cancel()
            raise LedgerError("the store took too long") from error
        if committed.duplicate:
            self._metrics.duplicate()

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


def _closing(environ: WSGIEnvironment) -> list[tuple[str, str]]:
    """The header that ends a connection. PEP 3333 leaves it to the servers, and some take offence; granian leaves it to us."""
    return [("Connection", "close")] if environ.get("SERVER_SOFTWARE") == "Granian" else []


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
