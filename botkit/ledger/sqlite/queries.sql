-- The SQL of the SQLite ledger. `store.py` and `stories.py` read, `writing.py` writes the group commits.
-- Where a query has `VALUES (?, …)`, that row may be repeated (`writing.of_rows`).

-- --- group commits ---------------------------------------------------------------------------------------------------

-- name: seen_keys
SELECT key, session FROM inbox WHERE key IN (VALUES (?))

-- name: insert_keys
-- A key that was committed before is left as it is, and not counted.
INSERT INTO inbox (key, at, session) VALUES (?, ?, ?) ON CONFLICT (key) DO NOTHING

-- name: insert_effects
INSERT INTO outbox (id, bot_id, user_id, channel, lane, kind, effect, created_at, component_id, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: delete_effects
DELETE FROM outbox WHERE id IN (SELECT value FROM json_each(?))

-- name: delete_range_of_effects
DELETE FROM outbox WHERE id BETWEEN ? AND ?

-- name: drop_lane
-- The second condition is that of the index, so that SQLite uses it.
DELETE FROM outbox WHERE lane = ? AND lane != 'user' AND kind != 'EndSession'

-- name: insert_steps
INSERT INTO story (at, ref, kind, detail) VALUES (?, ?, ?, ?)

-- name: upsert_conversation
INSERT INTO conversations (bot_id, user_id, channel, state, names, live, ended_at, session)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (bot_id, user_id, channel) DO UPDATE
SET state = excluded.state, names = excluded.names, live = excluded.live, ended_at = excluded.ended_at,
    session = excluded.session

-- name: update_state
-- Most changes are of the state alone. An upsert would also write the index of the sessions: another page for each commit.
UPDATE conversations SET state = ? WHERE bot_id = ? AND user_id = ? AND channel = ?

-- name: delete_conversations
DELETE FROM conversations WHERE (bot_id, user_id, channel) IN (VALUES (?, ?, ?))

-- name: upsert_payload
INSERT INTO payloads (bot_id, user_id, channel, component_id, body, at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (bot_id, user_id, channel) DO UPDATE
SET component_id = excluded.component_id, body = excluded.body, at = excluded.at

-- name: probe
-- Writes something, to find out whether writing works again.
INSERT INTO meta (name, value) VALUES ('probe', '1')
ON CONFLICT (name) DO UPDATE SET value = CAST(1 - value AS TEXT)

-- --- inputs of followers ---------------------------------------------------------------------------------------------

-- name: set_shared
-- With whom the leader shares the store: processes of the same version and configuration, or nobody.
INSERT INTO meta (name, value) VALUES ('shared', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value

-- name: shared
SELECT value FROM meta WHERE name = 'shared'

-- name: insert_inputs
-- Nothing if the leader does not share the store with this process.
INSERT INTO inputs (given) SELECT ? WHERE (SELECT value FROM meta WHERE name = 'shared') = ?

-- name: undecided
-- The id of the oldest row, and the number of rows.
SELECT first, (SELECT max(id) FROM inputs) - first + 1 FROM (SELECT min(id) AS first FROM inputs)

-- name: next_inputs
SELECT id, given FROM inputs WHERE id > ? ORDER BY id LIMIT 1

-- name: delete_inputs
DELETE FROM inputs WHERE id BETWEEN ? AND ?

-- name: insert_failed_input
INSERT INTO failed_inputs (given) VALUES (?)

-- name: insert_answer
INSERT INTO answers (token, answer) VALUES (?, ?)

-- name: delete_old_answers
DELETE FROM answers WHERE id <= (SELECT max(id) FROM answers) - 256

-- name: answers
SELECT token, answer FROM answers WHERE token IN (SELECT value FROM json_each(?))

-- --- the start and the end of a process ------------------------------------------------------------------------------

-- name: stopped
-- Whether the last process shut down cleanly: `yes` or `no`.
SELECT value FROM meta WHERE name = 'stopped'

-- name: set_stopped
INSERT INTO meta (name, value) VALUES ('stopped', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value

-- name: in_doubt
-- The effects that the last process left in doubt when it shut down cleanly: a JSON list of ids.
SELECT value FROM meta WHERE name = 'in_doubt'

-- name: set_in_doubt
INSERT INTO meta (name, value) VALUES ('in_doubt', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value

-- name: clocks
-- How the machine's clock was set, as JSON.
SELECT value FROM meta WHERE name = 'clocks'

-- name: set_clocks
INSERT INTO meta (name, value) VALUES ('clocks', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value

-- name: newest_key
SELECT max(at) FROM inbox

-- name: conversations
SELECT state, names FROM conversations

-- name: effects
SELECT id, bot_id, user_id, channel, lane, kind, effect, created_at, component_id, coalesce(length(body), 0)
FROM outbox ORDER BY id

-- name: bodies_up_to
SELECT id, body FROM outbox WHERE id <= ? AND body IS NOT NULL

-- name: depth
SELECT count(*) FROM outbox

-- name: last_id
SELECT coalesce(max(id), 0) FROM outbox

-- --- hooks -----------------------------------------------------------------------------------------------------------

-- name: hook
SELECT body, component_id FROM outbox WHERE id = ? AND body IS NOT NULL

-- name: sizes_of_hooks
SELECT id, length(body) FROM outbox WHERE id IN (SELECT value FROM json_each(?)) AND body IS NOT NULL

-- name: hooks
SELECT id, body, component_id FROM outbox WHERE id IN (SELECT value FROM json_each(?)) AND body IS NOT NULL

-- name: newest_hook
SELECT body, component_id FROM payloads WHERE bot_id = ? AND user_id = ? AND channel = ?

-- name: newest_hook_of_user
SELECT channel, body, component_id FROM payloads WHERE bot_id = ? AND user_id = ? ORDER BY at DESC LIMIT 1

-- name: live_conversations_of
-- Those with an agent session under this name of the user, the one opened last first.
SELECT user_id, channel FROM live_names JOIN conversations USING (bot_id, user_id, channel)
WHERE bot_id = ? AND name = ?
ORDER BY json_extract(CAST(state AS TEXT), '$.session.opened_at') DESC LIMIT 1

-- --- sweeps ----------------------------------------------------------------------------------------------------------

-- name: ended_conversations
SELECT bot_id, user_id, channel FROM conversations
WHERE NOT live AND ended_at < :before AND (bot_id, user_id, channel) NOT IN (SELECT bot_id, user_id, channel FROM outbox)
LIMIT :rows

-- name: delete_old_keys
-- Events of the agents' side can arrive again while their session lives or is closing, because they are listed.
DELETE FROM inbox WHERE key IN (
    SELECT key FROM inbox
    WHERE at < :before
    AND NOT EXISTS (SELECT 1 FROM conversations WHERE conversations.session = inbox.session)
    AND NOT EXISTS (SELECT 1 FROM outbox WHERE lane = 'agent:' || inbox.session AND lane != 'user')
    LIMIT :rows
)

-- name: delete_old_payloads
DELETE FROM payloads WHERE (bot_id, user_id, channel) IN (
    SELECT bot_id, user_id, channel FROM payloads AS old
    WHERE at < :before
    AND NOT EXISTS (
        SELECT 1 FROM conversations AS c
        WHERE c.bot_id = old.bot_id AND c.user_id = old.user_id AND c.channel = old.channel AND c.live
    )
    AND (bot_id, user_id, channel) NOT IN (SELECT bot_id, user_id, channel FROM outbox)
    LIMIT :rows
)

-- name: delete_old_steps
DELETE FROM story
WHERE id <= (SELECT max(id) FROM (SELECT id, at FROM story ORDER BY id LIMIT :rows) WHERE at < :before)

-- --- stories ---------------------------------------------------------------------------------------------------------

-- name: has_stories
SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'story'

-- name: beginnings
SELECT ref, detail FROM story WHERE kind = 'transfer' ORDER BY id

-- name: stories_with_record
SELECT DISTINCT ref FROM story WHERE kind = 'record' AND instr(detail, :record)

-- name: steps
-- Of the newest hand-off with this reference that the store has from its beginning, else of what it has.
SELECT at, kind, detail FROM story
WHERE ref = :ref AND id >= coalesce((SELECT min(id) FROM story WHERE ref = :ref AND kind = 'transfer'), 0)
ORDER BY id

-- name: live_session
-- The reference is the beginning of the session's id: hexadecimal digits, which all sort before `g`.
SELECT session, bot_id, user_id, channel,
    json_extract(CAST(state AS TEXT), '$.session.system'),
    json_extract(CAST(state AS TEXT), '$.session.opened_at'),
    json_extract(CAST(state AS TEXT), '$.session.sent_count'),
    json_extract(CAST(state AS TEXT), '$.session.shown_count')
FROM conversations WHERE session >= :begins AND session < :begins || 'g'

-- name: waiting_effects
SELECT kind FROM outbox WHERE lane = :lane AND lane != 'user' ORDER BY id

-- --- copies ----------------------------------------------------------------------------------------------------------

-- name: counts
SELECT
    (SELECT count(*) FROM conversations), (SELECT count(*) FROM outbox), (SELECT count(*) FROM payloads),
    (SELECT count(*) FROM inbox), (SELECT count(*) FROM story)

-- name: count_inputs
SELECT count(*) FROM inputs

-- name: count_failed_inputs
SELECT count(*) FROM failed_inputs

-- name: all_conversations
SELECT bot_id, user_id, channel, state, names, live, ended_at, session FROM conversations

-- name: all_effects
SELECT bot_id, user_id, channel, lane, kind, effect, created_at, component_id, body FROM outbox ORDER BY id

-- name: all_payloads
SELECT bot_id, user_id, channel, component_id, body, at FROM payloads

-- name: all_keys
SELECT key, at, session FROM inbox

-- name: all_steps
SELECT at, ref, kind, detail FROM story ORDER BY id
