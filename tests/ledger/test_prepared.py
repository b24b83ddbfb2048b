"""Statements that are executed by libpq directly: they end, whatever the server and the network do."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import pytest
from psycopg.abc import PQGen
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn
from psycopg.waiting import Ready, Wait

from botkit.ledger.postgresql import database, prepared
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


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("values", [TELL, (SIZE, ([b"x" * MEGABYTE] * 64,))], ids=["small", "large"])
def test_a_server_that_stops_answering_is_given_up(
    postgresql: Server,
    proxy: Proxy,
    monkeypatch: pytest.MonkeyPatch,
    values: tuple[str, tuple[object, ...]],
    *,
    known: bool,
) -> None:
    """The connection stays open. A large statement is not even taken."""
    monkeypatch.setattr(database, "_GRACE_SECONDS", 0.0)
    connection = _through(proxy, postgresql, statement_timeout=300)
    if known:
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
        with pytest.raises(LOST) as caught:
            connection.execute(WAITS, ([LOCK],))
        losing.join()
        assert isinstance(caught.value, psycopg.errors.AdminShutdown) == (how == "ended by the server")
        assert connection.closed


def test_a_wait_that_is_interrupted_leaves_no_answer_to_be_taken_for_another(
    postgresql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with connect(postgresql.url, "test") as connection:
        connection.execute(SIZE, ([b"abc"],))
        with monkeypatch.context() as patch:
            patch.setattr(prepared, "_waited", interrupt)
            with pytest.raises(KeyboardInterrupt):
                connection.execute(SIZE, ([b"abc"],))
        assert connection.closed


def test_values_that_cannot_be_sent_leave_the_connection_open(postgresql: Server) -> None:
    with connect(postgresql.url, "test") as connection:
        with pytest.raises(INPUTS_FAULT):
            connection.execute(TELL[0], ("news", "\ud83d"))
        assert connection.execute(SIZE, ([b"abc"],)).fetchone() == (3,)


class _Decrypted:
    """libpq with an answer that it has decrypted, and not read yet: its socket shows nothing."""

    def __init__(self, file: int) -> None:
        self.socket = file
        self._busy = True
        self._results = [SimpleNamespace(status=ExecStatus.TUPLES_OK), None]

    def flush(self) -> int:
        return 0

    def is_busy(self) -> bool:
        return self._busy

    def consume_input(self) -> None:
        self._busy = False

    def get_result(self) -> Any:
        return self._results.pop(0)


def test_an_answer_that_is_decrypted_already_is_read_at_once() -> None:
    one, other = socket.socketpair()
    with one, other:
        far_side = prepared.Server(cast(PGconn, _Decrypted(one.fileno())))
        assert far_side.answer(time.monotonic() + 10.0).status == ExecStatus.TUPLES_OK


class _Lost(_Decrypted):
    """libpq whose connection is lost after the result of a statement, and before the word that it is committed."""

    _asked = False

    def get_result(self) -> Any:
        self._busy = True
        return self._results[0]

    def consume_input(self) -> None:
        if self._asked:
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        self._busy, self._asked = False, True


def test_a_result_without_its_commit_is_no_answer() -> None:
    one, other = socket.socketpair()
    with one, other:
        far_side = prepared.Server(cast(PGconn, _Lost(one.fileno())))
        with pytest.raises(psycopg.OperationalError, match="closed the connection"):
            far_side.answer(time.monotonic() + 10.0)


def test_the_driver_also_asks_for_what_is_decrypted_already() -> None:
    def reads() -> PQGen[str]:
        ready = yield Wait.R
        return "read" if ready & Ready.R else "nothing to read"

    waiting = database._within(reads(), 60.0)
    assert next(waiting) == Wait.R
    with pytest.raises(StopIteration) as ended:
        waiting.send(Ready.NONE)
    assert ended.value.value == "read"


def test_a_notification_that_comes_with_the_answer_is_heard(postgresql: Server) -> None:
    """libpq has read it from the network, where nothing shows it any more."""
    heard: list[str] = []
    queue: Hearing[str] = Hearing(check="PostgreSQL")
    with connect(postgresql.url, "test") as connection, queue.listening(connection, {"news": heard.append}):
        connection.execute(*TELL)
        queue.wait(connection, 60.0)
    assert heard == ["something"]
