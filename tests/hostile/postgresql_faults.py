"""PostgreSQL is killed, read-only or out of reach, and connections break in the middle of a commit."""

from __future__ import annotations

import asyncio
import time

import psycopg

from tests.hostile.findings import HEARD_SECONDS, Amounts, Findings, heard, some_heard
from tests.hostile.house import House
from tests.hostile.owners import moves_since
from tests.hostile.process_faults import WORST_SECONDS, orphans_shards, taken_over

PARTED_SECONDS = 9.0
AFTER_RESTART_SECONDS = 3.0
READ_ONLY_SECONDS = 4.0


async def parted(house: House, found: Findings, amounts: Amounts) -> None:
    """The network between one member and the database is a black hole, and after that refuses connections."""
    for number in range(max(2, amounts.times // 2)):
        await house.settled()
        place = house.chance.randrange(len(house.members))
        member, link = house.members[place], house.store_links[place]
        orphans = await house.belonging_to(member)
        black_hole = number % 2 == 0
        if black_hole:
            link.silent = True
            link.timeout()
        else:
            link.down = True
            link.reset_peer()
        member.cut_off = True
        since = time.time()
        waiting = asyncio.create_task(heard(house, found, orphans, since))
        await asyncio.sleep(PARTED_SECONDS)
        link.calm()
        member.cut_off = False
        if black_hole:
            link.reset_peer()
        await waiting
        await taken_over(house, found, orphans_shards(orphans), since)
    await house.settled()
    found.within("a conversation's next effect", found.recoveries, WORST_SECONDS)


async def cut(house: House, found: Findings, amounts: Amounts) -> None:
    """The connection breaks in a commit of the owner: before the server has it, or before its answer arrives."""
    for number in range(amounts.times):
        await house.settled()
        place = house.chance.randrange(len(house.members))
        link = house.store_links[place]
        own = [one for one in await house.belonging_to(house.members[place]) if one.with_agent]
        person = house.chance.choice(own)
        since = time.time()
        text = house.crowd.next_text(person)
        if number % 2:
            link.refuse_data = text.encode()
        else:
            link.limit_data = (text.encode(), 0)
        house.crowd.is_answered(person)  # at once: another message would take its number
        arrived = await house.clouds.arrival(person.number, text, since + HEARD_SECONDS)
        found.recoveries.append(arrived - since)
        if link.refuse_data or link.limit_data:
            found.broken.append(f"the commit of {text!r} did not pass the proxy")
            link.refuse_data, link.limit_data = b"", None
    found.within("a conversation's next effect", found.recoveries, WORST_SECONDS)


async def restarts(house: House, found: Findings, amounts: Amounts) -> None:
    """PostgreSQL is killed and started again."""
    assert house.server is not None
    assert house.owners is not None
    await house.settled()
    began = time.time()
    for _ in range(amounts.restarts):
        await asyncio.sleep(house.chance.uniform(1.0, 3.0))
        await asyncio.to_thread(house.server.kill)
        found.injected += 1
        await asyncio.sleep(house.chance.uniform(0.1, 2.0))
        await asyncio.to_thread(house.server.start)
        await some_heard(house, found, time.time())
        await house.settled()
    found.within("the first effects after a restart", found.recoveries, AFTER_RESTART_SECONDS)
    if deposed := moves_since(await asyncio.to_thread(house.owners.terms), began):
        found.late.append(f"{len(deposed)} shards have moved: {deposed[:3]}")


async def read_only(house: House, found: Findings, amounts: Amounts) -> None:
    """PostgreSQL takes no writes, as a standby that was taken for the primary does."""
    assert house.server is not None
    for _ in range(max(1, amounts.times // 2)):
        await asyncio.to_thread(_configure, house.server.url, "on")
        found.injected += 1
        await asyncio.sleep(READ_ONLY_SECONDS)
        await asyncio.to_thread(_configure, house.server.url, "off")
        await some_heard(house, found, time.time())
        await house.settled()


def _configure(url: str, read_only: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {read_only}")
        connection.execute("SELECT pg_reload_conf()")
