"""The messages of one session in order, and what of them a poll gets (protocol section 3, points 1 to 3 and 9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

KEPT = 5_000
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
    """What has been said to the client since the session, or its life on this server, began.

    Attributes:
        last_offset: of the newest message; the first one's is one more than what it was at the start.
        handed: index of the last message that went out in any reply.
        acknowledged: the highest index the client is known to have.
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
        """The next message. Of more than `KEPT` nobody fetches, the oldest go."""
        self.last_offset += 1
        self._kept.append(Item(self._next, self.last_offset, kind, message))
        self._next += 1
        if len(self._kept) > KEPT:
            del self._kept[0]

    def ahead(self, ack: int) -> bool:
        """Whether the client acknowledges what it cannot have. After a reconnect that is the old server's number."""
        return self._settled and ack > self.handed

    def acknowledge(
        self, ack: int | None, *, replay: Replay = "unacknowledged", without_ack: WithoutAck = "all"
    ) -> int:
        """A poll with this `ack` arrived; returns the index after which messages are due.

        Args:
            ack: without one, everything handed out counts as received: such clients saw no repetitions (point 3).
            replay: what an older ack than the newest one brings again.
            without_ack: how much a poll without ack acknowledges.
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
        """Messages that are due."""
        return [item for item in self._kept if item.index > place]

    def hand_out(self, items: Sequence[Item]) -> None:
        """These go out now."""
        self.handed = max(self.handed, items[-1].index)

    def start_over(self, *, seen_offset: int | None, continued: bool) -> list[Item]:
        """The session moved to another server. Returns what the client has not seen, which is forgotten here.

        Args:
            seen_offset: `offset` of the last reply the client got; without it, its last ack counts.
            continued: numbers go on instead of starting at 0.
        """
        if seen_offset is None:
            unseen = [item for item in self._kept if item.index > self.acknowledged]
        else:
            unseen = [item for item in self._kept if item.offset > seen_offset]
        self._kept = []
        # A client that keeps its ack keeps the one it sent last, or the end of a reply it had no time to acknowledge.
        self._old_acks, self._settled = frozenset((self._last_ack, self.handed)), False
        if not continued:
            self._next = 0
        self._start = self.handed = self.acknowledged = self._next - 1
        return unseen

    def _place(self, ack: int) -> int:
        if self._settled:
            return min(ack, self.handed)
        # After a reconnect some clients begin at -1 again, others keep the ack of the old server (point 9). That one says
        # nothing until this server's first reply is acknowledged, which is when a number of ours comes back. Should both
        # be the same number it is taken for ours.
        if self.handed == self._start or ack > self.handed or ack <= self._start:
            return self._start
        if ack in self._old_acks and ack != self.handed:
            return self._start
        self._settled = True
        return ack
