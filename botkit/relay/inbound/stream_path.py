"""What the receivers of one agent system know of the path of its streams: whether a proxy on it holds them back.

Such a proxy passes every other call (docs/protocols/salesforce-miaw.md, 4.6). It is the same for all conversations, so what one
receiver finds out is true for the others: while streams are held, conversations are followed by polling, and a single one at a
time tries its stream again. While other streams deliver, a single one that seems held is only opened anew: its own connection may
be dead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from botkit.boottime import BootTime
from botkit.observability.events import get_logger
from botkit.relay.inbound.receivers import Receiver
from botkit.relay.inbound.stream_health import MISSED_SECONDS, Proof
from botkit.relay.inbound.stream_trust import StreamTrust
from botkit.relay.metrics import RelayMetrics

_log = get_logger("botkit.relay")

FIRST_PAUSE_SECONDS = 60.0
LONGEST_PAUSE_SECONDS = 900.0
"""The pause between two attempts to open a stream while they are held: it doubles with each one."""
DOUBT_SECONDS = 300.0
"""While other streams deliver, a second proof is needed within this time."""
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
        self.listening: set[Receiver] = set()
        """The receivers with a stream."""
        self.delivered_at = 0.0
        """When a stream last brought an event in time."""
        self.trust = StreamTrust(bot_id=bot_id, system=system)
        self._bot_id = bot_id
        self._system = system
        self._metrics = metrics
        self._pause = 0.0
        self._next_probe = 0.0
        self._passing_since = 0.0
        self._polling = 0
        self._least_delay = float("inf")
        self._least_delay_since = 0.0
        self._reached_at = 0.0
        self._doubted_at = float("-inf")

    def may_open(self, now: BootTime) -> bool:
        """Whether a stream may be opened now. While streams are held, True uses up the attempt of this pause."""
        if not self.is_held:
            return True
        if now < self._next_probe:
            return False
        self._next_probe = now + self._pause
        return True

    def held(self, now: BootTime, *, opened_at: float, proof: Proof) -> None:
        """A stream that was opened at that time is held back. All are, if no other contradicts, or if it is proved twice."""
        if self.is_held:
            if opened_at > self.held_since:
                self._wait_longer(now)
            return
        if self.delivered_at > proof.since and not self._is_second(now, proof):
            if now - self._doubted_at > DOUBT_SECONDS:
                self._doubted_at = now
            _log.info("stream_held", bot=self._bot_id, system=self._system, why=proof.why)
            return
        self._doubted_at = float("-inf")
        if now - self._passing_since > LONGEST_PAUSE_SECONDS:
            self._pause = 0.0
        self.is_held, self.held_since, self._least_delay = True, now, float("inf")
        self._wait_longer(now)
        for receiver in self.listening:
            receiver.needs_look()
        _log.warning("streams_held", bot=self._bot_id, system=self._system, why=proof.why)

    def passed(self, now: BootTime, *, opened_at: float) -> None:
        """The first bytes of a stream that was opened at that time have arrived."""
        if self.is_held and opened_at > self.held_since:
            self.is_held, self.held_since, self._passing_since = False, 0.0, now
            _log.warning("streams_pass_again", bot=self._bot_id, system=self._system)

    def reached(self, now: BootTime) -> None:
        """The headers of a stream have arrived."""
        self._reached_at = now

    def reached_since(self, since: float) -> bool:
        """Whether the headers of a stream have arrived since then."""
        return self._reached_at > since

    def lateness(self, now: BootTime, high_water_ms: int, *, on_time_since: float) -> float:
        """Seconds by which an event of this time of the server came later than the fastest one: the clocks need not agree.

        After a stall of this process the fastest one is found anew, since the clock for durations may have stood still as well.
        """
        if on_time_since > self._least_delay_since:
            self._least_delay, self._least_delay_since = float("inf"), on_time_since
        delay = now - high_water_ms / 1000
        self._least_delay = min(self._least_delay, delay)
        lateness = delay - self._least_delay
        if lateness < MISSED_SECONDS:
            self.delivered_at = now
        return lateness

    def age(self, now: BootTime, high_water_ms: int) -> float:
        """Like `lateness`, of an event that no stream has brought: negative if nothing is known."""
        return now - high_water_ms / 1000 - self._least_delay

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

    def _is_second(self, now: BootTime, proof: Proof) -> bool:
        """Whether it began after another proof that was contradicted: what began earlier may have the same cause."""
        return proof.since > self._doubted_at >= now - DOUBT_SECONDS

    def _wait_longer(self, now: BootTime) -> None:
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
