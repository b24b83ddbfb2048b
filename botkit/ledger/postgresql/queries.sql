-- The SQL of the PostgreSQL ledger.
--
-- Plans are kept, and the tables are often empty when one is made: then the whole index of any table looks cheaper than to find a
-- row in it. So the statements of everyday work are written in a way that leaves one index to choose, with a condition on it:
-- a subquery with OFFSET 0 is executed as it stands, for each row of what comes before it.

-- --- the door --------------------------------------------------------------------------------------------------------

-- name: take_inputs
-- Keys are sorted, so that two doors with the same keys wait for each other instead of deadlocking. A row is numbered in the
-- order of its place. It returns the keys that are new, the ids and shards of their rows, in the order of the ids, and whether the
-- server waits for its disk.
--
-- A hook goes to the shard of the live conversation that it is about (`Staged.resolve`), else to that of its user. A name that
-- leads elsewhere is locked until the row is committed: see `names.py`. For the few hooks that name no channel, and whose user may
-- have conversations in several shards, the sessions and times of these are looked for in their states, which are compact JSON.
WITH given AS (
    SELECT g.*, string_to_array(g.names, chr(30)) AS called FROM unnest(
        %(keys)b::text[], %(sessions)b::text[], %(shards)b::smallint[], %(bots)b::text[], %(names)b::text[],
        %(channels)b::text[], %(about)b::text[], %(flagged)b::boolean[], %(inputs)b::bytea[], %(components)b::text[],
        %(bodies)b::bytea[]
    ) WITH ORDINALITY AS g (key, session, shard, bot_id, names, channel, about, flagged, input, component_id, body, place)
), fresh AS (
    INSERT INTO inbox (key, at, session) SELECT key, :now, session FROM given ORDER BY key
    ON CONFLICT (key) DO NOTHING RETURNING key
), stored AS (
    INSERT INTO inputs (shard, input, component_id, body, awaited)
    SELECT coalesce((
        SELECT n.shard FROM live_names AS n
        WHERE n.bot_id = led.bot_id AND n.name = led.name AND n.user_id = led.user_id AND n.channel = led.channel
        AND n.shard <> given.shard FOR KEY SHARE
    ), given.shard), given.input, given.component_id, given.body, false
    FROM given JOIN fresh USING (key) LEFT JOIN LATERAL (
        SELECT n.* FROM unnest(given.called) AS one (name), LATERAL (
            SELECT * FROM live_names WHERE bot_id = given.bot_id AND name = one.name OFFSET 0
        ) AS n
        WHERE (n.channel IN (given.channel, '') OR given.channel = '' OR given.flagged AND NOT EXISTS (
            SELECT FROM conversations AS c
            WHERE c.bot_id = given.bot_id AND c.user_id = given.called[1] AND c.channel = given.channel
        ))
        AND (n.user_id = given.called[1] OR NOT (
            starts_with(n.user_id, %(platform_user)b::text) AND starts_with(given.called[1], %(platform_user)b::text)
        ))
        ORDER BY CASE WHEN given.channel = '' THEN (
            SELECT ARRAY[
                (given.about <> '' AND (
                    position('"platform_session_id":'::bytea IN c.state) + position('"session_aliases":'::bytea IN c.state) = 0
                    OR EXISTS (
                        SELECT FROM unnest(string_to_array(given.about, chr(30))) AS one
                        WHERE position(convert_to(one, 'UTF8') IN c.state) > 0
                    )
                ))::int,
                coalesce(substring(encode(c.state, 'escape') FROM '"opened_at":([0-9.]+)')::float8, 0)
            ] FROM conversations AS c WHERE c.bot_id = n.bot_id AND c.user_id = n.user_id AND c.channel = n.channel
        ) END DESC NULLS LAST,
            n.channel = given.channel DESC, n.channel = '' DESC, array_position(given.called, n.name),
            n.shard = given.shard DESC, n.user_id
        LIMIT 1
    ) AS led ON true
    ORDER BY given.place
    RETURNING id, shard
)
SELECT
    (SELECT coalesce(array_agg(key), '{}') FROM fresh),
    (SELECT coalesce(array_agg(id ORDER BY id), '{}') FROM stored),
    (SELECT coalesce(array_agg(shard ORDER BY id), '{}') FROM stored),
    :fsync

