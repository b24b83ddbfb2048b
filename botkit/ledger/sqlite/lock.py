"""The lock of a store: an advisory lock on a file beside it, which the kernel releases when the process dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from weakref import WeakSet

from botkit.errors import LedgerBusy

_RETRY_SECONDS = 0.05
_held: WeakSet[StoreLock] = WeakSet()


def _release_in_child() -> None:
    """A forked child inherits the lock, and would hold it after its parent is gone."""
    for lock in list(_held):
        lock.release()


os.register_at_fork(after_in_child=_release_in_child)


class StoreLock:
    """Held from `acquire` to `release`.

    A process that was killed may take a moment to exit, so `acquire` waits a little.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(
        self,
        *,
        lock_timeout_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """Raises: LedgerBusy after `lock_timeout_seconds`."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = monotonic() + lock_timeout_seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if monotonic() < deadline:
                    wait(_RETRY_SECONDS)
                    continue
                os.close(descriptor)
                raise LedgerBusy(
                    f"another process holds {self._path.name}: run one BotKit per SQLite file, "
                    "or give this one its own store.url"
                ) from None
            self._descriptor = descriptor
            _held.add(self)
            return

    def release(self) -> None:
        """Release the lock; has no effect if it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            _held.discard(self)
