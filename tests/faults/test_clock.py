"""The process stands still for longer than its patience, and the clock is set: nobody is given up without an attempt."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from botkit.boottime import boottime
from botkit.relay.timers import CATCH_UP_SECONDS
from botkit.testing.waiting import until
from tests.faults.services import InProcess, Process, configuration
from tests.faults.stage import END_WORD, UNREACHABLE, Stage

Kit = Callable[..., InProcess]

IMPATIENT = {"delivery": {"give_up_after": "1s"}}
STEPS = pytest.mark.parametrize("step", [-600.0, -60.0, 400.0])


def until_passed(seconds: float) -> None:
    begun = boottime()
    until(lambda: boottime() - begun > seconds)


@pytest.mark.parametrize("receive", ["stream", "poll"])
def test_a_process_that_stood_still_for_longer_than_its_patience_ends_no_session(
    stage: Stage, tmp_path: Path, receive: str
) -> None:
    with Process(configuration(tmp_path, stage, receive=receive, changes=IMPATIENT), stage) as service:
        talks = [stage.new_user() for _ in range(3)]
        for talk in talks:
            talk.talks()
        until_passed(1.2)  # Nobody says anything for longer than its patience, either.
        service.process.send_signal(signal.SIGSTOP)
        stage.salesforce_fails("drop-streams")
        stage.salesforce_recovers()
        for talk in talks:
            talk.agent_says("said meanwhile")
        until_passed(2.5)
        service.process.send_signal(signal.SIGCONT)
        for talk in talks:
            talk.types("are you there?")
            talk.both_sides_have_everything()
        assert not any(UNREACHABLE in told for talk in talks for told in talk.told())
        assert all(talk.agent_mode for talk in talks)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, stage: Stage) -> Callable[[float], None]:
    """Sets the time of day in this process, so for both clouds as well: signatures stay valid."""
    real, ahead = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + ahead[0])
    monkeypatch.setattr(stage.clouds.kore.core, "clock", lambda: time.time())

    def set_by(seconds: float) -> None:
        ahead[0] += seconds

    return set_by


@STEPS
@pytest.mark.parametrize("receive", ["stream", "poll"])
def test_a_clock_that_is_set_ends_no_session_and_silences_nobody(
    stage: Stage, kit: Kit, clock: Callable[[float], None], receive: str, step: float
) -> None:
    kit(receive=receive)
    talk = stage.new_user()
    talk.talks()
    clock(step)
    for number in range(3):
        talk.types(f"typed after it {number}")
        talk.agent_says(f"said after it {number}")
    talk.both_sides_have_everything()
    talk.types(END_WORD)
    talk.is_the_bots_again()


def test_a_start_after_the_clock_was_set_forward_gives_up_nobody_who_waits(
    stage: Stage, kit: Kit, clock: Callable[[float], None]
) -> None:
    service = kit(changes={"handoff": {"accept_timeout": "150s"}})
    talk = stage.new_user()
    talk.waits()
    for step in (100.0, 100.0):  # In all less than the platform's requestId lives by its clock.
        clock(step)
        service.restart()
    until_passed(CATCH_UP_SECONDS + 1)
    assert talk.agent_mode
    talk.accepted()
    talk.types("typed after it")
    talk.agent_says("said after it")
    talk.both_sides_have_everything()


@pytest.mark.parametrize(
    "step", [-600.0, -60.0, 200.0]
)  # The platform's requestId lives for 300 seconds of its clock.
def test_what_waits_for_kore_is_delivered_after_the_clock_was_set(
    stage: Stage, kit: Kit, clock: Callable[[float], None], step: float
) -> None:
    kit()
    talk = stage.new_user()
    talk.talks()
    stage.kore_fails(status=503)
    talk.agent_says("said while Kore is down")
    until(lambda: stage.requests("sendUserMessage", target="kore"))
    clock(step)
    until_passed(1.5)
    stage.kore_recovers()
    talk.both_sides_have_everything()
