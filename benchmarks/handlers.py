"""The cost of a handler: the same hooks to a service with a handler and to one without, in turns.

On a shared host, hooks per second vary by more than a handler costs. So both services run at the same time on the same core, and
the load alternates in short turns: without, with, with, without, and so on. Each turn is compared with its neighbour in time. The
result is the median of all pairs; the quartiles are its spread.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.hooks import post_hooks
from benchmarks.machine import LOAD_CORE, cpu_seconds
from benchmarks.processes import Process, application, configure, pinned

_FIRST_SECONDS = 4.0
"""The write-ahead log grows during this time, and a commit costs more while it grows."""
_WARM_UP_SECONDS = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnPlan:
    """The number of pairs of turns (even), and the length of a turn."""

    pairs: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Turn:
    """The result of one turn."""

    per_second: float
    cpu_us: float


def compare(turns: TurnPlan, *, base: str, other: str) -> dict[str, Any]:
    """Measure `other` against `base`, both names in `applications`. Returns the result of `compared`."""
    with ExitStack() as stack:
        loader = stack.enter_context(pinned(LOAD_CORE, "benchmarks.load"))
        loader.line()
        served = []
        for name in (base, other):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="botkit-bench-"))
            served.append(stack.enter_context(application(name, configure(Path(folder)))))
        for process, port in served:
            _turn(loader, process, port, _FIRST_SECONDS)
        pairs = []
        for number in range(turns.pairs):
            first, second = served if number % 2 == 0 else served[::-1]
            pair = [_turn(loader, process, port, turns.seconds) for process, port in (first, second)]
            pairs.append((pair[0], pair[1]) if first is served[0] else (pair[1], pair[0]))
    return compared(pairs)


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
        "cost_percent": _quartiles(slower),
        "cpu_cost_percent": _quartiles(dearer),
    }


def _turn(loader: Process, process: Process, port: int, seconds: float) -> Turn:
    used = cpu_seconds(process.pid)
    result = post_hooks(loader, port, seconds=seconds, warm_up_seconds=_WARM_UP_SECONDS)
    used = cpu_seconds(process.pid) - used
    return Turn(result["through_per_second"], used / result["relayed"] * 1e6)


def _quartiles(values: Sequence[float]) -> dict[str, float]:
    first, second, third = statistics.quantiles(values, n=4, method="inclusive")
    return {"first": first, "median": second, "third": third}
