CREATE TABLE attachments (
    id TEXT PRIMARY KEY,
    name TEXT,
    media_type TEXT,
    size INTEGER DEFAULT 0,
    extra JSON,
    CHECK (id IS NOT NULL),
    CHECK (extra IS NULL OR json_valid(extra))
);

CREATE TRIGGER attachments_before_insert BEFORE INSERT ON attachments BEGIN
    
    DELETE FROM changes_replaced WHERE table_name = 'attachments' AND record_id = NEW.id;
    INSERT INTO changes_replaced (table_name, record_id, before)
        SELECT 'attachments', t.id, json_object('id', json(CASE typeof(t.id) WHEN 'blob' THEN json_object('$hex', hex(t.id)) ELSE json_quote(t.id) END), 'name', json(CASE typeof(t.name) WHEN 'blob' THEN json_object('$hex', hex(t.name)) ELSE json_quote(t.name) END), 'media_type', json(CASE typeof(t.media_type) WHEN 'blob' THEN json_object('$hex', hex(t.media_type)) ELSE json_quote(t.media_type) END), 'size', json(CASE typeof(t.size) WHEN 'blob' THEN json_object('$hex', hex(t.size)) WHEN 'real' THEN CASE WHEN t.size = 9e999 THEN '9e999' WHEN t.size = -9e999 THEN '-9e999' WHEN CAST(printf('%!.13g', t.size) AS REAL) = t.size THEN json_quote(t.size) ELSE printf('%!.20g', t.size) END ELSE json_quote(t.size) END), 'extra', json(CASE typeof(t.extra) WHEN 'blob' THEN json_object('$hex', hex(t.extra)) WHEN 'real' THEN CASE WHEN t.extra = 9e999 THEN '9e999' WHEN t.extra = -9e999 THEN '-9e999' WHEN CAST(printf('%!.13g', t.extra) AS REAL) = t.extra THEN json_quote(t.extra) ELSE printf('%!.20g', t.extra) END ELSE json_quote(t.extra) END))
        FROM attachments AS t WHERE t.id = NEW.id;
END;
CREATE TRIGGER attachments_after_insert AFTER INSERT ON attachments BEGIN
    
    INSERT INTO changes (at, table_name, record_id, op, before, after)
        SELECT strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), 'attachments', NEW.id,
            CASE WHEN old.record_id IS NULL THEN 'insert' ELSE 'update' END, old.before, json_object('id', json(CASE typeof(NEW.id) WHEN 'blob' THEN json_object('$hex', hex(NEW.id)) ELSE json_quote(NEW.id) END), 'name', json(CASE typeof(NEW.name) WHEN 'blob' THEN json_object('$hex', hex(NEW.name)) ELSE json_quote(NEW.name) END), 'media_type', json(CASE typeof(NEW.media_type) WHEN 'blob' THEN json_object('$hex', hex(NEW.media_type)) ELSE json_quote(NEW.media_type) END), 'size', json(CASE typeof(NEW.size) WHEN 'blob' THEN json_object('$hex', hex(NEW.size)) WHEN 'real' THEN CASE WHEN NEW.size = 9e999 THEN '9e999' WHEN NEW.size = -9e999 THEN '-9e999' WHEN CAST(printf('%!.13g', NEW.size) AS REAL) = NEW.size THEN json_quote(NEW.size) ELSE printf('%!.20g', NEW.size) END ELSE json_quote(NEW.size) END), 'extra', json(CASE typeof(NEW.extra) WHEN 'blob' THEN json_object('$hex', hex(NEW.extra)) WHEN 'real' THEN CASE WHEN NEW.extra = 9e999 THEN '9e999' WHEN NEW.extra = -9e999 THEN '-9e999' WHEN CAST(printf('%!.13g', NEW.extra) AS REAL) = NEW.extra THEN json_quote(NEW.extra) ELSE printf('%!.20g', NEW.extra) END ELSE json_quote(NEW.extra) END))
        FROM (SELECT 1) LEFT JOIN changes_replaced AS old ON old.table_name = 'attachments' AND old.record_id = NEW.id;
    DELETE FROM changes_replaced WHERE table_name = 'attachments' AND record_id = NEW.id;
    
