"""Connections to PostgreSQL on which nothing waits for ever."""

from __future__ import annotations

from contextlib import nullcontext

import psycopg
import pytest

from botkit.ledger.postgresql import database
from botkit.ledger.postgresql.database import connect, in_one_round_trip
from tests.faults.proxy import running_proxy
from tests.postgresql import Server


@pytest.mark.parametrize("together", [True, False])
def test_a_server_that_stops_answering_is_given_up(
    postgresql: Server, monkeypatch: pytest.MonkeyPatch, *, together: bool
) -> None:
    """What is in between swallows everything, and the connection stays."""
    monkeypatch.setattr(database, "_GRACE_SECONDS", 0.0)
    with running_proxy(postgresql.url) as proxy:
        url = postgresql.url.replace(str(postgresql.port), proxy.url.rpartition(":")[2])
        connection = connect(url, "test", settings={"statement_timeout": 200})
        assert connection.execute("SELECT 1").fetchone() == (1,)
        proxy.timeout()
        both = in_one_round_trip(connection) if together else nullcontext()
        with pytest.raises(psycopg.OperationalError, match="does not answer"), both:
            connection.execute("SELECT 1")
        assert connection.closed


def test_the_server_gives_a_slow_statement_up_first(postgresql: Server) -> None:
    with connect(postgresql.url, "test", settings={"statement_timeout": 50}) as connection:
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("SELECT pg_sleep(10)")
        assert not connection.closed
