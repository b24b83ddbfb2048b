"""Notices that the server has ended a connection, also while nobody reads it."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from botkit.ledger.postgresql.database import Connection

_ENDED = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR


def has_ended(connection: Connection) -> bool:
    """Whether the server, or what is in between, has ended a connection that nobody uses at the moment. It asks nobody."""
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), _ENDED)
    return bool(poll.poll(0))


@contextmanager
def noticing_its_end(connection: Connection, ended: Callable[[], None]) -> Iterator[None]:
    """While it lasts, `ended` is called, once and from a thread of its own, when the connection is ended or reset."""
    # A copy: the number of a file that is closed is soon that of another.
    file = os.dup(connection.fileno())
    stopped, stop = os.pipe()
    watch = threading.Thread(
        target=_watch, args=(file, stopped, ended), name="botkit-owner-watch", daemon=True
    )
    watch.start()
    try:
        yield
    finally:
        os.close(stop)
        watch.join()
        os.close(stopped)
        os.close(file)


def _watch(file: int, stopped: int, ended: Callable[[], None]) -> None:
    poll = select.poll()
    poll.register(file, _ENDED)
    poll.register(stopped, select.POLLHUP)
    if any(number == file for number, _ in poll.poll()):
        ended()