END;
CREATE TRIGGER attachments_after_update AFTER UPDATE ON attachments
    WHEN OLD.id IS NEW.id AND ((OLD.id) IS NOT (NEW.id)
        OR (OLD.name) IS NOT (NEW.name)
        OR (OLD.media_type) IS NOT (NEW.media_type)
        OR (OLD.size) IS NOT (NEW.size)
        OR (OLD.extra) IS NOT (NEW.extra)) BEGIN
    INSERT INTO changes (at, table_name, record_id, op, before, after)
        SELECT strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), 'attachments', OLD.id, 'update',
            json_group_object(name, json(old)), json_group_object(name, json(new)) FROM (SELECT 'id' AS name, json(CASE typeof(OLD.id) WHEN 'blob' THEN json_object('$hex', hex(OLD.id)) ELSE json_quote(OLD.id) END) AS old, json(CASE typeof(NEW.id) WHEN 'blob' THEN json_object('$hex', hex(NEW.id)) ELSE json_quote(NEW.id) END) AS new WHERE (OLD.id) IS NOT (NEW.id) UNION ALL SELECT 'name' AS name, json(CASE typeof(OLD.name) WHEN 'blob' THEN json_object('$hex', hex(OLD.name)) ELSE json_quote(OLD.name) END) AS old, json(CASE typeof(NEW.name) WHEN 'blob' THEN json_object('$hex', hex(NEW.name)) ELSE json_quote(NEW.name) END) AS new WHERE (OLD.name) IS NOT (NEW.name) UNION ALL SELECT 'media_type' AS name, json(CASE typeof(OLD.media_type) WHEN 'blob' THEN json_object('$hex', hex(OLD.media_type)) ELSE json_quote(OLD.media_type) END) AS old, json(CASE typeof(NEW.media_type) WHEN 'blob' THEN json_object('$hex', hex(NEW.media_type)) ELSE json_quote(NEW.media_type) END) AS new WHERE (OLD.media_type) IS NOT (NEW.media_type) UNION ALL SELECT 'size' AS name, json(CASE typeof(OLD.size) WHEN 'blob' THEN json_object('$hex', hex(OLD.size)) WHEN 'real' THEN CASE WHEN OLD.size = 9e999 THEN '9e999' WHEN OLD.size = -9e999 THEN '-9e999' WHEN CAST(printf('%!.13g', OLD.size) AS REAL) = OLD.size THEN json_quote(OLD.size) ELSE printf('%!.20g', OLD.size) END ELSE json_quote(OLD.size) END) AS old, json(CASE typeof(NEW.size) WHEN 'blob' THEN json_object('$hex', hex(NEW.size)) WHEN 'real' THEN CASE WHEN NEW.size = 9e999 THEN '9e999' WHEN NEW.size = -9e999 THEN '-9e999' WHEN CAST(printf('%!.13g', NEW.size) AS REAL) = NEW.size THEN json_quote(NEW.size) ELSE printf('%!.20g', NEW.size) END ELSE json_quote(NEW.size) END) AS new WHERE (OLD.size) IS NOT (NEW.size) UNION ALL SELECT 'extra' AS name, json(CASE typeof(OLD.extra) WHEN 'blob' THEN json_object('$hex', hex(OLD.extra)) WHEN 'real' THEN CASE WHEN OLD.extra = 9e999 THEN '9e999' WHEN OLD.extra = -9e999 THEN '-9e999' WHEN CAST(printf('%!.13g', OLD.extra) AS REAL) = OLD.extra THEN json_quote(OLD.extra) ELSE printf('%!.20g', OLD.extra) END ELSE json_quote(OLD.extra) END) AS old, json(CASE typeof(NEW.extra) WHEN 'blob' THEN json_object('$hex', hex(NEW.extra)) WHEN 'real' THEN CASE WHEN NEW.extra = 9e999 THEN '9e999' WHEN NEW.extra = -9e999 THEN '-9e999' WHEN CAST(printf('%!.13g', NEW.extra) AS REAL) = NEW.extra THEN json_quote(NEW.extra) ELSE printf('%!.20g', NEW.extra) END ELSE json_quote(NEW.extra) END) AS new WHERE (OLD.extra) IS NOT (NEW.extra));
    
