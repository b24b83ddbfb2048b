from __future__ import annotations

import pytest

from benchmarks.rows import Aim, Row, rows
from benchmarks.table import markdown

MACHINE = {
    "processor": "A processor",
    "cores": 2,
    "service_core": 0,
    "load_core": 1,
    "python": "3.11",
    "sqlite": "3.40",
    "fsync_p50_ms": 0.2,
    "fsync_p99_ms": 0.3,
    "load_before": 0.1,
}


def test_a_reference_has_the_ratio_beside_it_and_a_column_that_no_row_fills_is_left_out() -> None:
    rows = [
        Row("hooks", 3210.4, "/s", aim=Aim(2.5, "Node", at_least=True), floor=6420.8, node=1000),
        Row("  cost", 2.04, "%", aim=Aim(15), spread=(-0.5, 3.25)),
    ]
    table = markdown(rows, MACHINE, title="BotKit").split("\n\n")[1].splitlines()
    assert table == [
        "| measure | here | aim | met | floor | Node |",
        "|---|---|---|---|---|---|",
        "| hooks | 3,210 /s | ≥ 2.5 × Node | yes | 6,421 (0.50 ×) | 1,000 (3.21 ×) |",
        "| cost | 2.04 % (-0.50 to 3.25) | ≤ 15 | yes | – | – |",
    ]


@pytest.mark.parametrize(("value", "met"), [(4.4, True), (4.5, False)])
def test_an_aim_is_a_multiple_of_its_reference_in_the_same_run(value: float, met: bool) -> None:
    assert Row("latency", value, "ms", aim=Aim(2.2, "floor"), floor=2.0).met is met


def test_an_aim_whose_reference_was_not_measured_is_neither_met_nor_missed() -> None:
    assert Row("hooks", 1000, "/s", aim=Aim(2.5, "Node", at_least=True)).met is None


def test_three_processes_are_shown_with_as_many_connections_together_and_with_as_many_each() -> None:
    measured = {"through_per_second": 4_000.0, "cpu_us_per_hook": 120.0, "server_cpu_us_per_hook": 80.0}
    results = {"hooks-three": measured, "hooks-three-full": measured, "hooks-sqlite": measured}
    shown = [(row.what, row.sqlite) for row in rows(results) if row.unit == "/s"]
    assert shown == [
        ("hooks relayed by three processes on PostgreSQL", 4_000.0),
        ("hooks relayed by three processes with 32 connections each", 4_000.0),
    ]
