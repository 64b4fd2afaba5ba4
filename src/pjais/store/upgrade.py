"""Schema upgrades: each released version of the store has a step to the next.

A step says what it will do, and why it cannot if so.  All steps that a store needs run in one transaction, after a
copy of the store was made in `backups/`; before the commit, every row of every table is compared with what it was.
A newer store is refused elsewhere (`pjais.targets.sqlite.cutover.inspect`); an older one is upgraded by `pjais.open`,
`migrate` and every other writer, while readers use an upgraded scratch copy.

A new schema version is one more `Step` at the end of `STEPS`.  Its SQL is written out: it must go on producing that
version, whatever `pjais.targets.sqlite.ddl` produces later.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from pjais import canonical, files, journal, sqlite
from pjais.errors import BackupFailed, MigrationFailed
from pjais.models.persona.tables import SCHEMA_VERSION
from pjais.sources import backup
from pjais.targets.sqlite import chain, compare, cutover
from pjais.version import __version__
from pjais.workspace import Workspace

Dialects = Mapping[tuple[str, str, str], str]
"""(run, source kind, source) -> dialect, from the manifests of the backups."""


class Step(NamedTuple):
    """The upgrade from schema `version - 1` to `version`."""

    version: int
    does: str
    """One line: the changes that it will make."""
    obstacle: Callable[[sqlite.Connection], str | None]
    """Returns the reason why it cannot be applied to this store; None if it can."""
    apply: Callable[[sqlite.Connection, Dialects], None]


class Upgraded(NamedTuple):
    """A completed upgrade: the old and new version, and the folder with a copy of the old store."""

    before: int
    after: int
    does: tuple[str, ...]
    backup: Path


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


def _to_2(db: sqlite.Connection, dialects: Dialects) -> None:
    db.execute(_SCHEMA_2)
    for table in ("migration_records", "migration_quarantine"):
        found = sqlite.fetch(db, f"SELECT DISTINCT run_id, source_kind, source_path FROM {table}")
        for run, kind, source in found:
            db.execute(
                f"UPDATE {table} SET dialect = ? WHERE run_id = ? AND source_kind = ? AND source_path = ?",
                (dialects.get((run, kind, source), kind), run, kind, source),
            )
    chain.seal(db, "upgraded to schema 2")


def _no_obstacle(_: sqlite.Connection) -> str | None:
    return None


STEPS = (
    Step(
        2,
        "number the runs, keep the dialect, origin and database of each document, and begin the chain that shows"
        " what was changed by others",
        _no_obstacle,
        _to_2,
    ),
)


def pending(version: int) -> tuple[Step, ...]:
    """Return the steps that a store of this schema version needs, in order."""
    return tuple(step for step in STEPS if step.version > version)


def upgrade(workspace: Workspace) -> Upgraded | None:
    """Upgrade the workspace's store to this program's schema; None if it has it, or there is no store.

    The caller holds the lock of the data folder.  Raises MigrationFailed if a step cannot be applied, BackupFailed if
    the copy cannot be made; the store is then unchanged.
    """
    version = cutover.inspect(workspace.target, older=True)
    if version is None or version >= SCHEMA_VERSION:
        return None
    steps = pending(version)
    folder = files.private_folder(workspace.backups / f"{journal.new_run_id()}-before-upgrade")
    try:
        journal.record(folder, "upgrade", version=__version__, **{"from": version, "to": SCHEMA_VERSION})
        cutover.copy_target(workspace.target, folder / "previous.sqlite")
        backup.write_manifest(folder, (), journal.now_ms(), previous=backup.weighed(folder / "previous.sqlite"))
    except OSError as error:
        raise BackupFailed(
            f"the store could not be copied before its upgrade: {error.strerror}", where=[str(folder)]
        ) from error
    with closing(sqlite.open_writer(workspace.target)) as db:
        apply(db, steps, dialects(workspace.backups), workspace.target)
    journal.record(folder, "upgraded")
    return Upgraded(version, SCHEMA_VERSION, tuple(step.does for step in steps), folder)


def upgrade_held(workspace: Workspace) -> Upgraded | None:
    """Do the same for a caller that does not hold the data folder's lock.  Raises RunActive while another one does."""
    with files.only_run(workspace.data_dir):
        return upgrade(workspace)


def apply(db: sqlite.Connection, steps: tuple[Step, ...], known: Dialects, path: Path) -> None:
    """Apply the steps in one transaction, and compare every row with what it was before the commit."""
    sqlite.fetch(db, "PRAGMA foreign_keys = OFF")
    sqlite.fetch(db, "PRAGMA legacy_alter_table = ON")  # views and triggers must not follow a renamed table
    with sqlite.transaction(db):
        for step in steps:
            why = step.obstacle(db)
            if why is not None:
                raise MigrationFailed(
                    f"the store cannot be upgraded to schema {step.version}: {why}",
                    where=[str(path)],
                    safe="The store is as it was.",
                )
        before = _fingerprints(db, {})
        for step in steps:
            step.apply(db, known)
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        columns = {name: names for name, (names, _) in before.items()}
        after = _fingerprints(db, columns)
        changed = [name for name in before if after.get(name) != before[name]]
        wrong = [about for what, ok, about in compare.check_pages(db) if not ok and what != "foreign keys"]
        if changed or wrong:
            raise MigrationFailed(
                "the upgraded store is not what it was; the upgrade was taken back",
                where=[str(path), *changed, *wrong],
                safe="The store is as it was.",
            )


Fingerprint = tuple[tuple[str, ...], int]
"""The compared columns of a table, and the sum of the digests of all its rows."""


def _fingerprints(db: sqlite.Connection, wanted: Mapping[str, tuple[str, ...]]) -> dict[str, Fingerprint]:
    """Fingerprint every row of every ordinary table, by the wanted columns, else by all."""
    found = {}
    tables = sqlite.fetch(db, "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'")
    for (name,) in tables:
        if name.startswith("sqlite_"):
            continue
        there = sqlite.column_names(db, name)
        names = tuple(one for one in wanted.get(name, there) if one in there)
        columns = ", ".join(map(sqlite.quoted, names))
        rows = sqlite.each(db, f"SELECT {columns} FROM {sqlite.quoted(name)}")
        found[name] = (names, sum(map(canonical.weight, rows)))
    return found


def dialects(backups: Path) -> Dialects:
    """Return the dialect of every source of every run, from the manifests of the backups that can be read."""
    found: dict[tuple[str, str, str], str] = {}
    for folder in backups.iterdir() if backups.is_dir() else ():
        try:
            sources = backup.manifest(folder)["sources"]
        except BackupFailed:
            continue
        for one in sources:
            found[folder.name, one["kind"], one["name"]] = one["dialect"]
    return found


@contextmanager
def readable(workspace: Workspace) -> Iterator[Path]:
    """Yield the workspace's store for reading: itself, or an upgraded scratch copy of an older one."""
    version = cutover.inspect(workspace.target, older=True)
    if version is None or version >= SCHEMA_VERSION:
        yield workspace.target
        return
    with tempfile.TemporaryDirectory(prefix="pjais-upgrade-") as scratch:
        copy = Path(scratch) / workspace.target.name
        cutover.copy_target(workspace.target, copy)
        with closing(sqlite.open_writer(copy)) as db:
            apply(db, pending(version), dialects(workspace.backups), workspace.target)
        yield copy
