from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from botkit.observability.events import get_logger
from botkit.observability.logs import set_up_logging
from botkit.observability.tracebacks import where


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("botkit").setLevel(logging.NOTSET)
    logging.captureWarnings(False)


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


def test_an_event_is_one_line_of_fields(stream: io.StringIO) -> None:
    set_up_logging(json=True, stream=stream)
    get_logger("botkit.test").warning("hook_refused", code="BK-2001", fix=None)
    line = json.loads(stream.getvalue())
    assert (line["event"], line["code"], line["logger"]) == ("hook_refused", "BK-2001", "botkit.test")
    assert "fix" not in line


def test_without_structlog_the_application_decides_how_an_event_looks(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Older versions of structlog leave a class of loggers behind that knows no stack levels.
    monkeypatch.setattr(logging.Logger.manager, "loggerClass", logging.Logger)
    with caplog.at_level(logging.INFO, logger="botkit.plain"):
        get_logger("botkit.plain").info("resumed", effects=2, reason='a "b"\nc', code=None)
        get_logger("botkit.plain").debug("unseen")
    (record,) = caplog.records
    assert record.getMessage() == 'resumed effects=2 reason="a \\"b\\"\\nc"'
    assert (record.name, record.levelname, record.filename) == ("botkit.plain", "INFO", "test_logs.py")
    assert record.__dict__["botkit_event"] == "resumed"
    assert record.__dict__["botkit_fields"]["effects"] == 2


@pytest.mark.parametrize(
    ("level", "seen"),
    [
        ("debug", ["ours debug", "ours info", "theirs info", "ours error"]),
        ("info", ["ours info", "theirs info", "ours error"]),
        ("error", ["ours error"]),
    ],
)
def test_a_level_below_info_is_for_botkit_alone(stream: io.StringIO, level: str, seen: list[str]) -> None:
    set_up_logging(json=True, stream=stream, level=level)
    ours, theirs = get_logger("botkit.test"), logging.getLogger("library")
    ours.debug("ours debug")
    theirs.debug("theirs debug")
    ours.info("ours info")
    theirs.info("theirs info")
    ours.error("ours error")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == seen