END;
CREATE TRIGGER attachments_before_rekey BEFORE UPDATE OF id ON attachments
    WHEN NOT (OLD.id IS NEW.id) AND EXISTS (SELECT 1 FROM attachments WHERE id = NEW.id) BEGIN
    SELECT RAISE(ABORT, 'another record has this id');
END;
CREATE TRIGGER attachments_after_rekey AFTER UPDATE OF id ON attachments
    WHEN NOT (OLD.id IS NEW.id) BEGIN
    INSERT INTO changes (at, table_name, record_id, op, before)
        VALUES (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), 'attachments', OLD.id, 'delete', json_object('id', json(CASE typeof(OLD.id) WHEN 'blob' THEN json_object('$hex', hex(OLD.id)) ELSE json_quote(OLD.id) END), 'name', json(CASE typeof(OLD.name) WHEN 'blob' THEN json_object('$hex', hex(OLD.name)) ELSE json_quote(OLD.name) END), 'media_type', json(CASE typeof(OLD.media_type) WHEN 'blob' THEN json_object('$hex', hex(OLD.media_type)) ELSE json_quote(OLD.media_type) END), 'size', json(CASE typeof(OLD.size) WHEN 'blob' THEN json_object('$hex', hex(OLD.size)) WHEN 'real' THEN CASE WHEN OLD.size = 9e999 THEN '9e999' WHEN OLD.size = -9e999 THEN '-9e999' WHEN CAST(printf('%!.13g', OLD.size) AS REAL) = OLD.size THEN json_quote(OLD.size) ELSE printf('%!.20g', OLD.size) END ELSE json_quote(OLD.size) END), 'extra', json(CASE typeof(OLD.extra) WHEN 'blob' THEN json_object('$hex', hex(OLD.extra)) WHEN 'real' THEN CASE WHEN OLD.extra = 9e999 THEN '9e999' WHEN OLD.extra = -9e999 THEN '-9e999' WHEN CAST(printf('%!.13g', OLD.extra) AS REAL) = OLD.extra THEN json_quote(OLD.extra) ELSE printf('%!.20g', OLD.extra) END ELSE json_quote(OLD.extra) END)));
    INSERT INTO changes (at, table_name, record_id, op, after)
        VALUES (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), 'attachments', NEW.id, 'insert', json_object('id', json(CASE typeof(NEW.id) WHEN 'blob' THEN json_object('$hex', hex(NEW.id)) ELSE json_quote(NEW.id) END), 'name', json(CASE typeof(NEW.name) WHEN 'blob' THEN json_object('$hex', hex(NEW.name)) ELSE json_quote(NEW.name) END), 'media_type', json(CASE typeof(NEW.media_type) WHEN 'blob' THEN json_object('$hex', hex(NEW.media_type)) ELSE json_quote(NEW.media_type) END), 'size', json(CASE typeof(NEW.size) WHEN 'blob' THEN json_object('$hex', hex(NEW.size)) WHEN 'real' THEN CASE WHEN NEW.size = 9e999 THEN '9e999' WHEN NEW.size = -9e999 THEN '-9e999' WHEN CAST(printf('%!.13g', NEW.size) AS REAL) = NEW.size THEN json_quote(NEW.size) ELSE printf('%!.20g', NEW.size) END ELSE json_quote(NEW.size) END), 'extra', json(CASE typeof(NEW.extra) WHEN 'blob' THEN json_object('$hex', hex(NEW.extra)) WHEN 'real' THEN CASE WHEN NEW.extra = 9e999 THEN '9e999' WHEN NEW.extra = -9e999 THEN '-9e999' WHEN CAST(printf('%!.13g', NEW.extra) AS REAL) = NEW.extra THEN json_quote(NEW.extra) ELSE printf('%!.20g', NEW.extra) END ELSE json_quote(NEW.extra) END)));
    
