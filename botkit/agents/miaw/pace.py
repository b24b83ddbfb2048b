"""Salesforce's limit for the messages of an end user (docs/protocols/salesforce-miaw.md, 6)."""

from __future__ import annotations

from collections.abc import Callable

MESSAGES_PER_WINDOW = 22
"""Max messages of one conversation in a minute."""
WINDOW_SECONDS = 60.0


class Pace:
    """A rate limit with a sliding window over the messages of one conversation.

    It only computes the wait; the retry policy waits. A conversation's messages are sent in sequence by its lane, so nothing is
    sent between `wait` and `count`.

    Args:
        clock: seconds that never go back.
    """

    __slots__ = ("_clock", "_sent")

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sent: list[float] = []  # never more than a window's; a deque would be three times as large

    def wait(self) -> float:
        """Seconds until the next message may be sent; 0 if it may go now."""
        now = self._clock()
        while self._sent and self._sent[0] <= now - WINDOW_SECONDS:
            del self._sent[0]
        if len(self._sent) < MESSAGES_PER_WINDOW:
            return 0.0
        return self._sent[0] + WINDOW_SECONDS - now

    def count(self) -> None:
        """Count a message that Salesforce has answered. A message that failed on the way does not count."""
        self._sent.append(self._clock())
