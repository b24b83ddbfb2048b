"""The heartbeat tells a stall of this process from a silence of the other side, and notices when the clock is set."""

from __future__ import annotations

import pytest
import structlog

from botkit.boottime import BootTime
from botkit.handoff.conversation import Instant
from botkit.ledger.clocks import Clocks
from botkit.relay.heartbeat import AGAIN_SECONDS, CATCHES_UP_SECONDS, LATE_SECONDS, Heartbeat
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


def test_a_stall_is_told_to_the_operator_once_a_minute() -> None:
    clock = ManualClock()
    with structlog.testing.capture_logs() as lines:
        beaten(clock, 1.0, 10.0, 1.0, 5.0)
        assert [(line["event"], line["seconds"]) for line in lines] == [("stood_still", 9.0)]
        beaten(clock, 1.0, 1.0 + LATE_SECONDS)
    assert len(lines) == 1


def test_a_stall_is_known_until_the_process_has_caught_up() -> None:
    clock = ManualClock()
    heartbeat = beaten(clock, 1.0)
    assert heartbeat.stood_still(clock.boottime()) == 0.0
    clock.pass_seconds(9)
    assert heartbeat.stood_still(clock.boottime()) == pytest.approx(8.0)
    heartbeat.beat()
    clock.pass_seconds(1)
    assert heartbeat.stood_still(clock.boottime()) == pytest.approx(8.0)
    heartbeat.beat()
    clock.pass_seconds(CATCHES_UP_SECONDS - 1)
    heartbeat.beat()
    assert heartbeat.stood_still(clock.boottime()) == 0.0


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


# --- what the store knows of the clocks --------------------------------------------------------------------------------


def left_by(heartbeat: Heartbeat) -> Clocks:
    """What a process leaves in its store."""
    return Clocks(former=tuple(heartbeat.eras()))


@pytest.mark.parametrize("hours", [-9, 9])
def test_the_next_process_knows_how_the_clock_was_set_before_it(hours: int) -> None:
    clock = ManualClock()
    former = beaten(clock)
    stored = clock.now()
    clock.pass_seconds(60)
    clock.set_by(hours * 3_600)
    former.beat()
    clock.pass_seconds(60)
    heartbeat = Heartbeat(clock)
    heartbeat.recall(left_by(former))
    assert heartbeat.before(6 * 3_600) < stored
    assert heartbeat.due_in(Instant(stored + 600), 600) == pytest.approx(480)
    assert heartbeat.due_in(Instant(clock.now() + 500), 600) == pytest.approx(500)


@pytest.mark.parametrize("step", [-600.0, 600.0])
def test_a_clock_that_was_set_between_two_processes_is_noticed(step: float) -> None:
    clock = ManualClock()
    left = left_by(beaten(clock))
    clock.pass_seconds(100)  # The one before goes on, and stores this.
    stored = clock.now()
    clock.set_by(step)
    heartbeat = Heartbeat(clock)
    heartbeat.recall(left)
    assert heartbeat.has_news
    assert heartbeat.due_in(Instant(stored + 300), 300) == pytest.approx(300)


def test_processes_one_after_the_other_have_one_era_while_nobody_sets_the_clock() -> None:
    clock = ManualClock()
    heartbeat = Heartbeat(clock)
    for _ in range(200):
        left = left_by(heartbeat)
        clock.pass_seconds(60)
        heartbeat = Heartbeat(clock)
        heartbeat.recall(left)
        assert not heartbeat.has_news
    assert len(heartbeat.eras()) == 1


def test_time_in_which_no_process_ran_makes_nothing_older() -> None:
    clock = ManualClock()
    newest = clock.now()
    clock.pass_seconds(20 * 3_600)
    heartbeat = Heartbeat(clock)
    heartbeat.recall(Clocks(newest=newest))
    assert heartbeat.before(6 * 3_600) == pytest.approx(newest - 6 * 3_600)
    clock.pass_seconds(3_600)
    assert heartbeat.before(6 * 3_600) == pytest.approx(newest - 5 * 3_600)
    clock.pass_seconds(5 * 3_600)
    assert heartbeat.before(6 * 3_600) == clock.now() - 6 * 3_600


def server(clock: ManualClock, behind: float) -> Clocks:
    return Clocks(server_ahead=clock.now() - clock.boottime() - behind)


def test_a_timer_of_another_machine_is_not_early_here_because_this_clock_is_ahead() -> None:
    clock = ManualClock()
    heartbeat = Heartbeat(clock)
    heartbeat.recall(server(clock, behind=7_200.0))
    clock.pass_seconds(100)
    there = clock.now() - 7_200
    assert heartbeat.due_in(Instant(there - 60 + 300), 300) == pytest.approx(240)
    assert heartbeat.due_in(Instant(clock.now() - 60 + 300), 300) == pytest.approx(240)  # One of its own.


@pytest.mark.parametrize("behind", [-32_400.0, 0.0, 32_400.0])
def test_what_a_server_stores_is_old_by_its_own_clock_alone(behind: float) -> None:
    clock = ManualClock()
    heartbeat = Heartbeat(clock)
    heartbeat.recall(server(clock, behind))
    clock.pass_seconds(100)
    there = clock.now() - behind
    assert heartbeat.before(60) == pytest.approx(there - 60)
    clock.set_by(-7_200)
    assert heartbeat.before(60) == pytest.approx(there - 60)


@pytest.mark.parametrize("step", [-32_400.0, 32_400.0])
def test_what_was_stored_before_the_servers_clock_was_set_is_as_old_as_before(step: float) -> None:
    clock = ManualClock()
    heartbeat = Heartbeat(clock)
    heartbeat.recall(server(clock, behind=0.0))
    clock.pass_seconds(600)
    stored = clock.now()
    clock.pass_seconds(600)
    heartbeat.recall(server(clock, behind=-step))
    assert heartbeat.before(3_600) < min(stored, stored + step)
    clock.pass_seconds(3_601)
    assert heartbeat.before(3_600) == pytest.approx(clock.now() + step - 3_600)


def test_a_clock_that_differs_from_the_servers_is_told_once() -> None:
    clock = ManualClock()
    heartbeat = Heartbeat(clock)
    with structlog.testing.capture_logs() as log:
        for behind in (0.5, 60.0, 60.5, -3.0, 1_000.0):
            heartbeat.recall(server(clock, behind))
    assert [(entry["event"], entry["seconds"]) for entry in log] == [
        ("clock_differs", 60.0),
        ("clock_differs", 1_000.0),
    ]
