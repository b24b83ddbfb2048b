"""Processes that start at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from botkit.ledger.postgresql.database import connect
from botkit.ledger.postgresql.migrations import MIGRATIONS, migrate, version_of
from tests.postgresql import Server

PROCESSES = 8


def test_several_processes_may_make_the_tables_at_the_same_time(postgresql: Server) -> None:
    url = postgresql.empty()
    together = Barrier(PROCESSES)

    def start(_: int) -> int:
        with connect(url, "start") as connection:
            version_of(connection)  # The server's process remembers that there are no tables.
            together.wait(30)
            migrate(connection)
            return version_of(connection)

    with ThreadPoolExecutor(PROCESSES) as pool:
        assert list(pool.map(start, range(PROCESSES))) == [len(MIGRATIONS)] * PROCESSES
