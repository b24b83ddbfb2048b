"""The measurements by name, in order, in three sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from benchmarks import hooks
from benchmarks.conversations import HELD, LIVE_CHAT, POLL, STREAM, Plan, run_bridge, run_service
from benchmarks.handlers import TurnPlan, compare


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The size of each measurement."""

    hook_seconds: float
    floor_seconds: float
    handler: TurnPlan
    stream: Plan
    poll: Plan
    held: Plan
    bridge: Plan
    live_chat: Plan
    live_chat_bridge: Plan


NORMAL = Size(
    hook_seconds=10.0,
    floor_seconds=3.0,
    handler=TurnPlan(pairs=12, seconds=1.0),
    stream=Plan(conversations=1000, messages=1000, per_second=50, idle_seconds=45),
    poll=Plan(conversations=1000, messages=500, per_second=50, idle_seconds=15),
    held=Plan(conversations=500, messages=500, per_second=50, idle_seconds=15),
    bridge=Plan(conversations=1000, messages=500, per_second=50, idle_seconds=15),
    # The desk holds a poll for 29 s: each conversation polls twice (or once) while idle.
    live_chat=Plan(conversations=1000, messages=1000, per_second=50, idle_seconds=58),
    live_chat_bridge=Plan(conversations=1000, messages=500, per_second=50, idle_seconds=29),
)
"""About eight minutes."""
QUICK = Size(
    hook_seconds=3.0,
    floor_seconds=1.0,
    handler=TurnPlan(pairs=4, seconds=0.5),
    stream=Plan(conversations=200, messages=200, per_second=50, idle_seconds=3, settle_seconds=1),
    poll=Plan(conversations=200, messages=100, per_second=50, idle_seconds=3, settle_seconds=1),
    held=Plan(conversations=200, messages=100, per_second=50, idle_seconds=3, settle_seconds=1),
    bridge=Plan(conversations=200, messages=100, per_second=50, idle_seconds=3, settle_seconds=1),
    live_chat=Plan(conversations=200, messages=200, per_second=50, idle_seconds=3, settle_seconds=1),
    live_chat_bridge=Plan(conversations=200, messages=100, per_second=50, idle_seconds=3, settle_seconds=1),
)
LONG = replace(NORMAL, stream=replace(NORMAL.stream, idle_seconds=240))
"""Four minutes idle: every conversation's list is read four times, and its requestId extended once."""

MEASUREMENTS: dict[str, Callable[[Size], dict[str, Any]]] = {
    "hooks": lambda size: hooks.run_service(size.hook_seconds),
    "echo": lambda size: hooks.run_echo(size.floor_seconds),
    "posts": lambda size: {"per_second": hooks.run_posts(size.floor_seconds)},
    "handler": lambda size: compare(size.handler, base="plain", other="handler"),
    "coroutine": lambda size: compare(size.handler, base="plain", other="coroutine"),
    "stream": lambda size: run_service(STREAM, size.stream),
    "poll": lambda size: run_service(POLL, size.poll),
    "held": lambda size: run_service(HELD, size.held),
    "bridge": lambda size: run_bridge("miaw", size.bridge),
    "live-chat": lambda size: run_service(LIVE_CHAT, size.live_chat),
    "live-chat-bridge": lambda size: run_bridge("live-chat", size.live_chat_bridge),
}
