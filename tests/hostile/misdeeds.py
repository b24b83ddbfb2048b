"""What a far side does wrong with a call, decided call by call, and counted."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Misdeed:
    """One call that goes wrong.

    Attributes:
        status: answered instead of taking the call; 0: the call is taken.
        retry_after: the header of that answer; empty: none.
        breaks: the connection: before the call is taken, or after it, without an answer.
        delay_seconds: how long the answer of a call that was taken is kept back.
    """

    status: int = 0
    retry_after: str = ""
    breaks: Literal["never", "before", "after"] = "never"
    delay_seconds: float = 0.0


Chooser = Callable[[str], Misdeed | None]
"""Given the name of a call: what goes wrong with it, or nothing."""


class FarSide:
    """What one far side does to the calls that reach it."""

    def __init__(self) -> None:
        self.choose: Chooser | None = None
        self.injected = 0
        """How many calls went wrong so far."""

    def misdeed(self, call: str) -> Misdeed | None:
        """What goes wrong with this call, if anything does."""
        if self.choose is None:
            return None
        found = self.choose(call)
        self.injected += found is not None
        return found


def sometimes(chance: random.Random, share: float, misdeeds: Sequence[Misdeed]) -> Chooser:
    """One of these for so many of all calls."""
    return lambda call: chance.choice(misdeeds) if chance.random() < share else None


def always(*misdeeds: Misdeed, chance: random.Random) -> Chooser:
    """One of these for every call."""
    return lambda call: chance.choice(misdeeds)
