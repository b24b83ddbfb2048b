"""`python -m benchmarks.counts`: what a hook, one with a handler, an opened conversation and an agent's message cost in calls,
commits, inputs of the ledger, tasks, turns of the loop, waits, connections and garbage (objects that only a collection frees).
Exits 1 if one of them costs more than its bound.

Times differ from machine to machine. Counts hardly do, so continuous integration can check them. A busy machine can only raise
them where the load comes too slowly to share commits and turns: what is over its bound is counted again, twice at most. The
service is the real one, with counters in it (see `counters`).
"""

from __future__ import annotations

import json
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from benchmarks.hooks import post_hooks
from benchmarks.machine import LOAD_CORE, voluntary_switches
from benchmarks.processes import Process, application, configure, pinned

Counts = Mapping[str, float]

ATTEMPTS = 3
_HOOK_SECONDS = 3.0
_WARM_UP = 20
_CONVERSATIONS = 40
_MESSAGES = 300
_PER_SECOND = 100.0
_TALKING = 4
"""Conversations in which agents write so fast that several messages share a receipt."""

_RECEIPT = "POST /iamessage/api/v2/conversation/{conversation}/acknowledge-entries"

BOUNDS: Mapping[str, Counts] = {
    "hook": {
        "calls": 1,
        "commits": 0.5,
        "inputs": 1.7,
        "tasks": 0.1,
        "turns": 3,
        "waits": 4,
        "connections": 0.05,
        "garbage": 1,
    },
    "hook with a handler": {
        "calls": 1,
        "commits": 0.5,
        "inputs": 1.7,
        "tasks": 0.1,
        "turns": 3,
        "waits": 5,
        "garbage": 1,
    },
    "opened conversation": {
        "commits": 3,
        "inputs": 8,
        "tasks": 9,
        "garbage": 30,
        "calls to the platform": 5,
        "calls to Salesforce": 6,
    },
    "agent's message": {
        "commits": 1.5,
        "inputs": 2.1,
        "tasks": 0.6,
        "turns": 15,
        "waits": 25,
        "calls to the platform": 1,
        "calls to Salesforce": 0.5,
        "receipts": 0.5,
        "connections": 0.05,
        "garbage": 1,
    },
}
"""By what is counted: the most that one costs."""


def of_hooks(name: str) -> Counts:
    """Everything per hook that is passed through, after a warm-up. `name`: of the kit, in `applications`."""
    with (
        tempfile.TemporaryDirectory(prefix="botkit-bench-") as folder,
        pinned(LOAD_CORE, "benchmarks.load") as loader,
        application(name, configure(Path(folder))) as (process, port),
    ):
        loader.line()
        warm_up = post_hooks(loader, port, seconds=0.5, warm_up_seconds=0)
        before = _inside(process, port)
        result = post_hooks(loader, port, seconds=_HOOK_SECONDS, warm_up_seconds=0)
        after = _inside(process, port)
    number = result["acknowledged"]
    return {
        "calls": result["relayed"] / number,
        "connections": (result["connections"] - warm_up["connections"]) / number,
        **_per(number, before, after),
    }


def of_conversations() -> tuple[Counts, Counts]:
    """Everything per opened conversation, and per agent's message."""
    with (
        tempfile.TemporaryDirectory(prefix="botkit-bench-") as folder,
        pinned(LOAD_CORE, "benchmarks.clouds", "miaw") as clouds,
    ):
        system = json.loads(clouds.line())["system"]
        with application("counted", configure(Path(folder), system)) as (process, port):

            def seen() -> Counts:
                return {**_inside(process, port), **_calls(clouds)}

            clouds.ask(do="open", port=port, count=_WARM_UP, listening=True)
            before = seen()
            clouds.ask(do="open", port=port, count=_CONVERSATIONS, listening=True)
            opened = seen()
            clouds.ask(do="talk", messages=_MESSAGES, per_second=_PER_SECOND, conversations=_TALKING)
            talked = seen()
    return _per(_CONVERSATIONS, before, opened), _per(_MESSAGES, opened, talked)


def _inside(process: Process, port: int) -> Counts:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/counts", timeout=10) as answer:
        counts: Counts = json.load(answer)
    return {**counts, "waits": voluntary_switches(process.pid)}


def _calls(clouds: Process) -> Counts:
    """The calls of the service, by partner."""
    counts = clouds.ask(do="counts")
    connections = counts.pop("connections", 0)
    to_salesforce = sum(count for call, count in counts.items() if "/" in call)
    return {
        "connections": connections,
        "calls to the platform": sum(counts.values()) - to_salesforce,
        "calls to Salesforce": to_salesforce,
        "receipts": counts.get(_RECEIPT, 0),
    }


def _per(number: int, before: Counts, after: Counts) -> Counts:
    return {name: (count - before[name]) / number for name, count in after.items()}


def breaches(counts: Mapping[str, Counts]) -> list[str]:
    """A line for each count over its bound, and for each that is missing."""
    found = []
    for what, bounds in BOUNDS.items():
        for name, most in bounds.items():
            count = counts[what].get(name)
            if count is None or count > most:
                shown = "was not counted" if count is None else f"{count:.2f}"
                found.append(f"{name} per {what}: {shown}, at most {most:g}")
    return found


def counted(count: Callable[[], Mapping[str, Counts]], attempts: int = ATTEMPTS) -> Mapping[str, Counts]:
    """Count until nothing is over its bound, at most so often. Returns the least of each."""
    best = count()
    for _ in range(attempts - 1):
        if not breaches(best):
            break
        again = count()
        best = {
            what: {name: min(number, again[what][name]) for name, number in counts.items()}
            for what, counts in best.items()
        }
    return best


def _all() -> Mapping[str, Counts]:
    opening, message = of_conversations()
    return {
        "hook": of_hooks("counted"),
        "hook with a handler": of_hooks("counted-handler"),
        "opened conversation": opening,
        "agent's message": message,
    }


@click.command()
def main() -> None:
    """Print what hooks, an opened conversation and an agent's message cost; fail if one costs more than its bound."""
    counts = counted(_all)
    for what, of_one in counts.items():
        click.echo(f"per {what}:")
        for name, count in of_one.items():
            most = BOUNDS[what].get(name)
            click.echo(f"  {name:<22}{count:>8.2f}" + (f"  at most {most:g}" if most is not None else ""))
    if over := breaches(counts):
        click.echo("\n".join(["More than allowed:", *over]), err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
