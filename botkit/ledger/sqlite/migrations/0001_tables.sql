CREATE TABLE meta (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE inbox (key TEXT NOT NULL PRIMARY KEY, at FLOAT NOT NULL) WITHOUT ROWID;
CREATE INDEX inbox_at ON inbox (at);

CREATE TABLE outbox (
    id INTEGER NOT NULL PRIMARY KEY,
    bot_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    lane TEXT NOT NULL,
    kind TEXT NOT NULL,
    effect BLOB NOT NULL,
    created_at FLOAT NOT NULL,
    component_id TEXT,
    body BLOB
);
-- Most rows belong to user lanes and live for milliseconds: only agent lanes are worth an index (for `drop_lane`).
CREATE INDEX outbox_agent_lane ON outbox (lane) WHERE lane != 'user';

CREATE TABLE conversations (
    bot_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    state BLOB NOT NULL,
    names BLOB NOT NULL,
    live BOOLEAN NOT NULL,
    ended_at FLOAT,
    PRIMARY KEY (bot_id, user_id)
) WITHOUT ROWID;

CREATE TABLE payloads (
    bot_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    component_id TEXT NOT NULL,
    body BLOB NOT NULL,
    at FLOAT NOT NULL,
    PRIMARY KEY (bot_id, user_id)
);
