-- The session that a key of the agents' side belongs to. The key is kept while the session lives.
ALTER TABLE inbox ADD COLUMN session TEXT;
ALTER TABLE conversations ADD COLUMN session TEXT;
-- Keys of the agents' side begin with the session's id, a UUID, and a slash.
UPDATE inbox SET session = substr(key, 1, 36) WHERE substr(key, 37, 1) = '/' AND substr(key, 9, 1) = '-';
UPDATE conversations SET session = json_extract(CAST(state AS TEXT), '$.session.id') WHERE live;
CREATE INDEX conversations_session ON conversations (session) WHERE session IS NOT NULL;
