"""`RelayMetrics`: the metrics that the relay writes."""

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
        """The number of messages that are sent again although an earlier attempt may have arrived."""

    def repeated_to_agents(self, system: str) -> None:
        """A message of a user was sent to this agent system again, with its id: an earlier attempt may have succeeded."""

    def receivers_open(self, count: int) -> None:
        """The number of agent sessions with a receiver."""

    def reconnected(self, system: str) -> None:
        """A receiver lost its stream and opens another."""

    def streams_held(self, system: str, change: int) -> None:
        """More (1) or fewer (-1) conversations are followed by polling because their streams are held back."""

    def noted(self, what: str, why: str, *, ref: str = "") -> None:
        """The rules asked for a count (`effects.CountMetric`), in the hand-off with this reference if there is one."""
