"""The hook endpoint, independent of the web framework: authenticate, read, dispatch, commit and answer a hook.

A hook is acknowledged only after the ledger has committed it. Later events never change the answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import nullcontext
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol

from botkit.config.settings import BotSettings
from botkit.errors import (
    BotKitError,
    HookNotFound,
    HookNotJson,
    HookRefused,
    HookUnauthorized,
    LedgerError,
    NotConfigured,
)
from botkit.handlers.dispatch import Dispatch, DispatchResult, without_handlers
from botkit.handlers.refused_hooks import STRANGERS, RefusedHooks
from botkit.handlers.running import ContextFactory
from botkit.handoff.conversation import Instant
from botkit.hooks import of_the_doctor
from botkit.hooks.parser import Hook, HookParser, file_of, how_to_link
from botkit.hooks.paths import HookPath, HookPaths
from botkit.ledger.interface import Committed, Input
from botkit.observability.events import get_logger
from botkit.observability.tracebacks import where

_log = get_logger("botkit.hooks")

COMMIT_SECONDS = 10.0
"""Max time for a commit. The platform has given up long before."""

BODY_UNREAD = frozenset({408, 413, 503})
"""After these answers, the rest of a body is not worth waiting for, so the connection cannot be used again."""

Headers = tuple[tuple[str, str], ...]

_ACKNOWLEDGED = ("supportsMessageAck", "true")
_ACK = b'{"headers":{"supportsMessageAck":true}}'


Submit = Callable[[Input], Future[Committed]]
"""Hands an input to the ledger; see `ledger.interface.Ledger.submit`."""


def prefix_taken(prefix: str) -> NotConfigured:
    """The error of a kit that would take all hooks of another one, because it stands before it with the same prefix."""
    return NotConfigured(
        f"a kit is mounted here already with the server.prefix {prefix!r}, and would get no more hooks: mount each kit once, "
        "and give each a prefix of its own"
    )


class HookMetrics(Protocol):
    """Counts hooks; implemented by `botkit.observability.metrics`."""

    def hook(self, event: str, status: int, seconds: float) -> None:
        """A hook was answered."""

    def duplicate(self) -> None:
        """A hook was a duplicate."""


@dataclass(frozen=True, slots=True)
class HookResponse:
    """The answer to a hook."""

    status: int
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class Admitted:
    """A hook whose caller is the platform, before its body is read.

    Attributes:
        path: its path.
        parser: reads it.
        at: seconds since the epoch.
        began: when it arrived, for durations.
    """

    path: HookPath
    parser: HookParser
    at: Instant
    began: float


@dataclass(slots=True, kw_only=True, eq=False)
class HookEndpoint:
    """Answers the hooks of one service. Thread-safe.

    A hook goes through `admit`, `read`, its handlers, the ledger and `answered`; an exception on the way goes to `failed`. None
    of these waits for anything. `respond` does all of them for servers that give each request a thread; `botkit.asgi.door.Door`
    does it for those that call back.

    Args:
        parsers: per bot id, also of linked bots.
        dispatch: calls the bots' own handlers.
        submit: hands an input to the ledger, and starts it if needed.
        prefix: Kore's apiPrefix, ``""`` or ``"/like/this"``.
        metrics: counts hooks.
        now: seconds since the epoch.
        monotonic: seconds for durations.
        commit_seconds: max time for a commit.
        context_factory: creates the context in which handlers are called, such as the application's.
    """

    parsers: Mapping[str, HookParser]
    dispatch: Dispatch
    submit: Submit
    prefix: str
    metrics: HookMetrics
    now: Callable[[], float]
    monotonic: Callable[[], float]
    commit_seconds: float = COMMIT_SECONDS
    context_factory: ContextFactory = nullcontext
    path_of: Callable[[str], HookPath | None] = field(init=False)
    _refused: RefusedHooks = field(init=False)

    def __post_init__(self) -> None:
        self._refused = RefusedHooks(log=_log, monotonic=self.monotonic)
        self.path_of = HookPaths(self.prefix).parse

    # --- the steps, without waiting ---------------------------------------------------------------------------------

    def admit(self, path: HookPath, *, method: str, token: str | None, apikey: str | None) -> Admitted:
        """Check the caller of a hook.

        Args:
            path: from `path_of`.
            method: of the HTTP request.
            token: the header ``token``, if there is one.
            apikey: the header ``apikey``, if there is one.

        Raises:
            HookRefused: the caller is not the platform, or the bot is not configured.
        """
        if method != "POST":
            raise _MethodNotAllowed
        began, now = self.monotonic(), self.now()
        if token == of_the_doctor.TOKEN:
            raise _TokenOfTheDoctor
        parser = self.parsers.get(path.bot_id)
        if parser is None:
            raise self._unknown_bot(path.bot_id, token, apikey, now)
        parser.authentication.check(token=token, apikey=apikey, now=now)
        return Admitted(path, parser, Instant(now), began)

    @staticmethod
    def read(admitted: Admitted, body: bytes) -> Hook:
        """Read the body of an admitted hook. Raises: HookRefused if it cannot be accepted."""
        if body == of_the_doctor.BODY:
            raise _BodyOfTheDoctor
        return admitted.parser.read(admitted.path, body, at=admitted.at)

    def answered(self, admitted: Admitted, result: DispatchResult) -> HookResponse:
        """The answer to a hook whose inputs are committed."""
        self.metrics.hook(admitted.path.event, result.status, self.monotonic() - admitted.began)
        return ACK_RESPONSE if result.body is None else _response(result.status, result.body)

    def failed(self, path: HookPath, error: Exception, *, began: float | None = None) -> HookResponse:
        """The answer to a hook that was refused or failed; logs and counts it.

        Args:
            path: of the hook.
            error: what was raised.
            began: when the hook arrived; None if that is not known, for example because it was not admitted.
        """
        if isinstance(error, HookRefused):
            refused = error
            counts_as = error.of_bot if isinstance(error, _OtherBot) else self._known(path.bot_id)
            if isinstance(error, _ByTheDoctor):
                self._refused.by_the_doctor(error, bot=path.bot_id, counts_as=counts_as)
            else:
                self._refused.refused(error, bot=path.bot_id, counts_as=counts_as)
        else:
            refused = HookRefused()
            if isinstance(error, BotKitError):
                code, reason = error.code, str(error)
            else:
                code, reason = HookRefused.code, where(error)
            self._refused.failed(bot=path.bot_id, code=code, reason=reason)
        if isinstance(error, _MethodNotAllowed):
            return _refusal(refused, ("Allow", "POST"))
        self.metrics.hook(path.event, refused.status, 0.0 if began is None else self.monotonic() - began)
        return _refusal(refused)

    # --- the steps in a thread of the request -----------------------------------------------------------------------

    def respond(
        self,
        path: HookPath,
        *,
        method: str,
        token: str | None,
        apikey: str | None,
        read_body: Callable[[], bytes],
    ) -> HookResponse:
        """Answer a hook; waits for its handlers and its commit.

        Args:
            path: see `admit`, like the next three.
            method: of the HTTP request.
            token: the header ``token``, if there is one.
            apikey: the header ``apikey``, if there is one.
            read_body: reads the body; called once the caller is authenticated. May raise HookRefused.
        """
        began = self.monotonic()
        try:
            admitted = self.admit(path, method=method, token=token, apikey=apikey)
            hook = self.read(admitted, read_body())
            chain = self.dispatch.matching(hook)
            if chain is None:
                result = without_handlers(hook)
                committing = [self.submit(input) for input in result.inputs]
            else:
                # Submitted under the lock, so that the user's messages keep their order; the commit is awaited outside it.
                with self.dispatch.lock(chain, hook) or nullcontext():
                    result = self.dispatch.dispatch(chain, hook, self.context_factory)
                    committing = [self.submit(input) for input in result.inputs]
            for future in committing:
                self._await(future)
        except Exception as error:  # noqa: BLE001 - the edge: any error is logged and becomes an answer of the protocol
            return self.failed(path, error, began=began)
        return self.answered(admitted, result)

    def _known(self, bot_id: str) -> str:
        """The bot's id, if it is a configured one."""
        return bot_id if bot_id in self.parsers else STRANGERS

    def _await(self, committing: Future[Committed]) -> None:
        try:
            committed = committing.result(self.commit_seconds)
        except FutureTimeout as error:
            # Cancelling drops an input whose commit has not begun. A commit in progress may still succeed; then the platform's
            # next attempt is a duplicate.
            committing.cancel()
            raise too_slow() from error
        if committed.duplicate:
            self.metrics.duplicate()

    def _unknown_bot(
        self, bot_id: str, token: str | None, apikey: str | None, now: float
    ) -> HookNotFound | HookUnauthorized:
        """The refusal of a bot that is not configured. Only a caller who is authenticated for some bot may learn that."""
        for parser in dict.fromkeys(self.parsers.values()):
            try:
                parser.authentication.check(token=token, apikey=apikey, now=now)
            except HookUnauthorized:
                continue
            return _OtherBot(parser.bot, bot_id)
        return HookUnauthorized(
            reason="no bot file has this bot id, and the token fits none of them",
            fix="bot.id of a bot file, or the Callback URL of the bot's JWT app",
        )


