"""Calls from other threads to an event loop: many calls, one wake-up.

`loop.call_soon_threadsafe` writes to a socket each time, which costs more than most calls. Calls that come while the loop has not
run yet share one wake-up.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import ParamSpec

from botkit.observability.events import get_logger
from botkit.observability.tracebacks import where

_log = get_logger("botkit")

P = ParamSpec("P")


class LoopCalls:
    """Calls functions on one loop, in the order in which they were handed over."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._waiting: deque[Callable[[], object]] = deque()
        self._woken = False

    def soon(self, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Call this on the loop, soon. From any thread; calls that a closed loop has not made are dropped.

        What the function raises is logged.
        """
        # The append and the flag need no lock: the loop clears the flag before it counts the calls, so a call is either made in
        # that round or wakes the loop again.
        self._waiting.append(partial(function, *args, **kwargs) if args or kwargs else function)
        if self._woken and not self.loop.is_closed():
            return
        self._woken = True
        try:
            self.loop.call_soon_threadsafe(self._make)
        except RuntimeError:  # The loop is closed.
            self._waiting.clear()

    def _make(self) -> None:
        self._woken = False
        # Calls that come meanwhile are for the next round, so that they cannot keep the loop from everything else.
        for _ in range(len(self._waiting)):
            call = self._waiting.popleft()
            try:
                call()
            except Exception as error:  # noqa: BLE001 - the other calls have to be made
                _log.error("call_failed", error=where(error))
