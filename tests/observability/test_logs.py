from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from botkit.observability.logs import set_up_logging
from botkit.observability.tracebacks import where


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


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
    assert found.startswith("KeyError at test_logs.py:")
    assert "secret" not in found
