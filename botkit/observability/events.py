"""The log events of BotKit: a name and fields, never a sentence. docs/operations.md explains each of them.

`botkit serve` shows them through structlog (`botkit.observability.logs`). In an application that has configured structlog itself
they go where its events go. In any other they are records of the standard library's logging, and the application decides about
level, format and target.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from typing import Any

import structlog

from botkit.handoff.reference import reference

_PLAIN = re.compile(r"[^\s\"=\x00-\x1f\x7f-\x9f]+")
"""A value that needs no quotes."""


class ServiceLoggers(structlog.stdlib.LoggerFactory):
    """The loggers that structlog has in `botkit serve`: a sign that no application has configured it."""


class EventLogger:
    """Logs events under one name; fields that are None are left out.

    A record of the standard library has them as `botkit_event` and `botkit_fields`, too.
    """

    __slots__ = ("_records", "_structlog", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._structlog = structlog.get_logger(name)
        self._records = logging.getLogger(name)

    def debug(self, event: str, **fields: Any) -> None:
        """What only developers of BotKit want to know."""
        self._log(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: Any) -> None:
        """The ordinary course of things."""
        self._log(logging.INFO, event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Something that somebody should look at, though the service goes on."""
        self._log(logging.WARNING, event, fields)

    def error(self, event: str, **fields: Any) -> None:
        """Something failed for good."""
        self._log(logging.ERROR, event, fields)

    def critical(self, event: str, **fields: Any) -> None:
        """The service cannot go on."""
        self._log(logging.CRITICAL, event, fields)

    def _log(self, level: int, event: str, fields: dict[str, Any]) -> None:
        through_structlog = _application_has_structlog()
        if not (through_structlog or self._records.isEnabledFor(level)):
            return
        session = fields.get("session")
        if isinstance(session, str) and "ref" not in fields:
            fields["ref"] = reference(session)  # An agent system's line: it knows its session only.
        fields = {name: value for name, value in fields.items() if value is not None}
        if through_structlog:
            getattr(self._structlog, logging.getLevelName(level).lower())(event, **fields)
            return
        # Not by `Logger.log`, which looks for the caller by walking over the stack: it is the one who called `info`.
        caller = sys._getframe(2)
        place = caller.f_code.co_filename, caller.f_lineno
        # One template for all events of a name, which services that collect errors group them by.
        template, values = (f"{event} %s", (_Text(fields),)) if fields else (event, ())
        extra = {"botkit_event": event, "botkit_fields": fields}
        self._records.handle(
            self._records.makeRecord(
                self.name, level, *place, template, values, None, caller.f_code.co_name, extra
            )
        )


class _Text:
    """Fields as text, ``effect=SendToAgent code=BK-4001``, made when somebody asks: the lines of `botkit serve` need none."""

    __slots__ = ("_fields",)

    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = fields

    def __str__(self) -> str:
        return " ".join(f"{name}={_value(value)}" for name, value in self._fields.items())

    __repr__ = __str__


def _application_has_structlog() -> bool:
    """Whether the application has configured structlog: then BotKit's events go where its own go."""
    return structlog.is_configured() and not isinstance(
        structlog.get_config()["logger_factory"], ServiceLoggers
    )


def _value(value: object) -> str:
    text = value if isinstance(value, str) else str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def get_logger(name: str) -> EventLogger:
    """The logger of this name, such as ``botkit.relay``."""
    return EventLogger(name)