-- name: take_everywhere
-- What is about every conversation of a user: it goes to each shard to which one of the names leads, and to the user's own, where a
-- hand-off may be waiting. It returns ids and shards, the first one first, or none if the key was there before; and whether the server
-- waits for its disk.
WITH fresh AS (
    INSERT INTO inbox (key, at) VALUES (%(key)s, :now) ON CONFLICT (key) DO NOTHING RETURNING key
), led AS (
    SELECT n.shard, one.place FROM unnest(%(names)s::text[]) WITH ORDINALITY AS one (name, place), LATERAL (
        SELECT shard FROM live_names
        WHERE bot_id = %(bot)s AND name = one.name
        AND (user_id = (%(names)s::text[])[1] OR NOT (
            starts_with(user_id, %(platform_user)s) AND starts_with((%(names)s::text[])[1], %(platform_user)s)
        ))
        FOR KEY SHARE
    ) AS n
), stored AS (
    INSERT INTO inputs (shard, input, component_id, body, awaited)
    SELECT shard, CASE WHEN first THEN %(input)s::bytea ELSE %(bare)s::bytea END, %(component_id)s::text, %(body)s::bytea, false
    FROM fresh, (
        SELECT shard, row_number() OVER (ORDER BY min(place), shard) = 1 AS first
        FROM (SELECT * FROM led UNION ALL SELECT %(shard)s::smallint, NULL) AS every GROUP BY shard
    ) AS places
    ORDER BY first DESC, shard RETURNING id, shard
)
SELECT coalesce(array_agg(id ORDER BY id), '{}'), coalesce(array_agg(shard ORDER BY id), '{}'), :fsync FROM stored

-- name: stay_durable
-- What holds now for the commits of this session goes on holding, whatever is set later. `off` is refused at the start.
SELECT set_config('synchronous_commit', CASE now WHEN 'off' THEN 'on' ELSE now END, false)
FROM current_setting('synchronous_commit') AS now

-- name: next_number
SELECT nextval(pg_get_serial_sequence('inputs', 'id'))

-- name: take_awaited
-- It returns the shard, or null if the key was there before; and whether the server waits for its disk.
WITH fresh AS (
    INSERT INTO inbox (key, at) VALUES (%(key)s, :now) ON CONFLICT (key) DO NOTHING RETURNING key
), stored AS (
    INSERT INTO inputs (id, shard, input, component_id, body, awaited) OVERRIDING SYSTEM VALUE
    SELECT %(id)s, %(shard)s, %(input)s, %(component_id)s, %(body)s, true FROM fresh RETURNING shard
)
SELECT (SELECT shard FROM stored), :fsync

-- name: tell
SELECT pg_notify(%b::text, %b::text) WHERE :unless_repeated

-- name: seen_keys
SELECT key, session FROM inbox WHERE key = ANY (%b::text[])

-- name: take_answers
DELETE FROM answers WHERE input_id = ANY (%b::bigint[]) RETURNING input_id, refused

-- --- the owner: what it takes ------------------------------------------------------------------------------------------

-- name: inputs
-- The CASE keeps the index of undecided inputs out: the server would read all of it, deleted rows included.
SELECT id, shard, input, component_id, body, awaited FROM inputs
WHERE id = ANY (%b::bigint[]) AND CASE WHEN failed THEN false ELSE rank IS NULL END

-- name: undecided
SELECT id, shard FROM (
    SELECT id, shard FROM inputs WHERE shard = ANY (%b::smallint[]) AND rank IS NULL AND NOT failed OFFSET 0
) AS found ORDER BY id

-- --- the owner: what it commits ----------------------------------------------------------------------------------------

-- name: insert_new_keys
-- It returns whether some of the keys were there before. Then none is inserted, and the statements that follow in its transaction
-- do nothing (`:unless_repeated`): an error would undo them too, but the server's log would have a line of each repeated event.
WITH seen AS (
    SELECT FROM inbox WHERE key = ANY (%b::text[])
), fresh AS (
    INSERT INTO inbox (key, at, session) SELECT key, :now, session FROM unnest(%b::text[], %b::text[]) AS new (key, session)
    WHERE NOT EXISTS (SELECT FROM seen)
)
SELECT set_config('botkit.repeated', CASE WHEN EXISTS (SELECT FROM seen) THEN 'yes' ELSE 'no' END, true)

