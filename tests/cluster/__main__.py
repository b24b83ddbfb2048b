"""Three processes on one PostgreSQL under faults; the history of both emulated sides is checked.

``python -m tests.cluster`` prints a table, and exits with 1 if a promise was not kept. The logs of the processes stay
then, in the folder that it names.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.table import Table

from tests.cluster import order
from tests.cluster.clouds import Clouds
from tests.cluster.crowd import Crowd
from tests.cluster.faults import FAULTS, Cluster, Findings
from tests.cluster.members import Member
from tests.cluster.owners import Owners, attempts_of_others
from tests.faults.proxy import running_proxy
from tests.postgresql import Server

NAMES = ("one", "two", "three")
QUIET_SECONDS = 60.0
LOOK_SECONDS = 0.05
MOST_LATE_SECONDS = 0.5
"""A harness that is later does not judge times: the processes have not got the processor time that they needed either."""
Fault = Callable[[Cluster, Findings, int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    fault: str
    times: int
    conversations: int
    messages: int
    lost: int
    out_of_order: int
    repeated: int
    counted: int
    median_seconds: float
    worst_seconds: float
    broken: Sequence[str]


async def main() -> int:
    """Run what the command line asks for. Returns the exit code."""
    chosen = _arguments()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # every event stream is an open file
    folder = Path(tempfile.mkdtemp(prefix="botkit-cluster-"))
    server = Server()
    rows: list[Row] = []
    try:
        server.start()
        if "order" in chosen.faults:
            rows.append(await asyncio.to_thread(_order, server, chosen.hooks))
        if wanted := [name for name in FAULTS if name in chosen.faults]:
            chance = random.Random(chosen.seed)
            async with _cluster(folder, server, chosen.conversations, chosen.per_second, chance) as cluster:
                for name in wanted:
                    print(f"{name} ...", flush=True)
                    times = {"kill -9": chosen.kills, "PostgreSQL killed": chosen.restarts}
                    rows.append(await _run(cluster, name, times.get(name, chosen.times)))
    finally:
        server.close()
    _print(rows)
    broken = [f"{row.fault}: {what}" for row in rows for what in row.broken]
    print("\n".join([*broken, f"The logs are in {folder}"] if broken else ["Every promise was kept."]))
    if not broken:
        shutil.rmtree(folder)
    return 1 if broken else 0


def _arguments() -> argparse.Namespace:
    names = ["order", *FAULTS]
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    parser.add_argument("--conversations", type=int, default=300)
    parser.add_argument("--per-second", type=float, default=40.0, help="messages that users send")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--restarts", type=int, default=10, help="of PostgreSQL")
    parser.add_argument("--times", type=int, default=4, help="of every other fault")
    parser.add_argument("--hooks", type=int, default=50_000, help="of the test of order")
    parser.add_argument("--faults", nargs="*", choices=names, default=names)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}")
    return chosen


@asynccontextmanager
async def _cluster(
    folder: Path, server: Server, conversations: int, per_second: float, chance: random.Random
) -> AsyncIterator[Cluster]:
    """Three processes that are ready, with everybody's conversation open."""
    async with AsyncExitStack() as stack:
        url = server.empty()
        proxy = stack.enter_context(running_proxy(f"http://127.0.0.1:{server.port}"))
        clouds = Clouds()
        await clouds.start(NAMES)
        stack.push_async_callback(clouds.close)
        through = url.replace(f":{server.port}/", f":{proxy.url.rpartition(':')[2]}/")
        members = [
            Member(name, folder, store=through if name == NAMES[-1] else url, system=clouds.system(name))
            for name in NAMES
        ]
        session = await stack.enter_async_context(
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=15.0)
            )
        )
        for member in members:
            stack.callback(member.stop)
            member.spawn()
        for member in members:
            await member.ready(session)
        owners = Owners(url, members)
        owners.keep_log()
        crowd = Crowd(clouds, members, session, count=conversations, per_second=per_second, chance=chance)
        cluster = Cluster(members, members[-1], proxy, server, owners, clouds, crowd, session, chance)
        await cluster.settled()
        await crowd.arrive()
        yield cluster


