"""Planted defects: each has to be found by a short form of the fault that it breaks under."""

from __future__ import annotations

import random
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.hostile.faults import FAULTS
from tests.hostile.findings import Amounts
from tests.hostile.house import StoreName, open_house
from tests.hostile.playing import play

CONVERSATIONS = 40
PER_SECOND = 30.0
QUIET_SECONDS = 6.0
AMOUNTS = Amounts(kills=3, restarts=1, times=2, seconds=4.0, outage_seconds=4.0)


@dataclass(frozen=True, slots=True)
class Defect:
    """A patch of the program, and where it shows."""

    what: str
    patch: str
    store: StoreName
    fault: str


DEFECTS = (
    Defect("a commit after its acknowledgement", "late-commit", "SQLite", "kill -9"),
    Defect("a lane that overtakes", "overtaking-lane", "SQLite", "bursts of 5xx"),
    Defect("a deduplication key that forgets", "forgotten-key", "SQLite", "hooks repeated"),
    Defect("a fence that does not hold", "fence-that-does-not-hold", "PostgreSQL", "SIGSTOP"),
)


async def found(defect: Defect, *, seed: int, conversations: int = CONVERSATIONS) -> list[str]:
    """What is not kept with this defect; nothing if it is not found."""
    with tempfile.TemporaryDirectory(prefix="botkit-defect-") as folder:
        async with open_house(
            defect.store,
            Path(folder),
            conversations=conversations,
            per_second=PER_SECOND,
            chance=random.Random(seed),
            patches=[defect.patch],
        ) as house:
            fault = FAULTS[defect.store][defect.fault]
            row = await play(house, defect.fault, fault, AMOUNTS, quiet_seconds=QUIET_SECONDS)
    return (
        list(row.broken)
        if row.lost or row.out_of_order or row.repeated > row.counted or _owned(row.broken)
        else []
    )


def _owned(broken: object) -> bool:
    return "no owner any more" in str(broken)