-- name: delete_inputs
DELETE FROM inputs WHERE id = ANY (%b::bigint[]) AND :unless_repeated

-- name: fail_inputs
UPDATE inputs SET failed = true WHERE id = ANY (%b::bigint[]) AND :unless_repeated

-- name: keep_inputs
WITH kept AS (SELECT * FROM unnest(%b::bigint[], %b::bigint[], %b::bytea[]) AS kept (id, rank, decided))
UPDATE inputs SET rank = kept.rank, decided = kept.decided FROM kept
WHERE inputs.id = ANY (ARRAY(SELECT id FROM kept)) AND inputs.id = kept.id
AND :unless_repeated

-- name: move_inputs
WITH moved AS (SELECT * FROM unnest(%b::bigint[], %b::smallint[]) AS moved (id, shard))
UPDATE inputs SET shard = moved.shard FROM moved
WHERE inputs.id = ANY (ARRAY(SELECT id FROM moved)) AND inputs.id = moved.id
AND :unless_repeated

-- name: insert_effects
INSERT INTO outbox (id, shard, rank, bot_id, user_id, channel, lane, kind, effect, created_at, component_id, body)
SELECT * FROM unnest(
    %b::bigint[], %b::smallint[], %b::bigint[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::bytea[],
    %b::double precision[], %b::text[], %b::bytea[]
) WHERE :unless_repeated

-- name: delete_effects
DELETE FROM outbox WHERE id = ANY (%b::bigint[]) AND :unless_repeated

-- name: drop_lanes
DELETE FROM outbox WHERE lane = ANY (%b::text[]) AND lane <> 'user' AND kind <> 'EndSession' AND :unless_repeated
RETURNING id

-- name: insert_steps
INSERT INTO story (at, ref, kind, detail)
SELECT * FROM unnest(%b::double precision[], %b::bigint[], %b::text[], %b::text[])
WHERE :unless_repeated

-- name: upsert_conversations
INSERT INTO conversations (bot_id, user_id, channel, shard, state, names, live, ended_at, session, ahead)
SELECT bot_id, user_id, channel, shard, state, names, live, CASE WHEN ended THEN :now END, session, %b::double precision
FROM unnest(
    %b::text[], %b::text[], %b::text[], %b::smallint[], %b::bytea[], %b::bytea[], %b::boolean[], %b::boolean[], %b::text[]
) AS changed (bot_id, user_id, channel, shard, state, names, live, ended, session)
WHERE :unless_repeated
ON CONFLICT (bot_id, user_id, channel) DO UPDATE
SET state = excluded.state, names = excluded.names, live = excluded.live, ended_at = excluded.ended_at,
    session = excluded.session, ahead = excluded.ahead

-- name: delete_conversations
DELETE FROM conversations WHERE ctid = ANY (ARRAY(
    SELECT found.ctid FROM unnest(%b::text[], %b::text[], %b::text[]) AS gone (bot_id, user_id, channel), LATERAL (
        SELECT c.ctid FROM conversations AS c
        WHERE c.bot_id = gone.bot_id AND c.user_id = gone.user_id AND c.channel = gone.channel OFFSET 0
    ) AS found
)) AND :unless_repeated

-- name: insert_names
INSERT INTO live_names (bot_id, name, user_id, channel, shard)
SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::text[], %b::smallint[])
WHERE :unless_repeated ON CONFLICT DO NOTHING

-- name: upsert_payloads
INSERT INTO payloads (bot_id, user_id, channel, component_id, body, at)
SELECT *, :now FROM unnest(%b::text[], %b::text[], %b::text[], %b::text[], %b::bytea[])
WHERE :unless_repeated
ON CONFLICT (bot_id, user_id, channel) DO UPDATE
SET component_id = excluded.component_id, body = excluded.body, at = excluded.at

-- name: answer
INSERT INTO answers (input_id, refused, at) SELECT *, :now FROM unnest(%b::bigint[], %b::text[])
WHERE :unless_repeated
ON CONFLICT DO NOTHING

-- --- the owner: names of ended sessions (names.py) -----------------------------------------------------------------------

-- name: names
SELECT bot_id, name, user_id, channel FROM live_names WHERE shard = ANY (%b::smallint[])

