"""The WSGI middleware: it answers the hook paths and passes every other request to the wrapped application.

A hook is acknowledged only after the ledger has committed it. Later events never change the answer.
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
from botkit.handlers.dispatch import Dispatch, DispatchResult, without_handlers
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
"""Max time for a commit. The platform has given up long before."""

_JSON = ("Content-Type", "application/json")
_BODY_UNREAD = {408, 413, 503}
"""After these answers a part of the body is unread, so the connection cannot be used again."""
_ACK = b'{"headers":{"supportsMessageAck":true}}'
_ACKNOWLEDGED = ("supportsMessageAck", "true")
_ACK_HEADERS = [_JSON, _ACKNOWLEDGED, ("Content-Length", str(len(_ACK)))]


class Submit(Protocol):
    """Hands an input to the ledger; see `ledger.interface.Ledger.submit`."""

    def __call__(self, input: Input, /) -> Future[Committed]: ...


class HookMetrics(Protocol):
    """Counts hooks; implemented by `botkit.observability.metrics`."""

    def hook(self, event: str, status: int, seconds: float) -> None:
        """A hook was answered."""

    def duplicate(self) -> None:
        """A hook was a duplicate."""


class BotKitMiddleware:
    """Answers hooks and passes on every other request.

    Args:
        wrapped: the application that gets every other request.
        parsers: per bot id.
        dispatch: calls the bots' own handlers.
        submit: hands an input to the ledger, which is started if it has to be.
        prefix: Kore's apiPrefix, ``""`` or ``"/like/this"``.
        metrics: counts hooks.
        now: seconds since the epoch.
        monotonic: seconds for durations.
        commit_seconds: max time for a commit.
        max_concurrent_bodies: max number of bodies that are read at the same time.
        context_factory: creates the context in which handlers are called, such as the application's.
    """

    def __init__(
        self,
        wrapped: WSGIApplication,
        *,
        parsers: Mapping[str, HookParser],
        dispatch: Dispatch,
        submit: Submit,
        prefix: str,
        metrics: HookMetrics,
        now: Callable[[], float],
        monotonic: Callable[[], float],
        commit_seconds: float = COMMIT_SECONDS,
        max_concurrent_bodies: int = MAX_CONCURRENT,
        context_factory: ContextFactory = nullcontext,
    ) -> None:
        self._wrapped = wrapped
        self._parsers = parsers
        self._dispatch = dispatch
        self._context_factory = context_factory
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
            result = self._accept(path, environ)
            status = result.status
            if result.body is None:
                start_response("200 OK", list(_ACK_HEADERS))
                return [_ACK]
            headers = [_JSON, ("Content-Length", str(len(result.body)))]
            if status == HTTPStatus.OK:  # A deferred webhook (202) is not acknowledged yet (3).
                headers.append(_ACKNOWLEDGED)
            start_response(f"{status} {HTTPStatus(status).phrase}", headers)
            return [result.body]
        except HookRefused as refused:
            status = refused.status
            return _refuse(
                start_response, refused, _connection_close(environ) if status in _BODY_UNREAD else ()
            )
        except BotKitError as error:
            log.error("a hook was not accepted: %s %s", error.code, error)
            return _refuse(start_response, HookRefused())
        except Exception as error:  # noqa: BLE001 - the edge: any other error is logged and becomes the protocol's 500
            log.error("a hook was not accepted: %s", where(error))
            return _refuse(start_response, HookRefused())
        finally:
            self._metrics.hook(path.event, status, self._monotonic() - began)

    def _accept(self, path: HookPath, environ: WSGIEnvironment) -> DispatchResult:
        """Authenticate, read, dispatch and commit a hook. Returns its answer."""
        now = self._now()
        parser = self._parsers.get(path.bot_id)
        token, apikey = environ.get("HTTP_TOKEN"), environ.get("HTTP_APIKEY")
        if parser is None:
            self._check_unknown_bot(token, apikey, now)
            raise HookNotFound("Bot not found")
        parser.authentication.check(token=token, apikey=apikey, now=now)
        hook = parser.read(path, self.bodies.read(environ), at=Instant(now))
        chain = self._dispatch.matching(hook)
        if chain is None:
            result = without_handlers(hook)
            committing = [self._submit(input) for input in result.inputs]
        else:
            # Submitted under the lock, so that the user's messages keep their order; the commit is awaited outside it.
            with self._dispatch.lock(chain, hook):
                result = self._dispatch.dispatch(chain, hook, self._context_factory)
                committing = [self._submit(input) for input in result.inputs]
        for future in committing:
            self._await(future)
        return result

    def _await(self, committing: Future[Committed]) -> None:
        try:
            committed = committing.result(self._commit_seconds)
        except FutureTimeout as error:
            # Cancelling drops an input that is not being committed yet. One that is may still succeed; the platform's next
            # attempt is then a duplicate.
            committing.cancel()
            raise LedgerError("the store took too long") from error
        if committed.duplicate:
            self._metrics.duplicate()

    def _check_unknown_bot(self, token: str | None, apikey: str | None, now: float) -> None:
        """Return if the caller may learn that a bot is unknown: only a caller authenticated for another bot may.

        Raises:
            HookUnauthorized: any other caller.
        """
        for parser in self._parsers.values():
            try:
                parser.authentication.check(token=token, apikey=apikey, now=now)
            except HookUnauthorized:
                continue
            return
        raise HookUnauthorized


class _MethodNotAllowed(HookRefused):
    """A request to a hook path that is no POST."""

    status, wire_code, wire_message = 405, "METHOD_NOT_ALLOWED", "Use POST"


def _connection_close(environ: WSGIEnvironment) -> list[tuple[str, str]]:
    """The header that ends a connection. PEP 3333 forbids applications to send it, but granian relies on them."""
    return [("Connection", "close")] if environ.get("SERVER_SOFTWARE") == "Granian" else []


def _refuse(
    start_response: StartResponse, refused: HookRefused, headers: Iterable[tuple[str, str]] = ()
) -> list[bytes]:
    body = json.dumps(
        {"errors": [{"msg": refused.message, "code": refused.wire_code}]}, separators=(",", ":")
    ).encode()
    all_headers = [_JSON, ("Content-Length", str(len(body))), *headers]
    if refused.status == 401:
        all_headers.append(("response-error-description", body.decode()))
    start_response(f"{refused.status} {HTTPStatus(refused.status).phrase}", all_headers)
    return [body]
