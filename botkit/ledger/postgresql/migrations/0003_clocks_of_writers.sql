-- usable from version 1

-- By how many seconds the clock of the machine that wrote the state was ahead of the server's; negative if it was behind.
ALTER TABLE conversations ADD COLUMN ahead double precision;
