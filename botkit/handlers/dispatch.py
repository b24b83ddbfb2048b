"""Dispatches a hook to its handlers; the result is the inputs for the ledger and the answer for the platform."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from botkit.handlers.conversation import BotGateway
from botkit.handlers.keyed_lock import KeyedLock, Turn
from botkit.handlers.progress import NO_CHOICE, Outcome
from botkit.handlers.registry import Chain, Registry
from botkit.handlers.running import (
    ContextFactory,
    HandlerMetrics,
    OnFailure,
    Runner,
    ignore_failure,
)
from botkit.handlers.threads import MAX_THREADS
from botkit.handlers.verdicts import Answer, Defer
from botkit.handoff import webhooks
from botkit.handoff.conversation import ConversationId, Instant
from botkit.handoff.events import AgentTransfer, ApiCall, HookDeferred, HookHandled
from botkit.handoff.record import Record
from botkit.hooks.parser import Hook
from botkit.ledger.interface import HookBody, Input

HANDLER_SECONDS: Final = 5.0
WEBHOOK_SECONDS: Final = 15.0
"""The platform gives up on a webhook after about 20 seconds (docs/protocols/kore-xo-botkit.md, 3)."""
_GRACE_SECONDS: Final = 1.0
_SPARE_THREADS: Final = 192
"""For handlers that exceed their time limit, and for those of a hand-off's moments."""

_DEFERRED: Final = json.dumps(
    {"customCode": "ASYNC_RESPONSE", "message": "AsyncResponse", "statusCode": 202}, separators=(",", ":")
).encode()


class DispatchResult(Record, frozen=True):
    """The result of a hook.

    Attributes:
        inputs: to be committed before the answer.
        status: of the answer.
        body: of the answer; None for the plain acknowledgement.
    """

    inputs: tuple[Input, ...]
    status: int = 200
    body: bytes | None = None

    _hidden = frozenset({"body"})


def without_handlers(hook: Hook) -> DispatchResult:
    """The result of a hook that has no handlers."""
    return DispatchResult((hook.input,), body=_unchanged(hook))


def user_of(hook: Hook) -> ConversationId | None:
    """The user whose hooks are handled in the order of their arrival; None for a webhook, which waits for no other."""
    if hook.kind.is_request:
        return None
    # For all channels together: a hook may name none.
    return ConversationId(hook.path.bot_id, hook.input.conversation_id.user_id)


class Dispatch:
    """Dispatches the hooks of one service to its handlers. Thread-safe.

    Args:
        gateways: per bot id.
        seconds: the time limit of handlers without their own; by default `HANDLER_SECONDS`, and `WEBHOOK_SECONDS` for webhooks.
        at_once: the number of hooks whose handlers run at the same time.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        gateways: Mapping[str, BotGateway],
        metrics: HandlerMetrics,
        seconds: float | None = None,
        on_failure: OnFailure = ignore_failure,
        at_once: int = 0,
    ) -> None:
        self._registry = registry
        self._seconds = seconds
        self._users = KeyedLock()
        threads = max(MAX_THREADS, at_once + _SPARE_THREADS)
        self.runner = Runner(gateways=gateways, metrics=metrics, on_failure=on_failure, threads=threads)

    def matching(self, hook: Hook) -> Chain | None:
        """The handler chain of this hook; None, as for most hooks, if it has no handlers."""
        found = self._registry.matching(hook.path.bot_id, hook.path.event)
        if found.has_details:
            detail = hook.kind.detail(hook.payload) if hook.kind.detail is not None else None
            found = Chain.of(tuple(one for one in found.handlers if one.detail in (None, detail)))
        return found if found.handlers else None

    def lock(self, chain: Chain, hook: Hook) -> Turn | None:
        """A context manager that keeps later hooks of the user from being handled or committed. Webhooks are not locked."""
        user = user_of(hook)
        return None if user is None else self.turn(user, self.limit(chain, hook))

    def turn(self, user: ConversationId, seconds: float) -> Turn:
        """See `lock`. `user`: of `user_of`; `seconds`: the time limit of the hook's handlers."""
        return self._users.hold(user, seconds + _GRACE_SECONDS)

    def dispatch(self, chain: Chain, hook: Hook, context_factory: ContextFactory) -> DispatchResult:
        """Run the handlers of a hook."""
        seconds = self.limit(chain, hook)
        return result_of(hook, self.runner.run(chain, hook, seconds=seconds, context_factory=context_factory))

    def limit(self, chain: Chain, hook: Hook) -> float:
        """The time limit of a hook's handlers, in seconds."""
        return chain.limit(self._seconds or (WEBHOOK_SECONDS if hook.kind.is_request else HANDLER_SECONDS))


def result_of(hook: Hook, outcome: Outcome[Hook]) -> DispatchResult:
    """The result of a hook from that of its handlers."""
    input = _input(hook, outcome)
    match outcome.verdict:
        case Defer(within, otherwise):
            due = Instant(hook.event.at + within.total_seconds())
            # The deferral is first: it must be durable before any call that tells the user to wait.
            return DispatchResult((_deferral(hook, due, otherwise), input), 202, _DEFERRED)
        case Answer(body):
            return DispatchResult((input,), body=body)
        case _:
            return DispatchResult((input,), body=_unchanged(hook))


def _unchanged(hook: Hook) -> bytes | None:
    """The unchanged payload, if a dialog waits for it: the dialog continues with its context (2.6)."""
    return hook.body if hook.kind.is_request else None


def _input(hook: Hook, outcome: Outcome[Hook]) -> Input:
    input, event, api_calls = outcome.hook.input, outcome.hook.event, outcome.api_calls
    if outcome.answered:
        kind = hook.kind
        if kind.skip and not any(api_call.call in kind.answers for api_call in api_calls):
            # The platform waits for an answer to each message (3).
            api_calls = (*api_calls, ApiCall(kind.skip))
    else:
        if isinstance(event, AgentTransfer) and outcome.choice != NO_CHOICE:
            event = event.chosen(outcome.choice)
        if not api_calls:
            return input if event is input.event else replace(input, event=event)
    handled = HookHandled(
        key=event.key, at=event.at, api_calls=api_calls, original=event, proceed=not outcome.answered
    )
    return replace(input, event=handled)


def _deferral(hook: Hook, due: Instant, otherwise: str) -> Input:
    request_id = str(hook.payload.request_id)
    return Input(
        conversation_id=webhooks.conversation_id(hook.path.bot_id, request_id),
        event=HookDeferred(
            key=f"{hook.event.key}/deferred",
            at=hook.event.at,
            request_id=request_id,
            due=due,
            otherwise=otherwise,
        ),
        hook=HookBody(hook.body, hook.path.component_id),
    )
