"""The message log of one session, and the messages that a poll gets.

See docs/protocols/salesforce-live-chat.md, 3, points 1 to 3 and 9.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

MAX_KEPT = 5_000
Replay = Literal["unacknowledged", "everything", "nothing"]
WithoutAck = Literal["all", "none", "refuse"]


@dataclass(frozen=True, slots=True)
class Item:
    """One message. `index` starts again after a reconnect, `offset` only ever grows."""

    index: int
    offset: int
    type: str
    message: Mapping[str, Any]


@dataclass(slots=True)
class MessageLog:
    """The messages to the client since the session began, or since it moved to this server.

    Attributes:
        last_offset: offset of the newest message; before the first message, the start value.
        handed: index of the last message that was sent in any reply.
        acknowledged: the highest index that the client is known to have received.
    """

    last_offset: int
    handed: int = -1
    acknowledged: int = -1
    _next: int = 0
    _kept: list[Item] = field(default_factory=list)
    _last_ack: int | None = None
    _old_acks: frozenset[int | None] = frozenset()
    _start: int = -1
    _settled: bool = True

    def add(self, kind: str, message: Mapping[str, Any]) -> None:
        """Append a message. If more than `MAX_KEPT` are not fetched, the oldest are dropped."""
        self.last_offset += 1
        self._kept.append(Item(self._next, self.last_offset, kind, message))
        self._next += 1
        if len(self._kept) > MAX_KEPT:
            del self._kept[0]

    def ahead(self, ack: int) -> bool:
        """Whether the client acknowledges a message that was never sent. After a reconnect the number may be the old server's."""
        return self._settled and ack > self.handed

    def acknowledge(
        self, ack: int | None, *, replay: Replay = "unacknowledged", without_ack: WithoutAck = "all"
    ) -> int:
        """Process the `ack` of a poll. Returns the index after which messages are due.

        Args:
            ack: without one, every message sent counts as received: such clients saw no repetitions (point 3).
            replay: which messages an ack older than the newest one repeats.
            without_ack: which messages a poll without ack acknowledges.
        """
        if replay == "nothing" or (ack is None and without_ack == "all"):
            place = self.handed
        else:
            place = self._start if ack is None else self._place(ack)
        self._last_ack = ack
        if place > self.acknowledged:
            self.acknowledged = place
            if replay != "everything":
                self._kept = [item for item in self._kept if item.index > place]
        return place

    def after(self, place: int) -> list[Item]:
        """The messages after this index."""
        return [item for item in self._kept if item.index > place]

    def hand_out(self, items: Sequence[Item]) -> None:
        """Record that these messages are sent."""
        self.handed = max(self.handed, items[-1].index)

    def start_over(self, *, seen_offset: int | None, continued: bool) -> list[Item]:
        """Move the session to another server: empty the log, and return the messages that the client has not seen.

        Args:
            seen_offset: `offset` of the last reply that the client got; None: its last ack counts.
            continued: indexes continue instead of starting at 0.
        """
        if seen_offset is None:
            unseen = [item for item in self._kept if item.index > self.acknowledged]
        else:
            unseen = [item for item in self._kept if item.offset > seen_offset]
        self._kept = []
        # A client that keeps its old ack keeps the last one it sent, or the end of a reply that it had not yet acknowledged.
        self._old_acks, self._settled = frozenset((self._last_ack, self.handed)), False
        if not continued:
            self._next = 0
        self._start = self.handed = self.acknowledged = self._next - 1
        return unseen

    def _place(self, ack: int) -> int:
        if self._settled:
            return min(ack, self.handed)
        # After a reconnect some clients start at -1 again, others keep the ack of the old server (point 9). The old ack has
        # no meaning here until the client acknowledges this server's first reply. If both numbers are equal, the ack counts
        # as this server's.
        if self.handed == self._start or ack > self.handed or ack <= self._start:
            return self._start
        if ack in self._old_acks and ack != self.handed:
            return self._start
        self._settled = True
        return ack
