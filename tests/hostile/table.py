"""The table of all faults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    store: str
    fault: str
    injected: int
    conversations: int
    messages: int
    lost: int = 0
    out_of_order: int = 0
    repeated: int = 0
    counted: int = 0
    worst_seconds: float = 0.0
    """From the end of a fault to the next effect of a conversation that it struck; 0 where it is not measured."""
    median_seconds: float = 0.0
    streams_seconds: float = 0.0
    """Until all event streams that a fault had ended were open again, at most; 0 where it is not measured."""
    broken: Sequence[str] = field(default=())
    """The promises that were not kept, in words."""


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds else "-"


def show(rows: Sequence[Row]) -> None:
    """Print it, and how many faults there were in all."""
    table = Table("store", "fault", title="The promise under faults")
    for heading in (
        "faults", "conversations", "messages", "lost", "out of order", "repeated", "counted",
        "median recovery", "worst", "streams",
    ):  # fmt: skip
        table.add_column(heading, justify="right")
    for row in rows:
        numbers = (row.injected, row.conversations, row.messages, row.lost, row.out_of_order)
        table.add_row(
            row.store,
            f"{row.fault}{' ✗' if row.broken else ''}",
            *(f"{number:,}" for number in (*numbers, row.repeated, row.counted)),
            *(_seconds(one) for one in (row.median_seconds, row.worst_seconds, row.streams_seconds)),
        )
    Console(width=150).print(table)
    print(f"{sum(row.injected for row in rows):,} single faults")
    for row in rows:
        for what in row.broken:
            print(f"{row.store}, {row.fault}: {what}")
