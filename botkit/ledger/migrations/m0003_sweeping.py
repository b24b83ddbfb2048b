"""Version 3: old payloads are found without reading all of them. Frozen: a released migration does not change."""

from __future__ import annotations

from sqlalchemy import Connection, text


def upgrade(connection: Connection) -> None:
    """Add the index."""
    # `at` stands behind the body, which may be a megabyte: looking for it in the rows themselves reads every page of them.
    connection.execute(text("CREATE INDEX payloads_at ON payloads (at)"))
