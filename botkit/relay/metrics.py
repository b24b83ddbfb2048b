"""What the relay counts, as hooks that cost nothing when nobody listens."""

from __future__ import annotations

from typing import Literal, Protocol

Outcome = Literal["delivered", "refused", "gave_up", "broken"]


class RelayMetrics(Protocol):
    """Implemented by `botkit.observability.metrics`. Called on the relay's loop; must not block.

    `kind` is the name of the effect's class (``PassToBot``, ``SendToAgent``, …).
    """

    def effect_done(self, kind: str, outcome: Outcome) -> None:
        """An effect left its lane."""

    def effect_retried(self, kind: str) -> None:
        """An attempt failed and will be repeated."""

    def possible_duplicates(self, count: int) -> None:
        """So many deliveries to users are repeated that may have been made already."""

    def receivers_open(self, count: int) -> None:
        """How many agent sessions are being listened to now."""

    def reconnected(self, system: str) -> None:
        """A receiver lost its stream and goes back for another."""

    def noted(self, what: str, why: str) -> None:
        """The rules asked for this to be counted (`effects.CountMetric`)."""


class NoMetrics:
    """Counts nothing."""

    def effect_done(self, kind: str, outcome: Outcome) -> None:
        """Nothing."""

    def effect_retried(self, kind: str) -> None:
        """Nothing."""

    def possible_duplicates(self, count: int) -> None:
        """Nothing."""

    def receivers_open(self, count: int) -> None:
        """Nothing."""

    def reconnected(self, system: str) -> None:
        """Nothing."""

    def noted(self, what: str, why: str) -> None:
        """Nothing."""
