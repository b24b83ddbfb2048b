"""Hooks of two versions, or of the two stores, in turns (see `turns`): differences of a few per cent show.

``python -m benchmarks.versions --against TREE`` compares this checkout with another one, and ``--postgresql URL`` a store on
PostgreSQL with one on SQLite. It prints this version divided by the other, or PostgreSQL by SQLite.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import click

from benchmarks.database import new_database
from benchmarks.processes import configure, service
from benchmarks.turns import Turn, TurnPlan, alternate, quartiles

_MEASURES = {
    "per_second": "hooks relayed per second",
    "cpu_us": "processor time per hook",
    "p50_ms": "acknowledgement p50",
    "p99_ms": "acknowledgement p99",
}
"""The measures of a turn, each with its label."""


def ratios(pairs: Sequence[tuple[Turn, Turn]]) -> Mapping[str, Mapping[str, float]]:
    """Of each measure of a turn: the quartiles of the second of a pair, divided by the first."""
    return {
        measure: quartiles([getattr(other, measure) / getattr(base, measure) for base, other in pairs])
        for measure in _MEASURES
    }


def run(
    plan: TurnPlan, *, against: Path | None = None, postgresql: str | None = None
) -> Mapping[str, Mapping[str, float]]:
    """Measure. Returns the result of `ratios`.

    Args:
        plan: the turns.
        against: another checkout of this project; by default this one, which shows how exact the measurement is.
        postgresql: the URL of a server whose user may make databases; compares its store with SQLite's instead.
    """
    with ExitStack() as stack:
        base, other = (
            Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="botkit-bench-"))) for _ in range(2)
        )
        url = stack.enter_context(new_database(postgresql)).url if postgresql else None
        return ratios(
            alternate(plan, service(configure(base), against), service(configure(other, store_url=url)))
        )


@click.command()
@click.option(
    "--against",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Compare with this checkout of BotKit.",
)
@click.option("--postgresql", metavar="URL", help="Compare a store on this server with one on SQLite.")
@click.option("--pairs", type=click.IntRange(2), default=40, show_default=True)
@click.option("--seconds", type=click.FloatRange(0.5), default=1.0, show_default=True)
def main(against: Path | None, postgresql: str | None, pairs: int, seconds: float) -> None:
    """Compare two versions or stores by hooks that are passed through."""
    found = run(TurnPlan(pairs=pairs, seconds=seconds), against=against, postgresql=postgresql)
    for measure, one in found.items():
        print(
            f"{_MEASURES[measure]:26} {one['median']:5.3f} x   (half between {one['first']:5.3f} and {one['third']:5.3f})"
        )


if __name__ == "__main__":
    main()
