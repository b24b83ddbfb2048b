"""Connections to SQLite files, and forks: SQLite remembers the file locks of its process, which a forked child does not have.

A child that opens a store closes its parent's connections first. That is safe if no thread was `busy` with one at the fork, and
changes nothing for the parent.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from pathlib import Path
from weakref import WeakSet

from botkit.errors import LedgerError

_QUIET_SECONDS = 1.0
"""Max time for which a fork waits for a checkpoint, or for a slow disk."""


class _Connection(sqlite3.Connection):
    """A connection that this module knows while it is open."""

    inode: tuple[int, int]

    def close(self) -> None:
        busy.forget(self)
        super().close()


class _Busy:
    """Entered by a thread while it uses a connection."""

    def __init__(self) -> None:
        self._reset()
        self._threads = 0
        self._open: WeakSet[_Connection] = WeakSet()
        self._inherited: list[_Connection] = []
        os.register_at_fork(
            before=self._before, after_in_parent=self._in_parent, after_in_child=self._in_child
        )

    def _reset(self) -> None:
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._forking = 0

    def __enter__(self) -> None:
        with self._lock:
            self._threads += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._threads -= 1
            if self._forking:
                self._changed.notify_all()

    def connect(self, path: Path) -> sqlite3.Connection:
        """Open a connection for any thread; transactions begin by hand. Raises: LedgerError, sqlite3.Error."""
        if self._inherited and self._threads:
            raise LedgerError("this process was forked while the store was busy: start another for BotKit")
        with self:
            while self._inherited:
                self._inherited.pop().close()
            connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=rw",  # A file that was deleted must not be made again.
                uri=True,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=256,
                factory=_Connection,
            )
            connection.inode = inode_of(path)
            with self._lock:
                self._open.add(connection)
            return connection

    def forget(self, connection: _Connection) -> None:
        """It is closed now."""
        with self._lock:
            self._open.discard(connection)

    def has_open(self, inode: tuple[int, int]) -> bool:
        """Whether this process has a connection to this file."""
        with self._lock:
            return any(one.inode == inode for one in self._open)

    def _before(self) -> None:
        self._lock.acquire()
        self._forking += 1
        self._changed.wait_for(lambda: not self._threads, _QUIET_SECONDS)

    def _in_parent(self) -> None:
        self._forking -= 1
        self._lock.release()

    def _in_child(self) -> None:
        """What its parent's threads were busy with stays so for ever."""
        self._reset()
        self._inherited += self._open  # So that garbage collection does not close them.
        self._open = WeakSet()


busy = _Busy()


def inode_of(path: Path) -> tuple[int, int]:
    """The device and the inode of a file."""
    found = path.stat()
    return found.st_dev, found.st_ino
