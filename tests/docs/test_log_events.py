"""The page on operations explains every log event that wants attention, and no event that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
SOURCES = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "botkit").rglob("*.py")))
ALARMING = set(re.findall(r'_log\.(?:warning|error|critical)\(\s*"([a-z]+(?:_[a-z]+)+)"', SOURCES))
EXPLAINED = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", PAGE.split("| event | means |")[1].split("##")[0])) - {
    "botkit_handoff_total"
}


def test_every_warning_and_error_of_the_relay_is_explained() -> None:
    assert len(ALARMING) > 5
    assert not ALARMING - EXPLAINED


def test_every_explained_event_is_logged_somewhere() -> None:
    assert not {event for event in EXPLAINED if f'"{event}"' not in SOURCES}
