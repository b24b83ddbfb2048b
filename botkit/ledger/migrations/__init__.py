"""Bringing a store's tables to the version this code needs, one numbered step after the other."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, inspect, text

from botkit.errors import LedgerError
from botkit.ledger.migrations import m0001_first, m0002_sessions, m0003_sweeping

STEPS: tuple[Callable[[Connection], None], ...] = (
    m0001_first.upgrade,
    m0002_sessions.upgrade,
    m0003_sweeping.upgrade,
)
"""Step n brings version n - 1 to version n. A released step is never changed; a new one is added."""


def migrate(connection: Connection) -> None:
    """Run the steps this store lacks. The caller commits, so that a store is never left between two versions.

    Raises:
        LedgerError: the store was written by a newer BotKit.
    """
    version = _version(connection)
    if version > len(STEPS):
        raise LedgerError(
            f"the store has schema version {version}, this BotKit knows {len(STEPS)}: "
            "run the newer BotKit, or name another file in store.url"
        )
    for step in STEPS[version:]:
        step(connection)
    if version < len(STEPS):
        connection.execute(
            text(
                "INSERT INTO meta (name, value) VALUES ('schema_version', :v) "
                "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
            ),
            {"v": str(len(STEPS))},
        )


def _version(connection: Connection) -> int:
    if not inspect(connection).has_table("meta"):
        return 0
    found = connection.execute(text("SELECT value FROM meta WHERE name = 'schema_version'")).scalar()
    return int(found) if found is not None else 0