async def _run(cluster: Cluster, name: str, times: int) -> Row:
    """One kind of fault while everybody chats, and then what the history shows."""
    crowd, found = cluster.crowd, Findings()
    crowd.forget()
    before = await _counted(cluster)
    chat = asyncio.create_task(crowd.chat())
    late: list[float] = [0.0]
    watch = asyncio.create_task(_watch(late))
    try:
        await FAULTS[name](cluster, found, times)
        crowd.fall_silent()
        await chat
    finally:
        chat.cancel()
        watch.cancel()
    await crowd.until_quiet(QUIET_SECONDS)
    histories = [crowd.history(one) for one in crowd.people]
    terms = await asyncio.to_thread(cluster.owners.terms)
    strange = attempts_of_others(terms, cluster.clouds.attempts, woken=found.woken, late_seconds=late[0])
    lost = [text for one in histories for text in one.lost]
    misplaced = [text for one in histories for text in one.out_of_order]
    repeated = sum(len(one.repeated) for one in histories)
    counted = int(await _counted(cluster) - before)
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
        broken.append(f"lost: {lost[:5]}")
    if misplaced:
        broken.append(f"out of order: {misplaced[:5]}")
    if repeated > counted:
        broken.append(f"{repeated} shown again, and {counted} counted")
    if strange:
        broken.append(f"{len(strange)} attempts of a member that was no owner any more: {strange[:5]}")
    return Row(
        name,
        times,
        len(crowd.people),
        crowd.messages(),
        len(lost),
        len(misplaced),
        repeated,
        counted,
        found.median,
        found.worst,
        broken,
    )


async def _watch(late: list[float]) -> None:
    """Note how late this loop comes to its work at most."""
    while True:
        due = time.monotonic() + LOOK_SECONDS
        await asyncio.sleep(LOOK_SECONDS)
        late[0] = max(late[0], time.monotonic() - due)


async def _counted(cluster: Cluster) -> float:
    return sum([await member.possible_duplicates(cluster.session) for member in cluster.members])


def _order(server: Server, hooks: int) -> Row:
    found = order.play(server.empty(), users=400, hooks=hooks)
    moving = order.play(server.empty(), users=400, hooks=hooks, guests=3)
    broken = [
        f"{one}" for one in (found, moving) if one.out_of_order or one.missing or (one is found and one.twice)
    ]
    with order.own_hooks_handed_over_directly():
        rounds = (order.play(server.empty(), users=400, hooks=hooks, seed=seed) for seed in range(10))
        was_found = any(one.out_of_order for one in rounds)
    if not was_found:
        broken.append("a door that hands its own hooks over directly was not found")
    return Row(
        "order at two doors",
        1,
        400,
        found.hooks + moving.hooks,
        found.missing + moving.missing,
        found.out_of_order + moving.out_of_order,
        found.twice,
        0,
        0.0,
        0.0,
        broken,
    )


def _print(rows: Sequence[Row]) -> None:
    table = Table()
    for name in (
        "fault",
        "times",
        "conversations",
        "messages",
        "lost",
        "out of order",
        "repeated",
        "counted",
    ):
        table.add_column(name, justify="left" if name == "fault" else "right")
    table.add_column("median recovery", justify="right")
    table.add_column("worst recovery", justify="right")
    for row in rows:
        numbers = (row.times, row.conversations, row.messages, row.lost, row.out_of_order, row.repeated)
        seconds = (f"{row.median_seconds:.1f} s", f"{row.worst_seconds:.1f} s")
        table.add_row(row.fault, *map(str, numbers), str(row.counted), *seconds)
    Console(width=150).print(table)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
