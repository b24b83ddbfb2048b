"""Runs the handler chain of a hook: in order, outside the server's thread, within a time limit.

A handler that fails never stops its hook: one that raises, returns an invalid result or exceeds the time limit counts as a
handler that did nothing. Its requested calls are dropped; those of the handlers before it stay.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Protocol

from botkit.errors import BotKitError, HandlerTimeout, InvalidHandlerResult
from botkit.handlers.context import BufferedCalls, close
from botkit.handlers.contexts import CONTEXTS
from botkit.handlers.conversation import BotGateway
from botkit.handlers.handoff_contexts import HANDOFF_CONTEXTS, Moment
from botkit.handlers.outcomes import outcome_after
from botkit.handlers.progress import H, Outcome, Progress
from botkit.handlers.registry import Chain, Handler
from botkit.handlers.threads import MAX_THREADS, EventLoopThread, WorkerThreads
from botkit.handoff.events import ApiCall
from botkit.handoff.reference import reference
from botkit.hooks.parser import Hook
from botkit.observability.events import get_logger
from botkit.observability.tracebacks import where
from botkit.observability.user_hashes import UserHashes

_log = get_logger("botkit.handlers")

MAX_OVERDUE = 8
"""Max overdue calls of one handler that are still running. Above it the handler is skipped until some have returned:
otherwise each hook would wait for the whole time limit and occupy a thread."""

_BLOCKED_LOOP = "a coroutine blocks the event loop that all coroutines share; run blocking calls in a thread"

HandlerOutcome = Literal["passed", "answered", "raised", "invalid_result", "timeout", "skipped"]


class HandlerMetrics(Protocol):
    """Counts handler calls; implemented by `botkit.observability.metrics`."""

    def handled(self, event: str, handler: str, outcome: HandlerOutcome) -> None:
        """A handler was called or skipped."""


Call = Callable[[Handler, BufferedCalls], Awaitable[object]]
"""Calls a handler and returns its result."""
ContextFactory = Callable[[], AbstractContextManager[Any]]
"""Creates the context manager in which handlers are called, such as an application's context."""

OnFailure = Callable[[Handler, BaseException], None]
"""Called with each handler that failed, and its exception: its own, `InvalidHandlerResult` or `HandlerTimeout`. Any thread."""


def ignore_failure(handler: Handler, error: BaseException) -> None:
    """Do nothing: failures are logged and counted in any case."""


