"""What is wrong with the file of a store, and what to do about it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

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
            return f"another program keeps {name} locked: close it (a shell of SQLite, a backup)"
        case sqlite3.SQLITE_IOERR:
            return "the disk fails: look at the log of the system's kernel, and at the quota"
    return f"check store.url and {name}, or run botkit doctor"
