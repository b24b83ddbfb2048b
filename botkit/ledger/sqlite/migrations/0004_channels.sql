-- A conversation belongs to a channel. That of a stored one is read from its newest payload; empty if it cannot be read, and
-- then the conversation is found from any channel. Deferred webhooks have none.
ALTER TABLE payloads RENAME TO payloads_3;
DROP INDEX payloads_at;
CREATE TABLE payloads (
    bot_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    channel TEXT NOT NULL,
    component_id TEXT NOT NULL,
    body BLOB NOT NULL,
    at FLOAT NOT NULL,
    PRIMARY KEY (bot_id, user_id, channel)
);
INSERT INTO payloads
    SELECT bot_id, user_id,
    CASE WHEN substr(user_id, 1, 8) != 'webhook' || char(31) AND json_valid(CAST(body AS TEXT)) THEN lower(trim(coalesce(
        nullif(json_extract(CAST(body AS TEXT), '$.channel.channelInfos.type'), ''),
        nullif(json_extract(CAST(body AS TEXT), '$.channel.type'), ''),
        nullif(json_extract(CAST(body AS TEXT), '$.context.session.BotUserSession.channels[0].type'), ''),
        nullif(json_extract(CAST(body AS TEXT), '$.context.session.BotUserSession.lastMessage.channel'), ''),
        ''
    ))) ELSE '' END, component_id, body, at
    FROM payloads_3;
DROP TABLE payloads_3;
CREATE INDEX payloads_at ON payloads (at);

ALTER TABLE conversations RENAME TO conversations_3;
DROP INDEX conversations_session;
CREATE TABLE conversations (
    bot_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    channel TEXT NOT NULL,
    state BLOB NOT NULL,
    names BLOB NOT NULL,
    live BOOLEAN NOT NULL,
    ended_at FLOAT,
    session TEXT,
    PRIMARY KEY (bot_id, user_id, channel)
) WITHOUT ROWID;
INSERT INTO conversations
    SELECT bot_id, user_id, coalesce((
        SELECT p.channel FROM payloads p WHERE p.bot_id = c.bot_id AND p.user_id = c.user_id
    ), ''), state, names, live, ended_at, session
    FROM conversations_3 c;
DROP TABLE conversations_3;
CREATE INDEX conversations_session ON conversations (session) WHERE session IS NOT NULL;
UPDATE conversations SET state = CAST(json_set(CAST(state AS TEXT), '$.id.channel', channel) AS BLOB)
    WHERE channel != '' AND json_valid(CAST(state AS TEXT));

ALTER TABLE outbox ADD COLUMN channel TEXT NOT NULL DEFAULT '';
UPDATE outbox SET channel = coalesce((
    SELECT p.channel FROM payloads p WHERE p.bot_id = outbox.bot_id AND p.user_id = outbox.user_id
), '');
