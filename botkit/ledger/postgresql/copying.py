"""A PostgreSQL store as the source or the target of a copy."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import psycopg

from botkit.boottime import boottime
from botkit.errors import LedgerBusy, LedgerError
from botkit.handoff.conversation import ConversationId
from botkit.ledger import codec
from botkit.ledger.copying import Row, Table
from botkit.ledger.interface import HookBody
from botkit.ledger.postgresql.database import Connection, address, columns_of, connect, reason
from botkit.ledger.postgresql.migrations import MIGRATIONS, migrate, version_of
from botkit.ledger.postgresql.owner import BLOCK
from botkit.ledger.postgresql.queries import SQL
from botkit.ledger.postgresql.server import examine
from botkit.ledger.postgresql.shards import SHARDS, shard_of
from botkit.ledger.rows import decision_from_bytes

_SETTINGS: dict[str, str | int] = {
    "statement_timeout": 0,
    "lock_timeout": 5_000,
    "idle_in_transaction_session_timeout": 0,
    "enable_seqscan": "on",
}
_LIMITS_TRANSACTIONS = 170_000
"""The server's version that brought `transaction_timeout`."""
_LEAVING_SECONDS = 1.0
_ALL = {
    Table.CONVERSATIONS: SQL["all_conversations"],
    Table.EFFECTS: SQL["all_effects"],
    Table.PAYLOADS: SQL["all_payloads"],
    Table.KEYS: SQL["all_keys"],
    Table.STEPS: SQL["all_steps"],
}
_PUT = {
    Table.CONVERSATIONS: SQL["copy_conversations"],
    Table.EFFECTS: SQL["copy_effects"],
    Table.PAYLOADS: SQL["copy_payloads"],
    Table.KEYS: SQL["copy_keys"],
    Table.STEPS: SQL["copy_steps"],
}


class PostgresSource:
    """See `copying.Source`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.clean = connection.execute(SQL["unclean_shards"]).fetchone() == (0,)
        self.failed = _inputs(connection)[1]

    def counts(self) -> Mapping[Table, int]:
        return _counts(self._connection)

    def rows(self, table: Table) -> Iterator[Row]:
        with self._connection.cursor(name="copied") as cursor:
            cursor.itersize = 100
            found = cursor.execute(_ALL[table])
            yield from map(_effect_of, found) if table is Table.EFFECTS else found


class PostgresTarget:
    """See `copying.Target`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._effects = 0

    def counts(self) -> Mapping[Table, int]:
        return _counts(self._connection)

    def put(self, table: Table, rows: Sequence[Row]) -> None:
        try:
            if table is Table.CONVERSATIONS:
                self._insert(SQL["insert_names"], [name for row in rows for name in _live_names(row)])
                rows = [(*row[:3], _shard(row), *row[3:]) for row in rows]
            elif table is Table.EFFECTS:
                rows = [(*self._place(), *row) for row in rows]
                rows = [(row[0], _shard(row[2:]), *row[1:]) for row in rows]
            self._insert(_PUT[table], rows)
        except psycopg.DataError as error:
            raise LedgerError(
                f"one of the {table} cannot be stored in PostgreSQL ({reason(error)}); nothing was copied"
            ) from error

    def mark(self, *, clean: bool) -> None:
        marks = {"shards": list(range(SHARDS)), "clean": clean}
        self._connection.execute(SQL["mark_shards"], marks)

    def _place(self) -> tuple[int, int]:
        """The id and the rank of the next effect: ids come from blocks, as those of an owner."""
        if self._effects % BLOCK == 0:
            (block,) = self._connection.execute(SQL["block"]).fetchone() or (0,)
            self._first = block * BLOCK
        place = self._first + self._effects % BLOCK, self._effects + 1
        self._effects += 1
        return place

    def _insert(self, query: str, rows: Sequence[Row]) -> None:
        if rows:
            self._connection.execute(query, columns_of(rows))


