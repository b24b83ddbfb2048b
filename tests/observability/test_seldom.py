"""Lines that would come with every hook."""

from __future__ import annotations

from structlog.testing import capture_logs

from botkit.observability.events import get_logger
from botkit.observability.seldom import MAX_KINDS, MINUTE, Seldom

FULL = "the disk is full"


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_reason_is_said_once_a_minute_with_the_number_of_the_others() -> None:
    time = Time()
    seldom = Seldom(get_logger("botkit.test"), monotonic=time)
    with capture_logs() as lines:
        for time.now in (0.0, 1.0, MINUTE - 1, MINUTE, MINUTE + 1, 3 * MINUTE):
            seldom.say("error", "commit_failed", FULL, inputs=3)
    line = {"event": "commit_failed", "reason": FULL, "inputs": 3, "log_level": "error"}
    assert lines == [line, line | {"repeated": 2}, line | {"repeated": 1}]


def test_another_reason_is_said_at_once() -> None:
    seldom = Seldom(get_logger("botkit.test"), monotonic=Time())
    with capture_logs() as lines:
        for reason in (FULL, "locked", FULL, "locked"):
            seldom.say("warning", "commit_failed", reason)
        seldom.say("warning", "sweep_failed", FULL)
    assert [(line["event"], line["reason"]) for line in lines] == [
        ("commit_failed", FULL),
        ("commit_failed", "locked"),
        ("sweep_failed", FULL),
    ]


def test_it_remembers_only_so_many_reasons() -> None:
    seldom = Seldom(get_logger("botkit.test"), monotonic=Time())
    with capture_logs() as lines:
        for number in range(MAX_KINDS + 1):
            seldom.say("warning", "commit_failed", str(number))
        seldom.say("warning", "commit_failed", str(MAX_KINDS))
        seldom.say("warning", "commit_failed", "0")
    assert len(lines) == MAX_KINDS + 2
