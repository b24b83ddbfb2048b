"""The table on the terminal: one line a measure, aligned; colours only where there is a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.rows import Row

_WIDTH = 140
"""Of a file or pipe, which has none of its own."""


def show(rows: Sequence[Row], machine: Mapping[str, object], *, title: str) -> None:
    """Print it."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    table = Table(title=title, title_justify="left", header_style="bold", pad_edge=False)
    table.add_column("measure", no_wrap=True)
    table.add_column("here", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("aim", justify="right", no_wrap=True)
    table.add_column("met", justify="center", no_wrap=True)
    table.add_column("this machine's floor", justify="right", no_wrap=True)
    table.add_column("best peer", justify="right")
    for row in rows:
        table.add_row(
            row.what, figure(row.value), row.unit, _aim(row), _met(row), row.floor or "–", row.peer or "–"
        )
    console.print(table)
    console.print(
        f"{machine['processor']}, {machine['cores']} cores: the service on core {machine['service_core']}, load and "
        f"clouds on core {machine['load_core']}. Python {machine['python']}, SQLite {machine['sqlite']} with synchronous=FULL, "
        f"fsync p50 {machine['fsync_p50_ms']:.2f} ms, p99 {machine['fsync_p99_ms']:.2f} ms. "
        f"Load average before: {machine['load_before']:.2f}.",
        style="dim",
        highlight=False,
    )


def figure(value: float) -> str:
    """As many digits as are worth reading."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _aim(row: Row) -> str:
    if row.aim is None:
        return "–"
    return f"{'≥' if row.more_is_better else '≤'} {row.aim:,g}"


def _met(row: Row) -> str:
    return {True: "[green]yes[/]", False: "[red]no[/]", None: "–"}[row.met]