END;
CREATE TRIGGER attachments_after_delete AFTER DELETE ON attachments BEGIN
    
    INSERT INTO changes (at, table_name, record_id, op, before)
        VALUES (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), 'attachments', OLD.id, 'delete', json_object('id', json(CASE typeof(OLD.id) WHEN 'blob' THEN json_object('$hex', hex(OLD.id)) ELSE json_quote(OLD.id) END), 'name', json(CASE typeof(OLD.name) WHEN 'blob' THEN json_object('$hex', hex(OLD.name)) ELSE json_quote(OLD.name) END), 'media_type', json(CASE typeof(OLD.media_type) WHEN 'blob' THEN json_object('$hex', hex(OLD.media_type)) ELSE json_quote(OLD.media_type) END), 'size', json(CASE typeof(OLD.size) WHEN 'blob' THEN json_object('$hex', hex(OLD.size)) WHEN 'real' THEN CASE WHEN OLD.size = 9e999 THEN '9e999' WHEN OLD.size = -9e999 THEN '-9e999' WHEN CAST(printf('%!.13g', OLD.size) AS REAL) = OLD.size THEN json_quote(OLD.size) ELSE printf('%!.20g', OLD.size) END ELSE json_quote(OLD.size) END), 'extra', json(CASE typeof(OLD.extra) WHEN 'blob' THEN json_object('$hex', hex(OLD.extra)) WHEN 'real' THEN CASE WHEN OLD.extra = 9e999 THEN '9e999' WHEN OLD.extra = -9e999 THEN '-9e999' WHEN CAST(printf('%!.13g', OLD.extra) AS REAL) = OLD.extra THEN json_quote(OLD.extra) ELSE printf('%!.20g', OLD.extra) END ELSE json_quote(OLD.extra) END)));
    DELETE FROM changes_replaced WHERE table_name = 'attachments' AND record_id = OLD.id;
END;
CREATE TABLE conversation_messages (
    id INTEGER PRIMARY KEY,
    conversation_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    message_id TEXT,
    role TEXT,
    at TEXT,
    hidden INTEGER NOT NULL,
    content TEXT
);
INSERT INTO conversation_messages (conversation_id, position, message_id, role, at, hidden, content)
    SELECT t.id AS conversation_id, item.key AS position, CAST(json_extract(item.value, '$.id') AS TEXT) AS message_id, CAST(json_extract(item.value, '$.role') AS TEXT) AS role, CASE json_type(item.value, '$.timestamp') WHEN 'text' THEN CASE WHEN json_extract(item.value, '$.timestamp') GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' THEN strftime('%Y-%m-%dT%H:%M:%fZ', CASE WHEN json_extract(item.value, '$.timestamp') GLOB '????-??-??[T ]??:??:??.[0-9][0-9][0-9]*' THEN substr(json_extract(item.value, '$.timestamp'), 1, 23) || ltrim(substr(json_extract(item.value, '$.timestamp'), 24), '0123456789') ELSE json_extract(item.value, '$.timestamp') END) END WHEN 'integer' THEN strftime('%Y-%m-%dT%H:%M:%fZ', json_extract(item.value, '$.timestamp') / 1000.0, 'unixepoch') WHEN 'real' THEN strftime('%Y-%m-%dT%H:%M:%fZ', json_extract(item.value, '$.timestamp') / 1000.0, 'unixepoch') END AS at, coalesce(json_type(item.value, '$.metadata.hidden') = 'true', 0) AS hidden, CASE json_type(item.value, '$.content') WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST(json_extract(item.value, '$.content') AS TEXT) END AS content FROM conversations AS t, json_each(CASE WHEN json_valid(t.messages) THEN CASE json_type(t.messages) WHEN 'array' THEN t.messages ELSE '[]' END ELSE '[]' END) AS item WHERE item.type = 'object';
