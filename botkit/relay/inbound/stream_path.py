"""What the receivers of one agent system know of the path of its streams: whether a proxy on it holds them back.

Such a proxy passes every other call (docs/protocols/salesforce-miaw.md, 4.6). It is the same for all conversations, so what one
receiver finds out is true for the others: while streams are held, conversations are followed by polling, and a single one at a
time tries its stream again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from botkit.handoff.conversation import Instant
from botkit.observability.events import get_logger
from botkit.relay.metrics import RelayMetrics

_log = get_logger("botkit.relay")

FIRST_PAUSE_SECONDS = 60.0
LONGEST_PAUSE_SECONDS = 900.0
"""The pause between two attempts to open a stream while they are held: it doubles with each one."""
POLLS_PER_SECOND = 250
"""Max lists read in a second while many conversations are followed by polling; with more, each one is polled less often."""
MAX_POLLING = 32
"""Max lists being read at the same time: a quarter of the calls to a host, so that messages never wait for them."""


class StreamPath:
    """The streams of one agent system of one bot. Lives on the relay's loop."""

    def __init__(self, *, bot_id: str, system: str, metrics: RelayMetrics) -> None:
        self.is_held = False
        self.held_since = 0.0
        self.turns = asyncio.Semaphore(MAX_POLLING)
        self._bot_id = bot_id
        self._system = system
        self._metrics = metrics
        self._pause = 0.0
        self._next_probe = 0.0
        self._passing_since = 0.0
        self._polling = 0
        self._least_delay = float("inf")

    def may_open(self, now: Instant) -> bool:
        """Whether a stream may be opened now. While streams are held, True uses up the attempt of this pause."""
        if not self.is_held:
            return True
        if now < self._next_probe:
            return False
        self._next_probe = now + self._pause
        return True

    def held(self, now: Instant, *, opened_at: float, why: str) -> None:
        """A stream that was opened at that time is held back."""
        if self.is_held:
            if opened_at > self.held_since:
                self._wait_longer(now)
            return
        if now - self._passing_since > LONGEST_PAUSE_SECONDS:
            self._pause = 0.0
        self.is_held, self.held_since, self._least_delay = True, now, float("inf")
        self._wait_longer(now)
        _log.warning("streams_held", bot=self._bot_id, system=self._system, why=why)

    def passed(self, now: Instant, *, opened_at: float) -> None:
        """The first bytes of a stream that was opened at that time have arrived."""
        if self.is_held and opened_at > self.held_since:
            self.is_held, self.held_since, self._passing_since = False, 0.0, now
            _log.warning("streams_pass_again", bot=self._bot_id, system=self._system)

    def lateness(self, now: Instant, high_water_ms: int) -> float:
        """Seconds by which an event of this time of the server came later than the fastest one: the clocks need not agree."""
        delay = now - high_water_ms / 1000
        self._least_delay = min(self._least_delay, delay)
        return delay - self._least_delay

    def poll_seconds(self, interval: float) -> float:
        """The interval between two polls of a conversation: the system's own, or a longer one if very many are polled."""
        return max(interval, self._polling / POLLS_PER_SECOND)

    @contextmanager
    def polling(self, *, is_held: bool) -> Iterator[None]:
        """A conversation is polled, because streams are held or because its own may be."""
        self._polling += 1
        if is_held:
            self._metrics.streams_held(self._system, 1)
        try:
            yield
        finally:
            self._polling -= 1
            if is_held:
                self._metrics.streams_held(self._system, -1)

    def _wait_longer(self, now: Instant) -> None:
        self._pause = min(max(2 * self._pause, FIRST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
        self._next_probe = now + self._pause


class StreamPaths:
    """The paths of all agent systems, made on first use."""

    def __init__(self, metrics: RelayMetrics) -> None:
        self._metrics = metrics
        self._paths: dict[tuple[str, str], StreamPath] = {}

    def get(self, bot_id: str, system: str) -> StreamPath:
        """The path of one bot's agent system."""
        key = (bot_id, system)
        path = self._paths.get(key)
        if path is None:
            path = self._paths[key] = StreamPath(bot_id=bot_id, system=system, metrics=self._metrics)
        return path
