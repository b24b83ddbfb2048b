"""What a handler costs: the same hooks to a service with one and to a service without, in turns.

Hooks per second change by more than a handler costs while a host serves others. So both services run at the same time, on the
same core, and the load goes to one while the other rests, in short turns: without, with, with, without, and so on. What is
compared are neighbours in time; of all such pairs the median counts, and the middle half is its spread.
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
"""The write-ahead log grows for as long, and a commit costs more while it does."""
_WARM_UP_SECONDS = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedLock:
    """How many pairs of turns, an even number, and how long each turn is."""

    pairs: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn came to."""

    per_second: float
    cpu_us: float


def compare(turns: KeyedLock, *, base: str, other: str) -> dict[str, Any]:
    """Measure `other` beside `base`, two of `applications`. See `compared` for what comes back."""
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
        pairs: a turn without and one with, neighbours in time.

    Returns:
        Medians of both sides; ``cost_percent``: by how much fewer hooks per second, and ``cpu_cost_percent``: by how much more
        processor time per hook, each as the quartiles of the pairs.
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
    result = post_hooks(loader, port=port, seconds=seconds, warm_up_seconds=_WARM_UP_SECONDS)
    used = cpu_seconds(process.pid) - used
    if result["refused"] or result["relayed"] != result["acknowledged"]:
        raise RuntimeError(
            f"{result['refused']} hooks were refused, and {result['relayed']} of {result['acknowledged']} relayed"
        )
    return Turn(result["through_per_second"], used / result["relayed"] * 1e6)


def _quartiles(values: Sequence[float]) -> dict[str, float]:
    first, second, third = statistics.quantiles(values, n=4, method="inclusive")
    return {"first": first, "median": second, "third": third}
