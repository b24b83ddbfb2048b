"""Hooks whose handlers run: in the order of each user's hooks, and at most so many at the same time.

The loop starts handlers and is told when they have returned, so that no thread waits for them.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from botkit.errors import TooManyBodies
from botkit.executor import JobQueue
from botkit.handlers.dispatch import Dispatch, DispatchResult, result_of, user_of
from botkit.handlers.keyed_lock import Turn
from botkit.handlers.progress import Progress
from botkit.handlers.registry import Chain
from botkit.handlers.running import ContextFactory
from botkit.handoff.conversation import ConversationId
from botkit.hooks.parser import Hook
from botkit.loop_calls import LoopCalls

MAX_BEHIND: Final = 1024
"""Hooks of all users that may wait for the handlers of an earlier hook of their user."""
MAX_WAITING: Final = 4096
"""Hooks that may wait because as many handlers run as may."""

Then = Callable[[DispatchResult | Exception], None]
"""Gets the result of a hook's handlers, once, on the loop. The handlers of the user's next hook are called after that."""


class Handling:
    """Calls the handlers of one door's hooks. Everything here is called on its loop, unless it says otherwise.

    Args:
        dispatch: knows the handlers.
        calls: calls the loop from other threads.
        jobs: threads in which a hook waits for one of the same user at another door.
        context_factory: see `ContextFactory`.
        at_once: the number of hooks whose handlers run at the same time.
    """

    def __init__(
        self,
        dispatch: Dispatch,
        calls: LoopCalls,
        jobs: JobQueue,
        *,
        context_factory: ContextFactory,
        at_once: int,
    ) -> None:
        self.calls = calls
        self._dispatch = dispatch
        self._jobs = jobs
        self._context_factory = context_factory
        self._free = at_once
        """How many more may run."""
        self._waiting: deque[_Handled] = deque()
        self._behind: dict[ConversationId, deque[_Handled]] = {}
        """For each user with a hook that was put in: the later ones."""
        self._behind_count = 0
        self._called: dict[_Handled, None] = {}
        """Those whose handlers have not returned."""
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf
        """When the first of them exceeds its time limit, or earlier."""

    def put(self, chain: Chain, hook: Hook, then: Then) -> None:
        """Call the handlers of a hook, when those of the user's earlier hooks have returned.

        Raises:
            TooManyBodies: too many hooks wait already.
        """
        if len(self._waiting) >= MAX_WAITING or self._behind_count >= MAX_BEHIND:
            raise TooManyBodies(
                reason="too many hooks wait for their handlers", fix="slow handlers, and server.threads"
            )
        one = _Handled(self, chain, hook, then)
        if one.user is not None:
            behind = self._behind.get(one.user)
            if behind is not None:
                behind.append(one)
                self._behind_count += 1
                return
            self._behind[one.user] = deque()
        self._start_or_wait(one)

    def _start_or_wait(self, one: _Handled) -> None:
        if self._free:
            self._start(one)
        else:
            self._waiting.append(one)

    def _start(self, one: _Handled) -> None:
        self._free -= 1
        self._try(self._take_turn, one)

    def _take_turn(self, one: _Handled) -> None:
        one.seconds = self._dispatch.limit(one.chain, one.hook)
        if one.user is None:
            self._call(one)
            return
        one.turn = self._dispatch.turn(one.user, one.seconds)
        if one.turn.must_wait:
            self._jobs.put(partial(self._wait, one, one.turn))
        else:
            one.turn.__enter__()
            self._call(one)

    def _wait(self, one: _Handled, turn: Turn) -> None:
        """In a thread: wait for a hook of the same user at another door of the service."""
        try:
            turn.__enter__()
        except Exception as error:  # noqa: BLE001 - see `_try`
            self.calls.soon(self.end, one, error)
        else:
            self.calls.soon(self._try, self._call, one)
        one.leave_a_loop_that_is_gone()

    def _call(self, one: _Handled) -> None:
        one.due = self.calls.loop.time() + one.seconds
        self._called[one] = None
        if one.due < self._timer_at:
            self._look_at(one.due)
        one.progress = self._dispatch.runner.begin(
            one.chain,
            one.hook,
            seconds=one.seconds,
            context_factory=self._context_factory,
            then=one.returned,
        )

    def _try(self, step: Callable[[_Handled], None], one: _Handled) -> None:
        try:
            step(one)
        except Exception as error:  # noqa: BLE001 - the hook is answered like one that fails at the door
            self.calls.soon(self.end, one, error)

    def end(self, one: _Handled, error: Exception | None = None) -> None:
        """The handlers have returned, or are given up, or could not be called."""
        if one.is_over:
            return
        one.is_over = True
        self._called.pop(one, None)
        result: DispatchResult | Exception
        try:
            result = error or one.result()
        except Exception as raised:  # noqa: BLE001 - see `_try`
            result = raised
        try:
            one.then(result)
        finally:
            if one.turn is not None:
                one.turn.__exit__()
            self._free += 1
            if self._waiting:
                self._start(self._waiting.popleft())
            if one.user is not None:
                self._next_of(one.user)

    def _next_of(self, user: ConversationId) -> None:
        behind = self._behind[user]
        if behind:
            self._behind_count -= 1
            self._start_or_wait(behind.popleft())
        else:
            del self._behind[user]

    # --- the time limit ---------------------------------------------------------------------------------------------

    def _look_at(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at = self.calls.loop.call_at(when, self._give_up), when

    def _give_up(self) -> None:
        """Go on without the handlers that exceed their time limit. One timer for all of them: it is rarely set."""
        self._timer, self._timer_at = None, math.inf
        now = self.calls.loop.time()
        for one in [one for one in self._called if one.due <= now]:
            one.due = math.inf
            self._try(self._give_up_one, one)
        first = min((one.due for one in self._called), default=math.inf)
        if first < self._timer_at:
            self._look_at(first)

    def _give_up_one(self, one: _Handled) -> None:
        # Of handlers that have returned just now, `end` is called soon.
        if one.progress is not None and self._dispatch.runner.give_up(one.progress, one.chain, one.seconds):
            self.end(one)


class _Handled:
    """One hook. Its key in a dictionary is itself."""

    __slots__ = (
        "_handling",
        "chain",
        "due",
        "hook",
        "is_over",
        "progress",
        "seconds",
        "then",
        "turn",
        "user",
    )

    def __init__(self, handling: Handling, chain: Chain, hook: Hook, then: Then) -> None:
        self._handling = handling
        self.chain = chain
        self.hook = hook
        self.then = then
        self.user = user_of(hook)
        self.turn: Turn | None = None
        """Its place among the user's hooks at all doors."""
        self.progress: Progress[Any] | None = None
        self.seconds = 0.0
        self.due = math.inf
        self.is_over = False

    def returned(self) -> None:
        """In the handlers' thread: they have returned."""
        self._handling.calls.soon(self._handling.end, self)
        self.leave_a_loop_that_is_gone()

    def leave_a_loop_that_is_gone(self) -> None:
        """Nobody ends it there. The user's next hook, at another door, need not wait for it."""
        if self.turn is not None and not self.is_over and self._handling.calls.loop.is_closed():
            self.turn.__exit__()

    def result(self) -> DispatchResult:
        """What the handlers have decided so far."""
        if self.progress is None:
            raise RuntimeError("no handler was called")
        return result_of(self.hook, self.progress.outcome)
