"""A clock that stands still until it is told to move."""

from __future__ import annotations

from botkit.handoff.conversation import Instant

BEGINNING = Instant(1_767_603_600.0)
"""2026-01-05, nine o'clock in the morning, in UTC."""


class HeldClock:
    """What time it is in a test: implements `relay.clock.Clock`. Whoever waits is back at once."""

    def __init__(self) -> None:
        self.time = BEGINNING

    def now(self) -> Instant:
        """Seconds since 1970."""
        return self.time

    async def sleep(self, seconds: float) -> None:
        """Over already."""
