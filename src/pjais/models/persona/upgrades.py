"""The upgrades of a store's schema, one for each released version after the first.

A new schema version is one more `Upgrade` at the end.
"""

from __future__ import annotations

from pjais import sqlite
from pjais.core.model import Dialects, Upgrade
from pjais.models.persona import schema_4

_SCHEMA_2 = """
DROP INDEX migration_records_source;
ALTER TABLE migration_runs RENAME TO migration_runs_1;
ALTER TABLE migration_records RENAME TO migration_records_1;
ALTER TABLE migration_quarantine RENAME TO migration_quarantine_1;
CREATE TABLE migration_runs (
    id TEXT PRIMARY KEY,
    number INTEGER NOT NULL,
    started_at TEXT NOT NULL,
    finished_at TEXT,
    program_version TEXT NOT NULL,
    ids TEXT NOT NULL DEFAULT 'keep' CHECK (ids IN ('keep', 'new')),
    sources JSON NOT NULL CHECK (json_valid(sources)),
    counts JSON CHECK (counts IS NULL OR json_valid(counts)),
    changes_seq INTEGER NOT NULL DEFAULT 0,
    options JSON CHECK (options IS NULL OR json_valid(options))
);
CREATE TABLE migration_records (
    seq INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL,
    source_kind TEXT NOT NULL,
    source_path TEXT NOT NULL,
    dialect TEXT,
    origin TEXT,
    database TEXT,
    collection TEXT NOT NULL,
    native_id TEXT,
    place TEXT NOT NULL,
    record_type TEXT,
    record_id TEXT,
    digest BLOB,
    outcome TEXT NOT NULL CHECK (outcome IN ('migrated', 'superseded', 'removed', 'quarantined')),
    superseded_by TEXT,
    document TEXT CHECK (document IS NULL OR json_valid(document))
);
CREATE TABLE migration_quarantine (
    id INTEGER PRIMARY KEY,
    record_seq INTEGER,
    run_id TEXT NOT NULL,
    source_kind TEXT NOT NULL,
    source_path TEXT NOT NULL,
    dialect TEXT,
    origin TEXT,
    database TEXT,
    collection TEXT NOT NULL,
    native_id TEXT,
    place TEXT NOT NULL,
    reasons JSON NOT NULL CHECK (json_valid(reasons)),
    document TEXT CHECK (document IS NULL OR json_valid(document)),
    raw BLOB,
    replayed_at TEXT
);
CREATE TABLE migration_decisions (
    source_kind TEXT NOT NULL,
    origin TEXT NOT NULL DEFAULT '',
    database TEXT NOT NULL DEFAULT '',
    collection TEXT NOT NULL,
    native_id TEXT NOT NULL,
    digest BLOB NOT NULL,
    decision TEXT NOT NULL CHECK (decision IN ('replayed', 'discarded')),
    decided_at TEXT NOT NULL,
    record_type TEXT,
    record_id TEXT,
    PRIMARY KEY (source_kind, origin, database, collection, native_id, digest)
) WITHOUT ROWID;
CREATE TABLE migration_chain (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    event TEXT NOT NULL,
    run_id TEXT,
    changes_seq INTEGER NOT NULL,
    operation_id INTEGER NOT NULL,
    state JSON NOT NULL CHECK (json_valid(state)),
    backup JSON CHECK (backup IS NULL OR json_valid(backup)),
    digest BLOB NOT NULL
);
CREATE TABLE migration_changesets (
    link INTEGER PRIMARY KEY,
    changeset BLOB NOT NULL
);
INSERT INTO migration_runs
    SELECT id, row_number() OVER (ORDER BY started_at, id), started_at, finished_at, program_version, ids, sources,
        counts, changes_seq, options FROM migration_runs_1;
INSERT INTO migration_records
    SELECT seq, run_id, source_kind, source_path, NULL, NULL, NULL, collection, native_id, place, record_type,
        record_id, digest, outcome, superseded_by, document FROM migration_records_1;
INSERT INTO migration_quarantine
    SELECT id, record_seq, run_id, source_kind, source_path, NULL, NULL, NULL, collection, native_id, place, reasons,
        document, raw, replayed_at FROM migration_quarantine_1;
DROP TABLE migration_runs_1;
DROP TABLE migration_records_1;
DROP TABLE migration_quarantine_1;
CREATE TABLE IF NOT EXISTS store_operations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('do', 'undo', 'redo')),
    label TEXT,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    undone_by INTEGER
);
CREATE INDEX IF NOT EXISTS store_operations_seq
    ON store_operations (first_seq, at, kind, label, last_seq, undone_by);
CREATE INDEX migration_records_record ON migration_records (record_type, record_id);
CREATE INDEX migration_records_document
    ON migration_records (collection, native_id, source_path);
CREATE INDEX migration_records_run ON migration_records (run_id);
CREATE INDEX migration_records_superseded
    ON migration_records (seq, superseded_by, document) WHERE superseded_by IS NOT NULL;
CREATE INDEX migration_runs_twice ON migration_runs (
    number, id, started_at, finished_at, program_version, ids, sources, counts, changes_seq, options
);
CREATE INDEX migration_quarantine_twice ON migration_quarantine (
    record_seq, run_id, source_kind, source_path, dialect, origin, database, collection, native_id, place, reasons,
    replayed_at, document
);
"""


def _dialects(db: sqlite.Connection, dialects: Dialects) -> None:
    for table in ("migration_records", "migration_quarantine"):
        found = sqlite.fetch(db, f"SELECT DISTINCT run_id, source_kind, source_path FROM {table}")
        for run, kind, source in found:
            db.execute(
                f"UPDATE {table} SET dialect = ? WHERE run_id = ? AND source_kind = ? AND source_path = ?",
                (dialects.get((run, kind, source), kind), run, kind, source),
            )


UPGRADES = (
    Upgrade(
        2,
        "number the runs, keep the dialect, origin and database of each document, and begin the chain that shows"
        " what was changed by others",
        _SCHEMA_2,
        _dialects,
    ),
    Upgrade(
        3, "give each collection of an app that no model knows a typed table of its own, in place of other_records"
    ),
    Upgrade(
        4,
        "add a table of attachments, and a search index over the messages of conversations",
        then=schema_4.apply,
        obstacle=schema_4.obstacle,
        adds_only=True,
    ),
)
