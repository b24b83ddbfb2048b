"""The wait before a retry: exponential backoff with full jitter, and the Retry-After header (RFC 9110, 10.2.3)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from botkit.http.dates import epoch_seconds

MAX_RETRY_AFTER_SECONDS = 3_600.0
"""Longer waits are cut to this, because calls are given up long before."""

_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,6})?")
_MAX_DOUBLINGS = 30

_random = Random()  # noqa: S311 - it spreads times, and keeps no secret
os.register_at_fork(after_in_child=_random.seed)
SYSTEM_CHANCE = _random.random
"""Draws from [0, 1), differently in every process, and leaves the state of the module `random` alone: that belongs to the
application."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with full jitter, in seconds.

    Each wait is drawn from zero up to a ceiling, which doubles from `first` to `slowest` with every failure. So calls that
    failed together do not come back together.
    """

    first: float
    slowest: float
    give_up_after: float = float("inf")

    def ceiling(self, failures: int) -> float:
        """The longest wait after this many failures in a row (1 or more)."""
        return min(self.slowest, self.first * 2.0 ** min(failures - 1, _MAX_DOUBLINGS))

    def delay(self, failures: int, *, chance: float) -> float:
        """The wait after `failures` in a row; `chance` is drawn from [0, 1)."""
        return self.ceiling(failures) * chance

    def next_attempt_in(
        self, failures: int, *, chance: float, retry_after: float | None, left: float
    ) -> float | None:
        """The wait before the next attempt of a call whose deadline is in `left` seconds; None to give it up.

        A server's Retry-After is obeyed, but never past the deadline: the last attempt is made then.
        """
        if left <= 0:
            return None
        wait = self.delay(failures, chance=chance)
        if retry_after is not None:
            wait = max(wait, retry_after)
        return min(wait, left)


def retry_after(headers: Mapping[str, str], *, now: float) -> float | None:
    """The wait that a server asks for, in seconds from `now` (epoch seconds); None without a readable Retry-After."""
    value = (headers.get("Retry-After") or headers.get("retry-after") or "").strip()
    if not value:
        return None
    if _SECONDS.fullmatch(value):
        return min(float(value), MAX_RETRY_AFTER_SECONDS)
    when = epoch_seconds(value)
    return None if when is None else min(max(when - now, 0.0), MAX_RETRY_AFTER_SECONDS)


def seconds_ahead(headers: Mapping[str, str], *, now: float) -> float:
    """By how much a server's clock is ahead, from the Date of its answer, to a second; 0 without a readable Date."""
    when = epoch_seconds(headers.get("Date") or headers.get("date") or "")
    return 0.0 if when is None else when - now
