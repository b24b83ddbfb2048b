"""Connections to PostgreSQL: how they are opened, and what each is for."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar, cast

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict
from psycopg.generators import send
from psycopg.pq import Conninfo, TransactionStatus
from psycopg.pq.abc import PGconn
from psycopg.waiting import Wait

from botkit.errors import LedgerUnusable
from botkit.ledger.postgresql.prepared import NoAnswer, Server, Statement, statements
from botkit.ledger.postgresql.queries import SQL

# It warns of each pipeline whose connection is lost, which is told in our own words.
logging.getLogger("psycopg").setLevel(logging.ERROR)

Connection = psycopg.Connection[tuple[Any, ...]]
T = TypeVar("T")

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 8
_GRACE_SECONDS = 4
"""The server's own time limit of a statement comes first."""
_SETTINGS: dict[str, str | int] = {
    # The server, the database and the user may have others, which were made for other programs.
    "statement_timeout": STATEMENT_SECONDS * 1000,
    "lock_timeout": 0,
    "idle_session_timeout": 0,
    # Any stricter level refuses commits that happen at the same time.
    "default_transaction_isolation": "read committed",
    # Times are read as they were written: they are part of the ids of effects.
    "extra_float_digits": 1,
    # A process that stands still would keep its locks, and rows that were deleted since, for as long.
    "idle_in_transaction_session_timeout": 10_000,
    # Plans are kept. One that was made while a table was empty would read all of it when it has a million rows.
    "enable_seqscan": "off",
    "jit": "off",
}
GENERIC_PLANS: dict[str, str | int] = {"plan_cache_mode": "force_generic_plan"}
"""For sessions with few statements, whose best plan is always the same. The server would plan each execution for one hook anew:
0.59 ms of its processor time instead of 0.28."""
_NETWORK: dict[str, Any] = {
    # A machine that has vanished is noticed within five seconds.
    "keepalives": 1,
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 5_000,
}
_OF_EVERY_HOOK = statements([SQL[name] for name in ("take_inputs", "tell", "inputs", "delete_inputs")])
_FREQUENT = {
    "BEGIN",
    SQL["tell"],
    SQL["insert_new_keys"],
    SQL["insert_effects"],
    SQL["insert_steps"],
    SQL["upsert_conversations"],
    SQL["upsert_payloads"],
    SQL["delete_effects"],
    SQL["delete_inputs"],
    "COMMIT",
}
"""What is executed for agents' messages, in one round trip. None of it has a long result."""
INPUTS_FAULT = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.errors.ProgramLimitExceeded,
    ValueError,
    OverflowError,
)
"""Errors of an input whose values PostgreSQL cannot store (a zero byte in a text, half a surrogate pair, a name too long for an
index)."""
LOST = psycopg.Error
"""All other errors: the connection is not to be used again, and of a commit, nobody knows whether it succeeded."""

_URL_FIX = "write postgresql://user:password@host/database, with special characters percent-encoded (@ is %40, / is %2F)"
_FIX = "check store.url and the server, or run botkit doctor"
_FIXES = (
    (
        ("too many clients", "connection slots", "too many connections"),
        "raise max_connections, or the limit of this user or database: a process needs five connections",
    ),
    (
        ("authentication failed", "no password supplied", 'role "'),
        f"correct user and password in store.url; {_URL_FIX}",
    ),
    (
        ("no pg_hba.conf entry",),
        "allow this machine, user and database in the server's pg_hba.conf, or set sslmode=require if it allows encryption alone",
    ),
    (("does not exist",), "make the database (createdb), or correct its name in store.url"),
    (
        ("starting up", "shutting down", "recovery", "not yet accepting"),
        "wait until the server has started; its log says how far it is",
    ),
    (("SSL", "certificate"), "correct sslmode and sslrootcert in store.url, or the server's certificate"),
    (
        ("resolve host", "translate host"),
        "correct the host in store.url, or the name service of this machine",
    ),
    (
        ("refused", "No such file"),
        "start PostgreSQL, or correct host and port in store.url and listen_addresses on the server",
    ),
    (
        ("timeout", "timed out", "unreachable", "No route"),
        "look for a firewall between this machine and the server, or correct the host in store.url",
    ),
    (
        ("startup parameter",),
        "a pooler is in between: name the server itself in store.direct_url, or in the URL of a copy",
    ),
)
"""Words of the server or of the driver about a failed connection, and what helps."""


def connect(
    url: str, purpose: str, *, settings: dict[str, str | int] | None = None, pooled: bool = False
) -> Connection:
    """Open a connection; each statement is a transaction of its own.

    Args:
        url: ``postgresql://user:password@host/database``.
        purpose: shown in ``pg_stat_activity`` after ``botkit``.
        settings: of the server for this session.
        pooled: the URL names a pooler, perhaps one in transaction mode: each statement may be in another session, so that neither
            settings nor prepared statements of a session can be used. PgBouncer refuses settings.

    Raises:
        LedgerUnusable: what is wrong and its fix, without the password.
    """
    given = _SETTINGS | (settings or {})
    try:
        connection = _Connection.connect(
            url,
            autocommit=True,
            connect_timeout=CONNECT_SECONDS,
            application_name=f"botkit {purpose}",
            client_encoding="UTF8",
            options=None if pooled else f"{_options_of(url)} {_as_options(given)}",
            prepare_threshold=None if pooled else 1,
            **_NETWORK,
        )
    except psycopg.Error as error:
        raise unreachable(url, error) from None  # the driver's own message may quote the URL
    if limit := int(given["statement_timeout"]):
        connection.answer_seconds = limit / 1000 + _GRACE_SECONDS
    return connection


