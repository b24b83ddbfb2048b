"""The page on operations explains every log event, and no event that does not exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
LEVELS = {"debug", "info", "warning", "error", "critical"}
LOGGERS = {"_log", "log"}
NAME = re.compile(r"[a-z]+(?:_[a-z]+)*")

EXPLAINED = {
    name
    for row in re.findall(
        r"^\| (`[^|]+) \|", PAGE.split("| event | means |")[1].split("\n## ")[0], re.MULTILINE
    )
    for name in re.findall(r"`([^`]+)`", row)
}


def _root_of(called: ast.expr) -> ast.expr | None:
    """The logger of a call: of ``_log.info(…)``, ``self.log.info(…)``, ``log(…)`` or ``getattr(_log, level)(…)``."""
    match called:
        case ast.Attribute(value=logger, attr=level) if level in LEVELS:
            return logger
        case ast.Call(func=ast.Name("getattr"), args=[logger, *_]):
            return logger
        case ast.Name():
            return called
    return None


def _logged(path: Path) -> Iterator[tuple[str, ast.expr]]:
    """Every call of a logger in a module: its place, and the event."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        match _root_of(node.func):
            case ast.Name(name) | ast.Attribute(attr=name) if name in LOGGERS:
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node.args[0]


@cache  # and not while modules are imported, which every runner of the suite does
def _calls() -> list[tuple[str, ast.expr]]:
    return [
        call
        for path in sorted((ROOT / "botkit").rglob("*.py"))
        if path.name != "events.py"  # the logger itself
        for call in _logged(path)
    ]


def _events() -> set[str]:
    return {
        event.value
        for _, event in _calls()
        if isinstance(event, ast.Constant) and isinstance(event.value, str)
    }


def test_an_event_is_a_name_and_not_a_sentence() -> None:
    sentences = {
        f"{place}: {event.value!r}"
        for place, event in _calls()
        if isinstance(event, ast.Constant) and not NAME.fullmatch(str(event.value))
    }
    assert len(_calls()) > 40
    assert not sentences


def test_every_event_is_explained() -> None:
    assert not _events() - EXPLAINED


def test_every_explained_event_is_logged_somewhere() -> None:
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "botkit").rglob("*.py"))
    assert not {event for event in EXPLAINED - _events() if f'"{event}"' not in sources}


def test_only_botkits_own_logger_is_used() -> None:
    quieten = {"botkit/relay/schedule.py", "botkit/ledger/postgresql/database.py"}
    allowed = {"botkit/observability/events.py", "botkit/observability/logs.py", *quieten}
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "botkit").rglob("*.py")
        if re.search(r"\b(?:logging\.getLogger|structlog\.get_logger)\(", path.read_text(encoding="utf-8"))
    }
    assert found == allowed
