"""The measurements by name, in the order they are made, at three sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from benchmarks import hooks
from benchmarks.conversations import Plan, run_bridge, run_service


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much of everything."""

    hook_seconds: float
    floor_seconds: float
    stream: Plan
    poll: Plan
    bridge: Plan


NORMAL = Size(
    hook_seconds=10.0,
    floor_seconds=3.0,
    stream=Plan(conversations=1000, messages=1000, per_second=50, idle_seconds=45),
    poll=Plan(conversations=1000, messages=500, per_second=50, idle_seconds=15),
    bridge=Plan(conversations=1000, messages=500, per_second=50, idle_seconds=15),
)
"""About three minutes."""
QUICK = Size(
    hook_seconds=3.0,
    floor_seconds=1.0,
    stream=Plan(conversations=200, messages=200, per_second=50, idle_seconds=3, settle_seconds=1),
    poll=Plan(conversations=200, messages=100, per_second=50, idle_seconds=3, settle_seconds=1),
    bridge=Plan(conversations=200, messages=100, per_second=50, idle_seconds=3, settle_seconds=1),
)
LONG = replace(NORMAL, stream=replace(NORMAL.stream, idle_seconds=240))
"""Four minutes of idling: every conversation's list is read four times, and its request id extended once."""

MEASUREMENTS: dict[str, Callable[[Size], dict[str, Any]]] = {
    "hooks": lambda size: hooks.run_service(size.hook_seconds),
    "echo": lambda size: hooks.run_echo(size.floor_seconds),
    "posts": lambda size: {"per_second": hooks.run_posts(size.floor_seconds)},
    "stream": lambda size: run_service("stream", size.stream),
    "poll": lambda size: run_service("poll", size.poll),
    "bridge": lambda size: run_bridge(size.bridge),
}
