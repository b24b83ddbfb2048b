-- usable from version 1

-- `at` is when a step was taken, by the clock of its process. This is by the server's, for deleting what is old.
ALTER TABLE story ADD COLUMN stored_at double precision;
ALTER TABLE story ALTER COLUMN stored_at SET DEFAULT extract(epoch FROM statement_timestamp());
