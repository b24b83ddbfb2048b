"""The leader's socket: a Unix socket beside the store, accessible to this user only."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakSet

from botkit.errors import LedgerError

_MAX_PATH_BYTES = 100
"""Path length of a Unix socket that every system accepts."""

_open: WeakSet[socket.socket] = WeakSet()


def _close_in_child() -> None:
    """A forked child would keep connections open after its parent is gone, so the other side would not notice."""
    for one in list(_open):
        one.close()


os.register_at_fork(after_in_child=_close_in_child)


def not_for_children(connection: socket.socket) -> socket.socket:
    """The same socket, closed in every child that this process forks."""
    _open.add(connection)
    return connection


def listen(path: Path) -> socket.socket:
    """Listen at `path`. The caller holds the store's lock, so an existing socket is a leftover and is replaced.

    Raises:
        LedgerError: the socket cannot be created.
    """
    listener = not_for_children(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
    try:
        path.unlink(missing_ok=True)
        with _short(path) as name:
            listener.bind(name)
        path.chmod(0o600)  # Before it listens, so no other user can connect.
        listener.listen(64)
    except OSError as error:
        listener.close()
        raise LedgerError(
            f"the socket {path.name} cannot be created beside the store ({error.strerror})"
        ) from error
    return listener


def connect(path: Path, *, seconds: float) -> socket.socket:
    """Connect to the leader. Raises: OSError if no leader listens at present."""
    connection = not_for_children(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
    try:
        connection.settimeout(seconds)
        with _short(path) as name:
            connection.connect(name)
    except OSError:
        connection.close()
        raise
    return connection


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """A name for `path` that is short enough for a socket's address."""
    name = str(path)
    if len(os.fsencode(name)) <= _MAX_PATH_BYTES:
        yield name
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        short = f"/proc/self/fd/{folder}/{path.name}"
        if not Path(short).parent.exists():
            raise OSError(None, "its path is too long for a socket: give the store a shorter one")
        yield short
    finally:
        os.close(folder)
