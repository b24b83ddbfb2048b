-- Inputs that followers write down for the leader: each row has those of one commit. Ids never repeat.
CREATE TABLE inputs (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, given BLOB NOT NULL);
-- Inputs on which the rules have failed, or that could not be read. They are kept for a look at them.
CREATE TABLE failed_inputs (id INTEGER NOT NULL PRIMARY KEY, given BLOB NOT NULL);
-- The leader's answers to followers that wait for one. Only the newest are kept.
CREATE TABLE answers (id INTEGER NOT NULL PRIMARY KEY, token TEXT NOT NULL, answer BLOB NOT NULL);
