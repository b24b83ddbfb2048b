"""Processes are killed, stopped in good order, and stand still, while everybody chats."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from functools import partial

from tests.hostile.controls import POINTS
from tests.hostile.crowd import Person
from tests.hostile.findings import Amounts, Findings, heard, wait_for
from tests.hostile.house import House
from tests.hostile.members import Member
from tests.hostile.owners import Term, shard_of_user

WORST_SECONDS = 10.0
STREAMS_SECONDS = 15.0
CRASH_SECONDS = 45.0
MOST_PASSING = 30
AWAKE_SECONDS = 2.0
FROZEN_SECONDS = 9.0
"""Longer than a session of PostgreSQL lives."""
TAKEN_OVER_SECONDS = 8.0
"""Five until the session ends, one until the next look, and something for a busy machine."""


async def kills(house: House, found: Findings, amounts: Amounts) -> None:
    """kill -9 of one member after the other; each is started again at once."""
    for _ in range(amounts.kills):
        await house.settled()
        await asyncio.sleep(house.chance.uniform(0.0, 2.0))
        victim = house.chance.choice(house.members)
        orphans = await house.belonging_to(victim)
        since = await victim.kill(house.session)
        found.injected += 1
        await _start_again(house, victim)
        with_agents = [one.number for one in orphans if one.with_agent]
        _, took = await asyncio.gather(
            heard(house, found, orphans, since),
            house.crowd.until_listened_to(with_agents, 4 * STREAMS_SECONDS, since=since),
        )
        found.streams.append(took)
        await victim.ready(house.session)
    found.within("a conversation's next effect", found.recoveries, WORST_SECONDS)
    found.within("the streams", found.streams, STREAMS_SECONDS)


async def crashes(house: House, found: Findings, amounts: Amounts) -> None:
    """A process dies between what is durable and what the others see of it, at each such point; it is started again."""
    for point in POINTS:
        if point == "before a notification" and house.owners is None:
            continue
        for _ in range(amounts.times):
            await house.settled()
            victim = house.chance.choice(house.members)
            orphans = await house.belonging_to(victim)
            await victim.possible_duplicates(house.session)
            victim.controls.set(crash_at=point, passing=house.chance.randrange(MOST_PASSING))
            died = await wait_for(partial(_is_down, victim), CRASH_SECONDS)
            victim.controls.set()
            if not died:
                found.broken.append(f"no process came to a point {point}")
                continue
            found.injected += 1
            since = time.time()
            await _start_again(house, victim)
            await heard(house, found, orphans, since)
            await victim.ready(house.session)


async def _start_again(house: House, victim: Member) -> None:
    """Start it, and wait for it if there is no other."""
    victim.spawn()
    if house.owners is None:
        await victim.ready(house.session)


def _is_down(member: Member) -> bool:
    return not member.up


async def stops(house: House, found: Findings, amounts: Amounts) -> None:
    """SIGTERM of one member after the other; each is started again when it has ended."""
    for _ in range(amounts.times):
        await house.settled()
        await asyncio.sleep(house.chance.uniform(0.0, 1.0))
        victim = house.chance.choice(house.members)
        orphans = await house.belonging_to(victim)
        await victim.terminate(house.session)
        found.injected += 1
        since = time.time()
        victim.spawn()
        await victim.ready(house.session)
        await heard(house, found, orphans, since)
    found.within("a conversation's next effect", found.recoveries, WORST_SECONDS)


async def frozen(house: House, found: Findings, amounts: Amounts) -> None:
    """A member stands still for longer than its session lives, and goes on."""
    for _ in range(max(1, amounts.times // 2)):
        await house.settled()
        victim = house.chance.choice(house.members)
        orphans = await house.belonging_to(victim)
        victim.freeze()
        found.injected += 1
        since = time.time()
        waiting = None
        if house.owners is not None:
            waiting = asyncio.create_task(heard(house, found, orphans, since))
        try:
            await asyncio.sleep(FROZEN_SECONDS)
        finally:
            victim.thaw()
        if waiting is None:
            await heard(house, found, orphans, time.time())
        else:
            await waiting
            await taken_over(house, found, orphans_shards(orphans), since)
            await asyncio.sleep(AWAKE_SECONDS)
            await heard(house, found, orphans, time.time())
    found.within("a conversation's next effect", found.recoveries, WORST_SECONDS)


def orphans_shards(orphans: Collection[Person]) -> set[int]:
    """The shards of these people."""
    return {shard_of_user(one.number) for one in orphans}


async def taken_over(house: House, found: Findings, shards: Collection[int], since: float) -> None:
    """Every shard has another owner before the former one could have come back."""
    assert house.owners is not None
    terms: Mapping[int, Sequence[Term]] = await asyncio.to_thread(house.owners.terms)
    late = [
        shard
        for shard in shards
        if not any(since < at < since + TAKEN_OVER_SECONDS for at, _ in terms.get(shard, ()))
    ]
    if late:
        found.late.append(
            f"{len(late)} of {len(shards)} shards were not taken over within {TAKEN_OVER_SECONDS:g} s"
        )
