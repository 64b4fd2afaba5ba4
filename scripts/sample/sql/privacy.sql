-- What pjais.db has beyond the flat schema: one of the privacy tables, and a column somebody added by hand.
CREATE TABLE consent_records (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL,
  consent_data JSON NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('active', 'withdrawn', 'expired', 'revoked', 'superseded')),
  granted_at DATETIME NOT NULL,
  expires_at DATETIME,
  withdrawn_at DATETIME,
  last_modified DATETIME NOT NULL
);

ALTER TABLE personas ADD COLUMN "owner's ""pet"" name" TEXT;
