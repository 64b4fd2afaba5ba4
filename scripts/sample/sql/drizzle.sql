-- The schema the app shipped with better-sqlite3 and Drizzle (database/pjais.db).
CREATE TABLE _migrations (
  id TEXT PRIMARY KEY,
  applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE personas (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  personality_profile JSON,
  emotional_state JSON,
  privacy_settings JSON,
  memory_configuration JSON,
  created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE memory_entities (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  persona_id INTEGER REFERENCES personas (id) ON DELETE CASCADE,
  content TEXT NOT NULL,
  type TEXT NOT NULL,
  tier TEXT NOT NULL DEFAULT 'warm' CHECK (tier IN ('hot', 'warm', 'cold')),
  embedding_vector JSON,
  metadata JSON,
  importance_score REAL DEFAULT 0.5,
  last_accessed_at TEXT,
  access_count INTEGER DEFAULT 0,
  created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_memory_entities_persona ON memory_entities (persona_id);

CREATE TABLE memory_relationships (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  from_memory_id INTEGER NOT NULL REFERENCES memory_entities (id) ON DELETE CASCADE,
  to_memory_id INTEGER NOT NULL REFERENCES memory_entities (id) ON DELETE CASCADE,
  relationship_type TEXT NOT NULL,
  strength REAL DEFAULT 1.0,
  created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  UNIQUE (from_memory_id, to_memory_id, relationship_type)
);

CREATE TABLE plugins (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  manifest JSON NOT NULL,
  enabled INTEGER DEFAULT 1,
  version TEXT NOT NULL,
  installation_path TEXT NOT NULL,
  created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);
