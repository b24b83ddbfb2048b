"""Circuit breakers: one for each remote of a bot, shared by all lanes.

A remote is the XO platform or one agent system of one bot. After a few connections in a row that failed, the breaker is open:
only one attempt per pause goes out for all lanes together. The first response, with any status, closes it again. A success also
wakes what waits after a failure.
"""

from __future__ import annotations

import asyncio
from typing import TypeVar

from botkit.boottime import BootTime
from botkit.http.retry import Backoff
from botkit.observability.failures import Failure
from botkit.relay.clock import first_of
from botkit.relay.heartbeat import AGAIN_SECONDS, Heartbeat

T = TypeVar("T")
FAILURES_UNTIL_OPEN = 3
_MAX_PAUSE = 2.0
"""Seconds. Short, because every lane waits for it once the remote is back; one attempt in two seconds overloads no remote."""
_MIN_PAUSE = 0.01
STALL_SECONDS = AGAIN_SECONDS / 2
"""Time-outs at the end of a stall this long are its fault; a process that stutters still notices a remote that is down."""


class CircuitBreaker:
    """Counts failed connections to one remote, and decides whether an attempt may go out. Lives on one loop.

    Args:
        backoff: the pauses.
        heartbeat: the time in which this process stood still.
    """

    __slots__ = (
        "_backoff", "_clock", "_failures", "_heartbeat", "_line", "_line_is_next", "_next_probe", "_resting", "_turns",
        "_wakes_from", "latest",
    )  # fmt: skip

    def __init__(self, backoff: Backoff, heartbeat: Heartbeat) -> None:
        self._backoff = backoff
        self._heartbeat, self._clock = heartbeat, heartbeat.clock
        self._failures = 0
        self._next_probe = 0.0
        self._resting: set[asyncio.Future[None]] = set()
        """What waits until the remote responds."""
        self._wakes_from = 0.0
        """From then on, the first success wakes it: not with every success of a remote that fails now and then."""
        self._line: dict[asyncio.Future[bool], BootTime] = {}
        """The tasks that wait for their turns, in order, and until when they do."""
        self._line_is_next = False
        """Somebody else has had the last turn."""
        self._turns: asyncio.Task[None] | None = None
        self.latest: Failure | None = None
        """The latest failed connection."""

    @property
    def is_open(self) -> bool:
        """The remote could not be reached several times in a row."""
        return self._failures >= FAILURES_UNTIL_OPEN

    def may_try(self, now: BootTime) -> bool:
        """Whether an attempt may go out now. While the breaker is open, True uses up the attempt of this pause."""
        if self._failures < FAILURES_UNTIL_OPEN:
            return True
        return not (self._line and self._line_is_next) and self._take_turn(now)

    def pause_left(self, now: BootTime) -> float:
        """Seconds until the next attempt may go out, if the breaker is open."""
        return max(0.0, self._next_probe - now)

    def reached(self, *, works: bool = True) -> None:
        """The remote responded. `works`: it did what it should, so what waits after a failure need not wait any longer."""
        if not self._failures:  # The hot path.
            return
        if self.is_open:
            for turn in self._line:
                _set(turn, False)
            if works and (now := self._clock.boottime()) >= self._wakes_from:
                self._wakes_from = now + _MAX_PAUSE
                for resting in tuple(self._resting):
                    _set(resting, None)
        self._failures = 0

    def unreachable(self, now: BootTime, failure: Failure | None = None) -> None:
        """A connection to the remote failed.

        A call that got no turn in time says nothing about the remote, nor does one that timed out while this process stood still.
        """
        if failure is not None and failure.cause == "waiting":
            return
        if (
            failure is not None
            and failure.cause == "timeout"
            and self._heartbeat.stood_still(now) >= STALL_SECONDS
        ):
            return
        self._failures += 1
        self.latest = failure or self.latest
        self._next_probe = now + self._pause()

    # --- waiting ------------------------------------------------------------------------------------------------------

    def closing(self) -> asyncio.Future[None]:
        """Done when the remote works again after the breaker was open."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._resting.add(future)
        future.add_done_callback(self._resting.discard)
        return future

    async def rest(self, seconds: float) -> None:
        """Return after so many seconds; if the breaker is open, as soon as the remote works again."""
        if seconds <= 0 or not self.is_open:
            await self._clock.sleep(seconds)
            return
        closing = self.closing()
        try:
            await first_of(self._clock, closing, seconds)
        finally:
            closing.cancel()

    async def turn(self, *, at_most: float) -> bool:
        """Wait until an attempt may go out again: a turn of the open breaker has come, or the remote has responded.

        Args:
            at_most: no later than so many seconds from now, or one pause after that.

        Returns:
            Whether this is the caller's turn; otherwise `may_try` tells.
        """
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._line[turn] = BootTime(self._clock.boottime() + at_most)
        if self._turns is None:
            self._turns = asyncio.create_task(self._call_up())
        try:
            return await turn
        finally:
            del self._line[turn]
            if not self._line and self._turns is not None:
                self._turns.cancel()
                self._turns = None

    async def _call_up(self) -> None:
        """Give the line every second turn, if others want some, and every turn otherwise."""
        while True:
            # After a turn of the line, others come first if they want the next one.
            later = 0.0 if self._line_is_next else _MIN_PAUSE
            await self._clock.sleep(max(_MIN_PAUSE, self.pause_left(self._clock.boottime()) + later))
            now = self._clock.boottime()
            waiting = [one for one in self._line if not one.done()]
            if waiting and self.is_open:
                self._line_is_next = not self._take_turn(now)
                if not self._line_is_next:
                    waiting.pop(0).set_result(True)
            for one in waiting:
                if self._line[one] <= now:
                    one.set_result(False)

    def _take_turn(self, now: BootTime) -> bool:
        if now < self._next_probe:
            return False
        self._next_probe = now + self._pause()
        return True

    def _pause(self) -> float:
        return min(_MAX_PAUSE, self._backoff.ceiling(self._failures))


def _set(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)


class CircuitBreakers:
    """The breakers of all remotes, made on first use. Remotes come from the configuration, so there are few."""

    def __init__(self, heartbeat: Heartbeat) -> None:
        self._heartbeat = heartbeat
        self._breakers: dict[tuple[str, str], CircuitBreaker] = {}

    def get(self, bot_id: str, remote: str, backoff: Backoff) -> CircuitBreaker:
        """The breaker of one remote of a bot: an agent system's name, or empty for the XO platform."""
        key = (bot_id, remote)
        breaker = self._breakers.get(key)
        if breaker is None:
            breaker = self._breakers[key] = CircuitBreaker(backoff, self._heartbeat)
        return breaker
