"""Calls the handlers of a hand-off's moments, for the relay, which carries out `CallHandlers`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from botkit.handlers.handoff_contexts import Moment
from botkit.handlers.progress import Outcome
from botkit.handlers.registry import Registry
from botkit.handlers.running import ContextFactory, Runner
from botkit.handlers.threads import WorkerThreads
from botkit.handoff.conversation import ConversationId
from botkit.handoff.effects import CallHandlers
from botkit.handoff.events import ApiCall
from botkit.handoff.moments import MOMENTS

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
        self._threads = WorkerThreads("botkit-moments")

    def handled(self, bot_id: str) -> frozenset[str]:
        """The moments for which this bot has handlers."""
        return frozenset(event for event in MOMENTS if self._registry.matching(bot_id, event).handlers)

    async def call(self, conversation_id: ConversationId, effect: CallHandlers) -> tuple[ApiCall, ...]:
        """Call the handlers. Returns the calls that they request; those of a handler that fails are dropped."""
        chain = self._registry.matching(conversation_id.bot_id, effect.event)
        if not chain.handlers:
            return ()  # An earlier version of the application had some.
        moment = Moment(conversation_id, effect)
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Outcome[Moment] | None] = loop.create_future()

        def settle(outcome: Outcome[Moment] | None) -> None:
            if not done.done():
                done.set_result(outcome)

        def job() -> None:
            outcome: Outcome[Moment] | None = None
            try:
                outcome = self._runner.run(
                    chain,
                    moment,
                    seconds=chain.limit(self._seconds),
                    context_factory=self._context_factory(),
                )
            finally:
                if not loop.is_closed():
                    loop.call_soon_threadsafe(settle, outcome)

        if not self._threads.start(job):
            self._runner.skipped(moment, chain, "all threads are busy with handlers that have not returned")
            return ()
        found = await done
        return found.api_calls if found is not None else ()
