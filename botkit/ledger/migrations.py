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
    # 4: a conversation belongs to a channel. That of a stored one is read from its newest payload; empty if it cannot be read,
    # and then the conversation is found from any channel. Deferred webhooks have none.
    (
        "ALTER TABLE payloads RENAME TO payloads_3",
        "DROP INDEX payloads_at",
        """CREATE TABLE payloads (
            bot_id TEXT NOT NULL,
            user_id TEXT NOT NULL,
            channel TEXT NOT NULL,
            component_id TEXT NOT NULL,
            body BLOB NOT NULL,
            at FLOAT NOT NULL,
            PRIMARY KEY (bot_id, user_id, channel)
        )""",
        """INSERT INTO payloads
            SELECT bot_id, user_id,
            CASE WHEN substr(user_id, 1, 8) != 'webhook' || char(31) AND json_valid(CAST(body AS TEXT)) THEN lower(trim(coalesce(
                nullif(json_extract(CAST(body AS TEXT), '$.channel.channelInfos.type'), ''),
                nullif(json_extract(CAST(body AS TEXT), '$.channel.type'), ''),
                nullif(json_extract(CAST(body AS TEXT), '$.context.session.BotUserSession.channels[0].type'), ''),
                nullif(json_extract(CAST(body AS TEXT), '$.context.session.BotUserSession.lastMessage.channel'), ''),
                ''
            ))) ELSE '' END, component_id, body, at
            FROM payloads_3""",
        "DROP TABLE payloads_3",
        "CREATE INDEX payloads_at ON payloads (at)",
        "ALTER TABLE conversations RENAME TO conversations_3",
        "DROP INDEX conversations_session",
        """CREATE TABLE conversations (
            bot_id TEXT NOT NULL,
            user_id TEXT NOT NULL,
            channel TEXT NOT NULL,
            state BLOB NOT NULL,
            names BLOB NOT NULL,
            live BOOLEAN NOT NULL,
            ended_at FLOAT,
            session TEXT,
            PRIMARY KEY (bot_id, user_id, channel)
        ) WITHOUT ROWID""",
        """INSERT INTO conversations
            SELECT bot_id, user_id, coalesce((
                SELECT p.channel FROM payloads p WHERE p.bot_id = c.bot_id AND p.user_id = c.user_id
            ), ''), state, names, live, ended_at, session
            FROM conversations_3 c""",
        "DROP TABLE conversations_3",
        "CREATE INDEX conversations_session ON conversations (session) WHERE session IS NOT NULL",
        """UPDATE conversations SET state = CAST(json_set(CAST(state AS TEXT), '$.id.channel', channel) AS BLOB)
            WHERE channel != '' AND json_valid(CAST(state AS TEXT))""",
        "ALTER TABLE outbox ADD COLUMN channel TEXT NOT NULL DEFAULT ''",
        """UPDATE outbox SET channel = coalesce((
            SELECT p.channel FROM payloads p WHERE p.bot_id = outbox.bot_id AND p.user_id = outbox.user_id
        ), '')""",
    ),
    # 5: the steps of hand-offs. Rows are only added at the end and deleted from the beginning.
    (
        """CREATE TABLE story (
            id INTEGER NOT NULL PRIMARY KEY,
            at FLOAT NOT NULL,
            ref INTEGER NOT NULL,
            kind TEXT NOT NULL,
            detail TEXT NOT NULL
        )""",
        "CREATE INDEX story_beginnings ON story (ref) WHERE kind = 'transfer'",
    ),
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