def too_slow() -> LedgerError:
    """The error of a hook whose commit took longer than `commit_seconds`."""
    return LedgerError("the store took too long")


class _ByTheDoctor(HookRefused):
    """A hook by which `botkit doctor` tried the public address (`botkit.hooks.of_the_doctor`)."""


class _TokenOfTheDoctor(_ByTheDoctor, HookUnauthorized):
    """The one with a made-up token."""


class _BodyOfTheDoctor(_ByTheDoctor, HookNotJson):
    """The one with a valid token."""


class _OtherBot(HookNotFound):
    """A hook of a bot that is not configured, with the token of one that is."""

    def __init__(self, bot: BotSettings, bot_id: str) -> None:
        super().__init__(
            f"Bot not found. The token is that of {bot.name}. If {bot_id} is {bot.name} itself, correct bot.id in "
            f"{file_of(bot)}. {how_to_link(bot, bot_id)}",
            fix="bot.id; or, for another bot that is linked to this one, bot.linked",
        )
        self.of_bot = bot.id


class _MethodNotAllowed(HookRefused):
    """A request to a hook path with another method than POST."""

    status, wire_code, wire_message = 405, "METHOD_NOT_ALLOWED", "Use POST"
    usual_fix = "nothing, if somebody has opened the Callback URL in a browser"


def _response(status: int, body: bytes, *headers: tuple[str, str]) -> HookResponse:
    if status == HTTPStatus.OK:  # A deferred webhook (202) is not acknowledged yet (3).
        headers = (*headers, _ACKNOWLEDGED)
    always = (("Content-Type", "application/json"), ("Content-Length", str(len(body))))
    return HookResponse(status, (*always, *headers), body)


ACK_RESPONSE = _response(200, _ACK)
"""The plain acknowledgement, the same object each time."""


def _refusal(refused: HookRefused, *headers: tuple[str, str]) -> HookResponse:
    error = {"msg": refused.message, "code": refused.wire_code}
    body = json.dumps({"errors": [error]}, separators=(",", ":")).encode()
    if refused.status == HTTPStatus.UNAUTHORIZED:
        headers = (*headers, ("response-error-description", body.decode()))
    return _response(refused.status, body, *headers)