-- name: lock_names
SELECT found.* FROM unnest(%b::text[], %b::text[], %b::text[], %b::text[]) AS ended (bot_id, name, user_id, channel), LATERAL (
    SELECT n.bot_id, n.name, n.user_id, n.channel, n.shard FROM live_names AS n
    WHERE n.bot_id = ended.bot_id AND n.name = ended.name AND n.user_id = ended.user_id AND n.channel = ended.channel
    FOR UPDATE SKIP LOCKED
) AS found

-- name: forget_names
-- They are locked, so their places stay what they are.
DELETE FROM live_names WHERE ctid = ANY (ARRAY(
    SELECT found.ctid FROM unnest(%b::text[], %b::text[], %b::text[], %b::text[]) AS gone (bot_id, name, user_id, channel), LATERAL (
        SELECT n.ctid FROM live_names AS n
        WHERE n.bot_id = gone.bot_id AND n.name = gone.name AND n.user_id = gone.user_id AND n.channel = gone.channel OFFSET 0
    ) AS found
))

-- --- the owner: its shards ---------------------------------------------------------------------------------------------

-- name: members
-- How many processes there are that can read what this one writes, which shards have an owner, whether another process is catching
-- up, whether the server has just started, its time of day, and whether it waits for its disk. It ends the sessions of processes that stand still in the middle of
-- sending a statement or of reading its answer.
SELECT
    (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'botkit owner %%'
     AND coalesce(substring(application_name FROM ' format (\d{1,4})$')::int, 1) >= %(format)s),
    (SELECT coalesce(array_agg(objid::int), '{}') FROM pg_locks
     WHERE locktype = 'advisory' AND classid = %(lock)s AND granted
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())),
    EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = %(catches_up)s AND granted AND pid <> pg_backend_pid()
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())),
    now() - pg_postmaster_start_time() < interval '5 seconds',
    (SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
     WHERE datname = current_database() AND usename = current_user AND (
        application_name LIKE 'botkit owner %%'
        OR application_name IN ('botkit door', 'botkit notifier', 'botkit listener', 'botkit reader', 'botkit start')
     ) AND (state = 'active' AND wait_event_type = 'Client' OR wait_event = 'ClientWrite')
     AND state_change < clock_timestamp() - %(stuck)s * interval '1 second'),
    :now, :fsync

-- name: number_of_schema
-- A number of the schema with these tables that fits into the name of a lock.
SELECT (mod(relnamespace::bigint, 2147483647) + 1)::int FROM pg_class WHERE oid = to_regclass('inputs')

-- name: lock_marks
-- Until the transaction ends, no other session marks the database. A statement of its own: within one, nothing says what comes first.
SELECT pg_advisory_xact_lock(%(lock)s, 0)

-- name: mark_database
-- For as long as the session lives, unless others have marked it for another schema. Returns whether it did.
SELECT CASE WHEN EXISTS (
    SELECT FROM pg_locks
    WHERE locktype = 'advisory' AND classid = %(lock)s AND objid::bigint NOT IN (0, %(schema)s) AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
) THEN false ELSE pg_try_advisory_lock_shared(%(lock)s, %(schema)s) END

-- name: rename_session
SELECT set_config('application_name', %s, false)

-- name: say_catching_up
-- Nobody takes this lock for itself, so it is never refused.
SELECT pg_try_advisory_lock_shared(%(catches_up)s, 0)

-- name: say_caught_up
SELECT pg_advisory_unlock_shared(%(catches_up)s, 0)

-- name: claim
-- The inner query is a whole of its own (OFFSET 0), so that no lock is taken of a shard that is not wanted.
SELECT shard FROM (
    SELECT shard FROM unnest(%(shards)s::int[]) AS shard
    WHERE shard NOT IN (SELECT s.shard FROM shards AS s WHERE s.format > %(format)s) OFFSET 0
) AS readable WHERE pg_try_advisory_lock(%(lock)s, shard)

-- name: release
SELECT pg_advisory_unlock(%(lock)s, shard) FROM unnest(%(shards)s::int[]) AS shard

-- name: last_owners
SELECT shard, owner, clean FROM shards

-- name: newer_shards
SELECT count(*) FROM shards WHERE format > %s

