"""Statements that are executed by libpq directly: they end, whatever the server and the network do."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest

from botkit.ledger.postgresql import database
from botkit.ledger.postgresql.database import INPUTS_FAULT, LOST, Connection, connect
from botkit.ledger.postgresql.hearing import Hearing
from botkit.ledger.postgresql.prepared import statements
from botkit.ledger.postgresql.queries import SQL
from botkit.testing.waiting import until
from tests.faults.proxy import Proxy, running_proxy
from tests.postgresql import Server

SIZE = "SELECT sum(octet_length(one))::bigint FROM unnest(%b::bytea[]) AS one"
WAITS = "SELECT pg_advisory_lock(value) FROM unnest(%b::bigint[]) AS value"
BROKEN = "SELECT value / 0 FROM unnest(%b::bigint[]) AS value"
TELL = SQL["tell"], ("news", "something")
MEGABYTE = 1 << 20
LOCK = 4_711


@pytest.fixture(autouse=True)
def own_statements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_OF_EVERY_HOOK", statements([SQL["tell"], SIZE, WAITS, BROKEN]))


@pytest.fixture
def proxy(postgresql: Server) -> Iterator[Proxy]:
    with running_proxy(postgresql.url) as proxy:
        yield proxy


def _through(proxy: Proxy, postgresql: Server, **settings: int) -> Connection:
    url = postgresql.url.replace(str(postgresql.port), proxy.url.rpartition(":")[2])
    return connect(url, "test", settings=dict(settings))


@pytest.mark.parametrize("prepared", [True, False])
@pytest.mark.parametrize("values", [TELL, (SIZE, ([b"x" * MEGABYTE] * 64,))], ids=["small", "large"])
def test_a_server_that_stops_answering_is_given_up(
    postgresql: Server,
    proxy: Proxy,
    monkeypatch: pytest.MonkeyPatch,
    values: tuple[str, tuple[object, ...]],
    *,
    prepared: bool,
) -> None:
    """The connection stays open. A large statement is not even taken."""
    monkeypatch.setattr(database, "_GRACE_SECONDS", 0.0)
    connection = _through(proxy, postgresql, statement_timeout=300)
    if prepared:
        connection.execute(values[0], ("news", "before") if values == TELL else ([b"before"],))
    proxy.timeout()
    with pytest.raises(psycopg.OperationalError, match="does not answer"):
        connection.execute(*values)
    assert connection.closed


def test_a_statement_larger_than_every_buffer_arrives(postgresql: Server, proxy: Proxy) -> None:
    with _through(proxy, postgresql) as connection:
        assert connection.execute(SIZE, ([b"x" * MEGABYTE] * 24,)).fetchone() == (24 * MEGABYTE,)


def test_a_refused_statement_leaves_the_connection_as_it_was(postgresql: Server) -> None:
    with connect(postgresql.url, "test") as connection:
        for _ in range(2):
            with pytest.raises(INPUTS_FAULT, match="division by zero"):
                connection.execute(BROKEN, ([1],))
        assert connection.execute(SIZE, ([b"abc"],)).fetchone() == (3,)


@pytest.mark.parametrize("how", ["ended by the server", "reset by the network"])
def test_a_connection_that_is_lost_while_it_waits_is_noticed(
    postgresql: Server, proxy: Proxy, how: str
) -> None:
    with connect(postgresql.url, "other") as other:
        other.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        connection = _through(proxy, postgresql)

        def lose() -> None:
            waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            until(lambda: other.execute(waits).fetchone() == (1,), "for the statement to wait")
            if how == "reset by the network":
                proxy.reset_peer()
            else:
                other.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))

        losing = threading.Thread(target=lose)
        losing.start()
        with pytest.raises(LOST):
            connection.execute(WAITS, ([LOCK],))
        losing.join()
        assert connection.closed


def test_a_notification_that_comes_with_the_answer_is_heard(postgresql: Server) -> None:
    """libpq has read it from the network, where nothing shows it any more."""
    heard: list[str] = []
    queue: Hearing[str] = Hearing(check="PostgreSQL")
    with connect(postgresql.url, "test") as connection, queue.listening(connection, {"news": heard.append}):
        connection.execute(*TELL)
        queue.wait(connection, 60.0)
    assert heard == ["something"]
