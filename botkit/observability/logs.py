"""Log lines for operators: JSON or console, without message texts, tokens or secrets."""

from __future__ import annotations

import logging
import sys
from typing import Any, Final, TextIO

import structlog

from botkit.observability import outputs
from botkit.observability.events import METHODS, ServiceProcessors
from botkit.observability.tracebacks import where

_NOISY_LOGGERS = ("apscheduler", "aiohttp.access")
"""They log every job or request at INFO."""

_LABELS: Final[tuple[structlog.typing.Processor, ...]] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)
"""Processors that add the level, the logger's name, the time, and what the bot's own code has bound."""

LEVELS = ("debug", "info", "warning", "error")
"""The levels of `botkit serve --log-level`."""


def set_up_logging(*, json: bool, stream: TextIO | None = None, level: str = "info") -> None:
    """Send the log lines of BotKit and its libraries through structlog, as JSON or for a console.

    Args:
        json: JSON instead of lines for people.
        stream: gets the lines; by default standard error.
        level: one of `LEVELS`. A level below "info" applies to BotKit only: libraries may quote addresses and headers there.

    No line contains a message text, a token or a secret: an error is logged by its type, code and place
    (`where`), not by its text.
    """
    structlog.configure(
        processors=ServiceProcessors(
            (
                structlog.stdlib.filter_by_level,
                *_LABELS,
                structlog.stdlib.PositionalArgumentsFormatter(),
                structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
            )
        ),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    target = stream or sys.stderr
    render: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.dev.ConsoleRenderer(
            colors=target.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    handler = Lines(target)
    handler.setFormatter(_Formatter(render))
    logging.captureWarnings(True)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    number = getattr(logging, level.upper())
    root.setLevel(max(number, logging.INFO))
    logging.getLogger("botkit").setLevel(number)
    for name in _NOISY_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)


class Lines(logging.StreamHandler[TextIO]):
    """Writes lines; errors wait for no others."""

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        if record.levelno >= logging.ERROR:
            outputs.hurry()


def _place_instead_of_traceback(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    exc_info = event.pop("exc_info", None)
    if exc_info is True:
        exc_info = sys.exc_info()
    error = exc_info[1] if isinstance(exc_info, tuple) else exc_info
    if isinstance(error, BaseException):
        event["error"] = where(error)
    return event


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """Makes lines of records, by the last processor. An event of BotKit goes a shorter way: its record has the fields."""

    def __init__(self, render: structlog.typing.Processor) -> None:
        finish = (self.remove_processors_meta, _place_instead_of_traceback, render)
        super().__init__(foreign_pre_chain=_LABELS, processors=finish)
        self._all = (*_LABELS, *finish)

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter`."""
        event, fields = getattr(record, "botkit_event", None), getattr(record, "botkit_fields", None)
        if event is None or fields is None or record.exc_info:
            return super().format(record)
        method = METHODS.get(record.levelno, record.levelname.lower())
        # The last two are for structlog's own processors.
        line: Any = {**fields, "event": event, "_record": record, "_from_structlog": False}
        for process in self._all:
            line = process(None, method, line)
        return str(line)
