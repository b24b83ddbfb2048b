"""At most so many messages a minute: Salesforce takes 22 of an end user's per conversation (protocols/salesforce-miaw.md 6)."""

from __future__ import annotations

from collections.abc import Callable

MESSAGES_PER_WINDOW = 22
WINDOW_SECONDS = 60.0


class Pace:
    """A sliding window over the sends of one conversation.

    It only tells how long to wait: who waits, and for how long at most, is decided where messages are retried and given up.
    A conversation's messages go out one after the other (its lane), so nothing is sent between asking and counting.

    Args:
        clock: seconds that never go back.
    """

    __slots__ = ("_clock", "_sent")

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sent: list[float] = []  # Never more than a window's: a deque would be three times its size.

    def wait(self) -> float:
        """Seconds until one more may be sent; 0 if it may go now."""
        now = self._clock()
        while self._sent and self._sent[0] <= now - WINDOW_SECONDS:
            del self._sent[0]
        if len(self._sent) < MESSAGES_PER_WINDOW:
            return 0.0
        return self._sent[0] + WINDOW_SECONDS - now

    def count(self) -> None:
        """One was sent, and Salesforce has judged it. What failed on the way there does not count."""
        self._sent.append(self._clock())
