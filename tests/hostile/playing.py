"""One fault while everybody chats, and then what the history shows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from tests.hostile.findings import Amounts, Findings
from tests.hostile.house import House
from tests.hostile.owners import attempts_of_others
from tests.hostile.table import Row

MOST_LATE_SECONDS = 0.5
"""A harness that is later does not judge times: the processes have not got the processor time that they needed either."""
_LOOK_SECONDS = 0.05
_SHOWN = 3

Fault = Callable[[House, Findings, Amounts], Awaitable[None]]


async def play(house: House, name: str, fault: Fault, amounts: Amounts, *, quiet_seconds: float) -> Row:
    """Let everybody chat while a fault is injected. What has not arrived `quiet_seconds` after that is lost."""
    crowd, found = house.crowd, Findings()
    crowd.forget()
    before, injected = await house.possible_duplicates(), house.injected
    chat = asyncio.create_task(crowd.chat())
    late: list[float] = [0.0]
    watch = asyncio.create_task(_watch(late))
    try:
        await fault(house, found, amounts)
        crowd.fall_silent()
        await chat
    finally:
        chat.cancel()
        watch.cancel()
        house.calm()
    if found.ends_expected:
        await asyncio.sleep(1.0)
    else:
        await crowd.until_quiet(quiet_seconds)
    check = crowd.accounted if found.ends_expected else crowd.history
    histories = [check(one) for one in crowd.people]
    lost = [text for one in histories for text in one.lost]
    misplaced = [text for one in histories for text in one.out_of_order]
    repeated = [text for one in histories for text in one.repeated]
    counted = int(await house.possible_duplicates() - before)
    broken = list(found.broken)
    if late[0] < MOST_LATE_SECONDS:
        broken += found.late
    elif found.late:
        print(
            f"This machine was too busy to judge times: the harness was late by {late[0]:.1f} s.",
            *found.late,
            sep="\n  ",
        )
    if lost:
        broken.append(f"{len(lost)} lost: {lost[:_SHOWN]}")
    if misplaced:
        broken.append(f"{len(misplaced)} out of order: {misplaced[:_SHOWN]}")
    if len(repeated) > counted:
        broken.append(f"{len(repeated)} shown again, and {counted} counted: {repeated[:_SHOWN]}")
    if not found.ends_expected and (ended := crowd.ended()):
        broken.append(f"{ended} conversations have ended")
    if house.owners is not None:
        terms = await asyncio.to_thread(house.owners.terms)
        strange = attempts_of_others(terms, house.clouds.attempts)
        if strange:
            broken.append(
                f"{len(strange)} attempts of a member that was no owner any more: {strange[:_SHOWN]}"
            )
    return Row(
        house.store,
        name,
        house.injected - injected + found.injected,
        len(crowd.people),
        crowd.messages(),
        len(lost),
        len(misplaced),
        len(repeated),
        counted,
        found.worst,
        found.median,
        max(found.streams, default=0.0),
        broken,
    )


async def _watch(late: list[float]) -> None:
    """Note how late this loop comes to its work at most."""
    while True:
        due = time.monotonic() + _LOOK_SECONDS
        await asyncio.sleep(_LOOK_SECONDS)
        late[0] = max(late[0], time.monotonic() - due)
