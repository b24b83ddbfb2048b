"""A thousand open conversations: how long opening takes, how fast an agent's words arrive, what they cost while nobody speaks."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import LOAD_CORE, cpu_seconds, rss_bytes
from benchmarks.processes import Process, configure, pinned, service

WARM_UP = 32
SETTLE_SECONDS = 6.0


def run(
    receive: str, *, conversations: int, messages: int, per_second: float, idle_seconds: float
) -> dict[str, Any]:
    """Measure the service with `receive: stream` or ``poll``.

    Returns:
        ``open_seconds``, ``ms`` (every latency), ``kilobytes`` and ``idle_percent`` (of one core, in all).
    """
    with tempfile.TemporaryDirectory(prefix="botkit-bench-") as name, pinned(LOAD_CORE, "benchmarks.clouds") as clouds:
        import json

        addresses = json.loads(clouds.line())
        configuration = configure(Path(name), receive=receive, **addresses)
        with service(configuration) as (process, port):
            return _measure(
                process,
                clouds,
                port,
                poll=receive == "poll",
                conversations=conversations,
                messages=messages,
                per_second=per_second,
                idle_seconds=idle_seconds,
            )


def _measure(
    process: Process,
    clouds: Process,
    port: int,
    *,
    poll: bool,
    conversations: int,
    messages: int,
    per_second: float,
    idle_seconds: float,
) -> dict[str, Any]:
    # What the first conversations load and keep for good (modules, connections, compiled statements) is not theirs.
    clouds.ask(do="open", port=port, count=WARM_UP, poll=poll)
    clouds.ask(do="talk", messages=WARM_UP, per_second=100)
    clouds.ask(do="end")
    time.sleep(SETTLE_SECONDS / 2)
    before = rss_bytes(process.pid)
    opened = clouds.ask(do="open", port=port, count=conversations, poll=poll)
    time.sleep(SETTLE_SECONDS)
    after = rss_bytes(process.pid)
    talked = clouds.ask(do="talk", messages=messages, per_second=per_second)
    time.sleep(SETTLE_SECONDS / 2)
    calls = clouds.ask(do="count")["calls"]
    used, began = cpu_seconds(process.pid), time.monotonic()
    time.sleep(idle_seconds)
    idle = (cpu_seconds(process.pid) - used) / (time.monotonic() - began)
    counted = clouds.ask(do="count")
    return {
        "open_seconds": opened["seconds"],
        "hooks_acknowledged_seconds": opened["hooks_acknowledged_seconds"],
        "ms": talked["ms"],
        "kilobytes": (after - before) / conversations / 1024,
        "kilobytes_after_talk": (rss_bytes(process.pid) - before) / conversations / 1024,
        "idle_percent": idle * 100,
        "idle_calls": counted["calls"] - calls,
        "streams": counted["streams"],
        "rss_before_mb": before / 2**20,
    }
