"""`Readers`: connections for reading, one for each thread that reads at the moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from botkit.errors import LedgerClosed, LedgerError
from botkit.ledger.idle import Idle
from botkit.ledger.postgresql.database import Connection, connect
from botkit.ledger.postgresql.ended import has_ended

_MAX_IDLE = 2


class Readers:
    """Lends connections between `start` and `close`.

    Args:
        url: of the database.
        pooled: see `database.connect`.
    """

    def __init__(self, url: str, *, pooled: bool) -> None:
        self._idle = Idle(
            lambda: connect(url, "reader", pooled=pooled),
            at_most=_MAX_IDLE,
            usable=lambda connection: not has_ended(connection),
        )
        self._closed = "the ledger has not been started"

    def start(self) -> None:
        """Lend connections from now on."""
        self._closed = ""

    def close(self) -> None:
        """Lend no more."""
        self._closed = "the ledger has stopped"
        self._idle.close()

    @contextmanager
    def lent(self) -> Iterator[Connection]:
        """A connection of this thread's own. Raises: LedgerError if the store cannot be read."""
        if self._closed:
            raise LedgerClosed(self._closed)
        try:
            with self._idle.lent() as connection:
                yield connection
        except psycopg.Error as error:
            raise LedgerError("the store could not be read; check PostgreSQL") from error
