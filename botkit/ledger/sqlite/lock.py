"""The lock of a store: advisory locks on a file beside it and on itself. The kernel releases them when the process dies.

The file beside it can be removed, and the store can have several names: the lock on the store itself finds out. It is taken only
on Linux, where `flock` does not disturb the locks with which SQLite guards the same file.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from weakref import WeakSet

from botkit.errors import LedgerBusy
from botkit.ledger.sqlite.forks import busy, inode_of

_RETRY_SECONDS = 0.05
_held: WeakSet[StoreLock] = WeakSet()
_opened: dict[tuple[int, int], int] = {}
"""Descriptors of stores that another process has locked, by device and inode. They stay open: closing one would release all locks
that SQLite has on the file in this process."""


def _release_in_child() -> None:
    """A forked child inherits the locks, and would hold them after its parent is gone."""
    for lock in list(_held):
        lock.forget()
    while _opened:
        os.close(_opened.popitem()[1])


os.register_at_fork(after_in_child=_release_in_child)


class StoreLock:
    """Held from `acquire` to `release`.

    A process that was killed may take a moment to exit, so `acquire` waits a little.

    Args:
        store: the file that is locked. It may be a symbolic link. It is created if it does not exist; its folder has to.
    """

    def __init__(self, store: Path) -> None:
        self._store = store
        self._descriptors: list[int] = []

    def acquire(
        self,
        *,
        lock_timeout_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """Raises: LedgerBusy after `lock_timeout_seconds`; OSError if a file cannot be created."""
        deadline = monotonic() + lock_timeout_seconds
        while not self._try():
            if monotonic() >= deadline:
                raise LedgerBusy(
                    f"another process holds {self._store.name}: run one BotKit per SQLite file, "
                    "or give this one its own store.url"
                )
            wait(_RETRY_SECONDS)
        _held.add(self)

    def release(self) -> None:
        """Release the lock; has no effect if it is not held. SQLite has closed the store, unless this process follows."""
        if len(self._descriptors) > 1 and busy.has_open(inode := inode_of(self._store)):
            _opened[inode] = self._descriptors.pop()
            fcntl.flock(_opened[inode], fcntl.LOCK_UN)
        self.forget()

    def forget(self) -> None:
        """Close the descriptors. That releases the lock, unless a process that was forked from this one has them too."""
        while self._descriptors:
            os.close(self._descriptors.pop())
        _held.discard(self)

    def _try(self) -> bool:
        store = self._store.resolve()
        beside = _lock_beside(store)
        if beside is None:
            return False
        self._descriptors.append(beside)
        if sys.platform != "linux":
            return True
        try:
            itself = _lock_itself(store)
        except BaseException:
            self.release()
            raise
        if itself is None:
            self.release()
            return False
        self._descriptors.append(itself)
        return True


def is_held(store: Path) -> bool:
    """Whether a process holds the lock of a store, and knows the store under this name: SQLite's log depends on it."""
    descriptor = _lock_beside(store.resolve())
    if descriptor is not None:
        os.close(descriptor)
    return descriptor is None


def _lock_beside(store: Path) -> int | None:
    path = store.with_name(store.name + ".lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if _locks(descriptor):
        return descriptor
    os.close(descriptor)
    return None


def _lock_itself(path: Path) -> int | None:
    path.touch(mode=0o600)
    inode = inode_of(path)
    descriptor = _opened.pop(inode, None)
    if descriptor is None:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    if _locks(descriptor):
        return descriptor
    _opened[inode] = descriptor
    return None


def _locks(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
