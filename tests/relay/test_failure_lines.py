"""Failing calls in the log: the first of a kind at once, the others as one line a minute with their number."""

from __future__ import annotations

from structlog.testing import capture_logs

from botkit.relay.outbound.failure_lines import FailureLines


def test_the_same_failure_of_many_conversations_is_one_line_and_then_one_a_minute() -> None:
    lines = FailureLines()
    with capture_logs() as log:
        for number in range(500):
            lines.failed("effect_retry", ("acme.test", "refused"), {"ref": f"r{number}"})
    assert log == [{"event": "effect_retry", "log_level": "warning", "ref": "r0"}]
    with capture_logs() as log:
        lines.each_minute()
    assert log == [{"event": "effect_retry", "log_level": "info", "ref": "r499", "repeated": 499}]


def test_another_cause_is_another_line() -> None:
    lines = FailureLines()
    with capture_logs() as log:
        lines.failed("effect_retry", ("acme.test", "refused"), {})
        lines.failed("effect_retry", ("acme.test", "timeout"), {})
        lines.failed("poll_failed", ("acme.test", "timeout"), {})
    assert [line["log_level"] for line in log] == ["warning", "warning", "warning"]


def test_a_failure_that_was_over_for_a_minute_is_new_when_it_comes_back() -> None:
    lines = FailureLines()
    lines.failed("effect_retry", ("acme.test", "refused"), {})
    with capture_logs() as log:
        lines.each_minute()
    assert log == []
    with capture_logs() as log:
        lines.failed("effect_retry", ("acme.test", "refused"), {})
    assert [line["log_level"] for line in log] == ["warning"]
