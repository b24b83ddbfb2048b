"""How far the handlers of one hook have come: known to the thread that runs them and to the one that waits, and won by one."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from botkit.handlers.registry import Handler
from botkit.handlers.verdicts import Answer, Defer
from botkit.handoff.events import ApiCall, Choice
from botkit.hooks.parser import Hook

NO_CHOICE = Choice()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What handlers want of a hook.

    Attributes:
        hook: as the last of them left it.
        choice: what they chose for the hand-off.
        asks: the calls they asked for, in order.
        verdict: the answer to a webhook.
        answered: nothing more is to happen by default.
    """

    hook: Hook
    choice: Choice = NO_CHOICE
    api_calls: tuple[ApiCall, ...] = ()
    verdict: Answer | Defer | None = None
    answered: bool = False


class Progress:
    """One hook's way through its handlers.

    Args:
        outcome: what is so before any of them.
    """

    __slots__ = ("_current", "_done", "_lock", "_over", "begun", "outcome", "overdue")

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self._lock = threading.Lock()
        self._done = threading.Lock()
        self._done.acquire()
        self._current: Handler | None = None
        self._over = False
        self.begun = False
        """Any of them has been called."""
        self.overdue: Handler | None = None
        """Who was being waited for when the hook went on."""

    # --- the thread that runs the handlers -------------------------------------------------------------------------

    def begin(self, handler: Handler) -> bool:
        """This one is called now. False: it must not be any more, the hook has gone on."""
        with self._lock:
            if not self._over:
                self._current, self.begun = handler, True
            return not self._over

    def take(self, outcome: Outcome) -> bool:
        """The handler has come back. False: too late, the hook has gone on without it."""
        with self._lock:
            self._current = None
            if not self._over:
                self.outcome = outcome
            return not self._over

    def finish(self) -> None:
        """No handler is called any more."""
        self._done.release()

    # --- the thread that waits -------------------------------------------------------------------------------------

    def wait(self, seconds: float) -> bool:
        """Whether they finished in time."""
        return self._done.acquire(timeout=seconds)

    def take_over(self) -> Handler | None:
        """Go on with what has come so far; whoever comes back later is too late. Returns who is being waited for."""
        with self._lock:
            self._over, self.overdue = True, self._current
            return self.overdue
