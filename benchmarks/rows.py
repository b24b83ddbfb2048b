"""The rows of the table: each measure with its aim, the machine's floor, and the best peer's result."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Results = Mapping[str, Any]
"""By name of the measurement, see `measure.MEASUREMENTS`."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row. A value meets `aim` if it is at most `aim`, or, with `more_is_better`, at least `aim`.

    `spread`: the first and third quartile, if `value` is a median.
    """

    what: str
    value: float
    unit: str
    aim: float | None = None
    more_is_better: bool = False
    floor: str = ""
    peer: str = ""
    spread: tuple[float, float] | None = None

    @property
    def met(self) -> bool | None:
        """Whether the aim is met; None: no aim."""
        if self.aim is None:
            return None
        return self.value >= self.aim if self.more_is_better else self.value <= self.aim


@dataclass(frozen=True, slots=True)
class _Mark:
    """An aim, and the best peer's result."""

    aim: float | None = None
    peer: str = ""


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def rows(results: Results) -> list[Row]:
    """A row for every result."""
    return [*_hooks(results), *_handlers(results), *_latency(results), *_cost(results)]


def median_of(runs: Sequence[Any]) -> Any:
    """Merge several runs: the median of each number, all latencies, and the first series."""
    first = runs[0]
    if isinstance(first, Mapping):
        return {
            name: first[name]
            if name == "series"
            else [ms for run in runs for ms in run[name]]
            if name == "ms"
            else median_of([run[name] for run in runs])
            for name in first
        }
    return statistics.median(runs) if isinstance(first, int | float) else first


def _hooks(results: Results) -> list[Row]:
    hooks, echo, posts = results.get("hooks"), results.get("echo"), results.get("posts")
    floors = []
    if echo:
        floors.append(f"echo {echo['acknowledged_per_second']:,.0f}")
    if posts:
        floors.append(f"posts {posts['per_second']:,.0f}")
    if not hooks:
        return []
    return [
        Row(
            "hooks acknowledged and relayed, durable",
            hooks["through_per_second"],
            "/s",
            aim=3000,
            more_is_better=True,
            floor=", ".join(floors),
            peer="1,800, not durable",
        ),
        Row(
            "  acknowledgement p50, 32 connections",
            hooks["ack_p50_ms"],
            "ms",
            floor=f"{echo['ack_p50_ms']:.1f}" if echo else "",
        ),
        Row(
            "  acknowledgement p99, 32 connections",
            hooks["ack_p99_ms"],
            "ms",
            aim=25,
            floor=f"{echo['ack_p99_ms']:.1f}" if echo else "",
            peer="≥ 100",
        ),
        Row("  processor time per hook", hooks["cpu_us_per_hook"], "µs"),
    ]


def _handlers(results: Results) -> list[Row]:
    found = []
    for name, what in (("handler", "one handler"), ("coroutine", "one coroutine as handler")):
        measured = results.get(name)
        if not measured:
            continue
        cost, cpu_cost = measured["cost_percent"], measured["cpu_cost_percent"]
        found += [
            Row(
                f"hooks with {what}, durable",
                measured["with_per_second"],
                "/s",
                floor=f"without {measured['without_per_second']:,.0f}",
            ),
            Row(
                "  cost in hooks per second",
                cost["median"],
                "%",
                aim=15,
                spread=(cost["first"], cost["third"]),
            ),
            Row(
                "  processor time per hook",
                measured["with_cpu_us"],
                "µs",
                floor=f"without {measured['without_cpu_us']:,.0f}",
            ),
            Row(
                "  cost in processor time",
                cpu_cost["median"],
                "%",
                spread=(cpu_cost["first"], cpu_cost["third"]),
            ),
        ]
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Receiving:
    """A way to receive conversations: its measurement, its label, the measurement of its floor, and its marks.

    `cold`: nothing was opened before, so its memory includes what the first conversations load.
    """

    name: str
    label: str
    floor: str = ""
    cold: bool = False
    p50: _Mark = _Mark()
    p99: _Mark = _Mark()
    kilobytes: _Mark = _Mark()
    idle: _Mark = _Mark()
    opening: _Mark = _Mark()


_RECEIVING = (
    _Receiving(
        name="stream",
        label="stream",
        floor="bridge",
        p50=_Mark(2, "1.6"),
        p99=_Mark(6, "6"),
        kilobytes=_Mark(35, "105"),
        idle=_Mark(2, "5"),
        opening=_Mark(None, "4"),
    ),
    _Receiving(name="poll", label="poll every 2 s", kilobytes=_Mark(35, "105"), idle=_Mark(None, "5")),
    _Receiving(name="held", label="held stream, polled", cold=True),
    _Receiving(name="live-chat", label="Live Chat", floor="live-chat-bridge"),
)


def _latency(results: Results) -> list[Row]:
    return [
        Row(
            f"agent to user, {receiving.label}, p{share * 100:.0f}",
            percentile(results[receiving.name]["ms"], share),
            "ms",
            aim=mark.aim,
            floor=f"{percentile(results[receiving.floor]['ms'], share):.2f}"
            if receiving.floor in results
            else "",
            peer=mark.peer,
        )
        for receiving in _RECEIVING
        if receiving.name in results
        for share, mark in ((0.5, receiving.p50), (0.99, receiving.p99))
    ]


def _cost(results: Results) -> list[Row]:
    found = []
    for receiving in _RECEIVING:
        measured = results.get(receiving.name)
        if not measured:
            continue
        floor = results.get(receiving.floor)
        many = f"{measured['conversations']:,}"
        for what, key, unit, digits, mark in (
            ("memory a conversation", "kilobytes", "KB", 1, receiving.kilobytes),
            (f"idle processor time, {many} open", "idle_percent", "%", 2, receiving.idle),
            (f"time to open {many}", "open_seconds", "s", 1, receiving.opening),
        ):
            if receiving.cold and key == "kilobytes":
                continue
            found.append(
                Row(
                    f"{what}, {receiving.label}",
                    measured[key],
                    unit,
                    aim=mark.aim,
                    floor=f"{floor[key]:.{digits}f}" if floor else "",
                    peer=mark.peer,
                )
            )
    return found
