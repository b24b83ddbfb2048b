"""The stories of hand-offs, as a store tells them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


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