class Runner:
    """Runs handler chains. Thread-safe.

    Args:
        gateways: per bot id.
        metrics: counts handlers.
        on_failure: see `OnFailure`.
        threads: the largest number of threads for handlers that are no coroutines.
    """

    def __init__(
        self,
        *,
        gateways: Mapping[str, BotGateway],
        metrics: HandlerMetrics,
        on_failure: OnFailure = ignore_failure,
        threads: int = MAX_THREADS,
    ) -> None:
        self._gateways = gateways
        self._hashes = UserHashes(
            {bot_id: one.parser.bot.kore.client_secret.reveal() for bot_id, one in gateways.items()}
        )
        self._metrics = metrics
        self._on_failure = on_failure
        self._workers = WorkerThreads("botkit-handlers", threads)
        self._coroutines = EventLoopThread("botkit-handlers-loop")
        self._tasks: dict[Progress[Any], asyncio.Task[None]] = {}
        """The running coroutines, because a loop keeps no references to its tasks. Used on the loop only."""
        self._lock = threading.Lock()
        self._overdue: Counter[Handler] = Counter()
        self._unanswered_pings = 0
        """Pings that the event loop has not answered. A coroutine that blocks stops all others."""

    def run(self, chain: Chain, hook: H, *, seconds: float, context_factory: ContextFactory) -> Outcome[H]:
        """Run the handlers; returns after `seconds` at the latest."""
        done = threading.Lock()
        done.acquire()
        progress = self.begin(
            chain, hook, seconds=seconds, context_factory=context_factory, then=done.release
        )
        if not done.acquire(timeout=seconds):
            self.give_up(progress, chain, seconds)
        return progress.outcome

    def begin(
        self,
        chain: Chain,
        hook: H,
        *,
        seconds: float,
        context_factory: ContextFactory,
        then: Callable[[], object],
    ) -> Progress[H]:
        """Start the handlers. The caller calls `give_up` when their time limit has passed.

        Args:
            chain: the handlers.
            hook: their hook.
            seconds: their time limit.
            context_factory: see `ContextFactory`.
            then: called once: in their thread when they have returned, or at once if they cannot be called. Quick.
        """
        progress: Progress[H] = Progress(Outcome(hook), then)
        if chain.are_coroutines and self._loop_is_blocked:
            self.skipped(hook, chain, _BLOCKED_LOOP)
            progress.finish()
        elif not self._start(progress, chain, seconds, context_factory):
            self.skipped(hook, chain, "all threads are busy with handlers that have not returned")
            progress.finish()
        return progress

    def give_up(self, progress: Progress[Any], chain: Chain, seconds: float) -> bool:
        """Keep the outcome so far of handlers that exceed their time limit; False if they have returned just now."""
        if not progress.abandon():
            return False
        hook, late = progress.outcome.hook, progress.overdue
        if chain.are_coroutines:
            self._coroutines.calls().soon(self._cancel, progress)
            self._ping_the_loop()
        if late is not None:
            self._count_overdue(late, 1)
            self._metrics.handled(hook.path.event, late.name, "timeout")
            _log.error(
                "handler_failed",
                hook=hook.path.event,
                handler=late.name,
                outcome="timeout",
                seconds=seconds,
                **self._names(hook),
            )
            self._on_failure(late, _late(late, seconds))
        elif not progress.begun:
            self.skipped(hook, chain, _BLOCKED_LOOP if chain.are_coroutines else "none could start in time")
        return True

    @property
    def _loop_is_blocked(self) -> bool:
        return self._unanswered_pings >= MAX_OVERDUE

    def _ping_the_loop(self) -> None:
        """Ping the event loop; a blocked loop answers late."""
        self._count_pings(1)
        self._coroutines.calls().soon(self._count_pings, -1)

    def _count_pings(self, change: int) -> None:
        with self._lock:
            self._unanswered_pings += change

    def skipped(self, hook: Hook | Moment, chain: Chain, why: str) -> None:
        """Log and count handlers that were not called."""
        _log.error(
            "handlers_skipped",
            hook=hook.path.event,
            handler=chain.handlers[0].name,
            why=why,
            **self._names(hook),
        )
        self._metrics.handled(hook.path.event, chain.handlers[0].name, "skipped")

    def _start(
        self, progress: Progress[Any], chain: Chain, seconds: float, context_factory: ContextFactory
    ) -> bool:
        """Start the handlers. Returns False if there is no thread for them."""
        if chain.are_coroutines:
            # Without another thread: a second hand-over would add half to the cost of a hook (measured).
            calls = self._coroutines.calls()
            calls.soon(self._begin, calls.loop, progress, chain.handlers, context_factory)
            return True
        job = partial(self._all_in_a_thread, progress, chain, seconds, context_factory)
        return self._workers.start(job, then=progress.finish)

    def _begin(
        self,
        loop: asyncio.AbstractEventLoop,
        progress: Progress[Any],
        handlers: Sequence[Handler],
        context_factory: ContextFactory,
    ) -> None:
        # Without a timer or a callback, which would cost another iteration of the loop: who has started them has the time limit.
        self._tasks[progress] = loop.create_task(self._on_the_loop(progress, handlers, context_factory))

    async def _on_the_loop(
        self, progress: Progress[Any], handlers: Sequence[Handler], context_factory: ContextFactory
    ) -> None:
        try:
            await self._all(progress, handlers, context_factory, _coroutine)
        finally:
            self._tasks.pop(progress, None)
            progress.finish()

    def _cancel(self, progress: Progress[Any]) -> None:
        """Cancel the coroutine of an abandoned hook."""
        if (task := self._tasks.get(progress)) is not None:
            task.add_done_callback(lambda _: self._tasks.pop(progress, None))  # It may not have started.
            task.cancel()

    # --- in the handlers' thread, or on their loop -----------------------------------------------------------------

    def _all_in_a_thread(
        self, progress: Progress[Any], chain: Chain, seconds: float, context_factory: ContextFactory
    ) -> None:
        call: Call = partial(self._one_in_a_thread, seconds=seconds)
        _driven(self._all(progress, chain.handlers, context_factory, call))

    async def _all(
        self,
        progress: Progress[Any],
        handlers: Sequence[Handler],
        context_factory: ContextFactory,
        call: Call,
    ) -> None:
        try:
            with context_factory():
                for handler in handlers:
                    if self._overdue.get(handler, 0) >= MAX_OVERDUE:
                        self._metrics.handled(progress.outcome.hook.path.event, handler.name, "skipped")
                        continue
                    if not progress.begin(handler):
                        return
                    hook = progress.outcome.hook
                    context: BufferedCalls | None = None
                    returned: object = None
                    failure: BaseException | None = None
                    try:
                        context = _context(hook, self._gateways[hook.path.bot_id])
                        returned = await call(handler, context)
                    except BaseException as error:  # noqa: BLE001 - handlers may also raise CancelledError or SystemExit:
                        # logged, counted, and the hook continues. Signals for the process reach the main thread, which this
                        # is not.
                        failure = error
                    api_calls = close(context) if context is not None else ()
                    if not self._goes_on(progress, handler, returned, api_calls, failure):
                        return
        except BaseException as error:  # noqa: BLE001 - the context factory is the application's code, like a handler
            _log.error("handlers_context_failed", error=where(error))
            self._on_failure(handlers[0], error)

    def _goes_on(
        self,
        progress: Progress[Any],
        handler: Handler,
        returned: object,
        api_calls: tuple[ApiCall, ...],
        failure: BaseException | None,
    ) -> bool:
        """A handler has returned, or raised. Returns whether to call the next."""
        before = outcome = progress.outcome
        if failure is None:
            try:
                parser = self._gateways[before.hook.path.bot_id].parser
                outcome = outcome_after(before, handler, returned, api_calls, parser)
            except Exception as error:  # noqa: BLE001 - what it returned cannot be used
                failure = error
        if not progress.complete(outcome):
            if progress.overdue is handler:
                self._count_overdue(handler, -1)
            return False
        self._report(before.hook.path.event, handler, outcome, failure)
        if failure is not None:
            self._on_failure(handler, failure)
        return not outcome.answered

    async def _one_in_a_thread(self, handler: Handler, context: BufferedCalls, *, seconds: float) -> object:
        """Call a handler in a thread where it may block. This coroutine never awaits anything itself."""
        returned = handler.function(context)
        if returned is None or not inspect.iscoroutine(returned):
            return returned
        if self._loop_is_blocked:
            returned.close()
            raise HandlerTimeout(f"{handler.name} was not called: {_BLOCKED_LOOP}")
        future = asyncio.run_coroutine_threadsafe(_kept(returned), self._coroutines.calls().loop)
        try:
            returned = future.result(seconds)
        except FutureTimeout:
            if future.done():
                raise  # The coroutine's own TimeoutError.
            future.cancel()
            self._ping_the_loop()
            raise _late(handler, seconds) from None
        if isinstance(returned, _Exit):
            raise returned.error
        return returned

    def _report(
        self, event: str, handler: Handler, outcome: Outcome[Any], failure: BaseException | None
    ) -> None:
        match failure:
            case None:
                self._metrics.handled(event, handler.name, "answered" if outcome.answered else "passed")
                return
            case BotKitError():
                kind = _KIND_OF.get(type(failure), "raised")
                reason = f"{failure.code} {failure}"
            case _:
                kind, reason = "raised", where(failure)
        _log.error(
            "handler_failed",
            hook=event,
            handler=handler.name,
            outcome=kind,
            reason=reason,
            **self._names(outcome.hook),
        )
        self._metrics.handled(event, handler.name, kind)

    def _names(self, hook: Hook | Moment) -> dict[str, str]:
        """The fields of a log line that name the bot and its user, and the hand-off if it is a moment of one."""
        if isinstance(hook, Moment):
            named = {"ref": reference(hook.effect.session_id)}
            conversation_id = hook.conversation_id
        else:
            named, conversation_id = {}, hook.input.conversation_id
        user = self._hashes.of(conversation_id.bot_id, conversation_id.user_id)
        return {**named, "bot": conversation_id.bot_id, "user": user}

    def _count_overdue(self, handler: Handler, change: int) -> None:
        with self._lock:
            self._overdue[handler] += change


