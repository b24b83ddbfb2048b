"""How long to wait before the next attempt, and when to stop trying."""

from __future__ import annotations

from dataclasses import dataclass

from botkit.config.settings import DeliverySettings
from botkit.handoff.conversation import Instant

_MAX_DOUBLINGS = 30


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with full jitter; all in seconds.

    Full jitter draws the wait from zero up to a ceiling that doubles from `first` to `slowest`, so that many lanes that
    failed together do not come back together.
    """

    first: float
    slowest: float
    give_up_after: float

    @classmethod
    def from_settings(cls, delivery: DeliverySettings) -> Backoff:
        """The backoff a bot's `delivery` settings ask for."""
        return cls(
            first=delivery.first_retry.total_seconds(),
            slowest=delivery.slowest_retry.total_seconds(),
            give_up_after=delivery.give_up_after.total_seconds(),
        )

    def ceiling(self, failures: int) -> float:
        """The longest wait after this many failures in a row (1 or more)."""
        return min(self.slowest, self.first * 2.0 ** min(failures - 1, _MAX_DOUBLINGS))

    def delay(self, failures: int, *, chance: float) -> float:
        """The wait after `failures` in a row; `chance` is drawn from [0, 1)."""
        return self.ceiling(failures) * chance

    def next_attempt_in(
        self, failures: int, *, chance: float, retry_after: float | None, since: Instant, now: Instant
    ) -> float | None:
        """The wait before the next attempt of something wanted since `since`, or None: given up.

        A server's Retry-After is obeyed, but never past the moment of giving up: the last attempt is made then.
        """
        left = since + self.give_up_after - now
        if left <= 0:
            return None
        wait = self.delay(failures, chance=chance)
        if retry_after is not None:
            wait = max(wait, retry_after)
        return min(wait, left)
