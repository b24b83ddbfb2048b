"""Judges one stream by the order of its events: when the list has to be read before them, and when to look for missed ones.

Nothing reveals that a stream has missed its last event. So the list is read some seconds after each event, and then ever more
seldom while nothing happens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from botkit.agents import Batch
from botkit.boottime import BootTime
from botkit.handoff.events import AgentSaid, FromAgents, PositionAdvanced
from botkit.relay.inbound.event_writer import ListRead
from botkit.relay.inbound.stream_trust import StreamTrust

CHECK_SECONDS = 4.0
"""The time from an event to the check whether the stream has missed the next one, plus or minus a quarter."""
LONGEST_CHECK_SECONDS = 32.0
"""The time to the next check doubles with each one, up to this."""
ORDER, UNTRUSTED = "order", "untrusted"
"""Doubts beside those of the agent system: an event is older than one before it; streams of its system have missed events."""


@dataclass(slots=True, eq=False)
class StreamOrder:
    """What one session's stream has brought.

    Attributes:
        trust: what is known of all streams of the agent system.
        has_written: see `AgentEventWriter.has_written`.
        chance: draws from [0, 1).
        check_at: when the list is read beside the stream, by the clock for durations.
    """

    trust: StreamTrust
    has_written: Callable[[FromAgents], bool]
    chance: Callable[[], float]
    check_at: float = float("inf")
    _check_wait: float = LONGEST_CHECK_SECONDS
    _newest_ms: int = 0
    """The time of the newest event that this connection has brought."""

    def opened(self) -> None:
        """A connection was opened; the list is about to be read."""
        self._newest_ms, self._check_wait = 0, LONGEST_CHECK_SECONDS

    def doubt(self, now: BootTime, batch: Batch) -> str:
        """Why the list has to be read before these events are written; empty if there is no reason."""
        if not batch.events and not batch.doubt:
            return ""
        goes_back = self._goes_back(batch.events)
        if self.trust.is_lost(now) and any(isinstance(event, AgentSaid) for event in batch.events):
            return UNTRUSTED
        if batch.doubt and self.trust.heeds(batch.doubt):
            return batch.doubt
        return ORDER if goes_back and self.trust.heeds(ORDER) else ""

    def arrived(self, now: BootTime, events: Sequence[FromAgents]) -> None:
        """Events arrived: if the agents' side is active, a check is due soon."""
        self.trust.arrived(now)
        if any(not isinstance(event, PositionAdvanced) for event in events):
            self._check_wait = CHECK_SECONDS
            self.check_at = min(self.check_at, now + self._varied(CHECK_SECONDS))

    def may_check(self, now: BootTime) -> bool:
        """Whether the list is read now, because a check is due. With too many of them, this one is left out.

        The longer a conversation has been quiet, the more of the reads a check takes: those after an event come first, and
        thousands of quiet conversations cost little.
        """
        if now < self.check_at:
            return False
        if self.trust.may_check(now, price=self._check_wait / CHECK_SECONDS):
            self.check_at = now + self._varied(CHECK_SECONDS)
            return True
        self._next_check(now)
        return False

    def list_read(self, now: BootTime, read: ListRead, *, doubt: str, is_stale: bool) -> None:
        """The list was read.

        Args:
            now: the time.
            read: what it has shown.
            doubt: why it was read.
            is_stale: it has had a message for so long that the stream should have brought it.
        """
        if doubt:
            self.trust.resolved(doubt, rightly=read.skipped)
        if read.overtaken:
            self.trust.missed(now, "a newer message was shown first")
        elif (doubt == UNTRUSTED and read.skipped) or (not doubt and is_stale):
            self.trust.missed(now, "the list had a message that the stream did not bring")
        self._next_check(now)

    def _next_check(self, now: BootTime) -> None:
        self.check_at = now + self._varied(self._check_wait)
        longest = CHECK_SECONDS if self.trust.is_lost(now) else LONGEST_CHECK_SECONDS
        self._check_wait = min(2 * self._check_wait, longest)

    def _goes_back(self, events: Sequence[FromAgents]) -> bool:
        """Whether an event that was not written before is older than one that the connection has brought."""
        found = False
        for event in events:
            if not event.high_water_ms or isinstance(event, PositionAdvanced):
                continue
            if event.high_water_ms >= self._newest_ms:
                self._newest_ms = event.high_water_ms
            elif not self.has_written(event):
                found = True
        return found

    def _varied(self, seconds: float) -> float:
        return seconds * (0.75 + 0.5 * self.chance())
