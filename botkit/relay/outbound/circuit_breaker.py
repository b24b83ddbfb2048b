"""Circuit breakers: one for each remote of a bot, shared by all lanes.

A remote is the XO platform or one agent system of one bot. After a few connections in a row that failed, the breaker is open:
only one attempt per pause goes out for all lanes together. The first response, with any status, closes it again.
"""

from __future__ import annotations

from botkit.boottime import BootTime
from botkit.http.retry import Backoff
from botkit.observability.failures import Failure

FAILURES_UNTIL_OPEN = 3
_MAX_PAUSE = 2.0
"""Seconds. Short, because every lane waits for it once the remote is back; one attempt in two seconds overloads no remote."""


class CircuitBreaker:
    """Counts failed connections to one remote, and decides whether an attempt may go out."""

    __slots__ = ("_backoff", "_failures", "_next_probe", "latest")

    def __init__(self, backoff: Backoff) -> None:
        self._backoff = backoff
        self._failures = 0
        self._next_probe = 0.0
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
        if now < self._next_probe:
            return False
        self._next_probe = now + self._pause()
        return True

    def pause_left(self, now: BootTime) -> float:
        """Seconds until the next attempt may go out, if the breaker is open."""
        return max(0.0, self._next_probe - now)

    def reached(self) -> None:
        """The remote responded."""
        self._failures = 0

    def unreachable(self, now: BootTime, failure: Failure | None = None) -> None:
        """A connection to the remote failed; a call that got no turn in time says nothing about the remote."""
        if failure is not None and failure.cause == "waiting":
            return
        self._failures += 1
        self.latest = failure or self.latest
        self._next_probe = now + self._pause()

    def _pause(self) -> float:
        return min(_MAX_PAUSE, self._backoff.ceiling(self._failures))


class CircuitBreakers:
    """The breakers of all remotes, made on first use. Remotes come from the configuration, so there are few."""

    def __init__(self) -> None:
        self._breakers: dict[tuple[str, str], CircuitBreaker] = {}

    def get(self, bot_id: str, remote: str, backoff: Backoff) -> CircuitBreaker:
        """The breaker of one remote of a bot: an agent system's name, or empty for the XO platform."""
        key = (bot_id, remote)
        breaker = self._breakers.get(key)
        if breaker is None:
            breaker = self._breakers[key] = CircuitBreaker(backoff)
        return breaker
