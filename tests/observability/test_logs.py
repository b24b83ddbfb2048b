from __future__ import annotations

import _thread
import io
import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, logger="botkit.plain"):
        get_logger("botkit.plain").info("resumed", effects=2, reason='a "b"\nc', code=None)
        get_logger("botkit.plain").debug("unseen")
    (record,) = caplog.records
    assert record.getMessage() == 'resumed effects=2 reason="a \\"b\\"\\nc"'
    assert (record.name, record.levelname, record.filename) == ("botkit.plain", "INFO", "test_logs.py")
    assert record.__dict__["botkit_event"] == "resumed"
    assert record.__dict__["botkit_fields"]["effects"] == 2


def test_events_of_a_name_share_a_template_by_which_collectors_of_errors_group_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = get_logger("botkit.plain")
    log.error("effect_failed", code="BK-1001", session="first", ref="")
    log.error("effect_failed", code="BK-1002", share="5%", why='a "b"')
    log.error("effect_failed")
    first, second, bare = caplog.records
    assert first.msg == second.msg == "effect_failed %s"
    assert first.getMessage() == 'effect_failed code=BK-1001 session=first ref=""'
    assert second.getMessage() == 'effect_failed code=BK-1002 share=5% why="a \\"b\\""'
    assert bare.getMessage() == "effect_failed"


def test_in_the_service_too_other_handlers_get_a_record_with_place_event_and_fields(
    stream: io.StringIO, caplog: pytest.LogCaptureFixture
) -> None:
    """Such as those of services that collect errors."""
    set_up_logging(json=True, stream=stream)
    logging.getLogger().addHandler(caplog.handler)
    get_logger("botkit.test").error("broken", count=2)
    (record,) = caplog.records
    assert (record.name, record.levelname, record.filename, record.funcName) == (
        "botkit.test",
        "ERROR",
        "test_logs.py",
        "test_in_the_service_too_other_handlers_get_a_record_with_place_event_and_fields",
    )
    assert record.getMessage() == "broken count=2"
    assert (record.__dict__["botkit_event"], record.__dict__["botkit_fields"]) == ("broken", {"count": 2})
    assert json.loads(stream.getvalue())["count"] == 2


def test_a_line_of_an_event_has_its_fields_labels_and_what_the_bot_has_bound(stream: io.StringIO) -> None:
    set_up_logging(json=True, stream=stream)
    with structlog.contextvars.bound_contextvars(ticket="T-1", count="of the bot"):
        get_logger("botkit.test").info("told", session="s-1", count=3, ref="7K3M-9Q2X")
    line = json.loads(stream.getvalue())
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "session": "s-1",
        "count": 3,
        "ref": "7K3M-9Q2X",
        "event": "told",
        "ticket": "T-1",
        "level": "info",
        "logger": "botkit.test",
    }


def test_events_go_where_those_of_an_application_with_structlog_go(caplog: pytest.LogCaptureFixture) -> None:
    with structlog.testing.capture_logs() as events:
        get_logger("botkit.test").warning("something", count=3, code=None)
    assert events == [{"event": "something", "count": 3, "log_level": "warning"}]
    assert caplog.records == []


def test_levels_may_have_other_names_in_an_application(stream: io.StringIO) -> None:
    logging.addLevelName(logging.WARNING, "WARN")
    try:
        with structlog.testing.capture_logs() as events:
            get_logger("botkit.test").warning("something")
        set_up_logging(json=True, stream=stream)
        get_logger("botkit.test").warning("something")
    finally:
        logging.addLevelName(logging.WARNING, "WARNING")
    assert [event["log_level"] for event in events] == ["warning"]
    assert json.loads(stream.getvalue())["level"] == "warning"


def test_processors_that_a_bot_has_set_in_the_service_get_the_events(stream: io.StringIO) -> None:
    set_up_logging(json=True, stream=stream)
    processors = structlog.get_config()["processors"]

    def mark(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {**event, "marked": True}

    structlog.configure(processors=[mark, *processors])
    get_logger("botkit.test").warning("something", count=3)
    line = json.loads(stream.getvalue())
    assert (line["event"], line["count"], line["marked"]) == ("something", 3, True)


@contextmanager
def filtered(one: Callable[[logging.LogRecord], bool]) -> Iterator[None]:
    """With a filter of the application's on the logger `botkit.plain`."""
    logger = logging.getLogger("botkit.plain")
    logger.addFilter(one)
    try:
        yield
    finally:
        logger.removeFilter(one)


def test_what_the_application_has_switched_off_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    log = get_logger("botkit.plain")
    logging.disable(logging.WARNING)
    try:
        log.warning("below the level of all")
    finally:
        logging.disable(logging.NOTSET)

    def no_second(record: logging.LogRecord) -> bool:
        return bool(record.__dict__["botkit_event"] != "second")

    with filtered(no_second):
        log.warning("first")
        log.warning("second")
    assert caplog.messages == ["first"]


def test_a_filter_that_hides_words_finds_the_fields_as_text(caplog: pytest.LogCaptureFixture) -> None:
    def hide(record: logging.LogRecord) -> bool:
        assert isinstance(record.args, tuple)
        record.args = tuple(
            one.replace("hidden", "***") if isinstance(one, str) else one for one in record.args
        )
        return True

    with filtered(hide):
        get_logger("botkit.plain").warning("something", detail="hidden")
    assert caplog.messages == ["something detail=***"]


def test_an_event_that_no_python_code_logs_is_logged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`atexit` calls functions from C."""
    logged = threading.Event()
    handle = caplog.handler.handle

    def handled(record: logging.LogRecord) -> logging.LogRecord | bool:
        try:
            return handle(record)
        finally:
            logged.set()

    monkeypatch.setattr(caplog.handler, "handle", handled)
    _thread.start_new_thread(get_logger("botkit.plain").warning, ("goodbye",))
    assert logged.wait(30)
    assert caplog.messages == ["goodbye"]


def test_a_record_with_fields_of_somebody_else_is_a_line_too(stream: io.StringIO) -> None:
    set_up_logging(json=True, stream=stream)
    logging.getLogger("other").warning("said", extra={"botkit_fields": {"a": 1}})
    assert json.loads(stream.getvalue())["event"] == "said"


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
