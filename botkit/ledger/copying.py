"""Copies a stopped store into an empty one: all rows, in their order, in one transaction, and counted again before its end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol

from botkit.errors import LedgerError

MAX_ROWS = 500
MAX_BYTES = 8 * 1024 * 1024
"""Max rows and bytes that are in memory at a time. A body may have two megabytes."""

Row = tuple[Any, ...]


class Table(StrEnum):
    """What is copied, in this order. The comment has the members of a row, which are the same in every store."""

    CONVERSATIONS = "conversations"  # bot_id, user_id, channel, state, names, live, ended_at, session
    EFFECTS = "effects"  # bot_id, user_id, channel, lane, kind, effect, created_at, component_id, body; in their order
    PAYLOADS = "payloads"  # bot_id, user_id, channel, component_id, body, at
    KEYS = "keys"  # key, at, session
    STEPS = "steps"  # at, ref, kind, detail; in their order


class Source(Protocol):
    """A store that nobody uses while it is read."""

    clean: bool
    """Whether its last process shut down cleanly."""
    failed: int
    """Inputs on which the rules have failed. They are kept for inspection, and not copied."""

    def counts(self) -> Mapping[Table, int]:
        """The number of rows of each table."""

    def rows(self, table: Table) -> Iterator[Row]:
        """All rows of a table."""


class Target(Protocol):
    """An empty store that nobody else uses. What is put into it is durable when its context ends without an error."""

    def counts(self) -> Mapping[Table, int]:
        """The number of rows of each table."""

    def put(self, table: Table, rows: Sequence[Row]) -> None:
        """Store some rows."""

    def mark(self, *, clean: bool) -> None:
        """Store whether the last process shut down cleanly; otherwise the next start counts possible duplicates."""


def copy(source: Source, target: Target) -> Mapping[Table, int]:
    """Copy everything; the number of rows of each table.

    Raises:
        LedgerError: the target has not got every row.
    """
    for table in Table:
        for part in _parts(source.rows(table)):
            target.put(table, part)
    target.mark(clean=source.clean)
    wanted, counted = source.counts(), target.counts()
    for table in Table:
        if wanted[table] != counted[table]:
            raise LedgerError(
                f"{wanted[table]} {table} were to be copied, and {counted[table]} have arrived; nothing was copied"
            )
    return counted


def _parts(rows: Iterable[Row]) -> Iterator[Sequence[Row]]:
    part: list[Row] = []
    size = 0
    for row in rows:
        part.append(row)
        size += sum(len(value) for value in row if isinstance(value, bytes))
        if len(part) >= MAX_ROWS or size >= MAX_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part
