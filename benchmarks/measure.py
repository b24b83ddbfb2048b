"""The measurements by group and name, in three sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks import breakdown, hooks, streams
from benchmarks.conversations import (
    HELD,
    LIVE_CHAT,
    POLL,
    STREAM,
    Plan,
    run_bridge,
    run_on_postgresql,
    run_service,
)
from benchmarks.handlers import compare
from benchmarks.load import CONNECTIONS
from benchmarks.turns import TurnPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The size of each measurement."""

    hook_seconds: float
    floor_seconds: float
    backlog_hooks: int
    streams: int
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
    backlog_hooks=50_000,
    streams=500,
    handler=TurnPlan(pairs=12, seconds=1.0),
    stream=Plan(conversations=1000, messages=1000, per_second=50, idle_seconds=30),
    poll=Plan(conversations=1000, messages=500, per_second=50, idle_seconds=15),
    held=Plan(conversations=500, messages=500, per_second=50, idle_seconds=15),
    bridge=Plan(conversations=1000, messages=500, per_second=50, idle_seconds=15),
    # The desk holds a poll for 29 s: each conversation polls twice (or once) while idle.
    live_chat=Plan(conversations=1000, messages=1000, per_second=50, idle_seconds=58),
    live_chat_bridge=Plan(conversations=1000, messages=500, per_second=50, idle_seconds=29),
)
"""About nine minutes."""
QUICK = Size(
    hook_seconds=3.0,
    floor_seconds=1.0,
    backlog_hooks=5_000,
    streams=200,
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

Measure = Callable[[], dict[str, Any]]

COMPARED = frozenset({"hooks", "stream", "postgresql"})
"""The groups in which programs are compared, and therefore take turns in several rounds."""
GROUPS = (
    "hooks",
    "handlers",
    "backlog",
    "streams",
    "stream",
    "poll",
    "held",
    "live-chat",
    "postgresql",
    "profile",
)
"""``postgresql`` measures nothing without a server."""


def measurements(
    size: Size,
    *,
    peer: Path | None = None,
    against: Path | None = None,
    postgresql: str | None = None,
) -> Mapping[str, Mapping[str, Measure]]:
    """The measurements of each of `GROUPS` by name.

    The rows of the table compare those of one group, so they have to run one after the other, and in turns if repeated.

    Args:
        size: the size of each.
        peer: a checkout of Kore's Node BotKit, measured too.
        against: another checkout of this project, measured too.
        postgresql: the URL of a server whose user may make databases; the service is measured with a store there too.
    """
    seconds, floor = size.hook_seconds, size.floor_seconds
    hook_group: dict[str, Measure] = {"hooks": lambda: hooks.run_service(seconds)}
    stream_group: dict[str, Measure] = {"stream": lambda: run_service(STREAM, size.stream)}
    if against is not None:
        hook_group["hooks-before"] = lambda: hooks.run_service(seconds, against)
        stream_group["stream-before"] = lambda: run_service(STREAM, size.stream, against)
    if peer is not None:
        hook_group["hooks-peer"] = lambda: hooks.run_peer(seconds, peer)
    hook_group |= {
        "hooks-asgi": lambda: hooks.run_mounted("kit-asgi", seconds),
        "hooks-wsgi": lambda: hooks.run_mounted("kit-wsgi", seconds),
        "bare-wsgi": lambda: hooks.run_bare("wsgi", floor),
        "bare-asgi": lambda: hooks.run_bare("asgi", floor),
        "posts-curl": lambda: hooks.run_posts("curl", floor),
        "posts-carrier": lambda: hooks.run_posts("carrier", floor),
        "posts-aiohttp": lambda: hooks.run_posts("aiohttp", floor),
    }
    postgresql_group: dict[str, Measure] = {}
    if postgresql is not None:
        postgresql_group = {
            "hooks-postgresql": lambda: hooks.run_on_postgresql(seconds, postgresql),
            "hooks-three": lambda: hooks.run_on_postgresql(seconds, postgresql, processes=3),
            "hooks-three-full": lambda: hooks.run_on_postgresql(
                seconds, postgresql, processes=3, connections=3 * CONNECTIONS
            ),
            "hooks-sqlite": lambda: hooks.run_service(seconds),
            "stream-postgresql": lambda: run_on_postgresql(size.stream, postgresql),
            "stream-sqlite": lambda: run_service(STREAM, size.stream),
        }
    stream_group["bridge"] = lambda: run_bridge("miaw", size.bridge)
    stream_group["bridge-promise"] = lambda: run_bridge("miaw", size.bridge, bridge="miaw-promise")
    return {
        "hooks": hook_group,
        "handlers": {
            "handler": lambda: compare(size.handler, base="plain", other="handler"),
            "coroutine": lambda: compare(size.handler, base="plain", other="coroutine"),
        },
        "backlog": {"backlog": lambda: hooks.run_backlog(size.backlog_hooks, size.hook_seconds)},
        "streams": {
            "streams-plain": lambda: streams.run("1.1", size.streams, tls=False),
            "streams-tls": lambda: streams.run("1.1", size.streams, tls=True),
            "streams-http2": lambda: streams.run("2", size.streams, tls=True),
        },
        "stream": stream_group,
        "poll": {"poll": lambda: run_service(POLL, size.poll)},
        "held": {"held": lambda: run_service(HELD, size.held)},
        "live-chat": {
            "live-chat": lambda: run_service(LIVE_CHAT, size.live_chat),
            "live-chat-bridge": lambda: run_bridge("live-chat", size.live_chat_bridge),
        },
        "postgresql": postgresql_group,
        "profile": {"profile": lambda: breakdown.run(seconds, size.stream)},
    }
