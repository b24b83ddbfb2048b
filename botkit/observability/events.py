"""The log events of BotKit: a name and fields, never a sentence. docs/operations.md explains each of them.

`botkit serve` shows them through structlog (`botkit.observability.logs`). In an application that has configured structlog itself
they go where its events go. In any other they are records of the standard library's logging, and the application decides about
level, format and target.
"""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import structlog

from botkit.handoff.reference import reference

_PLAIN = re.compile(r"[^\s\"=\x00-\x1f\x7f-\x9f]+")
"""A value that needs no quotes."""


class EventLogger:
    """Logs events under one name; fields that are None are left out.

    A record of the standard library has them as `botkit_event` and `botkit_fields`, too.
    """

    __slots__ = ("_structlog", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._structlog = structlog.get_logger(name)

    def debug(self, event: str, **fields: Any) -> None:
        """What only developers of BotKit want to know."""
        self._log("debug", event, fields)

    def info(self, event: str, **fields: Any) -> None:
        """The ordinary course of things."""
        self._log("info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Something that somebody should look at, though the service goes on."""
        self._log("warning", event, fields)

    def error(self, event: str, **fields: Any) -> None:
        """Something failed for good."""
        self._log("error", event, fields)

    def critical(self, event: str, **fields: Any) -> None:
        """The service cannot go on."""
        self._log("critical", event, fields)

    def _log(self, level: str, event: str, fields: dict[str, Any]) -> None:
        session = fields.get("session")
        if isinstance(session, str) and "ref" not in fields:
            fields["ref"] = reference(session)  # An agent system's line: it knows its session only.
        fields = {name: value for name, value in fields.items() if value is not None}
        if structlog.is_configured():
            getattr(self._structlog, level)(event, **fields)
            return
        logger, number = logging.getLogger(self.name), _LEVELS[level]
        if logger.isEnabledFor(number):
            extra = {"botkit_event": event, "botkit_fields": fields}
            logger.log(number, "%s", as_text(event, fields), extra=extra, stacklevel=3)


_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}


def as_text(event: str, fields: dict[str, Any]) -> str:
    """An event in one line: ``effect_retry effect=SendToAgent code=BK-4001``."""
    return " ".join([event, *(f"{name}={_value(value)}" for name, value in fields.items())])


def _value(value: object) -> str:
    text = value if isinstance(value, str) else str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def get_logger(name: str) -> EventLogger:
    """The logger of this name, such as ``botkit.relay``."""
    return EventLogger(name)
