"""Reads the stories of hand-offs from a store, also while a service writes to it. It never changes the file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

import msgspec

from botkit.errors import LedgerError
from botkit.handoff.reference import hex_beginning
from botkit.ledger.sqlite.queries import SQL
from botkit.ledger.stories import Story, TakenStep

_NO_DETAIL: Mapping[str, Any] = MappingProxyType({})


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
            has_story = self._connection.execute(SQL["has_stories"]).fetchone()
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
        for number, detail in self._connection.execute(SQL["beginnings"]):
            yield number, _decoded(detail)

    def with_record(self, record: str) -> list[int]:
        """The numbers of the hand-offs that the agents' side files under this id."""
        rows = self._connection.execute(SQL["stories_with_record"], (record,))
        return [number for (number,) in rows]

    def story(self, number: int) -> Story | None:
        """The story of a reference's number; None if the store has none (any more)."""
        rows = self._connection.execute(SQL["steps"], {"ref": number})
        steps = tuple(TakenStep(at, kind, _decoded(detail)) for at, kind, detail in rows)
        return self._with_state(Story(number, steps))

    def _with_state(self, story: Story) -> Story | None:
        # The reference is the beginning of the session's id, also of one that began before stories were kept.
        begins = {"begins": hex_beginning(story.number)}
        state = self._connection.execute(SQL["live_session"], begins).fetchone()
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
        rows = self._connection.execute(SQL["waiting_effects"], (f"agent:{session}",))
        return tuple(kind for (kind,) in rows)


def _decoded(detail: str) -> Mapping[str, Any]:
    try:
        found = msgspec.json.decode(detail) if detail else {}
    except msgspec.DecodeError:
        return _NO_DETAIL
    return found if isinstance(found, dict) else _NO_DETAIL
