"""What is wrong with the file of a store, and what to do about it."""

from __future__ import annotations

import os
import re
import sqlite3
from pathlib import Path
from typing import Final, NamedTuple

_WRITES: Final = re.compile(r"POSIX +ADVISORY +WRITE (?P<pid>\d+) [0-9a-f]+:[0-9a-f]+:(?P<inode>\d+) 120 ")
"""The lock of the one process that writes, in /proc/locks: byte 120 of the log's index (sqlite.org/walformat.html, 2.3)."""
_HOLDS: Final = re.compile(r"FLOCK +ADVISORY +WRITE (?P<pid>\d+) [0-9a-f]+:[0-9a-f]+:(?P<inode>\d+) 0 EOF")
"""The lock of the process that decides and sends (`lock.py`), likewise."""
_BASE = 0xFF
"""The part of an extended error code that tells its kind."""


def advice(error: sqlite3.Error, file: Path) -> str:
    """What the operator has to do.

    Args:
        error: of SQLite.
        file: the store.
    """
    name = file.name
    match getattr(error, "sqlite_errorcode", 0) & _BASE:
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return (
                f"{name} is damaged, or no store: stop the service, move {name}, {name}-wal and {name}-shm away together and "
                f"keep them (`sqlite3 {name} .recover` reads what is left), then put a backup there, or start with an empty store"
            )
        case sqlite3.SQLITE_FULL:
            return "the disk is full: make room; the service goes on by itself"
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return f"{name} cannot be written: correct the owner and mode of the file and its folder, or how the disk is mounted"
        case sqlite3.SQLITE_CANTOPEN:
            return f"{name} cannot be opened: look whether its folder is there and this user may write in it"
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return _about_writer(file)
        case sqlite3.SQLITE_IOERR:
            return "the disk fails: look at the log of the system's kernel, and at the quota"
    return f"check store.url and {name}, or run botkit doctor"


def _about_writer(file: Path) -> str:
    """What to do about another process that does not let anybody write."""
    writer = _process_with(_WRITES, file, "-shm")
    if writer is None:
        return f"another program keeps {file.name} locked: close it (a shell of SQLite, a backup)"
    if _is_stopped(writer):
        return ": ".join(_stopped_writer(writer, file))
    return (
        f"process {writer} keeps {file.name} locked: look what it does (ps {writer}), "
        "and end it if it is a shell of SQLite or a backup"
    )


class Stopped(NamedTuple):
    """What is wrong because a process was stopped, and what to do about it."""

    cause: str
    fix: str


def stopped(file: Path) -> Stopped | None:
    """Whether a process that others of a store wait for was stopped (SIGSTOP, a debugger), as far as this machine tells."""
    writer = _process_with(_WRITES, file, "-shm")
    if writer is not None and _is_stopped(writer):
        return _stopped_writer(writer, file)
    leader = _process_with(_HOLDS, file, ".lock")
    if leader is not None and _is_stopped(leader):
        return Stopped(
            f"process {leader} was stopped: it holds {file.name}, and without it nothing is decided or sent",
            _go_on(leader),
        )
    return None


def _stopped_writer(writer: int, file: Path) -> Stopped:
    return Stopped(
        f"process {writer} was stopped while it was writing to {file.name}, and keeps it locked",
        _go_on(writer),
    )


def _go_on(process: int) -> str:
    return (
        f"let it go on (kill -CONT {process}), or end it (kill -9 {process}), "
        "which loses nothing that was acknowledged"
    )


def _process_with(lock: re.Pattern[str], file: Path, suffix: str) -> int | None:
    """The other process that has a lock on a file beside the store, as far as this machine tells (Linux does).

    Asking the file itself would need a descriptor of its own, and closing that would release the locks of this process.
    """
    store = file.resolve()
    try:
        inode = store.with_name(store.name + suffix).stat().st_ino
        locks = Path("/proc/locks").read_text(encoding="ascii")
    except (OSError, ValueError):
        return None
    for line in locks.splitlines():
        found = lock.search(line)
        if found is not None and int(found["inode"]) == inode and int(found["pid"]) not in (0, os.getpid()):
            return int(found["pid"])
    return None


def _is_stopped(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return state.rpartition(") ")[2][:1] in ("T", "t")
