"""Version 2: whose session a key of the agents' side belongs to, so that it is kept as long as the session lives.

Frozen: a released migration does not change.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

_STATEMENTS = (
    "ALTER TABLE inbox ADD COLUMN session TEXT",
    "ALTER TABLE conversations ADD COLUMN session TEXT",
    # Keys of what the agents' side said begin with the session's id, a UUID, and a slash.
    "UPDATE inbox SET session = substr(key, 1, 36) WHERE substr(key, 37, 1) = '/' AND substr(key, 9, 1) = '-'",
    "UPDATE conversations SET session = json_extract(CAST(state AS TEXT), '$.session.id') WHERE live",
    "CREATE INDEX conversations_session ON conversations (session) WHERE session IS NOT NULL",
)


def upgrade(connection: Connection) -> None:
    """Add the two columns, and fill them from what is there."""
    for statement in _STATEMENTS:
        connection.execute(text(statement))
