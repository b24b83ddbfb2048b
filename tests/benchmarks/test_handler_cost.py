from __future__ import annotations

import pytest

from benchmarks.handlers import compared
from benchmarks.rows import Row, rows
from benchmarks.turns import Turn


def cost_row(pairs: list[tuple[Turn, Turn]]) -> Row:
    return next(row for row in rows({"handler": compared(pairs)}) if row.aim is not None)


def test_a_machine_that_slows_down_is_not_taken_for_a_cost() -> None:
    speeds = (3000.0, 2000.0, 1000.0, 500.0)
    pairs = [(Turn(speed, 300), Turn(speed, 300)) for speed in speeds]
    assert cost_row(pairs).value == 0


def test_the_cost_is_the_median_of_the_pairs_with_the_quartiles_beside_it() -> None:
    pairs = [(Turn(1000, 300), Turn(1000 - 10 * percent, 300)) for percent in (8, 10, 12, 14, 90)]
    row = cost_row(pairs)
    assert row.value == pytest.approx(12)
    assert row.spread == pytest.approx((10, 14))


def test_processor_time_is_compared_hook_by_hook() -> None:
    result = compared([(Turn(1000, 300), Turn(900, 330)), (Turn(2000, 200), Turn(1900, 220))])
    assert result["cpu_cost_percent"]["median"] == pytest.approx(10)


@pytest.mark.parametrize(("with_handler", "met"), [(851, True), (849, False)])
def test_a_handler_may_cost_fifteen_hooks_of_a_hundred(with_handler: float, met: bool) -> None:
    pair = (Turn(1000, 300), Turn(with_handler, 300))
    assert cost_row([pair, pair]).met is met
