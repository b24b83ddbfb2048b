"""A power failure on SQLite: what was not synced is lost, kept or torn, piece by piece. What was synced has to be enough.

The files are as their format says (sqlite.org/fileformat2.html#walformat, sqlite.org/walformat.html): pages are in the log until
a checkpoint has copied them into the database *and* synced that. The log's index is never synced; it is made anew from the log.
"""

from __future__ import annotations

import os
import random
import sqlite3
import struct
from pathlib import Path
from typing import Any

from botkit.ledger.sqlite import forks

_FULL = 2
"""`PRAGMA synchronous`: from here on, a COMMIT returns when the log is synced."""
_INDEX = struct.Struct("=16xI12x8s")
"""Of the log's index: how many pages the log has, and the salt of that log."""
_NOTE = struct.Struct("=I8s")
_LOG_HEADER = struct.Struct(">8xI4x8s")
"""The size of a page, and the salt."""
_LOG_HEADER_BYTES = 32
_PAGE_HEADER = struct.Struct(">I4x8s")
"""The number of the page, and the salt."""
_PAGE_HEADER_BYTES = 24
_MOST_LOST = 200
"""Pages behind those that were synced. There are seldom more than those of one commit."""
_TORN_PAGES = 50


def note_syncs(path: str) -> None:
    """A patch of the service: each COMMIT that SQLite syncs notes in this file how far the log is synced."""
    notes = os.open(path, os.O_RDWR | os.O_CREAT)
    indexes: dict[str, int] = {}
    """Never closed: that would release SQLite's locks on the file."""

    class Noted(forks._Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            cursor = super().execute(sql, *values)
            if sql == "COMMIT" and super().execute("PRAGMA synchronous").fetchone()[0] >= _FULL:
                ((_, _, database),) = super().execute("PRAGMA database_list").fetchall()
                if database not in indexes:
                    indexes[database] = os.open(f"{database}-shm", os.O_RDONLY)
                pages, salt = _INDEX.unpack(os.pread(indexes[database], _INDEX.size, 0))
                os.pwrite(notes, _NOTE.pack(pages, salt), 0)
            return cursor

    setattr(forks, "_Connection", Noted)  # noqa: B010 - mypy refuses to assign a class


def lose_power(database: Path, notes: Path, chance: random.Random) -> int:
    """Leave of a killed process' files what a power failure may have left. Returns how many pages were lost or torn."""
    database.with_name(f"{database.name}-shm").unlink()
    synced, of_log = _NOTE.unpack(notes.read_bytes() or bytes(_NOTE.size))
    with database.with_name(f"{database.name}-wal").open("r+b") as log, database.open("r+b") as file:
        page_bytes, salt = _LOG_HEADER.unpack(log.read(_LOG_HEADER_BYTES)[: _LOG_HEADER.size])
        if of_log != salt:
            synced = 0  # The log has begun anew, after everything before was copied and synced.
        harmed = _harm_log(log, synced, page_bytes + _PAGE_HEADER_BYTES, chance)
        return harmed + _tear_copied(log, file, synced, page_bytes, salt, chance)


def _harm_log(log: Any, synced: int, size: int, chance: random.Random) -> int:
    """Pages behind the synced ones: each is there, or not, or a part of it."""
    log.seek(_LOG_HEADER_BYTES + synced * size)
    harmed = 0
    for number in range(synced, synced + _MOST_LOST):
        page = log.read(size)
        if len(page) < size or not page.strip(b"\0"):
            break
        kept = chance.choice([0, chance.randrange(size), size])
        if kept < size:
            log.seek(_LOG_HEADER_BYTES + number * size + kept)
            log.write(bytes(size - kept))
            harmed += 1
        log.seek(_LOG_HEADER_BYTES + (number + 1) * size)
    return harmed


def _tear_copied(
    log: Any, file: Any, synced: int, page_bytes: int, salt: bytes, chance: random.Random
) -> int:
    """Pages that the log still has: a checkpoint may have been copying them. The first one's header is within one sector."""
    log.seek(_LOG_HEADER_BYTES)
    numbers = set()
    for _ in range(synced):
        number, of_log = _PAGE_HEADER.unpack(log.read(_PAGE_HEADER_BYTES)[: _PAGE_HEADER.size])
        log.seek(page_bytes, os.SEEK_CUR)
        if of_log == salt and number > 1:
            numbers.add(number)
    pages = os.fstat(file.fileno()).st_size // page_bytes
    torn = [number for number in sorted(numbers) if number <= pages]
    for number in chance.sample(torn, min(len(torn), _TORN_PAGES)):
        file.seek((number - 1) * page_bytes + chance.randrange(page_bytes))
        file.write(b"\xa5" * (number * page_bytes - file.tell()))
    return min(len(torn), _TORN_PAGES)
