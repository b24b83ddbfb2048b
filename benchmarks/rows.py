"""What the table says: each measure with its aim, the machine's floor, and what the best peer reached."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Results = Mapping[str, Any]
"""By name of the measurement (see `measure.NAMES`)."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `aim` is met by a value at most (or, where more is better, at least) as large."""

    what: str
    value: float
    unit: str
    aim: float | None = None
    more_is_better: bool = False
    floor: str = ""
    peer: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the aim is met; None where there is none."""
        if self.aim is None:
            return None
        return self.value >= self.aim if self.more_is_better else self.value <= self.aim


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def rows(results: Results) -> list[Row]:
    """Every line there are results for."""
    return [*_hooks(results), *_latency(results), *_cost(results)]


def median_of(runs: Sequence[Any]) -> Any:
    """Several runs as one: the median of every number; all of the latencies; the first of a series."""
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


def _latency(results: Results) -> list[Row]:
    found = []
    bridge = results.get("bridge")
    for name, aims, peers in (("stream", (2.0, 6.0), ("1.6", "6")), ("poll", (None, None), ("", ""))):
        measured = results.get(name)
        if not measured:
            continue
        for share, aim, peer in zip((0.5, 0.99), aims, peers, strict=True):
            found.append(
                Row(
                    f"agent to user, {_how(name)}, p{share * 100:.0f}",
                    percentile(measured["ms"], share),
                    "ms",
                    aim=aim,
                    floor=f"{percentile(bridge['ms'], share):.2f}" if bridge and name == "stream" else "",
                    peer=peer,
                )
            )
    return found


def _cost(results: Results) -> list[Row]:
    found = []
    bridge = results.get("bridge")
    for name in ("stream", "poll"):
        measured = results.get(name)
        if not measured:
            continue
        floor = bridge if name == "stream" else None
        many = f"{measured['conversations']:,}"
        found += [
            Row(
                f"memory a conversation, {_how(name)}",
                measured["kilobytes"],
                "KB",
                aim=35,
                floor=f"{floor['kilobytes']:.1f}" if floor else "",
                peer="105",
            ),
            Row(
                f"idle processor time, {many} open, {_how(name)}",
                measured["idle_percent"],
                "%",
                aim=2.0 if name == "stream" else None,
                floor=f"{floor['idle_percent']:.2f}" if floor else "",
                peer="5",
            ),
            Row(
                f"time to open {many}, {_how(name)}",
                measured["open_seconds"],
                "s",
                floor=f"{floor['open_seconds']:.1f}" if floor else "",
                peer="4" if name == "stream" else "",
            ),
        ]
    return found


def _how(name: str) -> str:
    return {"stream": "stream", "poll": "poll every 2 s"}[name]
