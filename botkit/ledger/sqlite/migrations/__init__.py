"""Schema migrations: a script for each version brings a store to it from the version before."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from botkit.errors import LedgerError
from botkit.ledger.queries import numbered_scripts

MIGRATIONS = numbered_scripts(__name__)
"""The script of version n is the file that begins with n. A released one never changes; a new one is added."""


def migrate(connection: sqlite3.Connection) -> None:
    """Run the missing scripts in one transaction, so a store is never left between two versions.

    Raises:
        LedgerError: the store was written by a newer BotKit.
        sqlite3.Error: nothing has changed.
    """
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        version = version_of(connection)
        if version > len(MIGRATIONS):
            raise LedgerError(
                f"the store has schema version {version}, this BotKit knows {len(MIGRATIONS)}: "
                "run the newer BotKit, or name another file in store.url"
            )
        for script in MIGRATIONS[version:]:
            for statement in _statements(script):
                connection.execute(statement)
        if version < len(MIGRATIONS):
            connection.execute(
                "INSERT INTO meta (name, value) VALUES ('schema_version', ?) "
                "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (str(len(MIGRATIONS)),),
            )


def version_of(connection: sqlite3.Connection) -> int:
    """The version of a store's schema; 0 of an empty file."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
        return 0
    found = connection.execute("SELECT value FROM meta WHERE name = 'schema_version'").fetchone()
    return int(found[0]) if found else 0


def _statements(script: str) -> Iterator[str]:
    """The statements of a script; sqlite3's own `executescript` would commit the transaction first."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    yield statement
