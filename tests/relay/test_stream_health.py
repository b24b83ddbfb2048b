"""The rhythm of pings is learned from one ping to the next."""

from __future__ import annotations

from botkit.relay.inbound.stream_health import QUIET_SECONDS, StreamHealth


def _heard(*bytes_at: tuple[float, bool]) -> StreamHealth:
    health = StreamHealth()
    health.opening(100.0)
    for at, is_ping in bytes_at:
        health.heard(100.0 + at, is_ping=is_ping)
    return health


def test_a_ping_soon_after_an_event_tells_nothing_of_the_rhythm() -> None:
    health = _heard((1, False), (7, True), (11, False), (17, True))
    assert not health.is_suspect(117 + QUIET_SECONDS - 1, held_since=0.0)
    assert health.is_suspect(117 + QUIET_SECONDS, held_since=0.0)


def test_a_late_ping_makes_a_stream_suspect_once_the_rhythm_is_known() -> None:
    health = _heard((1, True), (6, True), (11, True))
    assert not health.is_suspect(118.9, held_since=0.0)
    assert health.is_suspect(119.1, held_since=0.0)
