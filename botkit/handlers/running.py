"""Running the handlers of one hook: in order, in a thread of their own, within a time limit.

Whatever a handler does, the hook goes on: one that raises, returns what makes no sense or does not come back counts as one
that said nothing. What it had asked for is dropped with it; what handlers before it asked for stays.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, Protocol

from botkit.errors import BotKitError, HandlerTimeout, InvalidHandlerResult
from botkit.handlers.context import Context, settled
from botkit.handlers.progress import Outcome, Progress
from botkit.handlers.registry import Chain, Handler
from botkit.handlers.threads import Threads
from botkit.handlers.verdicts import Answer, Defer, Next, Sent, Stop
from botkit.handoff.events import ApiCall
from botkit.hooks.parser import Hook
from botkit.observability.tracebacks import where

log = logging.getLogger(__name__)

MAX_OVERDUE = 8
"""So many calls of one handler may be overdue and still under way; then it is left out until some have come back. Else each
hook would wait out the whole time limit, and each would cost a thread."""

_HELD_UP = "a coroutine that blocks holds up the event loop of all of them; give blocking calls to a thread"

HandlerOutcome = Literal["passed", "answered", "raised", "invalid_result", "timeout", "skipped"]


class HandlerMetrics(Protocol):
    """What is counted of handlers; implemented by `botkit.observability.metrics`."""

    def handled(self, event: str, handler: str, outcome: HandlerOutcome) -> None:
        """A handler was called, or left out."""


Call = Callable[[Handler, Context], Awaitable[object]]
"""Calls a handler and gives what it returned."""
ContextFactory = Callable[[], AbstractContextManager[Any]]
"""What handlers are called in, such as an application's context."""

Failed = Callable[[Handler, BaseException], None]
"""Told of a handler that did not do its work: what it raised, `InvalidHandlerResult` or `HandlerTimeout`. Any thread."""


def unheard(handler: Handler, error: BaseException) -> None:
    """Nobody wants to be told: the log and the metrics say it anyway."""


