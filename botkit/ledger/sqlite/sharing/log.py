"""The write-ahead log of a store that several processes write to: each syncs its commits when SQLite's write lock is free again.

A commit with ``synchronous = NORMAL`` is in the log, behind all earlier ones, but perhaps not on the disk: a sync of the log
makes it durable, with all commits before it. SQLite itself syncs the log before a checkpoint copies it, the file before the log
starts over, and the header of a log that starts over (sqlite.org/pragma.html#pragma_synchronous).
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from botkit.errors import LedgerError
from botkit.ledger.sqlite.forks import busy
from botkit.observability.events import get_logger

_log = get_logger("botkit.ledger")

_RETRY_SECONDS = 0.5


class Log:
    """Syncs what was committed by a connection, which stays open as long as this. `gives_up` tells when not to try again."""

    def __init__(self, path: Path, connection: sqlite3.Connection, *, gives_up: Callable[[], bool]) -> None:
        """Raises: LedgerError or sqlite3.Error if the log cannot be opened."""
        self._connection = connection
        self._gives_up = gives_up
        with busy:
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(
                "SELECT 1 FROM meta"
            ).fetchone()  # It has the log open now, and nobody deletes that.
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise LedgerError(f"the store's log {path.name} cannot be opened ({error.strerror})") from error
        self.durable = True
        """Whether everything was synced."""

    def sync(self) -> None:
        """Sync the log. After a failure it tries again: what was committed can be seen by all, and cannot be taken back.

        Raises:
            LedgerError: it gave up.
        """
        try:
            if self.durable:
                os.fdatasync(self._file)
        except OSError as error:
            self.durable = False
            _log.error("log_not_synced", reason=error.strerror, fix="check the store's disk")
        # The kernel may take pages for written that it could not write. A complete checkpoint writes them to the file.
        while not self.durable:
            self.durable = self._copied()
            if not self.durable:
                if self._gives_up():
                    raise LedgerError("the store's log could not be synced; check its disk")
                time.sleep(_RETRY_SECONDS)

    def close(self) -> None:
        os.close(self._file)

    def _copied(self) -> bool:
        try:
            busy, pages, copied = self._connection.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
        except sqlite3.Error:
            return False
        return not busy and pages == copied