-- name: own
INSERT INTO shards (shard, owner, clean, format)
SELECT shard, %(owner)s, false, %(format)s FROM unnest(%(shards)s::int[]) AS shard
ON CONFLICT (shard) DO UPDATE SET owner = excluded.owner, clean = false, format = excluded.format

-- name: leave_clean
UPDATE shards SET clean = true WHERE shard = ANY (%s::int[])

-- name: note_attempted
INSERT INTO meta (name, value) SELECT * FROM unnest(%s::text[], %s::text[])
ON CONFLICT (name) DO UPDATE SET value = excluded.value

-- name: take_attempted
DELETE FROM meta WHERE name = ANY (%s::text[]) RETURNING value

-- name: block
SELECT nextval('outbox_blocks')

-- name: conversations
SELECT state, names, ahead FROM conversations WHERE shard = %s

-- name: effects
SELECT id, rank, bot_id, user_id, channel, lane, kind, effect, created_at, stored_at, coalesce(length(body), 0)
FROM outbox WHERE shard = %(shard)s AND rank > %(after)s ORDER BY rank LIMIT %(rows)s

-- name: kept_inputs
SELECT id, rank, decided, component_id, coalesce(length(body), 0) FROM inputs
WHERE shard = %(shard)s AND rank > %(after)s ORDER BY rank LIMIT %(rows)s

-- name: depth
SELECT (SELECT count(*) FROM outbox WHERE shard = ANY (%(shards)b::smallint[]))
    + (SELECT count(*) FROM inputs WHERE shard = ANY (%(shards)b::smallint[]) AND rank IS NOT NULL)

-- --- reading ---------------------------------------------------------------------------------------------------------

-- name: hooks_of_effects
SELECT id, body, component_id FROM outbox WHERE id = ANY (%b::bigint[]) AND body IS NOT NULL

-- name: hooks_of_inputs
SELECT id, body, component_id FROM inputs WHERE id = ANY (%b::bigint[]) AND body IS NOT NULL

-- name: sizes_of_effects
SELECT id, length(body) FROM outbox WHERE id = ANY (%b::bigint[]) AND body IS NOT NULL

-- name: sizes_of_inputs
SELECT id, length(body) FROM inputs WHERE id = ANY (%b::bigint[]) AND body IS NOT NULL

-- name: newest_hook
SELECT body, component_id FROM payloads WHERE bot_id = %s AND user_id = %s AND channel = %s

-- name: newest_hook_of_user
-- Of the conversation with an agent session, else the newest.
SELECT user_id, channel, body, component_id FROM (
    SELECT p.user_id, p.channel, p.body, p.component_id, p.at, true AS live FROM live_names AS n, LATERAL (
        SELECT * FROM payloads
        WHERE bot_id = n.bot_id AND user_id = n.user_id AND channel = n.channel OFFSET 0
    ) AS p, LATERAL (
        SELECT session FROM conversations
        WHERE bot_id = n.bot_id AND user_id = n.user_id AND channel = n.channel OFFSET 0
    ) AS c
    WHERE n.bot_id = %(bot)s AND n.name = %(user)s AND c.session IS NOT NULL
    UNION ALL
    SELECT user_id, channel, body, component_id, at, false FROM payloads WHERE bot_id = %(bot)s AND user_id = %(user)s
) AS found ORDER BY live DESC, at DESC LIMIT 1

-- --- sweeps ----------------------------------------------------------------------------------------------------------

-- name: clock
SELECT extract(epoch FROM clock_timestamp())::double precision

-- name: ended_conversations
SELECT bot_id, user_id, channel FROM conversations
WHERE shard = ANY (%(shards)s::smallint[]) AND NOT live AND ended_at < %(before)s
AND NOT EXISTS (
    SELECT 1 FROM outbox o
    WHERE o.bot_id = conversations.bot_id AND o.user_id = conversations.user_id AND o.channel = conversations.channel
)
LIMIT %(rows)s

-- name: delete_old_keys
-- Events of the agents' side can arrive again while their session lives or is closing, because they are listed.
-- Rows are found again by their places, which costs a sixth of finding them by their keys. The next statement goes on where this
-- one has ended, because what was deleted may still be in the index.
WITH gone AS (DELETE FROM inbox WHERE ctid = ANY (ARRAY(
    SELECT old.ctid FROM inbox AS old
    WHERE at >= %(after)s AND at < %(before)s
    AND (session IS NULL OR (
        NOT EXISTS (SELECT 1 FROM conversations c WHERE c.session = old.session)
        AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.lane = 'agent:' || old.session AND o.lane <> 'user')
    ))
    ORDER BY at LIMIT %(rows)s
)) RETURNING at)
SELECT count(*), max(at) FROM gone