def _as_options(settings: Mapping[str, str | int]) -> str:
    return " ".join(f"-c {name}={str(value).replace(' ', chr(92) + ' ')}" for name, value in settings.items())


def _options_of(url: str) -> str:
    """What the URL, or else the environment, tells the server at the start of a session, such as a search_path."""
    default = next((one.val for one in Conninfo.get_defaults() if one.keyword == b"options"), None)
    return str(conninfo_to_dict(url).get("options", (default or b"").decode()))


class _Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection on which every wait has a limit: the network may swallow everything and still keep the connection open.

    Attributes:
        answer_seconds: max wait for what the server says to one statement; it gives statements up earlier by itself.
    """

    answer_seconds = math.inf

    def __init__(self, pgconn: PGconn) -> None:
        super().__init__(pgconn)
        self._kept: dict[str, psycopg.Cursor[tuple[Any, ...]]] = {}
        self._server = Server(pgconn)

    def execute(self, query: Any, params: Any = None, **options: Any) -> psycopg.Cursor[tuple[Any, ...]]:
        """As psycopg's, with less processor time for what is executed often.

        A statement of every hook is executed without psycopg (see `prepared`). The cursor of another frequent one is kept, as it
        knows how to send the parameters (30 µs become 19). Its result lasts until it is executed again.
        """
        statement = _OF_EVERY_HOOK.get(query) if isinstance(query, str) else None
        if statement is not None and self._pipeline is None and self.prepare_threshold is not None:
            return self._executed(statement, params)
        if not isinstance(query, str) or query not in _FREQUENT:
            return super().execute(query, params, **options)
        cursor = self._kept.get(query)
        if cursor is None:
            cursor = self._kept[query] = self.cursor()
        return cursor.execute(query, params, **options)

    def _executed(self, statement: Statement, values: Any) -> psycopg.Cursor[tuple[Any, ...]]:
        until = time.monotonic() + self.answer_seconds
        with self.lock:
            try:
                answer = statement.executed(self._server, values, until=until)
            except BaseException:
                if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                    self.close()  # The answer is still to come, and would be taken for that to the next statement.
                raise
        return cast(psycopg.Cursor[tuple[Any, ...]], answer)

    def wait(self, gen: PQGen[T], *limits: Any, **more: Any) -> T:
        """Wait for the server. Raises: OperationalError, and the connection is closed, if it does not answer in time."""
        try:
            return super().wait(_within(gen, self.answer_seconds), *limits, **more)
        except NoAnswer:
            self.close()
            raise


def _within(gen: PQGen[T], seconds: float) -> PQGen[T]:
    deadline = time.monotonic() + seconds
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if not ready and time.monotonic() >= deadline:
                raise NoAnswer("the server does not answer")
            # Also if nothing shows: libpq may have decrypted it already (see `prepared`).
            wanted = gen.send(ready or wanted & Wait.R)
    except StopIteration as ended:
        return cast(T, ended.value)


class _Pipeline(psycopg.Pipeline):
    """A pipeline that is sent as a whole, and ends with its Sync.

    A process that stands still when a part of it is sent would keep its locks: no time limit of the server's runs while it waits
    for the rest. Nor does one after a Flush, which psycopg would send after the Sync (both seen with PostgreSQL 18).
    """

    def _communicate_gen(self) -> PQGen[None]:
        if not self.result_queue or self.result_queue[-1] is not None:
            return  # no Sync yet
        while self.command_queue:
            self.command_queue.popleft()()  # into the buffer of libpq
        yield from send(self.pgconn)

    def _fetch_gen(self, *, flush: bool) -> PQGen[None]:
        return super()._fetch_gen(flush=False)


def in_one_round_trip(connection: Connection) -> AbstractContextManager[psycopg.Pipeline]:
    """What is executed within is sent together."""
    connection._pipeline = _Pipeline(connection)
    return connection.pipeline()


def address(url: str) -> str:
    """Host, port and database of a URL, for messages: never user or password."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.Error:
        return "the address in store.url"
    return f"{parts.get('host', 'localhost')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"


def unreachable(url: str, error: psycopg.Error) -> LedgerUnusable:
    """Why no connection was made, and what to change."""
    if isinstance(error, psycopg.ProgrammingError) or "@" in address(url):
        # With an @ left over, a part of the password was taken for the host, and must not be told.
        return LedgerUnusable("store.url is no PostgreSQL URL", _URL_FIX)
    why = reason(error)
    fix = next((fix for words, fix in _FIXES if any(word in why for word in words)), _FIX)
    return LedgerUnusable(f"the store cannot be reached at {address(url)} ({why})", fix)


class FsyncIsOff(LedgerUnusable):
    """Nothing is acknowledged while the server does not wait for its disk."""

    def __init__(self) -> None:
        super().__init__(
            "fsync is off on the server: a crash of its machine would lose acknowledged hooks",
            "set fsync = on in postgresql.conf, then run sync on the server's machine: its disk may lack what came meanwhile",
        )


def committed(connection: Connection, query: str, values: Any = None) -> Sequence[Any]:
    """Execute a statement that commits what will be acknowledged. Returns its one row, without the last column: `:fsync`.

    Raises: FsyncIsOff, although it is committed.
    """
    ((*columns, fsync),) = connection.execute(query, values).fetchall()
    if not fsync:
        raise FsyncIsOff
    return columns


def reason(error: psycopg.Error) -> str:
    """Why a statement or a connection failed, in one line. The server's details, which quote values, are left out."""
    text = (error.diag.message_primary or str(error)).strip().partition("\n")[0]
    return text.rpartition("FATAL:  ")[2].rpartition(" failed: ")[2] or type(error).__name__


def columns_of(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """The columns of rows, as the parameters of a query with ``unnest``."""
    return [list(column) for column in zip(*rows, strict=True)]
