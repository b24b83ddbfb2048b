"""Checks a history: compares what one side sent with what the other side saw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Violations:
    """The violations in a history; all empty if it is correct."""

    lost: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()
    invented: tuple[str, ...] = ()
    out_of_order: tuple[str, ...] = ()


def violations(sent: Sequence[str], seen: Sequence[str], *, unconfirmed: Collection[str] = ()) -> Violations:
    """Compare both sides.

    Args:
        sent: the messages, in order; no two are equal.
        seen: the messages seen, in order.
        unconfirmed: messages of `sent` without acknowledgement: they may be missing, but not repeated or misplaced.
    """
    counted = Counter(seen)
    place = {text: number for number, text in enumerate(sent)}
    first_seen = [text for text in dict.fromkeys(seen) if text in place]
    return Violations(
        lost=tuple(text for text in sent if text not in counted and text not in unconfirmed),
        repeated=tuple(text for text in sent for _ in range(counted[text] - 1)),
        invented=tuple(text for text in counted if text not in place),
        out_of_order=tuple(later for earlier, later in pairwise(first_seen) if place[later] < place[earlier]),
    )