-- name: delete_old_payloads
DELETE FROM payloads WHERE (bot_id, user_id, channel) IN (
    SELECT bot_id, user_id, channel FROM payloads AS old
    WHERE at < %(before)s
    AND NOT EXISTS (
        SELECT 1 FROM conversations AS c
        WHERE c.bot_id = old.bot_id AND c.user_id = old.user_id AND c.channel = old.channel AND c.live
    )
    AND NOT EXISTS (
        SELECT 1 FROM outbox AS o
        WHERE o.bot_id = old.bot_id AND o.user_id = old.user_id AND o.channel = old.channel
    )
    LIMIT %(rows)s
)

-- name: delete_old_steps
-- Steps of a version before have no time of the server's.
DELETE FROM story WHERE id <= (
    SELECT max(id) FROM (SELECT id, coalesce(stored_at, at) AS since FROM story ORDER BY id LIMIT %(rows)s) AS oldest
    WHERE since < %(before)s
)

-- name: delete_old_answers
DELETE FROM answers WHERE at < %(before)s

-- --- the server ------------------------------------------------------------------------------------------------------

-- name: server
SELECT
    current_setting('server_version_num')::int, current_setting('server_version'), :fsync,
    current_setting('synchronous_commit'), current_setting('transaction_read_only'), pg_is_in_recovery(),
    current_setting('server_encoding'), current_user::text, current_schema()::text,
    has_schema_privilege(current_schema(), 'CREATE')

-- name: tables
-- What a store consists of, as names are resolved here: whether each is there, survives a crash, and may be used by this user.
SELECT name, c.oid IS NOT NULL, c.relpersistence = 'u', c.relkind = 'S', CASE
        WHEN c.relkind = 'S' THEN has_sequence_privilege(c.oid, 'USAGE')
        ELSE has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
            AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE')
    END, row_security_active(c.oid), pg_has_role(c.relowner, 'USAGE')
FROM unnest(ARRAY[
    'answers', 'conversations', 'inbox', 'inputs', 'inputs_id_seq', 'live_names', 'meta', 'outbox', 'outbox_blocks', 'payloads',
    'shards', 'story'
]) AS name LEFT JOIN pg_class AS c ON c.oid = to_regclass(name)

-- name: owners_elsewhere
-- Owners on this database that have none of the shards in these tables: theirs are in another schema, or they have just begun.
SELECT count(*) FROM (
    SELECT DISTINCT substring(application_name FROM '(/\d+/[0-9a-f]{6})(?: format \d+)?$') AS member
    FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND classid = %(lock)s AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND application_name LIKE 'botkit owner %%'
) AS owners
WHERE member IS NOT NULL AND NOT EXISTS (SELECT FROM shards WHERE strpos(owner, member) > 0)

-- name: idle_limit
SELECT setting::int FROM pg_settings WHERE name = 'idle_session_timeout'

-- name: place_of_tables
SELECT to_regclass('inputs')::oid

-- name: commit_nothing
-- It returns whether the server waits for its disk.
SELECT :fsync FROM pg_logical_emit_message(true, 'botkit', '')

-- name: listen_to_oneself
LISTEN botkit_check

-- name: notify_oneself
SELECT pg_notify('botkit_check', %s)

-- --- stories ---------------------------------------------------------------------------------------------------------

-- name: beginnings
SELECT ref, detail FROM story WHERE kind = 'transfer' ORDER BY id

-- name: stories_with_record
SELECT DISTINCT ref FROM story WHERE kind = 'record' AND strpos(detail, %(record)s) > 0

-- name: steps
-- Of the newest hand-off with this reference that the store has from its beginning, else of what it has.
SELECT at, kind, detail FROM story
WHERE ref = %(ref)s AND id >= coalesce((SELECT min(id) FROM story WHERE ref = %(ref)s AND kind = 'transfer'), 0)
ORDER BY id

