"""Reads the stories of hand-offs from a store, also while a service writes to it. It never changes the file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

import msgspec

from botkit.errors import LedgerError
from botkit.handoff.reference import hex_beginning
from botkit.handoff.steps import StepKind

_NO_DETAIL: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class TakenStep:
    """One step: its time in seconds since the epoch, its kind and its details."""

    at: float
    kind: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Story:
    """What the store has of one hand-off.

    Attributes:
        number: of its reference.
        steps: in the order in which they were committed. The first one is the beginning, unless the store keeps it no more.
        facts: of a hand-off that still goes on: session, bot, user, channel, system and opened_at; None once it has ended.
        sent: the user's messages that the agents' side has accepted so far; None once it has ended (the end has the number).
        shown: the agents' messages for the user so far, likewise.
        waiting: the effects of its agent session that are not done yet, by kind.
    """

    number: int
    steps: tuple[TakenStep, ...]
    facts: Mapping[str, Any] | None = None
    sent: int | None = None
    shown: int | None = None
    waiting: tuple[str, ...] = ()

    @property
    def live(self) -> bool:
        """Whether the hand-off still goes on."""
        return self.facts is not None


class StoryReader:
    """Opens the file of a store for reading.

    Raises:
        LedgerError: it does not exist, cannot be read, or was written by a version without stories.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise LedgerError(f"there is no store at {path}; does store.url name the one of the service?")
        try:
            self._connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=5.0)
            has_story = self._connection.execute(
                "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'story'"
            ).fetchone()
        except sqlite3.Error as error:
            raise LedgerError(
                f"the store {path} cannot be read: {error}; run it as the service's user"
            ) from error
        if has_story is None:
            self._connection.close()
            raise LedgerError(
                f"the store {path} is of a version that keeps no stories; start the service once"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def beginnings(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """The number and the first step of every hand-off, the oldest first."""
        rows = self._connection.execute("SELECT ref, detail FROM story WHERE kind = 'transfer' ORDER BY id")
        for number, detail in rows:
            yield number, _decoded(detail)

    def with_record(self, record: str) -> list[int]:
        """The numbers of the hand-offs that the agents' side files under this id."""
        rows = self._connection.execute(
            "SELECT DISTINCT ref FROM story WHERE kind = ? AND instr(detail, ?)", (StepKind.RECORD, record)
        )
        return [number for (number,) in rows]

    def story(self, number: int) -> Story | None:
        """The story of a reference's number; None if the store has none (any more)."""
        first = self._connection.execute(
            "SELECT min(id) FROM story WHERE ref = ? AND kind = 'transfer'", (number,)
        ).fetchone()[0]
        rows = self._connection.execute(
            "SELECT at, kind, detail FROM story WHERE id >= ? AND ref = ? ORDER BY id", (first or 0, number)
        )
        steps = tuple(TakenStep(at, kind, _decoded(detail)) for at, kind, detail in rows)
        return self._with_state(Story(number, steps))

    def _with_state(self, story: Story) -> Story | None:
        # The reference is the beginning of the session's id, also of one that began before stories were kept.
        begins = hex_beginning(story.number)
        state = self._connection.execute(
            "SELECT session, bot_id, user_id, channel, json_extract(CAST(state AS TEXT), '$.session.system'), "
            "json_extract(CAST(state AS TEXT), '$.session.opened_at'), "
            "json_extract(CAST(state AS TEXT), '$.session.sent_count'), "
            "json_extract(CAST(state AS TEXT), '$.session.shown_count') "
            "FROM conversations WHERE session >= ? AND session < ? || 'g'",
            (begins, begins),
        ).fetchone()
        if state is None:
            stated = (step.detail["session"] for step in reversed(story.steps) if "session" in step.detail)
            waiting = self._waiting(next(stated, ""))
            return replace(story, waiting=waiting) if story.steps else None
        *known, sent, shown = state
        return replace(
            story,
            facts=dict(zip(("session", "bot", "user", "channel", "system", "opened_at"), known, strict=True)),
            sent=sent or 0,
            shown=shown or 0,
            waiting=self._waiting(known[0]),
        )

    def _waiting(self, session: str) -> tuple[str, ...]:
        rows = self._connection.execute(
            "SELECT kind FROM outbox WHERE lane = ? AND lane != 'user' ORDER BY id", (f"agent:{session}",)
        )
        return tuple(kind for (kind,) in rows)


def _decoded(detail: str) -> Mapping[str, Any]:
    try:
        found = msgspec.json.decode(detail) if detail else {}
    except msgspec.DecodeError:
        return _NO_DETAIL
    return found if isinstance(found, dict) else _NO_DETAIL