CREATE INDEX conversation_messages_place ON conversation_messages (conversation_id, position);
CREATE VIRTUAL TABLE message_fts USING fts5(
    content,
    content='conversation_messages', content_rowid='id', tokenize='unicode61 remove_diacritics 2'
);
INSERT INTO message_fts (message_fts) VALUES ('rebuild');
CREATE TRIGGER conversations_messages_insert AFTER INSERT ON conversations BEGIN
    DELETE FROM conversation_messages WHERE conversation_id = NEW.id;
    INSERT INTO conversation_messages (conversation_id, position, message_id, role, at, hidden, content)
        SELECT NEW.id AS conversation_id, item.key AS position, CAST(json_extract(item.value, '$.id') AS TEXT) AS message_id, CAST(json_extract(item.value, '$.role') AS TEXT) AS role, CASE json_type(item.value, '$.timestamp') WHEN 'text' THEN CASE WHEN json_extract(item.value, '$.timestamp') GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' THEN strftime('%Y-%m-%dT%H:%M:%fZ', CASE WHEN json_extract(item.value, '$.timestamp') GLOB '????-??-??[T ]??:??:??.[0-9][0-9][0-9]*' THEN substr(json_extract(item.value, '$.timestamp'), 1, 23) || ltrim(substr(json_extract(item.value, '$.timestamp'), 24), '0123456789') ELSE json_extract(item.value, '$.timestamp') END) END WHEN 'integer' THEN strftime('%Y-%m-%dT%H:%M:%fZ', json_extract(item.value, '$.timestamp') / 1000.0, 'unixepoch') WHEN 'real' THEN strftime('%Y-%m-%dT%H:%M:%fZ', json_extract(item.value, '$.timestamp') / 1000.0, 'unixepoch') END AS at, coalesce(json_type(item.value, '$.metadata.hidden') = 'true', 0) AS hidden, CASE json_type(item.value, '$.content') WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST(json_extract(item.value, '$.content') AS TEXT) END AS content FROM json_each(CASE WHEN json_valid(NEW.messages) THEN CASE json_type(NEW.messages) WHEN 'array' THEN NEW.messages ELSE '[]' END ELSE '[]' END) AS item WHERE item.type = 'object';
