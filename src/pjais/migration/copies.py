"""Find data of which a backup holds the only copy, so that it is not pruned even if no store's proof needs it.

A backup holds documents, and perhaps copies of a store with edits.  A document counts as kept elsewhere, in whatever
version, if a store's ledger has it, its source still has it, or another valid backup holds it; an edit of a store that
was rolled back, if a store holds exactly that record.  Data that cannot be read (encrypted, damaged, newer) is never
considered redundant.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

from pjais import files, journal, sqlite
from pjais.core.document import Remark, full_name
from pjais.core.model import Model
from pjais.core.snapshot import Snapshot
from pjais.display import counted
from pjais.errors import BackupFailed, PjaisError
from pjais.sources import backup, detect
from pjais.sources.registry import read
from pjais.targets.sqlite import ddl, entries
from pjais.workspace import Workspace

Unit = tuple[str | bytes, ...]
"""The key of something that must not be lost: a document's identity, the content of one without an id, or the key and
digest of a record that was written to a store."""
_WRITTEN, _REMOVED = "written", "removed"


class Copies:
    """Searches for other copies of backed-up data; caches what it has read."""

    def __init__(self, workspace: Workspace, stores: Sequence[Path], password: str | None = None) -> None:
        self._place = workspace
        self._password = password
        self._model = workspace.model
        self._stores = [path for path in stores if path.is_file()]
        self._hashes: dict[Path, frozenset[str]] = {}

    def only_here(self, folder: Path, others: Sequence[Path]) -> str | None:
        """Describe what only this folder holds; None if it may be removed.

        `others` are the folders that stay.
        """
        if any(folder.glob("rolled-back-*.eventlog.db")):
            return "an event log that was rolled back, with whatever its app wrote"
        try:
            missing = self._not_in_place(folder, others)
            if missing and (rest := self._not_elsewhere(folder, missing, others)):
                written, removed = (sum(one[0] == what for one in rest) for what in (_WRITTEN, _REMOVED))
                parts = [counted(written, "record that was written", "records that were written")] if written else []
                parts += [counted(removed, "record that was removed", "records that were removed")] if removed else []
                documents = len(rest) - written - removed
                parts += [counted(documents, "document")] if documents else []
                return f"the only copy of {' and '.join(parts)}"
        except (PjaisError, sqlite.Error, OSError, ValueError, LookupError, RecursionError) as error:
            what = error.what if isinstance(error, PjaisError) else str(error)
            return f"what it holds cannot be compared with what is kept elsewhere: {what}"
        return None

    def _not_in_place(self, folder: Path, others: Sequence[Path]) -> set[Unit]:
        """Return a folder's content, except files that exist unchanged at their origin or in another backup."""
        found: set[Unit] = set()
        for path in _store_copies(folder):
            if not any(_goes_on(path, store) for store in self._stores):
                found |= _of_store(path, self._model)
        for snapshot in _snapshots(folder):
            digests = {one.sha256 for one in snapshot.files if not one.source.endswith("-shm")}
            if not _lies_there(snapshot) and not any(self._holds(one, digests) for one in reversed(others)):
                found |= _of_snapshot(snapshot, self._password)
        return found

    def _not_elsewhere(self, folder: Path, missing: set[Unit], others: Sequence[Path]) -> set[Unit]:
        """Return what is found in no store, no current source, and no other backup."""
        for path in self._stores:
            missing = _less_store(missing, path, self._model)
        for snapshot in _snapshots(folder) if missing else ():
            missing = missing - self._of_source_now(snapshot)
        for other in reversed(others):
            if missing and self._hashes_of(other):
                for snapshot in _snapshots(other):
                    with suppress(PjaisError):
                        missing = missing - _of_snapshot(snapshot, self._password)
            for path in _store_copies(other) if missing else ():
                missing = _less_store(missing, path, self._model)
        return missing

    def _of_source_now(self, snapshot: Snapshot) -> set[Unit]:
        """Return the current content of a snapshot's source."""
        path = Path(snapshot.origin)
        if not path.exists():
            return set()
        refs = [
            one
            for one in detect.detect([path], target=self._place.store, named=True).sources
            if one.kind == snapshot.kind and str(one.path) == snapshot.origin
        ]
        with tempfile.TemporaryDirectory(prefix="pjais-prune-") as folder, suppress(PjaisError):
            present = backup.snapshot_all(Path(folder) / "copy", refs, at_ms=journal.now_ms())
            return {
                (unit[0], snapshot.name, *unit[2:]) for one in present for unit in _of_snapshot(one, self._password)
            }
        return set()

    def _holds(self, folder: Path, digests: set[str]) -> bool:
        """Return whether a valid backup holds files of these hashes; it is read only if its manifest lists them."""
        with suppress(BackupFailed):
            told = {one.sha256 for snapshot in _snapshots(folder) for one in snapshot.files}
            return digests <= told and digests <= self._hashes_of(folder)
        return False

    def _hashes_of(self, folder: Path) -> frozenset[str]:
        """Return the hashes of a valid backup's raw files; none for an invalid one."""
        if folder not in self._hashes:
            found: frozenset[str] = frozenset()
            with suppress(BackupFailed):
                if not backup.check(folder):
                    found = frozenset(one.sha256 for snapshot in backup.load(folder) for one in snapshot.files)
            self._hashes[folder] = found
        return self._hashes[folder]