-- name: live_session
-- The reference is the beginning of the session's id.
SELECT session, bot_id, user_id, channel, s.live ->> 'system', (s.live ->> 'opened_at')::double precision,
    (s.live ->> 'sent_count')::int, (s.live ->> 'shown_count')::int
FROM conversations, LATERAL (SELECT convert_from(state, 'UTF8')::json -> 'session' AS live) AS s
WHERE starts_with(session, %(begins)s)

-- name: waiting_effects
SELECT kind FROM outbox WHERE lane = %(lane)s AND lane <> 'user' ORDER BY rank

-- --- copies ----------------------------------------------------------------------------------------------------------

-- name: members_connected
-- Processes that use the store: each owns shards. A pooler keeps sessions of others, under their names, when they are gone.
SELECT DISTINCT application_name FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
AND (application_name LIKE 'botkit owner %%' OR application_name IN ('botkit start', 'botkit copy'))
ORDER BY application_name

-- name: lock_against_writers
LOCK TABLE meta, inbox, inputs, outbox, conversations, live_names, payloads, story, shards IN SHARE MODE

-- name: lock_against_all
LOCK TABLE meta, inbox, inputs, outbox, conversations, live_names, payloads, story, shards IN ACCESS EXCLUSIVE MODE

-- name: unfinished_inputs
SELECT count(*) FILTER (WHERE rank IS NULL AND NOT failed), count(*) FILTER (WHERE failed) FROM inputs

-- name: unclean_shards
SELECT (SELECT count(*) FROM shards WHERE NOT clean) + (SELECT count(*) FROM meta WHERE starts_with(name, 'attempted '))

-- name: mark_shards
INSERT INTO shards (shard, owner, clean) SELECT shard, 'botkit store copy', %(clean)s FROM unnest(%(shards)s::int[]) AS shard
ON CONFLICT (shard) DO UPDATE SET owner = excluded.owner, clean = excluded.clean

-- name: counts
SELECT
    (SELECT count(*) FROM conversations),
    (SELECT count(*) FROM outbox) + (SELECT count(*) FROM inputs WHERE rank IS NOT NULL),
    (SELECT count(*) FROM payloads), (SELECT count(*) FROM inbox), (SELECT count(*) FROM story)

-- name: copy_effects
INSERT INTO outbox (
    id, shard, rank, bot_id, user_id, channel, lane, kind, effect, created_at, component_id, body, stored_at
)
SELECT *, NULL FROM unnest(
    %b::bigint[], %b::smallint[], %b::bigint[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::bytea[],
    %b::double precision[], %b::text[], %b::bytea[]
)

-- name: copy_conversations
INSERT INTO conversations (bot_id, user_id, channel, shard, state, names, live, ended_at, session)
SELECT * FROM unnest(
    %b::text[], %b::text[], %b::text[], %b::smallint[], %b::bytea[], %b::bytea[], %b::boolean[], %b::double precision[],
    %b::text[]
)

-- name: copy_payloads
INSERT INTO payloads (bot_id, user_id, channel, component_id, body, at)
SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::text[], %b::bytea[], %b::double precision[])

-- name: copy_keys
INSERT INTO inbox (key, at, session) SELECT * FROM unnest(%b::text[], %b::double precision[], %b::text[])

-- name: copy_steps
INSERT INTO story (at, ref, kind, detail, stored_at)
SELECT at, ref, kind, detail, at
FROM unnest(%b::double precision[], %b::bigint[], %b::text[], %b::text[]) AS copied (at, ref, kind, detail)

-- name: all_conversations
SELECT bot_id, user_id, channel, state, names, live, ended_at, session FROM conversations

-- name: all_effects
-- The order of effects is that of their ranks in a shard.
SELECT decided, bot_id, user_id, channel, lane, kind, effect, created_at, component_id, body FROM (
    SELECT shard, rank, NULL::bytea AS decided, bot_id, user_id, channel, lane, kind, effect, created_at, component_id, body
    FROM outbox
    UNION ALL
    SELECT shard, rank, decided, '', '', '', '', '', '', 0.0, component_id, body FROM inputs WHERE rank IS NOT NULL
) AS every ORDER BY shard, rank

-- name: all_payloads
SELECT bot_id, user_id, channel, component_id, body, at FROM payloads

-- name: all_keys
SELECT key, at, session FROM inbox

-- name: all_steps
SELECT at, ref, kind, detail FROM story ORDER BY id
