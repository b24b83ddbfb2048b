"""A breaker per other side: while nobody answers there, not every lane knocks.

A peer is the XO platform of one bot, or one agent system of one bot. After a few connections in a row that came to
nothing, only one attempt per pause goes out for all lanes together; the first one that gets an answer, of whatever
status, opens the way for everybody again.
"""

from __future__ import annotations

from botkit.handoff.conversation import Instant
from botkit.relay.backoff import Backoff

FAILURES_UNTIL_DOWN = 3
_MAX_PAUSE = 2.0
"""Seconds. Short, because everybody's recovery waits for it; one attempt each two seconds hammers nobody."""


class CircuitBreaker:
    """Whether the other side can be reached, as far as the attempts so far tell."""

    __slots__ = ("_backoff", "_failures", "_next_probe")

    def __init__(self, backoff: Backoff) -> None:
        self._backoff = backoff
        self._failures = 0
        self._next_probe = 0.0

    @property
    def down(self) -> bool:
        """Nobody has answered for several attempts in a row."""
        return self._failures >= FAILURES_UNTIL_DOWN

    def may_try(self, now: Instant) -> bool:
        """Whether an attempt may go out now. While the peer is down, saying yes uses up the pause's one attempt."""
        if self._failures < FAILURES_UNTIL_DOWN:
            return True
        if now < self._next_probe:
            return False
        self._next_probe = now + self._pause()
        return True

    def reached(self) -> None:
        """There was an answer."""
        self._failures = 0

    def unreachable(self, now: Instant) -> None:
        """An attempt found nobody."""
        self._failures += 1
        self._next_probe = now + self._pause()

    def _pause(self) -> float:
        return min(_MAX_PAUSE, self._backoff.ceiling(self._failures))


class CircuitBreakers:
    """Every peer by name, made when first asked for. The names come from the configuration: bounded."""

    def __init__(self) -> None:
        self._peers: dict[tuple[str, str], CircuitBreaker] = {}

    def get(self, bot_id: str, side: str, backoff: Backoff) -> CircuitBreaker:
        """The peer of one bot; `side` is an agent system's name, or empty for the XO platform."""
        key = (bot_id, side)
        peer = self._peers.get(key)
        if peer is None:
            peer = self._peers[key] = CircuitBreaker(backoff)
        return peer
