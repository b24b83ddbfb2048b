"""The tables of a ledger in SQLAlchemy Core. `migrations.py` creates them; a test compares the two.

inbox          the deduplication key of every committed input. `session` is set for events of the agents' side, which can be
               listed again while the session lives; for a user's message with an id of the client's, it is the requestId
outbox         every effect that is not yet done, in the order of the decisions
conversations  conversations with a current (`live`) or recent agent session or deferred webhook
payloads       the newest payload of such a conversation, which addresses the user
story          the steps of hand-offs, in the order in which they were committed; `ref` is the number of a reference
               (`handoff/reference.py`). Only the first step of a hand-off is indexed: the others follow it
meta           the version of this schema, and whether the last process shut down cleanly
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, Index, Integer, LargeBinary, MetaData, Table, Text

metadata = MetaData()

meta = Table("meta", metadata, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))

inbox = Table(
    "inbox",
    metadata,
    Column("key", Text, primary_key=True),
    Column("at", Float, nullable=False),
    Column("session", Text),
    Index("inbox_at", "at"),
    sqlite_with_rowid=False,
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("bot_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("effect", LargeBinary, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("component_id", Text),
    Column("body", LargeBinary),
    Column("channel", Text, nullable=False, server_default=""),
)
Index("outbox_agent_lane", outbox.c.lane, sqlite_where=outbox.c.lane != "user")

conversations = Table(
    "conversations",
    metadata,
    Column("bot_id", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("state", LargeBinary, nullable=False),
    Column("names", LargeBinary, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("ended_at", Float),
    Column("session", Text),
    sqlite_with_rowid=False,
)
Index("conversations_session", conversations.c.session, sqlite_where=conversations.c.session.is_not(None))

payloads = Table(
    "payloads",
    metadata,
    Column("bot_id", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("component_id", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("at", Float, nullable=False),
)
Index("payloads_at", payloads.c.at)

story = Table(
    "story",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("ref", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("detail", Text, nullable=False),
)
Index("story_beginnings", story.c.ref, sqlite_where=story.c.kind == "transfer")
