"""How much is read at once."""

from __future__ import annotations

import itertools
from collections.abc import Sequence


def fitting(sizes: Sequence[int], max_bytes: int) -> int:
    """How many of the first fit together into so many bytes."""
    totals = itertools.accumulate(sizes)
    return sum(1 for _ in itertools.takewhile(lambda total: total <= max_bytes, totals))
