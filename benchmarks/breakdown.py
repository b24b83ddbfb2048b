"""Where the processor time of a hook and of an agent's message goes, by part and by function (see `tracer`)."""

from __future__ import annotations

import json
import tempfile
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.conversations import Plan
from benchmarks.hooks import post_hooks
from benchmarks.machine import LOAD_CORE, cpu_seconds
from benchmarks.processes import Process, application, configure, pinned, service
from benchmarks.tracer import COMMIT, OTHER

PARTS: Mapping[str, Sequence[str]] = {
    "server": (
        "uvicorn",
        "granian",
        "botkit.asgi.protocol",
        "botkit.asgi.connections",
        "botkit.asgi.hook_cycle",
    ),
    "door": ("botkit.asgi", "botkit.wsgi", "botkit.flask", "flask", "werkzeug"),
    "hook: reading": ("botkit.hooks",),
    "hook: handlers and answer": ("botkit.handlers",),
    "ledger: rules": ("botkit.handoff",),
    "ledger: batches and rows": ("botkit.ledger.batch", "botkit.ledger.codec", "botkit.ledger.memory"),
    "ledger: SQL": ("botkit.ledger.sqlite.writing", "botkit.ledger.sqlite.store"),
    "ledger: queue and results": ("botkit.ledger", "botkit.service"),
    "relay: lanes and settling": ("botkit.relay",),
    "agents' side: events": ("botkit.relay.inbound", "botkit.agents"),
    "call: building": ("botkit.kore", "jwt"),
    "call: carrier": ("botkit.http", "aiohttp"),
    "loop": ("asyncio", "selectors", "uvloop", "apscheduler", "concurrent.futures"),
    "metrics and logs": ("botkit.observability", "prometheus_client", "structlog", "logging"),
}
"""See `tracer.Tracer`. The commit itself is told apart by the tracer."""

_SPIN_UP_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Microseconds of processor time of one of many things.

    Attributes:
        what: what is counted.
        total: measured without the profiler.
        parts: its shares, the greatest first.
        functions: of each function without those that it calls, the greatest first.
    """

    what: str
    total: float
    parts: Mapping[str, float]
    functions: Mapping[str, float]


def of_hooks(seconds: float) -> Breakdown:
    """One hook that is passed through."""
    with (
        _configured() as path,
        pinned(LOAD_CORE, "benchmarks.load") as loader,
        service(path) as (process, port),
    ):
        loader.line()
        post_hooks(loader, port, seconds=_SPIN_UP_SECONDS)
        used = cpu_seconds(process.pid)
        result = post_hooks(loader, port, seconds=seconds, warm_up_seconds=0)
        total = (cpu_seconds(process.pid) - used) / result["acknowledged"]
    # Another store: a new load begins with the same request ids, and would only repeat hooks.
    with (
        _configured() as path,
        pinned(LOAD_CORE, "benchmarks.load") as loader,
        application("profiled", path) as (_, port),
    ):
        loader.line()
        post_hooks(loader, port, seconds=_SPIN_UP_SECONDS)
        _begin(port)
        post_hooks(loader, port, seconds=seconds, warm_up_seconds=0)
        return broken_down("hook", total, _end(port))


def of_messages(plan: Plan) -> Breakdown:
    """One agent's message, in conversations that are received by stream."""
    with _talking(plan) as (clouds, configuration), service(configuration) as (process, port):
        _open(clouds, plan, port)
        used = cpu_seconds(process.pid)
        clouds.ask(do="talk", messages=plan.messages, per_second=plan.per_second)
        total = (cpu_seconds(process.pid) - used) / plan.messages
    with _talking(plan) as (clouds, configuration), application("profiled", configuration) as (_, port):
        _open(clouds, plan, port)
        _begin(port)
        clouds.ask(do="talk", messages=plan.messages, per_second=plan.per_second)
        return broken_down("agent's message", total, _end(port))


def run(seconds: float, plan: Plan) -> dict[str, Any]:
    """Microseconds of each part of a hook and of an agent's message: by what is counted, by part, with 0 for those without."""
    return {
        one.what: {part: one.parts.get(part, 0.0) for part in (*PARTS, COMMIT, OTHER)}
        for one in (of_hooks(seconds), of_messages(plan))
    }


@contextmanager
def _configured() -> Iterator[Path]:
    """A configuration with a store of its own."""
    with tempfile.TemporaryDirectory(prefix="botkit-bench-") as folder:
        yield configure(Path(folder))


@contextmanager
def _talking(plan: Plan) -> Iterator[tuple[Process, Path]]:
    with (
        tempfile.TemporaryDirectory(prefix="botkit-bench-") as folder,
        pinned(LOAD_CORE, "benchmarks.clouds", "miaw") as clouds,
    ):
        yield clouds, configure(Path(folder), json.loads(clouds.line())["system"])


def _open(clouds: Process, plan: Plan, port: int) -> None:
    clouds.ask(do="open", port=port, count=plan.conversations, listening=True)
    clouds.ask(do="talk", messages=plan.messages // 4, per_second=plan.per_second)


def _begin(port: int) -> None:
    urllib.request.urlopen(f"http://127.0.0.1:{port}/profile", data=b"", timeout=10).close()


def _end(port: int) -> Sequence[tuple[str, str, float]]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/profile", timeout=30) as answer:
        found: Sequence[tuple[str, str, float]] = json.load(answer)
    return found


def broken_down(what: str, seconds: float, booked: Sequence[tuple[str, str, float]]) -> Breakdown:
    """
    Args:
        what: what is counted.
        seconds: the processor time of one, measured without the profiler. All that is booked is scaled to it.
        booked: as `tracer.Tracer.stop` returns it.
    """
    parts: defaultdict[str, float] = defaultdict(float)
    functions: defaultdict[str, float] = defaultdict(float)
    for part, function, used in booked:
        parts[part] += used
        functions[function] += used
    scale = seconds * 1e6 / sum(parts.values())
    return Breakdown(what, seconds * 1e6, _scaled(parts, scale), _scaled(functions, scale))


def _scaled(seconds: Mapping[str, float], scale: float) -> dict[str, float]:
    return {name: used * scale for name, used in sorted(seconds.items(), key=lambda one: -one[1])}


def shown(breakdown: Breakdown, functions: int = 30) -> str:
    """The breakdown as text."""
    lines = [f"One {breakdown.what} costs {breakdown.total:,.0f} µs of processor time:"]
    lines += [
        f"  {part:<28}{used:>8.1f} µs {used / breakdown.total:>6.1%}"
        for part, used in breakdown.parts.items()
    ]
    lines.append(f"The {functions} functions with most of it, without what they call in Python:")
    lines += [f"  {used:>8.1f} µs  {name}" for name, used in list(breakdown.functions.items())[:functions]]
    return "\n".join(lines)
