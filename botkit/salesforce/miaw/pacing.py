"""At most so many messages a minute: Salesforce takes 22 of an end user's per conversation (protocols/salesforce-miaw.md 6)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

MESSAGES_PER_WINDOW = 22
WINDOW_SECONDS = 60.0


class Pace:
    """A sliding window over the sends of one conversation.

    A conversation's messages go out one after the other (its lane), so waiting here keeps their order.

    Args:
        clock: seconds that never go back.
        sleep: waits for some seconds.
    """

    __slots__ = ("_clock", "_sent", "_sleep")

    def __init__(self, *, clock: Callable[[], float], sleep: Callable[[float], Awaitable[object]]) -> None:
        self._clock = clock
        self._sleep = sleep
        self._sent: list[float] = []  # Never more than a window's: a deque would be three times its size.

    async def turn(self) -> None:
        """Wait until one more may be sent, and count it. Attempts count: the server has seen those that failed, too."""
        while True:
            now = self._clock()
            while self._sent and self._sent[0] <= now - WINDOW_SECONDS:
                del self._sent[0]
            if len(self._sent) < MESSAGES_PER_WINDOW:
                self._sent.append(now)
                return
            await self._sleep(self._sent[0] + WINDOW_SECONDS - now)
