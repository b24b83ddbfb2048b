"""The cost of a handler: the same hooks to a service with a handler and to one without, in turns (see `turns`).

The result is the median of all pairs; the quartiles are its spread.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.processes import application, configure
from benchmarks.turns import Turn, TurnPlan, alternate, quartiles


def compare(turns: TurnPlan, *, base: str, other: str) -> dict[str, Any]:
    """Measure `other` against `base`, both names in `applications`. Returns the result of `compared`."""
    with ExitStack() as stack:
        serving = []
        for name in (base, other):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="botkit-bench-"))
            serving.append(application(name, configure(Path(folder))))
        return compared(alternate(turns, *serving))


def compared(pairs: Sequence[tuple[Turn, Turn]]) -> dict[str, Any]:
    """
    Args:
        pairs: a turn without the handler and its neighbour with it.

    Returns:
        Medians of both sides; ``cost_percent``: the loss of hooks per second, and ``cpu_cost_percent``: the extra processor time
        per hook, each as quartiles of the pairs.
    """
    slower = [100 * (1 - other.per_second / base.per_second) for base, other in pairs]
    dearer = [100 * (other.cpu_us / base.cpu_us - 1) for base, other in pairs]
    return {
        "pairs": len(pairs),
        "without_per_second": statistics.median(base.per_second for base, _ in pairs),
        "with_per_second": statistics.median(other.per_second for _, other in pairs),
        "without_cpu_us": statistics.median(base.cpu_us for base, _ in pairs),
        "with_cpu_us": statistics.median(other.cpu_us for _, other in pairs),
        "cost_percent": quartiles(slower),
        "cpu_cost_percent": quartiles(dearer),
    }
