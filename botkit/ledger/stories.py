"""The stories of hand-offs, as a store tells them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import msgspec

from botkit.handoff.reference import hex_beginning

_NO_DETAIL: Mapping[str, Any] = MappingProxyType({})
_FACTS = ("session", "bot", "user", "channel", "system", "opened_at")


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


@dataclass(frozen=True, slots=True)
class StoryQueries:
    """The queries that stories are told from, in a store's SQL. Their parameters have names."""

    beginnings: str
    with_record: str
    steps: str
    live_session: str
    waiting: str


Execute = Callable[[str, Mapping[str, Any]], Iterable[tuple[Any, ...]]]


class StoryReader:
    """Tells stories from the rows of a store, also while a service writes to it. It never changes the store."""

    def __init__(self, execute: Execute, queries: StoryQueries) -> None:
        self._execute = execute
        self._queries = queries

    def beginnings(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """The number and the first step of every hand-off, the oldest first."""
        for number, detail in self._execute(self._queries.beginnings, {}):
            yield number, _decoded(detail)

    def with_record(self, record: str) -> list[int]:
        """The numbers of the hand-offs that the agents' side files under this id."""
        return [number for (number,) in self._execute(self._queries.with_record, {"record": record})]

    def story(self, number: int) -> Story | None:
        """The story of a reference's number; None if the store has none (any more)."""
        rows = self._execute(self._queries.steps, {"ref": number})
        steps = tuple(TakenStep(at, kind, _decoded(detail)) for at, kind, detail in rows)
        story = Story(number, steps)
        # The reference is the beginning of the session's id, also of one that began before stories were kept.
        begins = {"begins": hex_beginning(number)}
        state = next(iter(self._execute(self._queries.live_session, begins)), None)
        if state is None:
            stated = (step.detail["session"] for step in reversed(steps) if "session" in step.detail)
            return replace(story, waiting=self._waiting(next(stated, ""))) if steps else None
        *known, sent, shown = state
        return replace(
            story,
            facts=dict(zip(_FACTS, known, strict=True)),
            sent=sent or 0,
            shown=shown or 0,
            waiting=self._waiting(known[0]),
        )

    def _waiting(self, session: str) -> tuple[str, ...]:
        rows = self._execute(self._queries.waiting, {"lane": f"agent:{session}"})
        return tuple(kind for (kind,) in rows)


def _decoded(detail: str) -> Mapping[str, Any]:
    try:
        found = msgspec.json.decode(detail) if detail else {}
    except msgspec.DecodeError:
        return _NO_DETAIL
    return found if isinstance(found, dict) else _NO_DETAIL
