"""Schema migrations: numbered steps that bring a store to the version this code needs."""

from __future__ import annotations

from sqlalchemy import Connection, inspect, text

from botkit.errors import LedgerError

STEPS: tuple[tuple[str, ...], ...] = (
    # 1: the first tables.
    (
        "CREATE TABLE meta (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL)",
        "CREATE TABLE inbox (key TEXT NOT NULL PRIMARY KEY, at FLOAT NOT NULL) WITHOUT ROWID",
        "CREATE INDEX inbox_at ON inbox (at)",
        """CREATE TABLE outbox (
            id INTEGER NOT NULL PRIMARY KEY,
            bot_id TEXT NOT NULL,
            user_id TEXT NOT NULL,
            lane TEXT NOT NULL,
            kind TEXT NOT NULL,
            effect BLOB NOT NULL,
            created_at FLOAT NOT NULL,
            component_id TEXT,
            body BLOB
        )""",
        # Most rows belong to user lanes and live for milliseconds: only agent lanes are worth an index (for DropLane).
        "CREATE INDEX outbox_agent_lane ON outbox (lane) WHERE lane != 'user'",
        """CREATE TABLE conversations (
            bot_id TEXT NOT NULL,
            user_id TEXT NOT NULL,
            state BLOB NOT NULL,
            names BLOB NOT NULL,
            live BOOLEAN NOT NULL,
            ended_at FLOAT,
            PRIMARY KEY (bot_id, user_id)
        ) WITHOUT ROWID""",
        """CREATE TABLE payloads (
            bot_id TEXT NOT NULL,
            user_id TEXT NOT NULL,
            component_id TEXT NOT NULL,
            body BLOB NOT NULL,
            at FLOAT NOT NULL,
            PRIMARY KEY (bot_id, user_id)
        )""",
    ),
    # 2: the session that a key of the agents' side belongs to. The key is kept while the session lives.
    (
        "ALTER TABLE inbox ADD COLUMN session TEXT",
        "ALTER TABLE conversations ADD COLUMN session TEXT",
        # Keys of the agents' side begin with the session's id, a UUID, and a slash.
        "UPDATE inbox SET session = substr(key, 1, 36) WHERE substr(key, 37, 1) = '/' AND substr(key, 9, 1) = '-'",
        "UPDATE conversations SET session = json_extract(CAST(state AS TEXT), '$.session.id') WHERE live",
        "CREATE INDEX conversations_session ON conversations (session) WHERE session IS NOT NULL",
    ),
    # 3: find old payloads by index. `at` is stored after the body, which may have a megabyte: a scan would read it all.
    ("CREATE INDEX payloads_at ON payloads (at)",),
)
"""The statements that bring version n - 1 to version n. A released step never changes; a new one is added."""


def migrate(connection: Connection) -> None:
    """Run the missing steps. The caller commits, so a store is never left between two versions.

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
        for statement in step:
            connection.execute(text(statement))
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
