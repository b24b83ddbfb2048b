"""Checkpoints: a thread that copies the write-ahead log into the store's file, so that no commit has to.

SQLite would copy at the end of a commit, which then takes as long as a hundred others. A log that is overwritten from its start
also needs no new blocks of the disk: a commit takes half as long as one that lengthens the file.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable

from botkit.ledger.sqlite.forks import busy
from botkit.observability.events import get_logger

_log = get_logger("botkit.ledger")

PAGE_BYTES = 4096
LOG_PAGES = 8_000
"""Pages of the log that are worth a checkpoint. Outbox pages are written, emptied and written again: a rare checkpoint copies
each of them once, not every time."""
LONG_LOG_PAGES = 8 * LOG_PAGES
"""A log of this length is reported, and again each time its length has doubled."""
_RETRY_SECONDS = 5.0
BUSY_MS = 5_000
"""Max wait for another writer, such as a backup, or a process that was stopped in the middle of a commit."""
_WAIT_MS = 50
"""Max wait for a reader; nobody can write meanwhile."""
_COPY = "PRAGMA wal_checkpoint(PASSIVE)"
"""Copies what no reader needs, and waits for nobody."""
_COPY_REST = "PRAGMA wal_checkpoint(FULL)"
"""Keeps others from writing until everything is copied."""


def copy_log(connection: sqlite3.Connection, how: str = _COPY) -> tuple[int, int]:
    """The pages that were in the log at the beginning, and those of them that are copied now."""
    _, pages, copied = connection.execute(how).fetchone()
    return pages, copied


def copy_rest(connection: sqlite3.Connection) -> None:
    """Copy the end of the log between two commits."""
    connection.execute(f"PRAGMA busy_timeout = {_WAIT_MS}")
    copy_log(connection, _COPY_REST)
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")


class Checkpoints:
    """Works from `start` to `close`.

    Args:
        connect: opens a connection for the thread.
        copy_rest: asks the ledger's thread to call `copy_rest` between two commits. The log can start over only when nothing is
            left to copy, and while commits go on, only the thread that makes them can achieve that. By then, little is left.
        pages: the length of the log that the former process has left.
    """

    def __init__(
        self, connect: Callable[[], sqlite3.Connection], copy_rest: Callable[[], None], *, pages: int
    ) -> None:
        self._connect = connect
        self._copy_rest = copy_rest
        self._pages = pages
        self._reported = 0
        self._due = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="botkit-checkpoints", daemon=True)

    def start(self) -> None:
        """Start the thread. A long log is copied at once: a process that is killed again and again would only lengthen it."""
        self.wrote(0)
        self._thread.start()

    def wrote(self, pages: int) -> None:
        """A commit has written about this many pages. Called in the ledger's thread."""
        self._pages += pages
        if self._pages >= LOG_PAGES:
            self._pages = 0
            self._due.set()

    def close(self) -> None:
        """Finish a checkpoint in progress, and end the thread."""
        self._closing = True
        self._due.set()
        self._thread.join()

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        failed = False
        while True:
            self._due.wait(_RETRY_SECONDS if failed else None)
            if self._closing:
                break
            self._due.clear()
            try:
                connection = connection or self._connect()
                with busy:
                    self._copy(connection)
                failed = False
            except sqlite3.Error as error:
                failed = True
                _log.warning("checkpoint_failed", reason=str(error))
        if connection is not None:
            connection.close()

    def _copy(self, connection: sqlite3.Connection) -> None:
        copy_log(connection)
        # Again, for the commits of the meantime: what the ledger's thread has to copy should be little.
        pages, copied = copy_log(connection)
        if copied == pages:
            self._reported = 0
            self._copy_rest()
        elif pages >= max(LONG_LOG_PAGES, 2 * self._reported):
            self._reported = pages
            _log.warning(
                "log_grows",
                megabytes=pages // 256,
                fix="end the program that has been reading the store for long",
            )