def _snapshots(folder: Path) -> tuple[Snapshot, ...]:
    """Return the snapshots of a backup; none if it was never completed.  Raises BackupFailed for a damaged one."""
    return backup.load(folder) if (folder / backup.MANIFEST).exists() else ()


def _store_copies(folder: Path) -> list[Path]:
    return [
        path for path in (folder / "previous.sqlite", *sorted(folder.glob("rolled-back-*.sqlite"))) if path.exists()
    ]


def _lies_there(snapshot: Snapshot) -> bool:
    return all(
        Path(one.source).is_file() and files.sha256(Path(one.source)) == one.sha256
        for one in snapshot.files
        if not one.source.endswith("-shm")
    )


def _of_snapshot(snapshot: Snapshot, password: str | None) -> set[Unit]:
    """Return every document of a snapshot.  Raises whatever prevents reading it."""
    found: set[Unit] = set()
    for piece in read(snapshot, password):
        if isinstance(piece, Remark):
            continue
        _, database, collection, native_id, _ = entries.identity(piece)
        document, raw = (None, None) if native_id is not None else entries.kept(piece)
        found.add(_unit(snapshot.kind, snapshot.name, full_name(database, collection), native_id, document, raw))
    return found


def _unit(
    kind: str, name: str, collection: str, native_id: str | None, document: str | None, raw: bytes | None
) -> Unit:
    if native_id is not None:
        return (kind, name, collection, native_id)
    content = raw if raw is not None else (document or "").encode("utf-8", "surrogatepass")
    return (kind, name, collection, hashlib.sha256(content).digest())


_ACCOUNTED = (
    "SELECT r.source_kind, r.source_path, {collection}, r.native_id, q.document, q.raw FROM migration_records AS r "
    "LEFT JOIN migration_quarantine AS q ON q.record_seq = r.seq "
    "WHERE r.native_id IS NOT NULL OR q.document IS NOT NULL OR q.raw IS NOT NULL"
)


def _accounted(db: sqlite.Connection) -> set[Unit]:
    """Return the documents in a store's ledger; before 0.2 the name of a collection included that of its database."""
    later = sqlite.first(db, "SELECT 1 FROM pragma_table_info('migration_records') WHERE name = 'database'")
    collection = "coalesce(r.database || '/', '') || r.collection" if later else "r.collection"
    return {_unit(*row) for row in sqlite.each(db, _ACCOUNTED.format(collection=collection))}


def _of_store(path: Path, model: Model) -> set[Unit]:
    """Return the documents in a store's ledger, and every record that differs from what a migration made of it."""
    with closing(sqlite.open_frozen(path)) as db:
        found = _accounted(db)
        known = "SELECT 1 FROM migration_records WHERE record_type = ? AND record_id = ?"
        for table, key in sqlite.fetch(db, "SELECT DISTINCT table_name, record_id FROM changes"):
            digest = _digest(db, model, table, key)
            if digest is None:
                found |= set() if sqlite.first(db, known, (table, key)) else {(_REMOVED, table, key)}
            elif sqlite.first(db, f"{known} AND digest = ?", (table, key, digest)) is None:
                found.add((_WRITTEN, table, key, digest))
        return found


def _less_store(missing: set[Unit], path: Path, model: Model) -> set[Unit]:
    """Remove what a store holds: the documents in its ledger, and records that are exactly the same."""
    with closing(sqlite.open_reader(path)) as db:
        accounted = _accounted(db) if missing else set()
        return {one for one in missing - accounted if not _is_written_in(db, model, one)}


def _is_written_in(db: sqlite.Connection, model: Model, unit: Unit) -> bool:
    """Return whether a store holds exactly this record, or a trace of its removal."""
    if unit[0] == _WRITTEN:
        return _digest(db, model, str(unit[1]), str(unit[2])) == unit[3]
    told = "SELECT 1 FROM changes WHERE table_name = ? AND record_id = ?"
    return unit[0] == _REMOVED and (
        _digest(db, model, str(unit[1]), str(unit[2])) is not None or sqlite.first(db, told, unit[1:]) is not None
    )


def _digest(db: sqlite.Connection, model: Model, name: str, key: str) -> bytes | None:
    table = model.by_name[name]
    sql = f"SELECT {table.column_list} FROM {name} AS t WHERE {ddl.key_sql(table, 't')} = ?"
    row = sqlite.first(db, sql, (key,))
    return None if row is None else table.digest(row)


def _goes_on(copy: Path, store: Path) -> bool:
    """Return whether a store's history continues that of a copy: then it or its history holds all of the copy."""
    last = "SELECT seq, at, table_name, record_id, op FROM changes ORDER BY seq DESC LIMIT 1"
    with closing(sqlite.open_frozen(copy)) as old, closing(sqlite.open_reader(store)) as new:
        ran, runs = ({one for (one,) in sqlite.each(db, "SELECT id FROM migration_runs")} for db in (old, new))
        change = sqlite.first(old, last)
        same = "SELECT seq, at, table_name, record_id, op FROM changes WHERE seq = ?"
        return ran <= runs and (change is None or sqlite.first(new, same, (change[0],)) == change)
