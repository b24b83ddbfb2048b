"""Schema migrations: a script for each version brings a store to it from the version before.

An old and a new version run side by side during a rolling upgrade, so a script only adds what the version before can live with;
what is not needed any more goes with the next one.
"""

from __future__ import annotations

import psycopg

from botkit.errors import LedgerError
from botkit.ledger.postgresql.database import Connection, reason
from botkit.ledger.queries import numbered_scripts

MIGRATIONS = numbered_scripts(__name__)
"""The script of version n is the file that begins with n. A released one never changes; a new one is added."""
_LOCK = 0x426F744D
"""The advisory lock of whoever migrates: "BotM"."""


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
            if version > len(MIGRATIONS):
                raise LedgerError(
                    f"the store has schema version {version}, this BotKit knows {len(MIGRATIONS)}: "
                    "run the newer BotKit, or name another database in store.url"
                )
            for script in MIGRATIONS[version:]:
                connection.execute(script)
            if version < len(MIGRATIONS):
                connection.execute(
                    "INSERT INTO meta (name, value) VALUES ('schema_version', %s) "
                    "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                    (str(len(MIGRATIONS)),),
                )
        connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))
    except psycopg.Error as error:
        raise LedgerError(
            f"the store's tables cannot be made ({reason(error)}): the user in store.url needs the right to create tables"
        ) from error


def version_of(connection: Connection) -> int:
    """The version of a store's schema; 0 of an empty database."""
    if connection.execute("SELECT to_regclass('meta')").fetchone() == (None,):
        return 0
    found = connection.execute("SELECT value FROM meta WHERE name = 'schema_version'").fetchone()
    return int(found[0]) if found else 0
