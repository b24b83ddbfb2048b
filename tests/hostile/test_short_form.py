"""The short form of `make faults`: a kill and a power failure under traffic keep the promise, and a planted defect is found."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.hostile.defects import DEFECTS, found
from tests.hostile.faults import FAULTS
from tests.hostile.findings import Amounts
from tests.hostile.house import open_house
from tests.hostile.playing import play

FEW = 24
ONCE = Amounts(kills=1, restarts=1, times=1, seconds=2.0, outage_seconds=2.0)


@pytest.mark.parametrize("fault", ["kill -9", pytest.param("power failure", marks=pytest.mark.slow)])
async def test_nothing_is_lost_or_out_of_order(tmp_path: Path, fault: str) -> None:
    async with open_house(
        "SQLite", tmp_path, conversations=FEW, per_second=20.0, chance=random.Random(1)
    ) as house:
        row = await play(house, fault, FAULTS["SQLite"][fault], ONCE, quiet_seconds=30.0)
    assert (row.lost, row.out_of_order) == (0, 0)
    assert row.repeated <= row.counted
    assert (row.injected > 0, row.conversations) == (True, FEW)
    assert row.messages >= FEW * 2 // 3  # everybody with an agent has written after it


@pytest.mark.slow
async def test_a_commit_after_its_acknowledgement_is_found() -> None:
    assert await found(DEFECTS[0], seed=1, conversations=FEW)
