"""Whether a server is good enough for a store: version, settings, the rights of the user, and notifications through a pooler."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple
from uuid import uuid4

import psycopg

from botkit.errors import LedgerUnusable
from botkit.ledger.postgresql.database import Connection, FsyncIsOff, committed, connect, reason
from botkit.ledger.postgresql.migrations import MIGRATIONS, migrate, usable_from, version_of
from botkit.ledger.postgresql.ownership import LOCK, other_schema
from botkit.ledger.postgresql.queries import SQL

OLDEST = 14
"""The major version that brought `idle_session_timeout`."""
HEAR_SECONDS = 5.0
BEGIN_SECONDS = 2.0
"""Max time from the moment when a process has the lock of a shard until it is written down as its owner."""
_LOOK_SECONDS = 0.05
START: dict[str, str | int] = {"statement_timeout": 60_000, "idle_session_timeout": 30_000}
"""The settings of a session that looks whether the store can be used."""


class _Facts(NamedTuple):
    """The row of the query `server`."""

    number: int
    version: str
    fsync: bool
    synchronous_commit: str
    read_only: str
    standby: bool
    encoding: str
    user: str
    schema: str | None
    may_create: bool | None


class _Table(NamedTuple):
    """A row of the query `tables`; unless it exists, the other values are None."""

    name: str
    exists: bool
    is_unlogged: bool | None
    is_sequence: bool | None
    may_be_used: bool | None
    hides_rows: bool | None
    is_own: bool | None


def examine(connection: Connection) -> None:
    """Look whether the store can be kept on this server.

    Raises:
        LedgerUnusable: the first thing that is wrong, and its fix.
    """
    try:
        wrong = next(_faults(connection), None)
    except (psycopg.errors.DuplicatePreparedStatement, psycopg.errors.InvalidSqlStatementName) as error:
        raise LedgerUnusable(
            "statements of one connection reach several sessions: a pooler in transaction mode is in between",
            _NO_POOLER,
        ) from error
    except psycopg.Error as error:
        raise LedgerUnusable(
            f"the server's settings cannot be read ({reason(error)})",
            "check that it is a PostgreSQL server, and the rights of the user in store.url",
        ) from error
    if wrong is not None:
        raise wrong


def examine_durability(connection: Connection) -> None:
    """Look whether commits are durable; it may have been set otherwise since the start.

    Raises:
        LedgerUnusable: they are not.
    """
    if (wrong := next(_faults_of_durability(_facts(connection)), None)) is not None:
        raise wrong


def examine_both(committing: Connection, owning: Connection) -> None:
    """Look whether the store can be kept by two users, or through two addresses.

    Args:
        committing: of the kind that commits hooks (`store.url`).
        owning: of the kind that listens and owns shards (`store.direct_url`).

    Raises:
        LedgerUnusable: the first thing that is wrong, and its fix.
    """
    examine(owning)
    examine(committing)
    places = {one.execute(SQL["place_of_tables"]).fetchone() for one in (owning, committing)}
    if len(places) > 1:
        raise LedgerUnusable(
            "store.url and store.direct_url name the tables of two schemas",
            "name the same user in both, or give both users the same search_path",
        )


def examine_session(connection: Connection) -> None:
    """Look whether a session that was opened with the settings `START` has them. A pooler may drop them without an error.

    Raises:
        LedgerUnusable: it has others.
    """
    if connection.execute(SQL["idle_limit"]).fetchone() != (START["idle_session_timeout"],):
        raise LedgerUnusable(
            "a pooler in between drops the time limits of sessions: a process that stands still would keep its users",
            _NO_POOLER,
        )


def examine_neighbours(connection: Connection) -> None:
    """Look whether processes on this database use tables of another schema. Locks and notifications hold for the whole database.

    Raises:
        LedgerUnusable: some do.
    """
    deadline = time.monotonic() + BEGIN_SECONDS
    while connection.execute(SQL["owners_elsewhere"], {"lock": LOCK}).fetchone() != (0,):
        if time.monotonic() > deadline:
            raise other_schema()
        time.sleep(_LOOK_SECONDS)


def prepare(url: str, direct_url: str) -> None:
    """Look whether the store can be used, and make or extend its tables.

    Args:
        url: of the database.
        direct_url: the same database without a pooler in between; empty if there is none.

    Raises:
        LedgerError: what is wrong, and its fix.
    """
    with connect(direct_url or url, "start", settings=START) as connection:
        examine(connection)
        examine_session(connection)
        with connect(url, "start", pooled=bool(direct_url)) as other:
            examine_notifications(connection, other)
            migrate(connection)
            if direct_url:
                examine_both(other, connection)
        examine_neighbours(connection)


def version(connection: Connection) -> str:
    """The server's version, such as 15.18."""
    return connection.info.parameter_status("server_version") or "?"


def describe_tables(connection: Connection) -> str:
    """The state of the store's tables in words."""
    stored = version_of(connection)
    if stored == 0:
        return "it has no tables yet; the first start makes them"
    if stored < len(MIGRATIONS):
        return f"the next start brings it from schema {stored} to {len(MIGRATIONS)}"
    return f"schema {stored}"


def commit_nothing(connection: Connection) -> None:
    """Commit a transaction that is durable and leaves nothing behind. Raises: FsyncIsOff if it was not."""
    committed(connection, SQL["commit_nothing"])


def _facts(connection: Connection) -> _Facts:
    row = connection.execute(SQL["server"]).fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    return _Facts(*row)