@contextmanager
def source_in_database(url: str) -> Iterator[PostgresSource]:
    """The store in a database, to be read.

    Raises:
        LedgerBusy: a process uses it.
        LedgerError: it cannot be read, is of another version, or has inputs that only a running BotKit can decide on.
    """
    with _opened(url) as connection, connection.transaction():
        if (version := version_of(connection)) != len(MIGRATIONS):
            raise LedgerError(
                f"the store at {address(url)} has schema version {version}, this BotKit copies {len(MIGRATIONS)}: "
                "start and stop this BotKit once with the store, or use the BotKit that has written it"
                if version
                else f"there is no store at {address(url)}"
            )
        _keep_out(connection, url, SQL["lock_against_writers"])
        undecided, _ = _inputs(connection)
        if undecided:
            raise LedgerError(
                f"{undecided} hooks in the store at {address(url)} are not decided on or not delivered yet: "
                "start BotKit with it until botkit_outbox_depth is 0, stop it, and copy again"
            )
        yield PostgresSource(connection)


@contextmanager
def target_in_database(url: str) -> Iterator[PostgresTarget]:
    """An empty store in a database; its tables are made if they are not there.

    Raises:
        LedgerBusy: a process uses it.
        LedgerError: it cannot be used, or is not empty.
    """
    with _opened(url) as connection:
        examine(connection)
        migrate(connection)
        with connection.transaction():
            _keep_out(connection, url, SQL["lock_against_all"])
            if any(_counts(connection).values()) or any(_inputs(connection)):
                raise LedgerError(f"the store at {address(url)} is not empty; name another database")
            yield PostgresTarget(connection)


@contextmanager
def _opened(url: str) -> Iterator[Connection]:
    with connect(url, "copy", settings=_SETTINGS) as connection:
        try:
            if connection.info.server_version >= _LIMITS_TRANSACTIONS:
                connection.execute("SET transaction_timeout = 0")
            yield connection
        except psycopg.Error as error:
            raise LedgerError(f"the store at {address(url)} cannot be used ({reason(error)})") from error


def _keep_out(connection: Connection, url: str, lock: str) -> None:
    """See that no process uses the store, and that none can until the end of the transaction."""
    if members := _members_after_the_leaving(connection):
        names = ", ".join(name for (name,) in members)
        raise LedgerBusy(f"processes use the store at {address(url)} ({names}); stop them first")
    try:
        connection.execute(lock)
    except psycopg.errors.LockNotAvailable as error:
        raise LedgerBusy(f"a process uses the store at {address(url)}; stop it first") from error


def _members_after_the_leaving(connection: Connection) -> list[psycopg.rows.TupleRow]:
    """The sessions of processes. One that was just closed may be listed for another moment."""
    until = boottime() + _LEAVING_SECONDS
    while members := connection.execute(SQL["members_connected"]).fetchall():
        if boottime() > until:
            return members
        time.sleep(0.02)
        connection.execute("SELECT pg_stat_clear_snapshot()")
    return []


def _inputs(connection: Connection) -> tuple[int, int]:
    """Inputs that are not decided on, and inputs on which the rules have failed."""
    undecided, failed = connection.execute(SQL["unfinished_inputs"]).fetchone() or (0, 0)
    return undecided, failed


def _counts(connection: Connection) -> Mapping[Table, int]:
    return dict(zip(Table, connection.execute(SQL["counts"]).fetchone() or (), strict=True))


def _effect_of(row: Row) -> Row:
    """The row of an effect; the decision on an input that stays is in a column of its own."""
    decided, *effect = row
    if decided is None:
        return tuple(effect)
    *_, component_id, body = effect
    item = decision_from_bytes(decided, 0, HookBody(body, component_id) if body is not None else None)
    one, (kind, fields) = item.conversation_id, codec.effect_to_json(item.effect)
    at = float(item.created_at)
    return one.bot_id, one.user_id, one.channel, item.lane, kind, fields, at, component_id, body


def _shard(row: Row) -> int:
    return shard_of(ConversationId(*row[:3]))


def _live_names(row: Row) -> Iterator[Row]:
    bot_id, user_id, channel, _, names, _, _, session = row
    if session is not None:
        for name in sorted(codec.names_from_json(names) | {user_id}):
            yield bot_id, name, user_id, channel, _shard(row)
