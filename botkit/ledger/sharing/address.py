"""Where a store's host listens: a socket beside the store, for this user only."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakSet

from botkit.errors import LedgerError

_LONGEST = 100
"""Bytes of a Unix socket's path that every system takes."""

_open: WeakSet[socket.socket] = WeakSet()


def _close_in_child() -> None:
    """A child that a process forks would keep its connections open when it has gone, and nobody would notice that it has."""
    for one in list(_open):
        one.close()


os.register_at_fork(after_in_child=_close_in_child)


def not_for_children(connection: socket.socket) -> socket.socket:
    """The same socket, closed in whatever child this process forks."""
    _open.add(connection)
    return connection


def listen(path: Path) -> socket.socket:
    """Listen at `path`. Whoever calls this holds the store's lock, so a socket that is there is left over.

    Raises:
        LedgerError: it cannot be made.
    """
    listener = not_for_children(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
    try:
        path.unlink(missing_ok=True)
        with _short(path) as name:
            listener.bind(name)
        path.chmod(0o600)  # Before it listens: until then nobody gets in.
        listener.listen(64)
    except OSError as error:
        listener.close()
        raise LedgerError(
            f"the socket {path.name} cannot be made beside the store ({error.strerror})"
        ) from error
    return listener


def connect(path: Path, *, seconds: float) -> socket.socket:
    """A connection to the host.

    Raises:
        OSError: there is none (at present).
    """
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
    """A name for `path` that fits into a socket's address."""
    name = str(path)
    if len(os.fsencode(name)) <= _LONGEST:
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