def _faults(connection: Connection) -> Iterator[LedgerUnusable]:
    server = _facts(connection)
    if server.number < OLDEST * 10_000:
        yield LedgerUnusable(
            f"the server is PostgreSQL {server.version}, and BotKit needs {OLDEST} or newer",
            f"upgrade it, or name one of version {OLDEST} or newer in store.url",
        )
    yield from _faults_of_durability(server)
    if server.standby:
        yield LedgerUnusable("the server is a standby, which cannot write", "name the primary in store.url")
    if server.read_only == "on":
        yield LedgerUnusable(
            "transactions are read-only here",
            "set default_transaction_read_only = off for this user and database",
        )
    if server.encoding != "UTF8":
        yield LedgerUnusable(
            f"the database has the encoding {server.encoding}, which cannot store every message",
            "make another one with createdb -E UTF8 -T template0, and name it in store.url",
        )
    yield from _faults_of_tables(connection, server)


def _faults_of_durability(server: _Facts) -> Iterator[LedgerUnusable]:
    if not server.fsync:
        yield FsyncIsOff()
    if server.synchronous_commit == "off":
        yield LedgerUnusable(
            "synchronous_commit is off: a crash of the server would lose acknowledged hooks",
            f'ALTER ROLE "{server.user}" SET synchronous_commit = on, or set it in postgresql.conf',
        )


def _faults_of_tables(connection: Connection, server: _Facts) -> Iterator[LedgerUnusable]:
    if server.schema is None:
        yield LedgerUnusable(
            f'no schema in search_path exists or may be used by the user "{server.user}"',
            f'GRANT CREATE, USAGE ON SCHEMA public TO "{server.user}", or correct the search_path of this user',
        )
    grant = f'GRANT CREATE, USAGE ON SCHEMA "{server.schema}" TO "{server.user}"'
    try:
        stored = version_of(connection)
    except psycopg.errors.InsufficientPrivilege:
        yield LedgerUnusable(
            f'the user "{server.user}" may not read the tables in "{server.schema}"',
            "name the user that has made them in store.url, or give this one all rights on them",
        )
        return
    except psycopg.errors.UndefinedColumn:
        yield LedgerUnusable(
            f'the table "meta" in "{server.schema}" is not BotKit\'s',
            "give BotKit a database of its own, or correct the search_path of this user",
        )
        return
    if usable_from(connection) > len(MIGRATIONS):
        yield LedgerUnusable(
            f"the store was written by a newer BotKit (schema {stored}, this one knows {len(MIGRATIONS)})",
            "run the newer BotKit, or name another database in store.url",
        )
    if stored < len(MIGRATIONS) and not server.may_create:
        yield LedgerUnusable(
            f'the user "{server.user}" may not create tables in the schema "{server.schema}"', grant
        )
    if stored:
        yield from _faults_of_each(connection, server, extends=stored < len(MIGRATIONS))


def _faults_of_each(connection: Connection, server: _Facts, *, extends: bool) -> Iterator[LedgerUnusable]:
    """What is wrong with the tables that are there. `extends`: the next start has to change them."""
    tables = [_Table(*row) for row in connection.execute(SQL["tables"])]
    user = f'the user "{server.user}"'
    by_owner = "name the user that has made them in store.url, or give this one all rights on them"

    def those(wrong: Callable[[_Table], object]) -> str:
        return ", ".join(table.name for table in tables if wrong(table))

    if names := those(lambda table: not table.exists):
        yield LedgerUnusable(
            f"{names} is missing among the store's tables",
            "restore the database from a backup, or name an empty one in store.url",
        )
    if names := those(lambda table: not table.is_sequence and not table.may_be_used):
        yield LedgerUnusable(f"{user} may not read and write {names}", by_owner)
    if names := those(lambda table: table.is_sequence and not table.may_be_used):
        yield LedgerUnusable(f"{user} may not use the sequences {names}", by_owner)
    if names := those(lambda table: table.hides_rows):
        yield LedgerUnusable(
            f"row security hides rows of {names} from {user}", "ALTER TABLE … DISABLE ROW LEVEL SECURITY"
        )
    if names := those(lambda table: table.is_unlogged):
        yield LedgerUnusable(
            f"a crash of the server would empty what is unlogged: {names}", "ALTER TABLE … SET LOGGED"
        )
    if extends and those(lambda table: not table.is_own):
        yield LedgerUnusable(
            f"{user} may not extend the tables, which others have made, for this version",
            "name the user that has made them in store.url, or make this one a member of that role",
        )


def examine_notifications(
    listener: Connection, notifier: Connection, *, seconds: float | None = None
) -> None:
    """Send a notification from one connection to another. A pooler in transaction mode swallows it without an error.

    Args:
        listener: a connection of the kind that listens and owns shards (`store.direct_url`, if there is one).
        notifier: one of the kind that commits hooks (`store.url`).
        seconds: max wait, `HEAR_SECONDS` by default.

    Raises:
        LedgerUnusable: it did not arrive.
    """
    word = uuid4().hex
    deadline = time.monotonic() + (HEAR_SECONDS if seconds is None else seconds)
    try:
        listener.execute(SQL["listen_to_oneself"])
        notifier.execute(SQL["notify_oneself"], (word,))
        while (left := deadline - time.monotonic()) > 0:
            if any(heard.payload == word for heard in listener.notifies(timeout=left, stop_after=1)):
                return
    except psycopg.Error as error:
        raise LedgerUnusable(f"notifications do not work ({reason(error)})", _NO_POOLER) from error
    raise LedgerUnusable(
        "a notification to ourselves did not arrive: a pooler in transaction mode is in between, "
        "or store.url and store.direct_url name two databases",
        _NO_POOLER,
    )


_NO_POOLER = (
    "name the server itself, without a pooler, in store.direct_url; store.url may go on naming the pooler"
)
