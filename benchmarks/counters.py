"""Counts what the service does, inside its process: for `counts`, never for measurements of time."""

from __future__ import annotations

import asyncio
import functools
import gc
import selectors
import sqlite3
from collections import Counter
from collections.abc import Callable
from typing import Any

from botkit.ledger.batch import Batch
from botkit.ledger.sqlite.store import Store

_COMMIT = "COMMIT"


def install() -> Counter[str]:
    """Start counting in this process, before the service opens its store and starts its loop.

    Returns:
        ``tasks`` made on event loops, ``turns`` of event loops, ``inputs`` that the ledger decided on, and its ``commits``.
    """
    # Each count has one writer, the loop's or the ledger's thread, and Counter's steps need no lock then.
    counts: Counter[str] = Counter(tasks=0, turns=0, inputs=0, commits=0)
    _count(counts, "tasks", asyncio.BaseEventLoop, "create_task")
    _count(counts, "turns", selectors.DefaultSelector, "select")
    _count(counts, "inputs", Batch, "decide")

    open_writer = Store.writer

    @functools.wraps(open_writer)
    def traced(store: Store) -> sqlite3.Connection:
        connection = open_writer(store)
        connection.set_trace_callback(lambda statement: _on_statement(counts, statement))
        return connection

    setattr(Store, "writer", traced)  # noqa: B010 - mypy refuses to assign a method
    return counts


def garbage() -> int:
    """The number of objects so far that only a collection of garbage could free, as they were in cycles."""
    gc.collect()
    return sum(generation["collected"] for generation in gc.get_stats())


def _count(counts: Counter[str], name: str, owner: type, method: str) -> None:
    """Count the calls of a method."""
    original: Callable[..., Any] = getattr(owner, method)

    @functools.wraps(original)
    def counting(self: Any, *args: Any, **options: Any) -> Any:
        counts[name] += 1
        return original(self, *args, **options)

    setattr(owner, method, counting)


def _on_statement(counts: Counter[str], statement: str) -> None:
    if statement == _COMMIT:
        counts["commits"] += 1
