"""SVG plots: latency of agents' messages, and hooks over time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from xml.sax.saxutils import escape

_WIDTH, _HEIGHT = 760, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 24, 48, 52
_COLOURS = ("#2563eb", "#d97706", "#6b7280", "#059669")
_SHORTEST_SECONDS = 0.05
"""The last sample of a series may come right after the one before."""
_FONT = "font-family='system-ui, sans-serif'"


@dataclass(frozen=True, slots=True)
class Line:
    """One curve."""

    name: str
    points: Sequence[tuple[float, float]]
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """A scale from data to the unit interval, with ticks."""

    label: str
    ticks: Sequence[tuple[float, str]]
    place: Callable[[float], float]


_LATENCIES = {
    "stream": "receive: stream",
    "stream-before": "version before",
    "bridge": "floor: bare aiohttp, nothing stored",
    "bridge-promise": "a bare relay, one commit and a receipt each",
}
_SERVICES = {
    "hooks": "botkit serve, durable",
    "hooks-wsgi": "WSGI middleware on granian, durable",
    "hooks-before": "version before, durable",
    "hooks-peer": "Kore's Node BotKit, not durable",
}


def drawn(results: Mapping[str, Any]) -> dict[str, str]:
    """The plots of the results that have one, by the name of the file."""
    found = {}
    if latencies := {name: results[name]["ms"] for name in _LATENCIES if name in results}:
        found["latency.svg"] = latency(latencies)
    if series := {name: results[name]["series"] for name in _SERVICES if name in results}:
        found["hooks.svg"] = hooks(series)
    return found


def latency(latencies: Mapping[str, Sequence[float]]) -> str:
    """The share of messages that arrived within a time, on a logarithmic axis."""
    lines = []
    for name, values in latencies.items():
        ordered = sorted(values)
        shares = [(ms, (place + 1) / len(ordered)) for place, ms in enumerate(ordered)]
        lines.append(Line(_LATENCIES[name], shares, dashed=name.startswith("bridge")))
    slowest = max(ms for line in lines for ms, _ in line.points)
    low, high = -1.0, math.ceil(math.log10(slowest))
    ticks = [
        (10.0**power, f"{10**power:g} ms" if power < 3 else f"{10 ** (power - 3):g} s")
        for power in range(-1, high + 1)
    ]
    x = Axis(
        "from the agent's message to the platform",
        ticks,
        lambda ms: (math.log10(max(ms, 0.1)) - low) / (high - low),
    )
    y = Axis("share arrived", [(n / 4, f"{n * 25} %") for n in range(5)], lambda share: share)
    return _chart("Agent to user, 1,000 open conversations", x, y, lines)


def hooks(series: Mapping[str, Sequence[tuple[float, int, int]]]) -> str:
    """Hooks relayed per second, over the measured time.

    Args:
        series: by name of the measurement: (seconds, acknowledged, relayed) since the start.
    """
    lines = []
    for name, samples in series.items():
        relayed = [
            ((t0 + t1) / 2, (r1 - r0) / (t1 - t0))
            for (t0, _, r0), (t1, _, r1) in pairwise(samples)
            if t1 - t0 > _SHORTEST_SECONDS
        ]
        lines.append(Line(_SERVICES[name], relayed, dashed=name == "hooks-peer"))
    end = max(samples[-1][0] for samples in series.values())
    highest = max(rate for line in lines for _, rate in line.points)
    step = 500 if highest <= 3000 else 1000
    top = math.ceil(highest / step) * step
    x = Axis("seconds", [(n, str(n)) for n in range(0, int(end) + 1, 2)], lambda t: t / end)
    y = Axis("hooks per second", [(n, f"{n:,}") for n in range(0, top + 1, step)], lambda rate: rate / top)
    return _chart("Hooks relayed through one core, 32 connections", x, y, lines)


def _chart(title: str, x: Axis, y: Axis, lines: Sequence[Line]) -> str:
    wide, high = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def at(point: tuple[float, float]) -> tuple[float, float]:
        return _LEFT + x.place(point[0]) * wide, _TOP + (1 - y.place(point[1])) * high

    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {_WIDTH} {_HEIGHT}' role='img'>",
        f"<title>{escape(title)}</title>",
        f"<rect width='{_WIDTH}' height='{_HEIGHT}' fill='#ffffff'/>",
        _text(_LEFT, 26, title, size=15, weight="600"),
    ]
    for value, name in y.ticks:
        place = _TOP + (1 - y.place(value)) * high
        parts.append(
            f"<path d='M{_LEFT} {place:.1f}H{_WIDTH - _RIGHT}' stroke='#e5e7eb' fill='none'/>"
            + _text(_LEFT - 8, place + 4, name, anchor="end")
        )
    for value, name in x.ticks:
        place = _LEFT + x.place(value) * wide
        parts.append(
            f"<path d='M{place:.1f} {_TOP}V{_TOP + high}' stroke='#f3f4f6' fill='none'/>"
            + _text(place, _TOP + high + 18, name, anchor="middle")
        )
    parts.append(_text(_LEFT + wide / 2, _HEIGHT - 10, x.label, anchor="middle"))
    for number, line in enumerate(lines):
        colour = _COLOURS[number % len(_COLOURS)]
        dashes = " stroke-dasharray='5 4'" if line.dashed else ""
        path = "L".join(f"{a:.1f} {b:.1f}" for a, b in map(at, _thinned(line.points)))
        parts.append(f"<path d='M{path}' fill='none' stroke='{colour}' stroke-width='2'{dashes}/>")
        # The legend is in the lower right, away from curves that rise to the right.
        top = _TOP + high - 18 * (len(lines) - number) + 4
        parts.append(
            f"<path d='M{_WIDTH - 270} {top:.1f}h24' stroke='{colour}' stroke-width='2'{dashes}/>"
            + _text(_WIDTH - 238, top + 4, line.name)
        )
    return "\n".join([*parts, "</svg>", ""])


def _thinned(points: Sequence[tuple[float, float]], limit: int = 240) -> Sequence[tuple[float, float]]:
    """Fewer points, with the last one."""
    step = max(1, len(points) // limit)
    return [*points[::step], points[-1]]


def _text(
    x: float, y: float, words: str, *, size: int = 12, anchor: str = "start", weight: str = "400"
) -> str:
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' {_FONT} font-size='{size}' font-weight='{weight}' fill='#374151' "
        f"text-anchor='{anchor}'>{escape(words)}</text>"
    )
