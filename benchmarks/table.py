"""The table: aligned in a terminal, with colours only there, or in Markdown for `docs/benchmarks.md`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.rows import Aim, Row

_WIDTH = 150
"""The width in files and pipes."""

_NONE = "–"
_HEADS = ("measure", "here", "aim", "met", "floor", "Node", "before", "normal", "SQLite")
"""In parentheses behind a reference: this measure divided by it."""


def show(rows: Sequence[Row], machine: Mapping[str, object], *, title: str) -> None:
    """Print the table."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    table = Table(title=title, title_justify="left", header_style="bold", pad_edge=False)
    used = _used(rows)
    for head in used:
        side = {"measure": "left", "met": "center"}.get(head, "right")
        table.add_column(head, justify=side, no_wrap=True)  # type: ignore[arg-type]
    for row in rows:
        cells = _cells(row)
        table.add_row(*(_COLOURED.get(cells[head], cells[head]) for head in used))
    console.print(table)
    console.print(where(machine), style="dim", highlight=False)


def markdown(rows: Sequence[Row], machine: Mapping[str, object], *, title: str) -> str:
    """The table in Markdown."""
    used = _used(rows)
    lines = [f"{title}. {where(machine)}", "", f"| {' | '.join(used)} |", "|---" * len(used) + "|"]
    lines += [f"| {' | '.join(_cells(row)[head].strip() for head in used)} |" for row in rows]
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
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


_COLOURED = {"yes": "[green]yes[/]", "no": "[red]no[/]"}


def _used(rows: Sequence[Row]) -> list[str]:
    """The columns that any row fills."""
    filled = [_cells(row) for row in rows]
    return [head for head in _HEADS if any(cells[head] != _NONE for cells in filled)]


def _cells(row: Row) -> dict[str, str]:
    spread = f" ({figure(row.spread[0])} to {figure(row.spread[1])})" if row.spread else ""
    return {
        "measure": row.what,
        "here": f"{figure(row.value)} {row.unit}{spread}",
        "aim": _aim(row.aim),
        "met": {True: "yes", False: "no", None: _NONE}[row.met],
        "floor": _compared(row.value, row.floor),
        "Node": _compared(row.value, row.node),
        "before": _compared(row.value, row.before),
        "normal": _compared(row.value, row.normal),
        "SQLite": _compared(row.value, row.sqlite),
    }


def _aim(aim: Aim | None) -> str:
    if aim is None:
        return _NONE
    of = f" × {aim.of}" if aim.of else ""
    return f"{'≥' if aim.at_least else '≤'} {aim.times:.2f}".rstrip("0").rstrip(".") + of


def _compared(value: float, reference: float | None) -> str:
    return f"{figure(reference)} ({value / reference:.2f} ×)" if reference else _NONE
