"""Connections to PostgreSQL on which nothing waits for ever."""

from __future__ import annotations

from contextlib import nullcontext

import psycopg
import pytest

from botkit.errors import LedgerUnusable
from botkit.ledger.postgresql import database
from botkit.ledger.postgresql.database import connect, in_one_round_trip
from botkit.testing.serving import free_ports
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


def test_the_primary_among_several_servers_is_found(postgresql: Server) -> None:
    """As after a failover: one is gone, one is a standby or takes no writes, and the last one does."""
    postgresql.empty()
    with psycopg.connect(postgresql.url, autocommit=True) as admin:
        admin.execute("CREATE DATABASE behind")
        try:
            user, _, here = postgresql.url.partition("@")
            place = here.partition("/")[0]
            admin.execute("ALTER DATABASE behind SET default_transaction_read_only = on")
            both = f"{user}@127.0.0.1:{free_ports(1)},{place}/{{}}?target_session_attrs=read-write"
            with connect(both.format("postgres"), "test") as connection:
                assert connection.execute("SHOW port").fetchone() == (str(postgresql.port),)
            with pytest.raises(LedgerUnusable, match="session is read-only"):
                connect(both.format("behind"), "test")
        finally:
            admin.execute("DROP DATABASE behind")
