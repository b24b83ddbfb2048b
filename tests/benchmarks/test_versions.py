from __future__ import annotations

import pytest

from benchmarks.turns import Turn
from benchmarks.versions import ratios


def test_a_machine_that_slows_down_is_not_taken_for_a_difference() -> None:
    speeds = (1.0, 1.5, 2.0, 3.0)
    pairs = [
        (
            Turn(4000 / slow, 200 * slow, 7 * slow, 15 * slow),
            Turn(3800 / slow, 210 * slow, 7 * slow, 18 * slow),
        )
        for slow in speeds
    ]
    found = {measure: one["median"] for measure, one in ratios(pairs).items()}
    assert found == pytest.approx({"per_second": 0.95, "cpu_us": 1.05, "p50_ms": 1.0, "p99_ms": 1.2})


def test_the_middle_half_is_told() -> None:
    pairs = [(Turn(1000, 100, 1, 1), Turn(1000 * share, 100, 1, 1)) for share in (0.5, 0.9, 1.0, 1.1, 1.5)]
    assert ratios(pairs)["per_second"] == pytest.approx({"first": 0.9, "median": 1.0, "third": 1.1})
