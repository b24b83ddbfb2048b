"""The short form of `make faults`: a kill under traffic keeps the promise, and a planted defect is found by it."""

from __future__ import annotations

import random
from pathlib import Path

from tests.hostile.defects import DEFECTS, found
from tests.hostile.faults import FAULTS
from tests.hostile.findings import Amounts
from tests.hostile.house import open_house
from tests.hostile.playing import play

FEW = 24
ONCE = Amounts(kills=1, restarts=1, times=1, seconds=2.0, outage_seconds=2.0)


async def test_nothing_is_lost_or_out_of_order_when_the_process_is_killed(tmp_path: Path) -> None:
    async with open_house(
        "SQLite", tmp_path, conversations=FEW, per_second=20.0, chance=random.Random(1)
    ) as house:
        row = await play(house, "kill -9", FAULTS["SQLite"]["kill -9"], ONCE, quiet_seconds=30.0)
    assert (row.lost, row.out_of_order) == (0, 0)
    assert row.repeated <= row.counted
    assert (row.injected, row.conversations) == (1, FEW)
    assert row.messages > 2 * FEW


async def test_a_commit_after_its_acknowledgement_is_found() -> None:
    assert await found(DEFECTS[0], seed=1, conversations=FEW)
