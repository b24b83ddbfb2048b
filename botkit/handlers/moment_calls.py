"""Calls the handlers of a hand-off's moments, for the relay, which carries out `CallHandlers`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final

from botkit.handlers.handoff_contexts import Moment
from botkit.handlers.registry import Chain, Registry
from botkit.handlers.running import ContextFactory, Runner
from botkit.handoff.conversation import ConversationId
from botkit.handoff.effects import CallHandlers
from botkit.handoff.events import ApiCall
from botkit.handoff.moments import MOMENTS
from botkit.loop_calls import LoopCalls
from botkit.observability.events import get_logger
from botkit.observability.tracebacks import where

_log = get_logger("botkit.handlers")

MOMENT_SECONDS: Final = 15.0
"""The time limit of these handlers. Only the next moment of the same hand-off waits for them."""


class MomentCalls:
    """Calls handlers outside the relay's loop, which they may not block.

    Args:
        registry: the handlers.
        runner: runs them.
        seconds: the time limit of handlers without their own; by default `MOMENT_SECONDS`.
        context_factory: returns the context factory in use, such as the application's.
    """

    def __init__(
        self,
        registry: Registry,
        runner: Runner,
        *,
        seconds: float | None,
        context_factory: Callable[[], ContextFactory],
    ) -> None:
        self._registry = registry
        self._runner = runner
        self._seconds = seconds or MOMENT_SECONDS
        self._context_factory = context_factory

    def handled(self, bot_id: str) -> frozenset[str]:
        """The moments for which this bot has handlers."""
        return frozenset(event for event in MOMENTS if self._registry.matching(bot_id, event).handlers)

    async def call(self, conversation_id: ConversationId, effect: CallHandlers) -> tuple[ApiCall, ...]:
        """Call the handlers. Returns the calls that they request; those of a handler that fails are dropped. Never raises."""
        chain = self._registry.matching(conversation_id.bot_id, effect.event)
        if not chain.handlers:
            return ()  # An earlier version of the application had some.
        try:
            return await self._called(chain, Moment(conversation_id, effect))
        except Exception as error:  # noqa: BLE001 - a defect: the effect is not tried again, since handlers may have been called
            _log.error("call_failed", error=where(error))
            return ()

    async def _called(self, chain: Chain, moment: Moment) -> tuple[ApiCall, ...]:
        seconds = chain.limit(self._seconds)
        calls, done = LoopCalls(asyncio.get_running_loop()), asyncio.Event()

        progress = self._runner.begin(
            chain,
            moment,
            seconds=seconds,
            context_factory=self._context_factory(),
            then=partial(calls.soon, done.set),
        )
        try:
            async with asyncio.timeout(seconds):
                await done.wait()
        except TimeoutError:
            self._runner.give_up(progress, chain, seconds)
        return progress.outcome.api_calls
