from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from benchmarks.counts import BOUNDS, Counts, breaches, counted
from benchmarks.processes import application, configure


def costs(**changed: float) -> Mapping[str, Counts]:
    """Everything at its bound, but these counts of a hook."""
    return {**BOUNDS, "hook": {**BOUNDS["hook"], **changed}}


def test_what_is_at_its_bound_passes() -> None:
    assert breaches(costs()) == []


def test_a_second_call_per_hook_is_named_with_its_bound() -> None:
    assert breaches(costs(calls=2)) == ["calls per hook: 2.00, at most 1"]


def test_a_count_that_is_missing_is_a_breach() -> None:
    hook = {name: count for name, count in BOUNDS["hook"].items() if name != "tasks"}
    assert breaches({**BOUNDS, "hook": hook}) == [
        f"tasks per hook: was not counted, at most {BOUNDS['hook']['tasks']:g}"
    ]


@pytest.mark.parametrize(("calls", "over"), [((2, 2, 1), 0), ((2, 2, 2, 1), 1)])
def test_a_breach_counts_if_it_happens_every_time(calls: tuple[int, ...], over: int) -> None:
    left: Iterator[int] = iter(calls)
    assert len(breaches(counted(lambda: costs(calls=next(left)), attempts=3))) == over


@pytest.mark.slow
def test_the_service_counts_what_it_does(tmp_path: Path) -> None:
    with (
        application("counted", configure(tmp_path)) as (_, port),
        urllib.request.urlopen(f"http://127.0.0.1:{port}/counts") as answer,
    ):
        counts = json.load(answer)
    assert set(counts) == {"tasks", "turns", "inputs", "commits", "garbage"}
    assert counts["turns"] > 0
