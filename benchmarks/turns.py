"""Services that run at the same time on the same core, and get the load in short turns.

On a shared host, hooks per second vary by more than most changes cost: whole runs of one version, one after the other, differed
by a third. So the load alternates: the one, the other, the other, the one, and so on. Each turn is compared with its neighbour in
time.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass

from benchmarks.hooks import post_hooks
from benchmarks.machine import LOAD_CORE, cpu_seconds
from benchmarks.processes import Process, pinned

Serving = AbstractContextManager[tuple[Process, int]]
"""A service's process and its port."""

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
    """The result of one turn.

    Attributes:
        per_second: hooks that reached the platform.
        cpu_us: microseconds of the service's processor time per hook.
        p50_ms: of the acknowledgements, as `p99_ms`.
    """

    per_second: float
    cpu_us: float
    p50_ms: float = 0.0
    p99_ms: float = 0.0


def alternate(plan: TurnPlan, base: Serving, other: Serving) -> Sequence[tuple[Turn, Turn]]:
    """Measure two services. Returns pairs of neighbours: a turn of `base`, and one of `other`."""
    with ExitStack() as stack:
        loader = stack.enter_context(pinned(LOAD_CORE, "benchmarks.load"))
        loader.line()
        served = [stack.enter_context(one) for one in (base, other)]
        for process, port in served:
            _turn(loader, process, port, _FIRST_SECONDS)
        pairs = []
        for number in range(plan.pairs):
            in_order = served if number % 2 == 0 else served[::-1]
            pair = [_turn(loader, process, port, plan.seconds) for process, port in in_order]
            pairs.append((pair[0], pair[1]) if in_order is served else (pair[1], pair[0]))
    return pairs


def quartiles(values: Sequence[float]) -> dict[str, float]:
    """The ``first``, the ``median`` and the ``third``."""
    first, second, third = statistics.quantiles(values, n=4, method="inclusive")
    return {"first": first, "median": second, "third": third}


def _turn(loader: Process, process: Process, port: int, seconds: float) -> Turn:
    used = cpu_seconds(process.pid)
    result = post_hooks(loader, port, seconds=seconds, warm_up_seconds=_WARM_UP_SECONDS)
    used = cpu_seconds(process.pid) - used
    return Turn(
        result["through_per_second"],
        used / result["relayed"] * 1e6,
        result["ack_p50_ms"],
        result["ack_p99_ms"],
    )
