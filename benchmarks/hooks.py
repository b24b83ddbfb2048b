"""Hooks per second through the whole service on one core, each durable before its answer; and the machine's floor.

The service (`botkit serve`, SQLite with synchronous=FULL) is pinned to one core; the load and a stand-in for the platform share
the other. The floor is the same load on a bare WSGI application on granian, and the posts per second of a bare aiohttp client
with bodies of the same size.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.machine import LOAD_CORE, SERVICE_CORE, cpu_seconds
from benchmarks.processes import BOT_ID, CLIENT_ID, SECRET, Process, await_answer, configure, pinned, service

_HOOK = f"/sdk/bots/{BOT_ID}/on_user_message"
_WARM_UP_SECONDS = 1.0


def run_service(seconds: float) -> dict[str, Any]:
    """Measure the service. Returns the result of `load.load`."""
    with (
        tempfile.TemporaryDirectory(prefix="botkit-bench-") as folder,
        pinned(LOAD_CORE, "benchmarks.load") as loader,
        service(configure(Path(folder))) as (process, port),
    ):
        loader.line()
        used = cpu_seconds(process.pid)
        result = post_hooks(loader, port=port, seconds=seconds)
        # Warm-up and draining are included, as in the number of hooks.
        result["cpu_us_per_hook"] = (cpu_seconds(process.pid) - used) / result["relayed"] * 1e6
        return result


def run_echo(seconds: float) -> dict[str, Any]:
    """Measure a bare WSGI application that reads and answers."""
    with (
        pinned(LOAD_CORE, "benchmarks.load") as loader,
        pinned(SERVICE_CORE, "benchmarks.floors", "echo") as echo,
    ):
        loader.line()
        port = int(echo.line())
        await_answer(f"http://127.0.0.1:{port}/")
        return _load(loader, port=port, path="/", seconds=seconds, relayed=False)


def run_posts(seconds: float) -> float:
    """Posts per second of a bare aiohttp client."""
    with pinned(LOAD_CORE, "benchmarks.load") as loader:
        url = f"http://127.0.0.1:{json.loads(loader.line())['sink_port']}/"
        with pinned(SERVICE_CORE, "benchmarks.floors", "posts", url, str(seconds)) as poster:
            return float(poster.line())


def post_hooks(
    loader: Process, *, port: int, seconds: float, warm_up_seconds: float = _WARM_UP_SECONDS
) -> dict[str, Any]:
    """Post hooks to the service on this port. Returns the result of `load.load`."""
    return _load(
        loader, port=port, path=_HOOK, seconds=seconds, relayed=True, warm_up_seconds=warm_up_seconds
    )


def _load(
    loader: Process,
    *,
    port: int,
    path: str,
    seconds: float,
    relayed: bool,
    warm_up_seconds: float = _WARM_UP_SECONDS,
) -> dict[str, Any]:
    return loader.ask(
        port=port,
        path=path,
        bot_id=BOT_ID,
        client_id=CLIENT_ID,
        secret=SECRET,
        seconds=seconds,
        relayed=relayed,
        warm_up_seconds=warm_up_seconds,
    )
