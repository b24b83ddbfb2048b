"""The heartbeat tells a stall of this process from a silence of the other side."""

from __future__ import annotations

from botkit.handoff.conversation import Instant
from botkit.relay.heartbeat import LATE_SECONDS, Heartbeat


def _beaten(*at: float) -> Heartbeat:
    heartbeat = Heartbeat()
    for now in at:
        heartbeat.beat(Instant(now), next_in=1.0)
    return heartbeat


def test_a_loop_whose_beats_are_on_time_was_never_late() -> None:
    heartbeat = _beaten(100, 101, 102 + LATE_SECONDS)
    assert heartbeat.on_time_since(Instant(103)) == Instant(0)
    assert heartbeat.lost_since(0, Instant(103)) == 0


def test_a_late_beat_ends_a_stall() -> None:
    heartbeat = _beaten(100, 101, 113, 114)
    assert heartbeat.on_time_since(Instant(114.5)) == Instant(113)
    assert heartbeat.lost_since(105, Instant(114.5)) == 11
    assert heartbeat.lost_since(113, Instant(114.5)) == 0


def test_what_runs_before_the_late_beat_knows_of_the_stall() -> None:
    heartbeat = _beaten(100, 101)
    assert heartbeat.on_time_since(Instant(113)) == Instant(113)
    assert heartbeat.lost_since(100, Instant(113)) == 11


def test_without_a_beat_to_come_nothing_is_late() -> None:
    heartbeat = _beaten(100)
    heartbeat.stop()
    heartbeat.beat(Instant(200), next_in=1.0)
    assert heartbeat.on_time_since(Instant(200)) == Instant(0)
