"""A checker of histories: what one side sent against what the other side saw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Violations:
    """What is wrong with a history; all empty if nothing is."""

    lost: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()
    invented: tuple[str, ...] = ()
    out_of_order: tuple[str, ...] = ()


def violations(sent: Sequence[str], seen: Sequence[str], *, unconfirmed: Collection[str] = ()) -> Violations:
    """Compare.

    Args:
        sent: in the order it was sent; no two alike.
        seen: in the order it was seen.
        unconfirmed: of `sent`, what nobody promised to deliver: it may be missing, but neither repeated nor misplaced.
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
