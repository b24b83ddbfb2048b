-- A row with an access token is longer than what a page of a table WITHOUT ROWID keeps of a row: a change then took pages from the
-- free list and gave others back. `state` stands last, so that reading the other columns never follows a long one.
ALTER TABLE conversations RENAME TO conversations_5;
DROP INDEX conversations_session;
CREATE TABLE conversations (
    bot_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    channel TEXT NOT NULL,
    live BOOLEAN NOT NULL,
    ended_at FLOAT,
    session TEXT,
    names BLOB NOT NULL,
    state BLOB NOT NULL,
    PRIMARY KEY (bot_id, user_id, channel)
);
INSERT INTO conversations (bot_id, user_id, channel, live, ended_at, session, names, state)
    SELECT bot_id, user_id, channel, live, ended_at, session, names, state
    FROM conversations_5;
DROP TABLE conversations_5;
CREATE INDEX conversations_session ON conversations (session) WHERE session IS NOT NULL;
