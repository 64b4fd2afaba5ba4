-- The flat schema of the app's first SQLite file (pjais.db) and of its shards.
CREATE TABLE personas (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  description TEXT DEFAULT '',
  personality_traits JSON DEFAULT '[]',
  personality_temperament TEXT DEFAULT 'balanced',
  personality_communication_style TEXT DEFAULT 'conversational',
  memory_max_memories INTEGER DEFAULT 1000,
  memory_importance_threshold INTEGER DEFAULT 50,
  memory_auto_optimize BOOLEAN DEFAULT TRUE,
  memory_retention_period INTEGER DEFAULT 30,
  memory_categories JSON DEFAULT '["conversation","learning","preference","fact"]',
  memory_compression_enabled BOOLEAN DEFAULT TRUE,
  privacy_data_collection BOOLEAN DEFAULT TRUE,
  privacy_analytics_enabled BOOLEAN DEFAULT FALSE,
  privacy_share_with_researchers BOOLEAN DEFAULT FALSE,
  privacy_allow_personality_analysis BOOLEAN DEFAULT TRUE,
  privacy_memory_retention BOOLEAN DEFAULT TRUE,
  privacy_export_data_allowed BOOLEAN DEFAULT TRUE,
  is_active BOOLEAN DEFAULT FALSE,
  created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
  updated_at DATETIME DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE memory_entities (
  id TEXT PRIMARY KEY,
  persona_id TEXT NOT NULL REFERENCES personas (id) ON DELETE CASCADE,
  type TEXT NOT NULL,
  name TEXT DEFAULT '',
  content TEXT NOT NULL,
  summary TEXT DEFAULT '',
  tags JSON DEFAULT '[]',
  importance INTEGER DEFAULT 50,
  memory_tier TEXT DEFAULT 'active',
  embedding TEXT DEFAULT NULL,
  embedding_model TEXT DEFAULT NULL,
  access_count INTEGER DEFAULT 0,
  last_accessed DATETIME,
  created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
  updated_at DATETIME DEFAULT CURRENT_TIMESTAMP,
  deleted_at DATETIME
);

CREATE INDEX idx_memory_entities_persona_id ON memory_entities (persona_id);

CREATE TABLE conversations (
  id TEXT PRIMARY KEY,
  persona_id TEXT NOT NULL REFERENCES personas (id) ON DELETE CASCADE,
  title TEXT NOT NULL,
  messages JSON DEFAULT '[]',
  created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
  updated_at DATETIME DEFAULT CURRENT_TIMESTAMP
);

CREATE TRIGGER touch_personas AFTER UPDATE ON personas
BEGIN
  UPDATE personas SET updated_at = CURRENT_TIMESTAMP WHERE id = NEW.id;
END;

CREATE TRIGGER touch_memory_entities AFTER UPDATE ON memory_entities
BEGIN
  UPDATE memory_entities SET updated_at = CURRENT_TIMESTAMP WHERE id = NEW.id;
END;

CREATE TRIGGER touch_conversations AFTER UPDATE ON conversations
BEGIN
  UPDATE conversations SET updated_at = CURRENT_TIMESTAMP WHERE id = NEW.id;
END;
