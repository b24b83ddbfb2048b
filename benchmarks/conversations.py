"""A thousand open conversations: how long opening takes, how fast an agent's words arrive, what they cost while nobody speaks."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.machine import LOAD_CORE, SERVICE_CORE, cpu_seconds, rss_bytes
from benchmarks.processes import Process, configure, pinned, service

WARM_UP = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much of it. `messages` come at random, `per_second` on average, over all conversations."""

    conversations: int
    messages: int
    per_second: float
    idle_seconds: float
    settle_seconds: float = 6.0


@dataclass(frozen=True, slots=True)
class Way:
    """How conversations are received: of which desk, by which settings of the agent system.

    `listening` says whether a request waits at the desk for each conversation.
    """

    desk: str
    settings: Mapping[str, object] = field(default_factory=dict)
    listening: bool = True


STREAM = Way("miaw", {"receive": "stream"})
POLL = Way("miaw", {"receive": "poll", "poll_interval": "2s"}, listening=False)
LIVE_CHAT = Way("live-chat")


def run_service(way: Way, plan: Plan) -> dict[str, Any]:
    """The service. See `_measure` for what comes back."""
    with (
        tempfile.TemporaryDirectory(prefix="botkit-bench-") as folder,
        pinned(LOAD_CORE, "benchmarks.clouds", way.desk) as clouds,
    ):
        system = json.loads(clouds.line())["system"]
        with service(configure(Path(folder), {**system, **way.settings})) as (process, port):

            def open_conversations(count: int) -> float:
                opened = clouds.ask(do="open", port=port, count=count, listening=way.listening)
                return float(opened["seconds"])

            def warm_up() -> None:
                # What the first conversations load and keep for good (modules, connections, statements) is not theirs.
                open_conversations(WARM_UP)
                clouds.ask(do="talk", messages=WARM_UP, per_second=100)
                clouds.ask(do="end")

            return _measure(process, clouds, plan, open_conversations=open_conversations, warm_up=warm_up)


def run_bridge(desk: str, plan: Plan) -> dict[str, Any]:
    """The floor: bare aiohttp that listens to as many conversations and posts on what comes. It keeps nothing."""
    with pinned(LOAD_CORE, "benchmarks.clouds", desk) as clouds:
        addresses = clouds.line()
        with pinned(SERVICE_CORE, "benchmarks.bridges", desk, addresses) as process:

            def open_conversations(count: int) -> float:
                began = time.monotonic()
                process.write(str(count))
                process.line()
                clouds.ask(do="await_listeners", count=count)
                return time.monotonic() - began

            return _measure(
                process, clouds, plan, open_conversations=open_conversations, warm_up=lambda: None
            )


def _measure(
    process: Process,
    clouds: Process,
    plan: Plan,
    *,
    open_conversations: Callable[[int], float],
    warm_up: Callable[[], None],
) -> dict[str, Any]:
    """
    Returns:
        ``open_seconds``: until every user has been told that an agent joined; ``ms``: from the moment an agent says something
        until the platform has it; ``kilobytes``: resident memory per open conversation; ``idle_percent``: of one core, in all.
    """
    warm_up()
    time.sleep(plan.settle_seconds / 2)
    before = rss_bytes(process.pid)
    open_seconds = open_conversations(plan.conversations)
    time.sleep(plan.settle_seconds)
    after = rss_bytes(process.pid)
    used = cpu_seconds(process.pid)
    talked = clouds.ask(do="talk", messages=plan.messages, per_second=plan.per_second)
    talking = cpu_seconds(process.pid) - used
    time.sleep(plan.settle_seconds / 2)
    used, began = cpu_seconds(process.pid), time.monotonic()
    time.sleep(plan.idle_seconds)
    idle = (cpu_seconds(process.pid) - used) / (time.monotonic() - began)
    return {
        "conversations": plan.conversations,
        "open_seconds": open_seconds,
        "ms": talked["ms"],
        "cpu_ms_per_message": talking / plan.messages * 1000,
        "kilobytes": (after - before) / plan.conversations / 1024,
        "megabytes_before": before / 2**20,
        "idle_percent": idle * 100,
        "idle_seconds": plan.idle_seconds,
    }
