"""How far the handlers of one hook are, and their result so far; kept although the time limit may pass at any moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from botkit.handlers.handoff_contexts import Moment
from botkit.handlers.registry import Handler
from botkit.handlers.verdicts import Answer, Defer
from botkit.handoff.events import ApiCall, Choice
from botkit.hooks.parser import Hook

NO_CHOICE = Choice()

H = TypeVar("H", Hook, Moment)
"""The occasion of a call: a hook, or a moment of a hand-off."""


class Outcome(msgspec.Struct, Generic[H], frozen=True):
    """The result of the handlers of a hook.

    Attributes:
        hook: the hook with the handlers' changes, or the moment.
        choice: their choices for the hand-off.
        api_calls: their requested calls, in order.
        verdict: the answer to a webhook.
        answered: whether nothing more happens by default.
    """

    hook: H
    choice: Choice = NO_CHOICE
    api_calls: tuple[ApiCall, ...] = ()
    verdict: Answer | Defer | None = None
    answered: bool = False


class Progress(Generic[H]):
    """The progress of the handlers of one hook. Shared by the thread that runs them and the thread that has started them.

    `outcome` is the result so far.
    """

    __slots__ = ("_abandoned", "_current", "_finished", "_lock", "_then", "begun", "outcome", "overdue")

    def __init__(self, outcome: Outcome[H], then: Callable[[], object]) -> None:
        """
        Args:
            outcome: before the first handler.
            then: called when no more handlers are called, unless the hook was abandoned before.
        """
        self.outcome: Outcome[H] = outcome
        self._lock = threading.Lock()
        self._then: Callable[[], object] | None = then
        self._current: Handler | None = None
        self._abandoned = False
        self._finished = False
        self.begun = False
        """Whether any handler has been called."""
        self.overdue: Handler | None = None
        """The handler that was running when the time limit was reached."""

    # --- the thread that runs the handlers -------------------------------------------------------------------------

    def begin(self, handler: Handler) -> bool:
        """Note that this handler is called now. Returns False if the hook was abandoned: then it must not be called."""
        with self._lock:
            if not self._abandoned:
                self._current, self.begun = handler, True
            return not self._abandoned

    def complete(self, outcome: Outcome[H]) -> bool:
        """Store the outcome after a handler. Returns False if the hook was abandoned before."""
        with self._lock:
            self._current = None
            if not self._abandoned:
                self.outcome = outcome
            return not self._abandoned

    def finish(self) -> None:
        """Note that no more handlers are called."""
        with self._lock:
            then, self._then = self._then, None
            self._finished = not self._abandoned
        if then is not None:
            then()

    # --- the thread that has started them --------------------------------------------------------------------------

    def abandon(self) -> bool:
        """Keep the outcome so far and ignore later ones; False if the handlers have finished. See `overdue`."""
        with self._lock:
            if not self._finished:
                self._abandoned, self.overdue, self._then = True, self._current, None
            return self._abandoned
