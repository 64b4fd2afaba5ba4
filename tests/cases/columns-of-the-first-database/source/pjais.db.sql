CREATE TABLE personas (id TEXT PRIMARY KEY, name TEXT, description TEXT, personality_traits TEXT,
    personality_temperament TEXT, memory_max_memories INTEGER, is_active BOOLEAN, created_at TEXT, updated_at TEXT);
CREATE TABLE memory_entities (id TEXT PRIMARY KEY, persona_id TEXT, type TEXT, content TEXT, tags TEXT, importance INTEGER,
    memory_tier TEXT, created_at TEXT, updated_at TEXT, last_accessed TEXT);
INSERT INTO personas VALUES ('p1', 'Ann', 'a friend', '["kind","curious"]', 'calm', 500, 1, '2025-01-01 00:00:00', '2025-01-02 00:00:00');
INSERT INTO memory_entities VALUES ('m1', 'p1', 'text', 'likes tea', '["tea"]', 70, 'hot', '2025-01-02 00:00:00', '2025-01-02 00:00:00', NULL);