END;
CREATE TRIGGER conversations_messages_update AFTER UPDATE OF id, messages ON conversations
    WHEN OLD.id IS NOT NEW.id OR OLD.messages IS NOT NEW.messages BEGIN
    DELETE FROM conversation_messages WHERE conversation_id = OLD.id AND (OLD.id IS NOT NEW.id OR position IN (
        SELECT position FROM (
            SELECT position, message_id, role, at, hidden, content FROM conversation_messages WHERE conversation_id = OLD.id
            EXCEPT SELECT position, message_id, role, at, hidden, content FROM (SELECT NEW.id AS conversation_id, item.key AS position, CAST(json_extract(item.value, '$.id') AS TEXT) AS message_id, CAST(json_extract(item.value, '$.role') AS TEXT) AS role, CASE json_type(item.value, '$.timestamp') WHEN 'text' THEN CASE WHEN json_extract(item.value, '$.timestamp') GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' THEN strftime('%Y-%m-%dT%H:%M:%fZ', CASE WHEN json_extract(item.value, '$.timestamp') GLOB '????-??-??[T ]??:??:??.[0-9][0-9][0-9]*' THEN substr(json_extract(item.value, '$.timestamp'), 1, 23) || ltrim(substr(json_extract(item.value, '$.timestamp'), 24), '0123456789') ELSE json_extract(item.value, '$.timestamp') END) END WHEN 'integer' THEN strftime('%Y-%m-%dT%H:%M:%fZ', json_extract(item.value, '$.timestamp') / 1000.0, 'unixepoch') WHEN 'real' THEN strftime('%Y-%m-%dT%H:%M:%fZ', json_extract(item.value, '$.timestamp') / 1000.0, 'unixepoch') END AS at, coalesce(json_type(item.value, '$.metadata.hidden') = 'true', 0) AS hidden, CASE json_type(item.value, '$.content') WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST(json_extract(item.value, '$.content') AS TEXT) END AS content FROM json_each(CASE WHEN json_valid(NEW.messages) THEN CASE json_type(NEW.messages) WHEN 'array' THEN NEW.messages ELSE '[]' END ELSE '[]' END) AS item WHERE item.type = 'object')
        )
    ));
    INSERT INTO conversation_messages (conversation_id, position, message_id, role, at, hidden, content)
        SELECT conversation_id, position, message_id, role, at, hidden, content FROM (SELECT NEW.id AS conversation_id, item.key AS position, CAST(json_extract(item.value, '$.id') AS TEXT) AS message_id, CAST(json_extract(item.value, '$.role') AS TEXT) AS role, CASE json_type(item.value, '$.timestamp') WHEN 'text' THEN CASE WHEN json_extract(item.value, '$.timestamp') GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' THEN strftime('%Y-%m-%dT%H:%M:%fZ', CASE WHEN json_extract(item.value, '$.timestamp') GLOB '????-??-??[T ]??:??:??.[0-9][0-9][0-9]*' THEN substr(json_extract(item.value, '$.timestamp'), 1, 23) || ltrim(substr(json_extract(item.value, '$.timestamp'), 24), '0123456789') ELSE json_extract(item.value, '$.timestamp') END) END WHEN 'integer' THEN strftime('%Y-%m-%dT%H:%M:%fZ', json_extract(item.value, '$.timestamp') / 1000.0, 'unixepoch') WHEN 'real' THEN strftime('%Y-%m-%dT%H:%M:%fZ', json_extract(item.value, '$.timestamp') / 1000.0, 'unixepoch') END AS at, coalesce(json_type(item.value, '$.metadata.hidden') = 'true', 0) AS hidden, CASE json_type(item.value, '$.content') WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST(json_extract(item.value, '$.content') AS TEXT) END AS content FROM json_each(CASE WHEN json_valid(NEW.messages) THEN CASE json_type(NEW.messages) WHEN 'array' THEN NEW.messages ELSE '[]' END ELSE '[]' END) AS item WHERE item.type = 'object')
        WHERE position NOT IN (SELECT position FROM conversation_messages WHERE conversation_id = NEW.id);
END;
CREATE TRIGGER conversations_messages_delete AFTER DELETE ON conversations BEGIN
    DELETE FROM conversation_messages WHERE conversation_id = OLD.id;
END;
CREATE TRIGGER conversation_messages_insert AFTER INSERT ON conversation_messages BEGIN
    INSERT INTO message_fts (rowid, content) VALUES (NEW.id, NEW.content);
END;
CREATE TRIGGER conversation_messages_update AFTER UPDATE ON conversation_messages BEGIN
    INSERT INTO message_fts (message_fts, rowid, content) VALUES ('delete', OLD.id, OLD.content);
    INSERT INTO message_fts (rowid, content) VALUES (NEW.id, NEW.content);
END;
CREATE TRIGGER conversation_messages_delete AFTER DELETE ON conversation_messages BEGIN
    INSERT INTO message_fts (message_fts, rowid, content) VALUES ('delete', OLD.id, OLD.content);
END;
