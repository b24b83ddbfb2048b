"""A thousand open conversations: time to open them, latency of agents' messages, memory, and processor time while idle."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.database import new_database
from benchmarks.machine import LOAD_CORE, SERVICE_CORE, cpu_seconds, rss_bytes
from benchmarks.processes import Process, configure, pinned, service
from benchmarks.rows import percentile

WARM_UP = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The size of a measurement. `messages` come at random times, `per_second` on average, over all conversations."""

    conversations: int
    messages: int
    per_second: float
    idle_seconds: float
    settle_seconds: float = 6.0


@dataclass(frozen=True, slots=True)
class Receiving:
    """A way to receive conversations: the desk, and the settings of the agent system.

    `listening`: whether a request waits at the desk for each conversation. `cold`: nothing was opened before.
    """

    desk: str
    settings: Mapping[str, object] = field(default_factory=dict)
    listening: bool = True
    cold: bool = False


STREAM = Receiving("miaw", {"receive": "stream"})
POLL = Receiving("miaw", {"receive": "poll", "poll_interval": "2s"}, listening=False)
LIVE_CHAT = Receiving("live-chat")
HELD = Receiving("held", {"receive": "stream", "poll_interval": "2s"}, listening=False, cold=True)
"""Cold: the service has to find out first that streams are held."""


def run_on_postgresql(plan: Plan, server_url: str) -> dict[str, Any]:
    """Measure the service with a store on PostgreSQL, and streams. Returns the result of `_measure`."""
    with new_database(server_url) as database:
        return run_service(STREAM, plan, store_url=database.url)


def run_service(
    receiving: Receiving, plan: Plan, tree: Path | None = None, *, store_url: str | None = None
) -> dict[str, Any]:
    """Measure the service of this checkout or another; the clouds are always this one's. Returns the result of `_measure`."""
    with (
        tempfile.TemporaryDirectory(prefix="botkit-bench-") as folder,
        pinned(LOAD_CORE, "benchmarks.clouds", receiving.desk) as clouds,
    ):
        system = json.loads(clouds.line())["system"]
        configuration = configure(Path(folder), {**system, **receiving.settings}, store_url=store_url)
        with service(configuration, tree) as (process, port):

            def open_conversations(count: int) -> float:
                opened = clouds.ask(do="open", port=port, count=count, listening=receiving.listening)
                return float(opened["seconds"])

            def warm_up() -> None:
                # The first conversations load modules, connections and statements that stay: not their memory.
                open_conversations(WARM_UP)
                clouds.ask(do="talk", messages=WARM_UP, per_second=100)
                clouds.ask(do="end")

            return _measure(
                process,
                clouds,
                plan,
                open_conversations=open_conversations,
                warm_up=(lambda: None) if receiving.cold else warm_up,
            )


def run_bridge(desk: str, plan: Plan, *, bridge: str = "") -> dict[str, Any]:
    """Measure a floor: one of `floors.BRIDGES`, by default the desk's own, which stores nothing."""
    with pinned(LOAD_CORE, "benchmarks.clouds", desk) as clouds:
        addresses = clouds.line()
        with pinned(SERVICE_CORE, "benchmarks.floors", "bridge", bridge or desk, addresses) as process:

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
        ``open_seconds``: until every user has the message that an agent joined; ``ms``: milliseconds from each agent's message
        to its arrival at the platform, with ``p50_ms`` and ``p99_ms``; ``cpu_ms_per_message``: the processor time of each;
        ``kilobytes``: resident memory per open conversation; ``idle_percent``: of one core.
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
        "p50_ms": percentile(talked["ms"], 0.5),
        "p99_ms": percentile(talked["ms"], 0.99),
        "cpu_ms_per_message": talking / plan.messages * 1000,
        "kilobytes": (after - before) / plan.conversations / 1024,
        "megabytes_before": before / 2**20,
        "idle_percent": idle * 100,
        "idle_seconds": plan.idle_seconds,
    }
