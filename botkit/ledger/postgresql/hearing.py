"""`Hearing`: the queue of a thread that hears notifications, on the connection on which it works.

They come beside the answers to its statements, so that most of them wake nobody.
"""

from __future__ import annotations

import math
import select
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TypeVar

from psycopg import sql as composed

from botkit.ledger.postgresql.database import Connection
from botkit.ledger.waiting import Waiting

T = TypeVar("T")


class Hearing(Waiting[T]):
    """See `Waiting`. Its thread calls `wait`, and then `take` without a wait.

    Args:
        check: see `Waiting`.
    """

    def __init__(self, *, check: str) -> None:
        super().__init__(check=check)
        self._sleeps = False
        """Whether the bell has to wake the thread by the socket."""

    @contextmanager
    def listening(self, connection: Connection, told: Mapping[str, Callable[[str], None]]) -> Iterator[None]:
        """Listen to channels while it lasts.

        Args:
            connection: the thread's own.
            told: what is called with the text of each notification, by its channel; quick, from the thread.
        """
        connection.add_notify_handler(lambda one: told[one.channel](one.payload))
        for channel in told:
            connection.execute(composed.SQL("LISTEN {}").format(composed.Identifier(channel)))
        self._woken, self._wake = socket.socketpair()
        self._poll = select.poll()
        with self._woken, self._wake:
            self._woken.setblocking(False)
            self._wake.setblocking(False)
            for file in (connection.fileno(), self._woken.fileno()):
                self._poll.register(file, select.POLLIN)
            yield

    def wait(self, connection: Connection, seconds: float) -> None:
        """Wait until the bell rings or a notification comes, at most so long.

        Raises:
            psycopg.OperationalError: the session has ended.
        """
        if _heard(connection):
            return
        self._sleeps = True
        try:
            # The bell is released before it is asked whether the thread sleeps: one of the two is noticed.
            came = self._poll.poll(math.ceil(seconds * 1000)) if self._bell.locked() else ()
        finally:
            self._sleeps = False
        for file, _ in came:
            if file == self._woken.fileno():
                self._woken.recv(64)
            else:
                connection.pgconn.consume_input()
                _heard(connection)

    def _ring(self) -> None:
        super()._ring()
        if self._sleeps:
            self._sleeps = False
            with suppress(OSError):
                self._wake.send(b"\0")


def _heard(connection: Connection) -> bool:
    """Tell of the notifications that were read beside answers; whether there were some."""
    pgconn, heard = connection.pgconn, False
    if pgconn.ssl_in_use:
        pgconn.consume_input()  # What was decrypted already does not show in the file.
    while one := pgconn.notifies():
        heard = True
        if pgconn.notify_handler is not None:
            pgconn.notify_handler(one)
    return heard
