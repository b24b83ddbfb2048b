"""The leader's bell: a named pipe beside the store, which followers ring when they have written something. It is only a hint."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from botkit.errors import LedgerError


class Bell:
    """Calls `rung` for each ring, or for several together, until it is closed. The caller holds the store's lock."""

    def __init__(self, store: Path, rung: Callable[[], None]) -> None:
        """Raises: LedgerError if the pipe cannot be made."""
        self._path = _beside(store)
        self._rung = rung
        self._closing = False
        try:
            self._path.unlink(missing_ok=True)  # A leader that was killed has left it.
            os.mkfifo(self._path, 0o600)
            # Also for writing: otherwise reading ends as soon as no follower has it open.
            self._pipe = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise LedgerError(
                f"the pipe {self._path.name} cannot be made beside the store ({error.strerror})"
            ) from error
        self._thread = threading.Thread(target=self._listen, name="botkit-bell", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing = True
        self._path.unlink(missing_ok=True)
        os.write(self._pipe, b".")
        self._thread.join()
        os.close(self._pipe)

    def _listen(self) -> None:
        while os.read(self._pipe, 4096) and not self._closing:
            self._rung()


def ring(store: Path) -> None:
    """Ring the leader's bell, if there is a leader and it has heard the rings before."""
    with suppress(OSError):
        pipe = os.open(_beside(store), os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            os.write(pipe, b".")
        finally:
            os.close(pipe)


def _beside(store: Path) -> Path:
    return store.with_name(store.name + ".bell")
