-- usable from version 1

CREATE TABLE meta (
    name text PRIMARY KEY,
    value text NOT NULL
);

-- The keys of inputs that were taken, and what each was taken with: of an agent's event its session, of a user's message its
-- requestId.
CREATE TABLE inbox (
    key text PRIMARY KEY,
    at double precision NOT NULL,
    session text
);
CREATE INDEX inbox_at ON inbox (at);

-- What doors have written down. A row is there until its consequences are committed; that of a message which is passed on
-- unchanged, until it is delivered.
CREATE TABLE inputs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shard smallint NOT NULL,
    input bytea NOT NULL,
    component_id text,
    body bytea,
    awaited boolean NOT NULL,
    -- Of a row that stays: its place among the effects of its shard, and what was decided.
    rank bigint,
    decided bytea,
    -- The rules have failed on it: it is kept, and not decided again.
    failed boolean NOT NULL DEFAULT false
) WITH (toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 20000);
-- Bodies are JSON of a few kilobytes that is read once: compressing them costs more than writing them.
ALTER TABLE inputs ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE inputs ALTER COLUMN input SET STORAGE EXTERNAL;
-- Owners look for the undecided ones all the time, past those that stay, and without reading any.
CREATE INDEX inputs_undecided ON inputs (shard, id) WHERE rank IS NULL AND NOT failed;
CREATE INDEX inputs_kept ON inputs (shard, rank) WHERE rank IS NOT NULL;

CREATE TABLE outbox (
    id bigint PRIMARY KEY,
    shard smallint NOT NULL,
    rank bigint NOT NULL,
    bot_id text NOT NULL,
    user_id text NOT NULL,
    channel text NOT NULL,
    lane text NOT NULL,
    kind text NOT NULL,
    effect bytea NOT NULL,
    created_at double precision NOT NULL,
    component_id text,
    body bytea
) WITH (toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 20000);
ALTER TABLE outbox ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX outbox_by_shard ON outbox (shard, rank);
CREATE INDEX outbox_lanes ON outbox (lane) WHERE lane <> 'user';
-- Blocks of a million ids: an owner numbers its effects without asking.
CREATE SEQUENCE outbox_blocks;

CREATE TABLE conversations (
    bot_id text NOT NULL,
    user_id text NOT NULL,
    channel text NOT NULL,
    shard smallint NOT NULL,
    state bytea NOT NULL,
    names bytea NOT NULL,
    live boolean NOT NULL,
    ended_at double precision,
    session text,
    PRIMARY KEY (bot_id, user_id, channel)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE conversations ALTER COLUMN state SET STORAGE EXTERNAL;
CREATE INDEX conversations_by_shard ON conversations (shard);
CREATE INDEX conversations_session ON conversations (session) WHERE session IS NOT NULL;

-- Every name of a user with a live agent session: hooks that come under any of them go to the shard of the conversation.
CREATE TABLE live_names (
    bot_id text NOT NULL,
    name text NOT NULL,
    user_id text NOT NULL,
    channel text NOT NULL,
    shard smallint NOT NULL,
    PRIMARY KEY (bot_id, name, user_id, channel)
);

CREATE TABLE payloads (
    bot_id text NOT NULL,
    user_id text NOT NULL,
    channel text NOT NULL,
    component_id text NOT NULL,
    body bytea NOT NULL,
    at double precision NOT NULL,
    PRIMARY KEY (bot_id, user_id, channel)
) WITH (toast_tuple_target = 8160, fillfactor = 70);
ALTER TABLE payloads ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX payloads_at ON payloads (at);

-- The steps of hand-offs. Rows are only added at the end and deleted from the beginning.
CREATE TABLE story (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at double precision NOT NULL,
    ref bigint NOT NULL,
    kind text NOT NULL,
    detail text NOT NULL
);
CREATE INDEX story_beginnings ON story (ref) WHERE kind = 'transfer';

-- The owner of a shard holds its advisory lock. This says who owned it last, whether that process gave it up cleanly, and in which
-- format it wrote: no older program owns it after that.
CREATE TABLE shards (
    shard smallint PRIMARY KEY,
    owner text NOT NULL,
    clean boolean NOT NULL,
    format smallint NOT NULL DEFAULT 1
);

-- Outcomes that the submitter of an input waits for, until it has read them.
CREATE TABLE answers (
    input_id bigint PRIMARY KEY,
    refused text NOT NULL,
    at double precision NOT NULL
);
