"""From a hook with handlers to inputs for the ledger and an answer for the platform."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Final

from botkit.handlers.context import Tools
from botkit.handlers.contexts import CONTEXTS
from botkit.handlers.keyed_lock import KeyedLock
from botkit.handlers.progress import NO_CHOICE, Outcome
from botkit.handlers.registry import Chain, Registry
from botkit.handlers.running import ContextFactory, Failed, HandlerMetrics, Runner, unheard
from botkit.handlers.verdicts import Answer, Defer
from botkit.handoff import webhooks
from botkit.handoff.conversation import Instant
from botkit.handoff.events import AgentTransfer, ApiCall, HookDeferred, HookHandled
from botkit.hooks.parser import Hook, HookParser
from botkit.ledger.interface import HookBody, Input

HANDLER_SECONDS: Final = 5.0
WEBHOOK_SECONDS: Final = 15.0
"""The platform gives up on a webhook after about 20 seconds (protocols/kore-xo-botkit.md, 3)."""
_GRACE_SECONDS: Final = 1.0

_ANSWERS: Final[Mapping[str, frozenset[str]]] = {
    "on_user_message": frozenset(
        {
            "send_bot_message",
            "send_user_message",
            "skip_bot_message",
            "start_agent_session",
            "clear_agent_session",
        }
    ),
    "on_bot_message": frozenset({"send_user_message", "skip_user_message"}),
    "on_agent_transfer": frozenset({"start_agent_session", "clear_agent_session"}),
    "on_alert": frozenset({"send_alert_message"}),
}
"""The calls after which nothing more happens by default (3: for each message exactly one answer)."""

_SKIPS: Final[Mapping[str, str]] = {
    "on_user_message": "skip_bot_message",
    "on_bot_message": "skip_user_message",
}

_DEFERRED: Final = json.dumps(
    {"customCode": "ASYNC_RESPONSE", "message": "AsyncResponse", "statusCode": 202}, separators=(",", ":")
).encode()


@dataclass(frozen=True, slots=True)
class DispatchResult:
    """What is to be committed of a hook, and what the platform is answered then; None: the plain acknowledgement."""

    inputs: tuple[Input, ...]
    status: int = 200
    body: bytes | None = field(default=None, repr=False)


class Dispatch:
    """The handlers of one service, in front of its hand-off. Any thread.

    Args:
        registry: the handlers.
        doors: per bot id.
        tools: what contexts need.
        metrics: what to count with.
        seconds: the time limit of a hook's handlers; webhooks have `WEBHOOK_SECONDS` where it is the usual one.
        failed: told of each handler that did not do its work.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        doors: Mapping[str, HookParser],
        tools: Tools,
        metrics: HandlerMetrics,
        seconds: float | None = None,
        failed: Failed = unheard,
    ) -> None:
        self._registry = registry
        self._seconds = seconds
        self._turns = KeyedLock()
        self._coroutines = _Coroutines()
        self._runner = Runner(
            make_context=lambda hook: CONTEXTS[hook.path.event](hook, doors[hook.path.bot_id], tools),
            reword=lambda hook, message: doors[hook.path.bot_id].reworded(hook, message),
            answers=_is_answer,
            metrics=metrics,
            loop=self._coroutines.loop,
            failed=failed,
        )

    def matching(self, hook: Hook) -> Chain | None:
        """The handlers for this hook; usually there are none."""
        found = self._registry.matching(hook.path.bot_id, hook.path.event)
        if found.has_details:
            detail = _detail(hook)
            found = Chain.of(tuple(one for one in found.handlers if one.detail in (None, detail)))
        return found if found.handlers else None

    def turn(self, chain: Chain, hook: Hook) -> AbstractContextManager[None]:
        """Until this is left, no later hook of the same user is handled or committed. Webhooks wait for nobody."""
        if hook.path.event == "on_webhook":
            return nullcontext()
        return self._turns.taken(hook.given.conversation_id, self._limit(chain, hook) + _GRACE_SECONDS)

    def deal(self, chain: Chain, hook: Hook, around: ContextFactory) -> DispatchResult:
        """Have the handlers say what they want."""
        outcome = self._runner.run(chain, hook, seconds=self._limit(chain, hook), around=around)
        given = _input(hook, outcome)
        match outcome.verdict:
            case Defer(within, otherwise):
                due = Instant(hook.event.at + within.total_seconds())
                # The debt first: whatever the user is told of it, such as to wait, is then never all that lasts.
                return DispatchResult((_deferral(hook, due, otherwise), given), 202, _DEFERRED)
            case Answer(body):
                return DispatchResult((given,), body=body)
            case _:
                return DispatchResult((given,), body=hook.body if hook.path.event == "on_webhook" else None)

    def _limit(self, chain: Chain, hook: Hook) -> float:
        usual = self._seconds or (WEBHOOK_SECONDS if hook.path.event == "on_webhook" else HANDLER_SECONDS)
        return chain.limit(usual)


def _is_answer(hook: Hook, ask: ApiCall) -> bool:
    return ask.call in _ANSWERS.get(hook.path.event, ())


def _input(hook: Hook, outcome: Outcome) -> Input:
    given, event, api_calls = outcome.hook.given, outcome.hook.event, outcome.api_calls
    if outcome.answered:
        skip = _SKIPS.get(hook.path.event)
        if skip is not None and not any(_is_answer(hook, ask) for ask in api_calls):
            api_calls = (*api_calls, ApiCall(skip))  # The platform waits for an answer to each message (3).
    else:
        if isinstance(event, AgentTransfer) and outcome.choice != NO_CHOICE:
            event = event.chosen(outcome.choice)
        if not api_calls:
            return given if event is given.event else replace(given, event=event)
    handled = HookHandled(
        key=event.key, at=event.at, api_calls=api_calls, original=event, proceed=not outcome.answered
    )
    return replace(given, event=handled)


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


def _detail(hook: Hook) -> str | None:
    """What narrows a handler down: the component a webhook is of, the type of a platform's event."""
    if hook.path.event == "on_webhook":
        return hook.payload.dialog_component_name
    return hook.payload.event.event_type if hook.payload.event is not None else None


class _Coroutines:
    """The event loop that handlers which are coroutines run on: one thread, started when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = 0

    def loop(self) -> asyncio.AbstractEventLoop:
        """The running loop."""
        with self._lock:
            if self._loop is None or self._process != os.getpid():  # Threads do not survive a fork.
                self._process, self._loop = os.getpid(), asyncio.new_event_loop()
                threading.Thread(
                    target=self._loop.run_forever, name="botkit-handlers-loop", daemon=True
                ).start()
            return self._loop
