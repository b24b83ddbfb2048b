"""The heartbeat tells a stall of this process from a silence of the other side, and notices when the clock is set."""

from __future__ import annotations

import pytest
import structlog

from botkit.boottime import BootTime
from botkit.relay.heartbeat import AGAIN_SECONDS, LATE_SECONDS, Heartbeat
from botkit.testing.clock import ManualClock

PATIENCE = 300.0


def beaten(clock: ManualClock, *pauses: float) -> Heartbeat:
    """A heart that has beaten, and again after each of the pauses."""
    heartbeat = Heartbeat(clock)
    heartbeat.beat()
    for pause in pauses:
        clock.pass_seconds(pause)
        heartbeat.beat()
    return heartbeat


def test_a_loop_whose_beats_are_on_time_was_never_late() -> None:
    clock = ManualClock()
    begun = clock.boottime()
    heartbeat = beaten(clock, 1.0, 1.0 + LATE_SECONDS)
    assert heartbeat.on_time_since(clock.boottime()) == BootTime(0.0)
    assert heartbeat.patience_left(begun, PATIENCE) == pytest.approx(PATIENCE - 2 - LATE_SECONDS)


def test_a_stall_is_not_of_the_patience() -> None:
    clock = ManualClock()
    begun = clock.boottime()
    heartbeat = beaten(clock, 1.0, 61.0)
    ended = clock.boottime()
    clock.pass_seconds(1)
    heartbeat.beat()
    assert heartbeat.on_time_since(clock.boottime()) == ended
    assert heartbeat.patience_left(begun, PATIENCE) == pytest.approx(PATIENCE - 3)
    assert heartbeat.patience_left(ended, PATIENCE) == pytest.approx(PATIENCE - 1)


def test_what_runs_before_the_late_beat_knows_of_the_stall() -> None:
    clock = ManualClock()
    begun = clock.boottime()
    heartbeat = beaten(clock, 1.0)
    clock.pass_seconds(61)
    assert heartbeat.on_time_since(clock.boottime()) == clock.boottime()
    assert heartbeat.patience_left(begun, PATIENCE) == pytest.approx(PATIENCE - 2)


@pytest.mark.parametrize(("patience", "again"), [(PATIENCE, AGAIN_SECONDS), (1.0, 1.0)])
def test_after_a_stall_there_is_time_for_another_attempt(patience: float, again: float) -> None:
    clock = ManualClock()
    begun = clock.boottime()
    heartbeat = beaten(clock, *[1.0] * int(patience), 25.0)
    assert heartbeat.patience_left(begun, patience) == pytest.approx(again)
    for _ in range(10):
        clock.pass_seconds(1)
        heartbeat.beat()
    assert heartbeat.patience_left(begun, patience) <= 0


@pytest.mark.parametrize("step", [-600.0, -400.0, -60.0, 60.0, 400.0, 600.0])
def test_a_clock_that_is_set_is_no_stall_and_takes_no_patience(step: float) -> None:
    clock = ManualClock()
    begun = clock.boottime()
    heartbeat = beaten(clock, 1.0)
    clock.set_by(step)
    assert heartbeat.patience_left(begun, PATIENCE) == pytest.approx(PATIENCE - 1)
    with structlog.testing.capture_logs() as log:
        assert heartbeat.beat()
        assert not heartbeat.beat()
    assert heartbeat.on_time_since(clock.boottime()) == BootTime(0.0)
    assert [(entry["event"], entry["seconds"]) for entry in log] == [("clock_set", step)]


def test_a_clock_that_is_slewed_was_not_set() -> None:
    clock = ManualClock()
    heartbeat = beaten(clock)
    for _ in range(10_000):
        clock.pass_seconds(1)
        clock.set_by(0.0005)
        assert not heartbeat.beat()


@pytest.mark.parametrize("hours", [-9, 9])
def test_what_was_stored_before_the_clock_was_set_is_as_old_as_before(hours: int) -> None:
    clock = ManualClock()
    heartbeat = beaten(clock)
    stored = clock.now()
    clock.set_by(hours * 3600)
    stored_later = clock.now()
    assert heartbeat.before(6 * 3600) < min(stored, stored_later)
    clock.pass_seconds(7 * 3600)
    heartbeat.beat()
    assert heartbeat.before(6 * 3600) == clock.now() - 6 * 3600
