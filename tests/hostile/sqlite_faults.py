"""SQLite's file: the power fails, the disk is full, it is read-only or locked by another process, damaged, or its log is gone."""

from __future__ import annotations

import asyncio
import resource
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.hostile.findings import Amounts, Findings, heard, some_heard
from tests.hostile.house import House
from tests.hostile.power import lose_power

TROUBLE_SECONDS = 2.5
REFUSES_SECONDS = 30.0
_PAGE_BYTES = 4096
Damage = Callable[[Path], None]
"""Does harm to the database's file, or to its log beside it."""
Fault = Callable[[House, Findings, Amounts], Awaitable[None]]


async def full(house: House, found: Findings, amounts: Amounts) -> None:
    """No file of the process can grow: write() fails as on a full disk."""
    for _ in range(amounts.times):
        await house.settled()
        process = house.members[0].process
        assert process is not None
        _, most = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        size = house.database.with_name("botkit.db-wal").stat().st_size
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, most))
        found.injected += 1
        await asyncio.sleep(TROUBLE_SECONDS)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most, most))
        await some_heard(house, found, time.time())


async def without_power(house: House, found: Findings, amounts: Amounts) -> None:
    """The power fails while everybody chats: what was not synced is lost or torn."""
    for _ in range(amounts.times):
        await house.settled()
        await asyncio.sleep(house.chance.uniform(0.0, 1.0))
        member = house.members[0]
        orphans = await house.belonging_to(member)
        since = await member.kill(house.session)
        found.injected += 1 + lose_power(house.database, member.syncs, house.chance)
        member.spawn()
        await member.ready(house.session)
        await heard(house, found, orphans, since)


async def read_only(house: House, found: Findings, amounts: Amounts) -> None:
    """SQLite refuses to write."""
    for _ in range(amounts.times):
        await house.settled()
        house.members[0].controls.set(read_only=True)
        found.injected += 1
        await asyncio.sleep(TROUBLE_SECONDS)
        house.members[0].controls.set()
        await some_heard(house, found, time.time())


async def locked(house: House, found: Findings, amounts: Amounts) -> None:
    """Another process locks the database, as a backup does; for a moment, and for longer than a commit waits."""
    for number in range(amounts.times):
        await house.settled()
        with _locked(house.database):
            found.injected += 1
            await asyncio.sleep(1.0 if number % 2 else 7.0)
        await some_heard(house, found, time.time())


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None, timeout=20.0)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def damaged(*damages: Damage) -> Fault:
    """The files of a process that was killed are damaged: it says so and changes nothing, and goes on with what it had."""

    async def fault(house: House, found: Findings, amounts: Amounts) -> None:
        for damage in damages:
            await _damaged(house, found, damage)

    return fault


async def _damaged(house: House, found: Findings, damage: Damage) -> None:
    member = house.members[0]
    await house.settled()
    await member.kill(house.session)
    kept = member.folder / "kept"
    kept.mkdir()
    for path in house.database.parent.glob("botkit.db*"):
        shutil.copy(path, kept)
    if damage is not log_removed:
        _copy_log(house.database)  # A damaged page that the log has too would do no harm.
    damage(house.database)
    found.injected += 1
    left = house.database.read_bytes()
    member.spawn()
    await _refuses(house, found, damage.__name__)
    if house.database.exists() and house.database.read_bytes() != left:
        found.broken.append(f"{damage.__name__}: the damaged file was changed")
    for path in house.database.parent.glob("botkit.db*"):
        path.unlink()
    for path in kept.iterdir():
        shutil.copy(path, house.database.parent)
    shutil.rmtree(kept)
    member.spawn()
    await member.ready(house.session)
    await some_heard(house, found, time.time())


def _copy_log(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


async def _refuses(house: House, found: Findings, damage: str) -> None:
    """The process ends by itself, and says what to do."""
    member = house.members[0]
    assert member.process is not None
    try:
        code = await asyncio.to_thread(member.process.wait, REFUSES_SECONDS)
    except subprocess.TimeoutExpired:
        code = 0
    if code == 0:
        found.broken.append(f"{damage}: the process goes on with a damaged store")
        await member.kill(house.session)
    elif "BK-3" not in member.last_words():
        found.broken.append(f"{damage}: the process does not say what to do")


def header_overwritten(path: Path) -> None:
    """The first page is of something else."""
    with path.open("r+b") as file:
        file.write(b"\xff" * _PAGE_BYTES)


def cut_short(path: Path) -> None:
    """Half of the file is gone."""
    with path.open("r+b") as file:
        file.truncate(max(_PAGE_BYTES, path.stat().st_size // 2 // _PAGE_BYTES * _PAGE_BYTES))


def log_removed(path: Path) -> None:
    """The write-ahead log is gone, and with it what was acknowledged last."""
    path.with_name(path.name + "-wal").unlink()