class Runner:
    """Runs handlers. Any thread.

    Args:
        make_context: what a handler is called with.
        reword: gives a hook another message.
        answers: whether a call is an answer to this hook, after which nothing more happens by default.
        metrics: what to count with.
        loop: the event loop that coroutines are run on.
        failed: told of each handler that did not do its work.
    """

    def __init__(
        self,
        *,
        make_context: Callable[[Hook], Context],
        reword: Callable[[Hook, str], Hook],
        answers: Callable[[Hook, ApiCall], bool],
        metrics: HandlerMetrics,
        loop: Callable[[], asyncio.AbstractEventLoop],
        failed: Failed = unheard,
    ) -> None:
        self._make_context = make_context
        self._reword = reword
        self._answers = answers
        self._metrics = metrics
        self._loop = loop
        self._failed = failed
        self._threads = Threads("botkit-handlers")
        self._tasks: dict[Progress, asyncio.Task[None]] = {}
        """The hooks that are with coroutines. A loop does not hold on to its tasks. Used on the loop only."""
        self._lock = threading.Lock()
        self._overdue: Counter[Handler] = Counter()
        self._unanswered = 0
        """So often the event loop was looked for in vain: a coroutine that blocks holds it up for all others."""

    def run(self, chain: Chain, hook: Hook, *, seconds: float, around: ContextFactory) -> Outcome:
        """Run the handlers; returns after `seconds` at the latest."""
        progress = Progress(Outcome(hook))
        if chain.are_coroutines and self._loop_is_held_up:
            self._skipped(hook, chain, _HELD_UP)
        elif not self._start(progress, chain, seconds, around):
            self._skipped(hook, chain, "every thread is taken by one that has not come back")
        elif not progress.wait(seconds):
            late = progress.take_over()
            if chain.are_coroutines:
                self._loop().call_soon_threadsafe(self._cancel, progress)
                self._look_for_the_loop()
            if late is not None:
                self._count_overdue(late, 1)
                self._metrics.handled(hook.path.event, late.name, "timeout")
                log.error("handler %s did not come back within %g s; the hook goes on", late.name, seconds)
                self._failed(late, _late(late, seconds))
            elif not progress.begun:
                self._skipped(hook, chain, _HELD_UP if chain.are_coroutines else "none could begin in time")
        return progress.outcome

    @property
    def _loop_is_held_up(self) -> bool:
        return self._unanswered >= MAX_OVERDUE

    def _look_for_the_loop(self) -> None:
        """Whether the event loop is held up shows in how long it takes to hear this."""
        self._count_unanswered(1)
        self._loop().call_soon_threadsafe(self._count_unanswered, -1)

    def _count_unanswered(self, change: int) -> None:
        with self._lock:
            self._unanswered += change

    def _skipped(self, hook: Hook, chain: Chain, why: str) -> None:
        log.error("no handler was called: %s", why)
        self._metrics.handled(hook.path.event, chain.handlers[0].name, "skipped")

    def _start(self, progress: Progress, chain: Chain, seconds: float, around: ContextFactory) -> bool:
        """Begin; False where there is no thread to do it."""
        if chain.are_coroutines:
            # No thread in between: handing a hook over twice costs it half as much again (measured).
            loop = self._loop()
            loop.call_soon_threadsafe(self._begin, loop, progress, chain.handlers, around)
            return True
        call: Call = partial(self._in_a_thread, seconds=seconds)
        return self._threads.start(lambda: _driven(self._all(progress, chain.handlers, around, call)))

    def _begin(
        self,
        loop: asyncio.AbstractEventLoop,
        progress: Progress,
        handlers: Sequence[Handler],
        around: ContextFactory,
    ) -> None:
        # No timer and no callback of their own, which cost each hook a turn of the loop: who waits looks at the clock.
        self._tasks[progress] = loop.create_task(self._on_the_loop(progress, handlers, around))

    async def _on_the_loop(
        self, progress: Progress, handlers: Sequence[Handler], around: ContextFactory
    ) -> None:
        try:
            await self._all(progress, handlers, around, _awaited)
        finally:
            self._tasks.pop(progress, None)

    def _cancel(self, progress: Progress) -> None:
        """The hook has gone on."""
        if (task := self._tasks.get(progress)) is not None:
            task.add_done_callback(lambda _: self._tasks.pop(progress, None))  # It may not have begun.
            task.cancel()

    # --- in the handlers' thread, or on their loop -----------------------------------------------------------------

    async def _all(
        self, progress: Progress, handlers: Sequence[Handler], around: ContextFactory, call: Call
    ) -> None:
        try:
            with around():
                for handler in handlers:
                    if not await self._one(progress, handler, call):
                        return
        except BaseException as error:  # noqa: BLE001 - what surrounds the handlers is theirs as well
            log.error("what handlers are called in failed: %s; the hook goes on", where(error))
            self._failed(handlers[0], error)
        finally:
            progress.finish()

    async def _one(self, progress: Progress, handler: Handler, call: Call) -> bool:
        """Call one handler. Returns whether the next is to be called."""
        before = progress.outcome
        event = before.hook.path.event
        if self._overdue[handler] >= MAX_OVERDUE:
            self._metrics.handled(event, handler.name, "skipped")
            return True
        if not progress.begin(handler):
            return False
        failure: BaseException | None = None
        try:
            outcome = await self._outcome(before, handler, call)
        except BaseException as error:  # noqa: BLE001 - a handler's mistake, a cancelled loop of its own or sys.exit among them:
            # said, counted, and the hook goes on. What is meant for the process comes to the main thread, and this is none.
            outcome, failure = before, error
        if not progress.take(outcome):
            if progress.overdue is handler:
                self._count_overdue(handler, -1)
            return False
        self._say(event, handler, outcome, failure)
        if failure is not None:
            self._failed(handler, failure)
        return not outcome.answered

    async def _outcome(self, before: Outcome, handler: Handler, call: Call) -> Outcome:
        context = self._make_context(before.hook)
        try:
            returned = await call(handler, context)
        finally:
            api_calls = settled(context)
        hook = before.hook
        if returned is None and not api_calls:
            return before
        answered = any(self._answers(hook, ask) for ask in api_calls)
        before = replace(before, api_calls=(*before.api_calls, *api_calls), answered=answered)
        match returned:
            case None | Sent():
                return before
            case Next(None | str() as message):
                if message is not None:
                    hook = self._reword(hook, message)
                return replace(before, hook=hook, choice=before.choice.then(returned.choice), answered=False)
            case Stop():
                return replace(before, answered=True)
            case Answer() | Defer() if hook.path.event == "on_webhook":
                return replace(before, verdict=returned, answered=True)
            case _:
                raise InvalidHandlerResult(
                    f"{handler.name} returned a {type(returned).__name__}, which says nothing; return what a method of "
                    "ctx gives, or nothing at all"
                )

    async def _in_a_thread(self, handler: Handler, context: Context, *, seconds: float) -> object:
        """Call a handler where it may block. This coroutine never waits for anything itself."""
        returned = handler.function(context)
        if not inspect.iscoroutine(returned):
            return returned
        if self._loop_is_held_up:
            returned.close()
            raise HandlerTimeout(f"{handler.name} was not called: {_HELD_UP}")
        future = asyncio.run_coroutine_threadsafe(_kept(returned), self._loop())
        try:
            returned = future.result(seconds)
        except FutureTimeout:
            if future.done():
                raise  # A time limit of the coroutine's own.
            future.cancel()
            self._look_for_the_loop()
            raise _late(handler, seconds) from None
        if isinstance(returned, _Exit):
            raise returned.error
        return returned

    def _say(self, event: str, handler: Handler, outcome: Outcome, failure: BaseException | None) -> None:
        match failure:
            case None:
                self._metrics.handled(event, handler.name, "answered" if outcome.answered else "passed")
                return
            case BotKitError():
                kind = _KIND_OF.get(type(failure), "raised")
                reason = f"{failure.code} {failure}"
            case _:
                kind, reason = "raised", where(failure)
        log.error("handler %s failed: %s; the hook goes on", handler.name, reason)
        self._metrics.handled(event, handler.name, kind)

    def _count_overdue(self, handler: Handler, change: int) -> None:
        with self._lock:
            self._overdue[handler] += change


async def _awaited(handler: Handler, context: Context) -> object:
    returned: object = await handler.function(context)
    return returned


def _driven(coroutine: Coroutine[object, None, None]) -> None:
    """Run a coroutine that never waits for anything."""
    with suppress(StopIteration):
        coroutine.send(None)


def _late(handler: Handler, seconds: float) -> HandlerTimeout:
    return HandlerTimeout(f"{handler.name} did not come back within {seconds:g} s")


_KIND_OF: Mapping[type[Exception], HandlerOutcome] = {
    InvalidHandlerResult: "invalid_result",
    HandlerTimeout: "timeout",
}


@dataclass(frozen=True, slots=True)
class _Exit:
    """How a coroutine ended that wanted the whole process to."""

    error: BaseException


async def _kept(coroutine: Awaitable[object]) -> object:
    """What a coroutine returns. An event loop ends with these two, and with it would every other coroutine."""
    try:
        return await coroutine
    except (SystemExit, KeyboardInterrupt) as error:
        return _Exit(error)
