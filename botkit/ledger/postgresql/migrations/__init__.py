"""Schema migrations: a script for each version brings a store to it from the version before.

An old and a new version run side by side during a rolling upgrade, and again if it is taken back. So a script only adds what the
version before can live with, and what is not needed any more goes with the next one. The first line of a script says from which
version on a program can live with it: ``-- usable from version 1``.
"""

from __future__ import annotations

import re

import psycopg

from botkit.errors import LedgerError
from botkit.ledger.postgresql.database import Connection, reason
from botkit.ledger.queries import numbered_scripts

MIGRATIONS = numbered_scripts(__name__)
"""The script of version n is the file that begins with n. A released one never changes; a new one is added."""
_USABLE = re.compile(r"-- usable from version (\d+)\n")
_LOCK = 0x426F744D
"""The advisory lock of the process that migrates: "BotM"."""


def migrate(connection: Connection) -> None:
    """Run the missing scripts in one transaction. Several processes that start together wait for each other.

    The connection is not to be used again after an error.

    Raises:
        LedgerError: the tables cannot be made, or a newer BotKit has made them.
    """
    try:
        # Before the transaction: one that waits for a lock does not see by name what others have created meanwhile.
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        with connection.transaction():
            version = version_of(connection)
            if usable_from(connection) > len(MIGRATIONS):
                raise LedgerError(
                    f"the store has schema version {version}, this BotKit knows {len(MIGRATIONS)}: "
                    "run the newer BotKit, or name another database in store.url"
                )
            for script in MIGRATIONS[version:]:
                connection.execute(script)
            if version < len(MIGRATIONS):
                _set(connection, "schema_version", len(MIGRATIONS))
                _set(connection, "usable_from", _usable_from(MIGRATIONS[-1]))
        connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))
    except (psycopg.errors.DuplicateTable, psycopg.errors.DuplicateObject) as error:
        raise LedgerError(
            f"the store's tables cannot be made ({reason(error)}): give BotKit a database of its own"
        ) from error
    except psycopg.Error as error:
        raise LedgerError(
            f"the store's tables cannot be made ({reason(error)}): the user in store.url needs the right to create tables"
        ) from error


def _set(connection: Connection, name: str, number: int) -> None:
    connection.execute(
        "INSERT INTO meta (name, value) VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, str(number)),
    )


def _usable_from(script: str) -> int:
    found = _USABLE.match(script)
    if found is None:
        raise ValueError("a migration does not say from which version on it is usable")
    return int(found[1])


def usable_from(connection: Connection) -> int:
    """The lowest version of the schema whose programs can use the store; 0 of an empty database."""
    if version_of(connection) == 0:
        return 0
    found = connection.execute("SELECT value FROM meta WHERE name = 'usable_from'").fetchone()
    return int(found[0]) if found else version_of(connection)


def version_of(connection: Connection) -> int:
    """The version of a store's schema; 0 of an empty database."""
    if connection.execute("SELECT to_regclass('meta')").fetchone() == (None,):
        return 0
    found = connection.execute("SELECT value FROM meta WHERE name = 'schema_version'").fetchone()
    return int(found[0]) if found else 0
