from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from botkit.observability.metrics import Telemetry, set_up_logging
from botkit.observability.tracebacks import where


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_events_the_protocol_does_not_know_share_a_label() -> None:
    telemetry = Telemetry()
    for name in ("on_x", "on_y", "on_user_message"):
        telemetry.hook(name, 200, 0.001)
    text = telemetry.exposition().decode()
    assert 'event="other",status="200"} 2.0' in text
    assert "on_x" not in text


def test_reasons_of_somebody_elses_making_share_a_label_when_they_are_many() -> None:
    telemetry = Telemetry()
    for number in range(1_000):
        telemetry.noted("routing_failed", f"Reason{number}")
    text = telemetry.exposition().decode()
    assert text.count("botkit_handoff_total{") < 150
    assert 'what="routing_failed",why="other"} 900.0' in text


def test_what_the_relay_counts_is_shown() -> None:
    telemetry = Telemetry()
    telemetry.effect_done("PassToBot", "delivered")
    telemetry.effect_done("PassToBot", "delivered")
    telemetry.effect_retried("SendToAgent")
    telemetry.receivers_open(3)
    telemetry.reconnected("salesforce")
    telemetry.noted("handoff_opened", "salesforce")
    telemetry.possible_duplicates(2)
    text = telemetry.exposition().decode()
    assert 'botkit_effects_total{kind="PassToBot",outcome="delivered"} 2.0' in text
    assert 'botkit_effect_retries_total{kind="SendToAgent"} 1.0' in text
    assert "botkit_receivers 3.0" in text
    assert 'botkit_reconnects_total{system="salesforce"} 1.0' in text
    assert 'botkit_handoff_total{what="handoff_opened",why="salesforce"} 1.0' in text
    assert "botkit_possible_duplicates_total 2.0" in text


def test_lines_are_json_for_machines(stream: io.StringIO) -> None:
    set_up_logging(json=True, stream=stream)
    structlog.get_logger("botkit.test").warning("something", count=3)
    logging.getLogger("botkit.other").error("said %s", "plainly")
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (first["event"], first["count"], first["level"], first["logger"]) == (
        "something",
        3,
        "warning",
        "botkit.test",
    )
    assert (second["event"], second["level"]) == ("said plainly", "error")


def test_lines_are_readable_for_people(stream: io.StringIO) -> None:
    set_up_logging(json=False, stream=stream)
    structlog.get_logger("botkit.test").warning("something", count=3)
    assert "something" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


@pytest.mark.parametrize("json_lines", [True, False])
def test_an_error_is_logged_by_its_place_and_not_by_its_text(stream: io.StringIO, json_lines: bool) -> None:
    set_up_logging(json=json_lines, stream=stream)
    try:
        raise ValueError("what the user wrote")
    except ValueError as error:
        structlog.get_logger("botkit.test").error("broken", exc_info=error)
        logging.getLogger("botkit.other").exception("broken too")
    assert stream.getvalue().count("ValueError at") == 2
    assert "what the user wrote" not in stream.getvalue()


def test_where_names_type_and_place() -> None:
    try:
        raise KeyError("secret")
    except KeyError as error:
        found = where(error)
    assert found.startswith("KeyError at test_metrics.py:")
    assert "secret" not in found
