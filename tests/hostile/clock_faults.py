"""The wall clock of the processes steps, forth and back, while everybody chats."""

from __future__ import annotations

import asyncio
import time

from tests.hostile.findings import Amounts, Findings, some_heard
from tests.hostile.house import House
from tests.hostile.misdeeds import Misdeed, always

STEPS_SECONDS = (60.0, -60.0, 400.0, -400.0, 600.0, -600.0)
OUTAGE_SECONDS = 1.0
"""Before a step and after it."""
WORST_SECONDS = 10.0


async def steps(house: House, found: Findings, amounts: Amounts) -> None:
    """The clock steps by a minute and by ten, and each time back to the true one, in the middle of a short outage."""
    refusing = always(Misdeed(status=503), chance=house.chance)
    for step in STEPS_SECONDS:
        for offset in (step, 0.0):
            house.clouds.platform.choose = house.clouds.salesforce.choose = refusing
            await asyncio.sleep(OUTAGE_SECONDS)
            for member in house.members:
                member.controls.set(clock_offset_seconds=offset)
                found.injected += 1
            await asyncio.sleep(OUTAGE_SECONDS)
            house.clouds.calm()
            await some_heard(house, found, time.time())
    found.within("a conversation's next effect", found.recoveries, WORST_SECONDS)
