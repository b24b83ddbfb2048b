-- Every name of a user with an agent session, so that a follower finds the conversation without reading all of them.
CREATE TABLE live_names (
    bot_id TEXT NOT NULL,
    name TEXT NOT NULL,
    user_id TEXT NOT NULL,
    channel TEXT NOT NULL,
    PRIMARY KEY (bot_id, name, user_id, channel)
) WITHOUT ROWID;
INSERT INTO live_names
    SELECT bot_id, value, user_id, channel FROM conversations, json_each(CAST(names AS TEXT)) WHERE session IS NOT NULL;

CREATE TRIGGER names_of_new AFTER INSERT ON conversations WHEN new.session IS NOT NULL BEGIN
    INSERT OR IGNORE INTO live_names
        SELECT new.bot_id, value, new.user_id, new.channel FROM json_each(CAST(new.names AS TEXT));
END;
CREATE TRIGGER names_of_changed AFTER UPDATE OF session, names ON conversations
WHEN new.names IS NOT old.names OR (new.session IS NULL) IS NOT (old.session IS NULL) BEGIN
    DELETE FROM live_names WHERE old.session IS NOT NULL AND bot_id = old.bot_id
        AND name IN (SELECT value FROM json_each(CAST(old.names AS TEXT)))
        AND user_id = old.user_id AND channel = old.channel;
    INSERT OR IGNORE INTO live_names
        SELECT new.bot_id, value, new.user_id, new.channel FROM json_each(CAST(new.names AS TEXT))
        WHERE new.session IS NOT NULL;
END;
CREATE TRIGGER names_of_deleted AFTER DELETE ON conversations WHEN old.session IS NOT NULL BEGIN
    DELETE FROM live_names WHERE bot_id = old.bot_id
        AND name IN (SELECT value FROM json_each(CAST(old.names AS TEXT)))
        AND user_id = old.user_id AND channel = old.channel;
END;
