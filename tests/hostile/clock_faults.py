"""The wall clock of the processes steps, forth and back, while everybody chats."""

from __future__ import annotations

import asyncio
import time

from tests.hostile.findings import Amounts, Findings, some_heard
from tests.hostile.house import House
from tests.hostile.misdeeds import Misdeed, sometimes

STEPS_SECONDS = (60.0, -60.0, 400.0, -400.0, 600.0, -600.0)
WAIT_SECONDS = 1.5
SHARE_OF_CALLS = 0.3
WORST_SECONDS = 10.0


async def steps(house: House, found: Findings, amounts: Amounts) -> None:
    """The clock steps by a minute and by ten, and each time back to the true one, while some calls fail and are repeated."""
    house.clouds.platform.choose = sometimes(house.chance, SHARE_OF_CALLS, [Misdeed(status=503)])
    house.clouds.salesforce.choose = house.clouds.platform.choose
    for step in STEPS_SECONDS:
        for offset in (step, 0.0):
            for member in house.members:
                member.controls.set(clock_offset_seconds=offset)
                found.injected += 1
            await asyncio.sleep(WAIT_SECONDS)
    house.clouds.calm()
    for step in (600.0, 0.0):
        for member in house.members:
            member.controls.set(clock_offset_seconds=step)
            found.injected += 1
        await some_heard(house, found, time.time())
    found.within("a conversation's next effect", found.recoveries, WORST_SECONDS)
