"""`python -m benchmarks`: runs all measurements and prints one table. Always exits 0: a measurement is not a test."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from benchmarks import breakdown, report
from benchmarks.machine import described
from benchmarks.measure import COMPARED, GROUPS, LONG, NORMAL, QUICK, Measure, Size, measurements
from benchmarks.rows import median_of, rows
from benchmarks.table import show

SIZES = {"quick": QUICK, "long": LONG}


@click.command()
@click.option("--quick", "size", flag_value="quick", help="A first look: half a minute, 200 conversations.")
@click.option("--long", "size", flag_value="long", help="Four minutes idle, so that every timer fires.")
@click.option("--only", type=click.Choice(GROUPS), multiple=True, help="Run only this group; repeatable.")
@click.option(
    "--peer",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Measure this checkout of Kore's Node BotKit too (after `npm install` in it).",
)
@click.option(
    "--against",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Measure this checkout of BotKit too, such as the version before.",
)
@click.option(
    "--postgresql",
    metavar="URL",
    help="Measure a store on this PostgreSQL server too; its user has to be allowed to make databases.",
)
@click.option(
    "--profile",
    is_flag=True,
    help="Print what the processor time of a hook and of an agent's message is spent on, and nothing else.",
)
@click.option(
    "--repeat",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Number of rounds of hooks and streams, in which the programs take turns; the table has their medians.",
)
@click.option(
    "--json",
    "to_json",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write all results to this file, after each group.",
)
@click.option(
    "--from",
    "from_json",
    type=click.Path(path_type=Path, exists=True),
    help="Show the results in this file; measure only the groups that --only names.",
)
@click.option(
    "--report",
    "to_report",
    is_flag=True,
    help="Write the table and the plots into docs/benchmarks.md too.",
)
def main(
    size: str | None,
    only: tuple[str, ...],
    peer: Path | None,
    against: Path | None,
    postgresql: str | None,
    profile: bool,
    repeat: int,
    to_json: Path | None,
    from_json: Path | None,
    to_report: bool,
) -> None:
    """Measure the service on one core, and the machine's floor."""
    if profile:
        _profile(SIZES.get(size or "", NORMAL))
        return
    measured: dict[str, Any] = (
        json.loads(from_json.read_text())
        if from_json
        else {"machine": described(), "runs": repeat, "results": {}}
    )
    groups = measurements(SIZES.get(size or "", NORMAL), peer=peer, against=against, postgresql=postgresql)
    for group in only or (() if from_json else GROUPS):
        measured["results"] |= _measured(groups[group], repeat if group in COMPARED else 1)
        if to_json:
            to_json.write_text(json.dumps(measured))
    if to_report:
        report.write(measured)
    show(rows(measured["results"]), measured["machine"], title=report.title(measured))


def _measured(group: Mapping[str, Measure], rounds: int) -> dict[str, Any]:
    """The results of a group, by name of the measurement; those that failed are missing."""
    runs: dict[str, list[Any]] = {name: [] for name in group}
    for turn in range(rounds):
        for name, measure in group.items():
            click.echo(f"measuring {name} ({turn + 1} of {rounds}) …", err=True)
            try:
                runs[name].append(measure())
            except (RuntimeError, OSError, ValueError) as error:
                click.echo(f"{name} could not be measured: {error}", err=True)
    return {name: median_of(found) for name, found in runs.items() if found}


def _profile(size: Size) -> None:
    click.echo(breakdown.shown(breakdown.of_hooks(size.hook_seconds)))
    click.echo()
    click.echo(breakdown.shown(breakdown.of_messages(size.stream)))


if __name__ == "__main__":
    main()
