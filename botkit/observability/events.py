"""The log events of BotKit: a name and fields, never a sentence. docs/operations.md explains each of them.

They are records of the standard library's logging: the application decides about level, format and target, and `botkit serve`
makes lines of them (`botkit.observability.logs`). Where somebody has configured structlog, they go where its events go.
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


METHODS = {
    logging.DEBUG: "debug",
    logging.INFO: "info",
    logging.WARNING: "warning",
    logging.ERROR: "error",
    logging.CRITICAL: "critical",
}
"""The levels by the names of structlog's methods; applications rename those of `logging`."""


class ServiceProcessors(list[structlog.typing.Processor]):
    """The processors that structlog has in `botkit serve`: a sign that the bot's own code has set no others."""


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
            getattr(self._structlog, METHODS[level])(event, **fields)
            return
        # Not by `Logger.log`, which looks for the caller by walking over the stack: it is the one who called `info`.
        try:
            caller = sys._getframe(2)
        except ValueError:  # No Python code did, but `atexit`, for example.
            caller = sys._getframe()
        place = caller.f_code.co_filename, caller.f_lineno
        # One template for all events of a name, which services that collect errors group them by.
        template, values = (f"{event} %s", (_as_text(fields),)) if fields else (event, ())
        extra = {"botkit_event": event, "botkit_fields": fields}
        self._records.handle(
            self._records.makeRecord(
                self.name, level, *place, template, values, None, caller.f_code.co_name, extra
            )
        )


def _application_has_structlog() -> bool:
    """Whether the application has configured structlog: then BotKit's events go where its own go."""
    return structlog.is_configured() and not isinstance(
        structlog.get_config()["processors"], ServiceProcessors
    )


def _as_text(fields: dict[str, Any]) -> str:
    """Fields in one line: ``effect=SendToAgent code=BK-4001``."""
    return " ".join(f"{name}={_value(value)}" for name, value in fields.items())


def _value(value: object) -> str:
    text = value if isinstance(value, str) else str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def get_logger(name: str) -> EventLogger:
    """The logger of this name, such as ``botkit.relay``."""
    return EventLogger(name)
