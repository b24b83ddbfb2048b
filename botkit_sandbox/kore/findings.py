"""What is unusual in a bot export: one finding per place, and one row per kind for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

PLACES_SHOWN = 3


class Kind(Enum):
    """Kinds of findings, the most important first: what is unusual, and what the sandbox does about it."""

    TRANSFER = ("no dialog hands over to an agent", 'say "talk to an agent", or start with --transfer "…"')
    BOT_ID = ("bot id that BotKit's routes do not accept", "the sandbox runs the bot under an id of its own")
    CREDENTIAL = ("possible credential", "used as it is; empty it before you share the export")
    CONFIG = ("config.json missing or unusual", "the bot runs without its variables")
    NAME = ("name or languages missing", "derived from the rest of the export")
    PART = ("part of the export missing", "the bot runs without it")
    EMPTY = ("dialog without nodes", "says so when it starts; export it with its tasks")
    NOT_PLAYED = ("node that the sandbox cannot play", "says so in the chat and goes on")
    EVENT = ("event handler that the sandbox does not run", "never happens")
    STAND_IN = ("node that a stand-in answers", "says so in the chat and goes on")
    COMPONENT = ("node without its component, or with another's", "skipped")
    SUBDIALOG = ("intent node that calls no dialog of the export", "skipped")
    TRANSITION = ("transition to a node that is not there", "the dialog ends there")
    FIRST_NODE = ("dialog that does not begin with its intent", "begins with its first node")
    SCRIPT = ("script that is missing or not JavaScript", "the chat tells the error when it is reached")
    FUNCTIONS = ("JavaScript file that holds no functions for scripts", "ignored")
    TRAINING = ("training of no dialog", "ignored")
    IDENTIFIER = ("id missing, twice, or of an unusual form", "the sandbox gives an id where it needs one")
    ENCODING = ("text that is not URL-encoded", "used as it stands")


@dataclass(frozen=True, slots=True)
class Finding:
    """One unusual place, or the whole bot, whose `place` is empty. `text` is a sentence with a fix; it never quotes a value that
    may be secret.
    """

    kind: Kind
    place: str
    text: str

    def __str__(self) -> str:
        return self.text

    def as_json(self) -> dict[str, str]:
        """For the control API."""
        return {"kind": self.kind.name.lower(), "place": self.place, "text": self.text}


@dataclass(frozen=True, slots=True)
class Row:
    """All findings of a kind."""

    kind: Kind
    count: int
    places: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """For the page and the control API."""
        what, then = self.kind.value
        return {
            "kind": self.kind.name.lower(),
            "count": self.count,
            "what": what,
            "then": then,
            "places": self.places,
        }


def rows(findings: Iterable[Finding]) -> tuple[Row, ...]:
    """One row per kind, in the order of `Kind`, with its first places."""
    return tuple(_rows(list(findings)))


def _rows(findings: list[Finding]) -> Iterator[Row]:
    for kind in Kind:
        found = [finding.place for finding in findings if finding.kind is kind]
        if found:
            yield Row(kind, len(found), tuple(dict.fromkeys(filter(None, found)))[:PLACES_SHOWN])
