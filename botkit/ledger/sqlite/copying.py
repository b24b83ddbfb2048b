"""An SQLite store as the source or the target of a copy."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from botkit.errors import LedgerBusy, LedgerError
from botkit.ledger.copying import Row, Table
from botkit.ledger.sqlite.lock import StoreLock
from botkit.ledger.sqlite.lost_log import require_log
from botkit.ledger.sqlite.migrations import MIGRATIONS, version_of
from botkit.ledger.sqlite.queries import SQL
from botkit.ledger.sqlite.store import Store

_ALL = {
    Table.CONVERSATIONS: SQL["all_conversations"],
    Table.EFFECTS: SQL["all_effects"],
    Table.PAYLOADS: SQL["all_payloads"],
    Table.KEYS: SQL["all_keys"],
    Table.STEPS: SQL["all_steps"],
}
_PUT = {
    Table.CONVERSATIONS: SQL["upsert_conversation"],
    Table.EFFECTS: SQL["insert_effects"],
    Table.PAYLOADS: SQL["upsert_payload"],
    Table.KEYS: SQL["insert_keys"],
    Table.STEPS: SQL["insert_steps"],
}


class SqliteSource:
    """See `copying.Source`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        (self.failed,) = connection.execute(SQL["count_failed_inputs"]).fetchone()
        in_doubt = connection.execute(SQL["in_doubt"]).fetchone() not in (None, ("[]",))
        self.clean = connection.execute(SQL["stopped"]).fetchone() != ("no",) and not in_doubt

    def counts(self) -> Mapping[Table, int]:
        return _counts(self._connection)

    def rows(self, table: Table) -> Iterator[Row]:
        found = self._connection.execute(_ALL[table])
        if table is not Table.CONVERSATIONS:
            return found
        return ((*row[:5], bool(row[5]), *row[6:]) for row in found)  # SQLite has no booleans


class SqliteTarget:
    """See `copying.Target`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._ids = itertools.count(1)

    def counts(self) -> Mapping[Table, int]:
        return _counts(self._connection)

    def put(self, table: Table, rows: Sequence[Row]) -> None:
        if table is Table.EFFECTS:
            rows = [(next(self._ids), *row) for row in rows]
        self._connection.executemany(_PUT[table], rows)

    def mark(self, *, clean: bool) -> None:
        self._connection.execute(SQL["set_stopped"], ("yes" if clean else "no",))


@contextmanager
def source_in_file(path: Path) -> Iterator[SqliteSource]:
    """The store in a file, to be read.

    Raises:
        LedgerBusy: a process has it open.
        LedgerError: it cannot be read, or is of another version.
    """
    if not path.is_file():
        raise LedgerError(f"there is no store at {path}")
    require_log(path.resolve())
    with _locked(path), _named(path), closing(sqlite3.connect(path, isolation_level=None)) as connection:
        if (version := version_of(connection)) != len(MIGRATIONS):
            raise LedgerError(
                f"the store {path} has schema version {version}, this BotKit copies {len(MIGRATIONS)}: "
                "start and stop this BotKit once with the store, or use the BotKit that has written it"
            )
        # Followers whose leader has just gone write nothing more.
        connection.execute(SQL["set_shared"], ("",))
        (undecided,) = connection.execute(SQL["count_inputs"]).fetchone()
        if undecided:
            raise LedgerError(
                f"the store {path} has hooks that are not decided on yet: start BotKit with it, stop it, and copy again"
            )
        connection.execute("BEGIN")
        yield SqliteSource(connection)


@contextmanager
def target_in_file(path: Path) -> Iterator[SqliteTarget]:
    """An empty store in a file, which is made if it is not there.

    Raises:
        LedgerBusy: a process has it open.
        LedgerError: it cannot be written, or is not empty.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerError(f"the store {path} cannot be created ({error.strerror})") from error
    with _locked(path), _named(path), closing(Store(path)) as store, closing(store.writer()) as connection:
        connection.execute("BEGIN IMMEDIATE")
        if any(_counts(connection).values()):
            raise LedgerError(f"the store {path} is not empty; name another file, or move that one away")
        yield SqliteTarget(connection)
        connection.execute("COMMIT")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    lock = StoreLock(path)
    try:
        lock.acquire(lock_timeout_seconds=0.0)
    except LedgerBusy as error:
        raise LedgerBusy(f"a process has {path} open; stop it first") from error
    except OSError as error:
        raise LedgerError(f"the store {path} cannot be locked ({error.strerror})") from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise LedgerError(f"the store {path} cannot be used ({error})") from error


def _counts(connection: sqlite3.Connection) -> Mapping[Table, int]:
    return dict(zip(Table, connection.execute(SQL["counts"]).fetchone(), strict=True))
