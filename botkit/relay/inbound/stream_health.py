"""Judges one open stream by what arrives on it: is it quiet, or does a proxy hold it back?

A quiet stream and a held one look the same until a byte arrives (docs/protocols/salesforce-miaw.md, 4.6). So suspicion comes
early and costs little: the list is polled beside the stream until bytes arrive. Proof is an event that the list has had for
seconds and that the stream, silent meanwhile, has not brought. Only the time counts in which this process was ready to read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

FIRST_BYTES_SECONDS = 3.0
"""A stream without a byte for this time after its opening is suspect, unless others have delivered since then: what holds streams
back holds all of them."""
ECHO_SECONDS = 4.0
"""A stream that is silent for this time after a message to the agents is suspect: it brings the user's messages back (9.4)."""
QUIET_SECONDS = 30.0
"""A stream that is silent for this time is suspect: pings come more often, since Salesforce's Android SDK gives up then (4.2)."""
PINGS_NEEDED = 2
"""So many silences that ended with a ping tell the rhythm of this stream's pings."""
PING_LATE_SECONDS = 3.0
"""A stream is suspect when its ping is late by this time."""
SHORTEST_SILENCE_SECONDS = 3.0
"""A shorter silence tells nothing of the pings: what else has no effect comes as often."""
MISSED_SECONDS = 5.0
"""A silent stream is held if the list has had an event for this time that the stream has not brought."""
REPLAY_SECONDS = 10.0
"""A new stream repeats older events for this time; later, an event that comes `MISSED_SECONDS` later than others is late."""
SUSPECT_AFTER_LATE_SECONDS = 60.0
"""A stream is suspect for this time after a late event, or after the stream before it was left as held."""
PROVED_AFTER_SECONDS = 35.0
"""While streams are known to be held, one that has brought no byte for this time, not even a ping, is held too."""


class Proof(NamedTuple):
    """Why a stream is held, and since when nothing has spoken against it."""

    since: float
    why: str


@dataclass(slots=True, eq=False)
class StreamHealth:
    """What was seen of one connection, in seconds of the clock for durations; 0: not yet.

    Attributes:
        opened_at: the connection was attempted.
        heard_at: the newest bytes arrived.
        waiting_since: the next bytes are awaited; infinite while the ones before are being written.
        sent_at: the first message to the agents since those bytes was sent.
        missed_at: the list had an event that the stream had not brought.
        pings: silences from one ping to the next.
        longest_silence: the longest of them.
        late_at: an event arrived late; 0 again after one in time.
        doubted_at: the stream before this one was left as held, although others deliver; 0 again after an event in time.
        was_ping: the newest bytes were a ping.
    """

    opened_at: float = 0.0
    heard_at: float = 0.0
    waiting_since: float = float("inf")
    sent_at: float = 0.0
    missed_at: float = 0.0
    pings: int = 0
    longest_silence: float = 0.0
    late_at: float = 0.0
    doubted_at: float = 0.0
    was_ping: bool = False

    def opening(self, now: float) -> None:
        """A connection is attempted."""
        self.opened_at, self.heard_at, self.waiting_since, self.missed_at = now, 0.0, now, 0.0
        self.pings, self.longest_silence, self.late_at, self.was_ping = 0, 0.0, 0.0, False

    def heard(self, now: float, *, is_ping: bool) -> None:
        """Bytes arrived. `is_ping`: without an event."""
        silence = now - self.heard_at
        # A ping soon after an event tells nothing of the rhythm of pings.
        if is_ping and self.was_ping and silence >= SHORTEST_SILENCE_SECONDS:
            self.pings += 1
            self.longest_silence = max(self.longest_silence, silence)
        self.heard_at, self.missed_at, self.was_ping = now, 0.0, is_ping
        self.waiting_since = float("inf")

    def sent(self, now: float) -> None:
        """A message was sent to the agents; its echo is expected."""
        if self.sent_at <= self.heard_at:
            self.sent_at = now

    def missed(self, now: float) -> None:
        """The list had an event that the stream has not brought."""
        self.missed_at = self.missed_at or now

    def is_suspect(self, now: float, *, held_since: float, delivered_at: float = 0.0) -> bool:
        """Whether the stream may be held back.

        Args:
            now: the time.
            held_since: when streams on this path turned out to be held; 0 if they are not.
            delivered_at: when a stream on this path last brought an event in time; 0 if none has.
        """
        if not self.opened_at:
            return False
        if self.doubted_at and now - self.doubted_at <= SUSPECT_AFTER_LATE_SECONDS:
            return True
        if not self.heard_at:
            delivers = delivered_at > max(self.opened_at, held_since)
            return now - self.opened_at >= (QUIET_SECONDS if delivers else FIRST_BYTES_SECONDS) or (
                self.sent_at > self.opened_at and now - self.sent_at >= ECHO_SECONDS
            )
        return (
            now - self.heard_at >= self._quiet_seconds
            or (self.sent_at > self.heard_at and now - self.sent_at >= ECHO_SECONDS)
            or (self.late_at > 0 and now - self.late_at <= SUSPECT_AFTER_LATE_SECONDS)
            or (held_since > self.heard_at and now - held_since >= FIRST_BYTES_SECONDS)
        )

    @property
    def calm_until(self) -> float:
        """The time before which silence alone is no reason for suspicion; 0 if another reason is near."""
        if not self.heard_at or self.late_at or self.doubted_at or self.sent_at > self.heard_at:
            return 0.0
        return self.heard_at + self._quiet_seconds

    @property
    def _quiet_seconds(self) -> float:
        if self.pings < PINGS_NEEDED:
            return QUIET_SECONDS
        return min(QUIET_SECONDS, self.longest_silence + PING_LATE_SECONDS)

    def brought(self, now: float, *, lateness: float, on_time_since: float) -> Proof | None:
        """An event has arrived so late. Returns the proof that events are held back, if this is one.

        A single one is none: Salesforce may have stood still. Nor is one that may have waited for this process, which includes
        what arrives together with another.

        Args:
            now: the time.
            lateness: in seconds.
            on_time_since: the end of the latest stall of this process.
        """
        if now - self.opened_at < REPLAY_SECONDS:
            return None
        if lateness < MISSED_SECONDS:
            self.late_at = self.doubted_at = 0.0
            return None
        if now - max(self.waiting_since, on_time_since) < MISSED_SECONDS:
            return None
        if self.late_at:
            return Proof(self.late_at, "events arrive late")
        self.late_at = now
        return None

    def verdict(self, now: float, *, held_since: float, on_time_since: float) -> Proof | None:
        """The proof that the silent stream is held, if there is one; arguments as above."""
        since = max(self.missed_at, self.waiting_since, on_time_since)
        if self.missed_at and now - since >= MISSED_SECONDS:
            return Proof(since, "the list has events that the stream has not brought")
        since = max(self.opened_at, on_time_since)
        if held_since and not self.heard_at and now - since >= PROVED_AFTER_SECONDS:
            return Proof(since, "no byte arrived, not even a ping")
        return None
