"""The table: aligned in a terminal, with colours only there, or in Markdown for `docs/benchmarks.md`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.rows import Row

_WIDTH = 140
"""The width in files and pipes."""

_NONE = "–"
_HEADS = ("measure", "here", "", "aim", "met", "this machine's floor", "best peer")


def show(rows: Sequence[Row], machine: Mapping[str, object], *, title: str) -> None:
    """Print the table."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    table = Table(title=title, title_justify="left", header_style="bold", pad_edge=False)
    for head in _HEADS:
        side = {"measure": "left", "": "left", "met": "center"}.get(head, "right")
        table.add_column(head, justify=side, no_wrap=head != "best peer")  # type: ignore[arg-type]
    for row in rows:
        table.add_row(*(_COLOURED.get(cell, cell) for cell in _cells(row)))
    console.print(table)
    console.print(where(machine), style="dim", highlight=False)


def markdown(rows: Sequence[Row], machine: Mapping[str, object], *, title: str) -> str:
    """The table in Markdown."""
    lines = [f"{title}. {where(machine)}", ""]
    lines += [
        "| measure | here | aim | met | floor | best peer |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        what, here, unit, *rest = _cells(row)
        lines.append(f"| {' | '.join([what.strip(), f'{here} {unit}', *rest])} |")
    return "\n".join(lines)


def where(machine: Mapping[str, object]) -> str:
    """A sentence about the machine."""
    return (
        f"{machine['processor']}, {machine['cores']} cores: the service on core {machine['service_core']}, load and "
        f"clouds on core {machine['load_core']}. Python {machine['python']}, SQLite {machine['sqlite']} with synchronous=FULL, "
        f"fsync p50 {machine['fsync_p50_ms']:.2f} ms, p99 {machine['fsync_p99_ms']:.2f} ms. "
        f"Load average before: {machine['load_before']:.2f}."
    )


def figure(value: float) -> str:
    """A number with a sensible number of digits."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


_COLOURED = {"yes": "[green]yes[/]", "no": "[red]no[/]"}


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.what,
        figure(row.value),
        row.unit + (f" ({figure(row.spread[0])} to {figure(row.spread[1])})" if row.spread else ""),
        _NONE if row.aim is None else f"{'≥' if row.more_is_better else '≤'} {row.aim:,g}",
        {True: "yes", False: "no", None: _NONE}[row.met],
        row.floor or _NONE,
        row.peer or _NONE,
    )
