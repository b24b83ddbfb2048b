-- The steps of hand-offs. Rows are only added at the end and deleted from the beginning.
CREATE TABLE story (
    id INTEGER NOT NULL PRIMARY KEY,
    at FLOAT NOT NULL,
    ref INTEGER NOT NULL,
    kind TEXT NOT NULL,
    detail TEXT NOT NULL
);
-- Only the first step of a hand-off is indexed: the others follow it.
CREATE INDEX story_beginnings ON story (ref) WHERE kind = 'transfer';
