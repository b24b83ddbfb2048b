"""A house: processes on one store between both emulated sides, with everybody's conversation open.

With SQLite it has one process, with PostgreSQL three. Each link goes through a proxy, unless there are thousands of users.
"""

from __future__ import annotations

import asyncio
import gc
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import aiohttp

from benchmarks.machine import rss_bytes
from botkit.ledger.postgresql.shards import SHARDS
from tests.faults.proxy import Proxy, running_proxy
from tests.hostile.clouds import Clouds
from tests.hostile.crowd import HOOK_SECONDS, Crowd, Person
from tests.hostile.members import GIVE_UP_SECONDS, Member
from tests.hostile.owners import Owners, shard_of_user
from tests.hostile.scale import scale_of
from tests.postgresql import Server

StoreName = Literal["SQLite", "PostgreSQL"]
NAMES = ("one", "two", "three")
SETTLE_SECONDS = 90.0
NEVER = 1_000_000_000
"""The threshold of full garbage collections while faults are injected: with thousands of conversations, each would stop both
emulated sides for a second, in the middle of what is measured."""
FIRST = 50
"""So many are handed over before the others."""


@dataclass
class House:
    """Everything that a fault may touch."""

    store: StoreName
    members: Sequence[Member]
    clouds: Clouds
    crowd: Crowd
    session: aiohttp.ClientSession
    chance: random.Random
    platform_link: Proxy
    salesforce_links: Sequence[Proxy]
    door_links: Sequence[Proxy]
    """From the platform to each process. Hooks go through them while they are disturbed: a proxy takes connections for a process
    that is gone, which no load balancer does."""
    store_links: Sequence[Proxy] = ()
    """Of PostgreSQL, one for each member."""
    server: Server | None = None
    owners: Owners | None = None
    bytes_before: int = 0
    """Resident memory of all processes when only `FIRST` had an agent: what their conversations load stays for all."""
    _links: list[Proxy] = field(init=False)

    def __post_init__(self) -> None:
        self._links = [
            self.platform_link,
            *self.salesforce_links,
            *self.door_links,
            *self.store_links,
        ]

    @property
    def injected(self) -> int:
        """How many faults were injected so far, without those of processes and stores."""
        return self.clouds.injected + self.crowd.injected + sum(link.injected for link in self._links)

    @property
    def database(self) -> Path:
        """SQLite's file."""
        return self.members[0].folder / "botkit.db"

    async def settled(self) -> None:
        """Wait until every process is ready; with PostgreSQL, also until every shard has an owner and every member its share.

        It also collects what has become garbage since it was called last, which is left undone otherwise; see `NEVER`.
        """
        for member in self.members:
            await member.ready(self.session)
        gc.collect()
        gc.freeze()
        if self.owners is None:
            return
        share = SHARDS // len(self.members)
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            held = list((await asyncio.to_thread(self.owners.now)).values())
            if len(held) == SHARDS and all(held.count(one.name) >= share - 1 for one in self.members):
                return
            await asyncio.sleep(0.2)
        raise RuntimeError(f"the shards are not shared out: {held}")

    async def belonging_to(self, member: Member) -> list[Person]:
        """Those whose conversations this member has."""
        if self.owners is None:
            return list(self.crowd.people)
        held = await asyncio.to_thread(self.owners.now)
        return [one for one in self.crowd.people if held.get(shard_of_user(one.number)) == member.name]

    async def possible_duplicates(self) -> float:
        """What all processes have counted so far."""
        return sum([await member.possible_duplicates(self.session) for member in self.members])

    def resident_bytes(self) -> int:
        """Resident memory of all processes."""
        return sum(rss_bytes(one.process.pid) for one in self.members if one.process is not None)

    def calm(self) -> None:
        """End every fault of the far sides, the links, the clock and the store's file."""
        self.clouds.calm()
        self.crowd.repeated_hooks = 0.0
        for member in self.members:
            member.controls.set()
            member.door_url = member.url
        for link in self._links:
            link.calm()


@asynccontextmanager
async def open_house(
    store: StoreName,
    folder: Path,
    *,
    conversations: int,
    per_second: float,
    chance: random.Random,
    give_up_seconds: int = GIVE_UP_SECONDS,
    patches: Sequence[str] = (),
) -> AsyncIterator[House]:
    """A house whose processes are ready, with everybody's conversation open.

    Args:
        store: where its processes keep what they know.
        folder: for configurations, logs and SQLite's file.
        conversations: the users; two of three are with an agent.
        per_second: how many users send a message each second.
        chance: decides everything that is not given.
        give_up_seconds: how long a call is repeated that fails; longer than any outage.
        patches: what is changed in the processes, beside clock and store, which the faults need.
    """
    scale = scale_of(conversations)
    names = NAMES if store == "PostgreSQL" else NAMES[:1]
    async with AsyncExitStack() as stack:
        clouds = Clouds(ping_seconds=scale.ping_seconds)
        await clouds.start(names)
        stack.push_async_callback(clouds.close)
        server = Server() if store == "PostgreSQL" else None
        if server is not None:
            stack.callback(server.close)
            server.start()
        platform_link = stack.enter_context(running_proxy(clouds.platform_url))
        salesforce_links = [
            stack.enter_context(running_proxy(clouds.salesforce_urls[name])) for name in names
        ]
        store_links = [
            stack.enter_context(running_proxy(f"http://127.0.0.1:{server.port}"))
            for _ in names
            if server is not None
        ]
        members = [
            Member(
                name,
                folder,
                store=_store_of(server, store_links[number] if scale.has_proxies else None) if server else "",
                system=clouds.system(
                    salesforce_links[number].url if scale.has_proxies else clouds.salesforce_urls[name]
                ),
                give_up_seconds=give_up_seconds,
                call_seconds=scale.call_seconds,
                patches=[*scale.patches, *patches],
            )
            for number, name in enumerate(names)
        ]
        door_links = [stack.enter_context(running_proxy(member.url)) for member in members]
        session = await stack.enter_async_context(
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                timeout=aiohttp.ClientTimeout(total=HOOK_SECONDS),
            )
        )
        for member in members:
            stack.callback(member.stop)
            member.spawn()
        for member in members:
            await member.ready(session)
        owners = None
        if server is not None:
            owners = Owners(server.url, members)
            owners.keep_log()
        crowd = Crowd(
            clouds,
            members,
            session,
            origin=platform_link.url if scale.has_proxies else clouds.platform_url,
            count=conversations,
            per_second=per_second,
            chance=chance,
            open_seconds=scale.open_seconds,
        )
        house = House(
            store,
            members,
            clouds,
            crowd,
            session,
            chance,
            platform_link,
            salesforce_links,
            door_links,
            store_links,
            server,
            owners,
        )
        await house.settled()
        await crowd.arrive_again(at_most=FIRST)
        house.bytes_before = house.resident_bytes()
        await crowd.arrive()
        stack.callback(gc.set_threshold, *gc.get_threshold())
        gc.set_threshold(*gc.get_threshold()[:2], NEVER)
        yield house


def _store_of(server: Server, link: Proxy | None) -> str:
    if link is None:
        return server.url
    return server.url.replace(f":{server.port}/", f":{link.url.rpartition(':')[2]}/")