def _context(hook: Hook | Moment, gateway: BotGateway) -> BufferedCalls:
    if isinstance(hook, Moment):
        return HANDOFF_CONTEXTS[hook.path.event](hook, gateway)
    return CONTEXTS[hook.path.event](hook, gateway)


def _coroutine(handler: Handler, context: BufferedCalls) -> Awaitable[object]:
    returned: Awaitable[object] = handler.function(context)
    return returned


def _driven(coroutine: Coroutine[object, None, None]) -> None:
    """Run a coroutine that never awaits anything."""
    with suppress(StopIteration):
        coroutine.send(None)


def _late(handler: Handler, seconds: float) -> HandlerTimeout:
    return HandlerTimeout(f"{handler.name} did not return within {seconds:g} s")


_KIND_OF: Mapping[type[Exception], HandlerOutcome] = {
    InvalidHandlerResult: "invalid_result",
    HandlerTimeout: "timeout",
}


@dataclass(frozen=True, slots=True)
class _Exit:
    """The exception of a coroutine that tried to end the process."""

    error: BaseException


async def _kept(coroutine: Awaitable[object]) -> object:
    """Await a coroutine. SystemExit and KeyboardInterrupt would stop the event loop, so they are returned as values."""
    try:
        return await coroutine
    except (SystemExit, KeyboardInterrupt) as error:
        return _Exit(error)
