"""The faults: what is done to a cluster while everybody chats, and how long it takes until everybody is heard again."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import aiohttp

from botkit.ledger.postgresql.shards import SHARDS
from tests.cluster.clouds import Clouds
from tests.cluster.crowd import Crowd, Person
from tests.cluster.members import Member
from tests.cluster.owners import Owners, Term, moves_since, shard_of_user
from tests.faults.proxy import Proxy
from tests.postgresql import Server

WORST_SECONDS = 10.0
MEDIAN_SECONDS = 6.5
STREAMS_SECONDS = 15.0
AFTER_RESTART_SECONDS = 3.0
FROZEN_SECONDS = 9.0
PARTED_SECONDS = 9.0
TAKEN_OVER_SECONDS = 8.0
"""Five until the session ends, one until the next look, and something for a busy machine."""
SETTLE_SECONDS = 30.0
HEARD_SECONDS = 30.0
MOST_HEARD = 200
"""More at the same moment would measure how fast this machine is."""
SAMPLE = 40
"""How many are asked whether messages flow again after a restart of the server."""


@dataclass
class Findings:
    """What a fault showed."""

    recoveries: list[float] = field(default_factory=list)
    """Seconds from a fault to the next effect of a conversation that it struck."""
    woken: list[Term] = field(default_factory=list)
    """When members that had stood still went on."""
    late: list[str] = field(default_factory=list)
    """Times that were not kept."""
    broken: list[str] = field(default_factory=list)
    """Promises that were not kept."""

    @property
    def worst(self) -> float:
        return max(self.recoveries, default=0.0)

    @property
    def median(self) -> float:
        return statistics.median(self.recoveries) if self.recoveries else 0.0


@dataclass
class Cluster:
    """Everything that a fault may touch. `proxied` reaches the database through `proxy`."""

    members: Sequence[Member]
    proxied: Member
    proxy: Proxy
    server: Server
    owners: Owners
    clouds: Clouds
    crowd: Crowd
    session: aiohttp.ClientSession
    chance: random.Random

    async def settled(self) -> None:
        """Wait until every shard has an owner and every member its share."""
        share = SHARDS // len(self.members)
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            held = list((await asyncio.to_thread(self.owners.now)).values())
            if len(held) == SHARDS and all(held.count(one.name) >= share - 1 for one in self.members):
                return
            await asyncio.sleep(0.2)
        raise RuntimeError(f"the shards are not shared out: {held}")

    async def belonging_to(self, member: Member) -> list[Person]:
        """Those whose conversations this member owns."""
        held = await asyncio.to_thread(self.owners.now)
        return [one for one in self.crowd.people if held.get(shard_of_user(one.number)) == member.name]


async def kills(cluster: Cluster, found: Findings, times: int) -> None:
    """kill -9 of one member after the other; each is started again at once."""
    streams: list[float] = []
    for _ in range(times):
        await cluster.settled()
        await asyncio.sleep(cluster.chance.uniform(0.0, 2.0))
        victim = cluster.chance.choice(cluster.members)
        orphans = await cluster.belonging_to(victim)
        await victim.kill(cluster.session)
        since = time.time()
        victim.spawn()
        with_agents = [one.number for one in orphans if one.with_agent]
        _, took = await asyncio.gather(
            _heard(cluster, found, orphans, since),
            cluster.crowd.until_listened_to(with_agents, 2 * STREAMS_SECONDS),
        )
        streams.append(took)
        await victim.ready(cluster.session)
    _within(found, "a conversation's next effect", found.recoveries, WORST_SECONDS)
    _within(found, "the streams", streams, STREAMS_SECONDS)
    if found.median > MEDIAN_SECONDS:
        found.late.append(f"the median of the next effects came after {found.median:.1f} s")


async def frozen(cluster: Cluster, found: Findings, times: int) -> None:
    """A member stands still for longer than its session lives, and goes on."""
    for _ in range(times):
        await cluster.settled()
        victim = cluster.chance.choice(cluster.members)
        orphans = await cluster.belonging_to(victim)
        shards = {shard_of_user(one.number) for one in orphans}
        victim.freeze()
        since = time.time()
        heard = asyncio.create_task(_heard(cluster, found, orphans, since))
        try:
            await asyncio.sleep(FROZEN_SECONDS)
        finally:
            found.woken.append((time.time(), victim.name))
            victim.thaw()
        await heard
        _taken_over(found, await asyncio.to_thread(cluster.owners.terms), shards, since)
    await cluster.settled()
    _within(found, "a conversation's next effect", found.recoveries, WORST_SECONDS)


async def parted(cluster: Cluster, found: Findings, times: int) -> None:
    """The network between one member and the database is a black hole, and after that refuses connections."""
    for number in range(times):
        await cluster.settled()
        orphans = await cluster.belonging_to(cluster.proxied)
        shards = {shard_of_user(one.number) for one in orphans}
        black_hole = number % 2 == 0
        if black_hole:
            cluster.proxy.silent = True
            cluster.proxy.timeout()
        else:
            cluster.proxy.down = True
            cluster.proxy.reset_peer()
        cluster.proxied.cut_off = True
        since = time.time()
        heard = asyncio.create_task(_heard(cluster, found, orphans, since))
        await asyncio.sleep(PARTED_SECONDS)
        cluster.proxy.silent = cluster.proxy.down = cluster.proxied.cut_off = False
        if black_hole:
            cluster.proxy.reset_peer()
        await heard
        _taken_over(found, await asyncio.to_thread(cluster.owners.terms), shards, since)
    await cluster.settled()
    _within(found, "a conversation's next effect", found.recoveries, WORST_SECONDS)


async def cut(cluster: Cluster, found: Findings, times: int) -> None:
    """The connection breaks in a commit of the owner: before the server has it, or before its answer arrives."""
    for number in range(times):
        await cluster.settled()
        own = [one for one in await cluster.belonging_to(cluster.proxied) if one.with_agent]
        person = cluster.chance.choice(own)
        since = time.time()
        text = cluster.crowd.next_text(person)
        if number % 2:
            cluster.proxy.refuse_data = text.encode()
        else:
            cluster.proxy.limit_data = (text.encode(), 0)
        cluster.crowd.is_answered(person)  # at once: another message would take its number
        arrived = await cluster.clouds.arrival(person.number, text, since + HEARD_SECONDS)
        found.recoveries.append(arrived - since)
        if cluster.proxy.refuse_data or cluster.proxy.limit_data:
            found.broken.append(f"the commit of {text!r} did not pass the proxy")
            cluster.proxy.refuse_data, cluster.proxy.limit_data = b"", None
    _within(found, "a conversation's next effect", found.recoveries, WORST_SECONDS)


async def restarts(cluster: Cluster, found: Findings, times: int) -> None:
    """PostgreSQL is killed and started again."""
    await cluster.settled()
    began = time.time()
    for _ in range(times):
        await asyncio.sleep(cluster.chance.uniform(1.0, 3.0))
        await asyncio.to_thread(cluster.server.kill)
        await asyncio.sleep(cluster.chance.uniform(0.1, 2.0))
        await asyncio.to_thread(cluster.server.start)
        since = time.time()
        people = cluster.chance.sample(cluster.crowd.people, min(SAMPLE, len(cluster.crowd.people)))
        await _heard(cluster, found, people, since)
        await cluster.settled()
    _within(found, "the first effects after a restart", found.recoveries, AFTER_RESTART_SECONDS)
    if deposed := moves_since(await asyncio.to_thread(cluster.owners.terms), began):
        found.broken.append(f"{len(deposed)} shards have moved: {deposed[:3]}")


FAULTS = {
    "kill -9": kills,
    "SIGSTOP": frozen,
    "partition": parted,
    "cut COMMIT": cut,
    "PostgreSQL killed": restarts,
}


async def _heard(cluster: Cluster, found: Findings, people: Sequence[Person], since: float) -> None:
    """These send a message each, or some of them if they are many, and wait until it arrives."""
    # Who waits for an answer would be heard only after it.
    free = [one for one in people if one.with_agent or not one.turn.locked()]
    free = cluster.chance.sample(free, min(MOST_HEARD, len(free)))
    seconds = [cluster.crowd.is_heard(one, since, HEARD_SECONDS) for one in free]
    found.recoveries += [one for one in await asyncio.gather(*seconds) if one is not None]


def _taken_over(
    found: Findings, terms: Mapping[int, Sequence[Term]], shards: Collection[int], since: float
) -> None:
    """Every shard has another owner before the former one could have come back."""
    late = [
        shard
        for shard in shards
        if not any(since < at < since + TAKEN_OVER_SECONDS for at, _ in terms.get(shard, ()))
    ]
    if late:
        found.late.append(
            f"{len(late)} of {len(shards)} shards were not taken over within {TAKEN_OVER_SECONDS:g} s"
        )


def _within(found: Findings, what: str, seconds: Sequence[float], limit: float) -> None:
    late = [one for one in seconds if one > limit]
    if late:
        found.late.append(
            f"{what} came after {max(late):.1f} s ({len(late)} of {len(seconds)} later than {limit:g} s)"
        )
