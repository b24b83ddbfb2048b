"""Hooks per second through a whole service on one core; and the machine's floors.

The service is pinned to one core; the load and a stand-in for the platform share the other. BotKit (SQLite with
synchronous=FULL) answers a hook when it is durable. The floors are the same load on a bare application, and the posts per second
of a bare HTTP client with bodies of the same size.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

from benchmarks.database import new_database
from benchmarks.load import CONNECTIONS
from benchmarks.machine import LOAD_CORE, SERVICE_CORE, cpu_seconds, peak_rss_bytes
from benchmarks.processes import (
    BOT_ID,
    CLIENT_ID,
    SECRET,
    Process,
    bare_server,
    configure,
    peer,
    pinned,
    service,
)

_HOOK = f"/sdk/bots/{BOT_ID}/on_user_message"
_WARM_UP_SECONDS = 3.0
"""Node compiles its busiest functions during this time."""


def run_service(seconds: float, tree: Path | None = None) -> dict[str, Any]:
    """Measure ``botkit serve`` of this checkout or another. Returns the result of `_measured`."""
    with tempfile.TemporaryDirectory(prefix="botkit-bench-") as folder:
        return _measured(service(configure(Path(folder)), tree), seconds=seconds, relayed=True)


def run_on_postgresql(
    seconds: float, server_url: str, processes: int = 1, connections: int = CONNECTIONS
) -> dict[str, Any]:
    """Measure ``botkit serve`` with a store on PostgreSQL.

    Args:
        processes: so many share the store, on the same core, and each gets hooks of every user.
        connections: to all processes together.

    Returns:
        The result of `_measured`, with ``server_cpu_us_per_hook``: the processor time of PostgreSQL's processes per hook.
    """
    with tempfile.TemporaryDirectory(prefix="botkit-bench-") as folder, new_database(server_url) as database:
        used = database.server_seconds()
        configuration = configure(Path(folder), store_url=database.url)
        serving = [service(configuration) for _ in range(processes)]
        result = _measured(
            *serving,
            seconds=seconds,
            relayed=True,
            connections=connections,
            ready=lambda: database.share(processes),
        )
        spent = database.server_seconds() - used
        return result | {"server_cpu_us_per_hook": spent / result["acknowledged"] * 1e6}


def run_mounted(server: str, seconds: float) -> dict[str, Any]:
    """Measure the kit as middleware, served by one of `servers`. Returns the result of `_measured`."""
    with tempfile.TemporaryDirectory(prefix="botkit-bench-") as folder:
        serving = bare_server(server, str(configure(Path(folder))))
        return _measured(serving, seconds=seconds, relayed=True)


def run_peer(seconds: float, checkout: Path) -> dict[str, Any]:
    """Measure a checkout of Kore's Node BotKit. Returns the result of `_measured`."""
    return _measured(peer(checkout), seconds=seconds, relayed=True)


def run_bare(server: str, seconds: float) -> dict[str, Any]:
    """Measure a bare application, one of `servers`. Returns the result of `_measured`."""
    return _measured(bare_server(server), seconds=seconds, relayed=False)


def run_backlog(hooks: int, seconds: float) -> dict[str, Any]:
    """Measure ``botkit serve`` with a backlog: the platform is not available for so many hooks.

    Returns:
        ``normal_per_second``: the rate without a fault, over `seconds`; ``first_seconds``: from the platform's return to the
        first hook; ``drained_per_second``: from then on; ``peak_megabytes``: the most resident memory of all processes.

    Raises:
        RuntimeError: a hook was refused or not relayed.
    """
    with (
        tempfile.TemporaryDirectory(prefix="botkit-bench-") as folder,
        pinned(LOAD_CORE, "benchmarks.load") as loader,
        service(configure(Path(folder))) as (process, port),
    ):
        loader.line()
        normal = post_hooks(loader, port, seconds=seconds)
        filled = loader.ask(do="fill", **_to(port), hooks=hooks)
        drained = loader.ask(do="drain", hooks=filled["acknowledged"])
        if filled["refused"] or drained["relayed"] < filled["acknowledged"]:
            raise RuntimeError(
                f"{filled['refused']} hooks were refused, and {drained['relayed']} of {filled['acknowledged']} relayed"
            )
        return {
            "hooks": hooks,
            "normal_per_second": normal["through_per_second"],
            "first_seconds": drained["first_seconds"],
            "drained_per_second": drained["relayed"] / drained["drain_seconds"],
            "peak_megabytes": peak_rss_bytes(process.pid) / 2**20,
        }


def run_posts(client: str, seconds: float) -> dict[str, Any]:
    """Measure a bare client, one of `floors.CLIENTS`: ``per_second`` and ``cpu_us``, microseconds of processor time per post."""
    with pinned(LOAD_CORE, "benchmarks.load") as loader:
        url = f"http://127.0.0.1:{json.loads(loader.line())['sink_port']}/"
        with pinned(SERVICE_CORE, "benchmarks.floors", "posts", client, url, str(seconds)) as poster:
            found: dict[str, Any] = json.loads(poster.line())
            return found


def _measured(
    *serving: AbstractContextManager[tuple[Process, int]],
    seconds: float,
    relayed: bool,
    connections: int = CONNECTIONS,
    ready: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """The result of `load.load`, with ``cpu_us_per_hook``: the processor time of the service's processes per hook.

    Args:
        ready: called before the load begins, when all processes are there.

    Raises:
        RuntimeError: a hook was refused or not relayed.
    """
    with pinned(LOAD_CORE, "benchmarks.load") as loader, ExitStack() as stack:
        processes = [stack.enter_context(one) for one in serving]
        loader.line()
        ready()
        used = sum(cpu_seconds(process.pid) for process, _ in processes)
        ports = [port for _, port in processes]
        result = post_hooks(loader, *ports, seconds=seconds, relayed=relayed, connections=connections)
        # Warm-up and draining are included, as in the number of hooks.
        spent = sum(cpu_seconds(process.pid) for process, _ in processes) - used
        result["cpu_us_per_hook"] = spent / result["acknowledged"] * 1e6
        return result


def _to(*ports: int) -> dict[str, Any]:
    """Where the load posts, and as whom."""
    return {"ports": ports, "path": _HOOK, "bot_id": BOT_ID, "client_id": CLIENT_ID, "secret": SECRET}


def post_hooks(
    loader: Process,
    *ports: int,
    seconds: float,
    relayed: bool = True,
    warm_up_seconds: float = _WARM_UP_SECONDS,
    connections: int = CONNECTIONS,
) -> dict[str, Any]:
    """Post hooks to the service on these ports. Returns the result of `load.load`.

    Args:
        relayed: whether the service relays hooks, so that each is waited for at the platform.
        connections: to all ports together.

    Raises:
        RuntimeError: a hook was refused or not relayed.
    """
    result = loader.ask(
        do="load",
        **_to(*ports),
        seconds=seconds,
        relayed=relayed,
        warm_up_seconds=warm_up_seconds,
        connections=connections,
    )
    if result["refused"] or (relayed and result["relayed"] != result["acknowledged"]):
        raise RuntimeError(
            f"{result['refused']} hooks were refused, and {result['relayed']} of {result['acknowledged']} relayed"
        )
    return result
