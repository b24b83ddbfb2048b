-- usable from version 1

-- `created_at` is by the clock of the process that made the effect, and part of its id for other sides. This is by the server's.
ALTER TABLE outbox ADD COLUMN stored_at double precision;
ALTER TABLE outbox ALTER COLUMN stored_at SET DEFAULT extract(epoch FROM statement_timestamp());
