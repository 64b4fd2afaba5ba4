"""`export` and `import`: our own JSON, byte-equal for equal data, and any source's documents unchanged.

The export is one JSON object with members in a fixed order, each list sorted by id, each object by key.  A source
that is no store of ours is first migrated to a scratch store by the same steps as a migration, so an export holds
exactly what a migration would import.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pjais import canonical, files, journal, sqlite
from pjais.assembly.assemble import Choices
from pjais.assembly.scratch import scratch_store
from pjais.core.document import Document, Remark, Unreadable
from pjais.core.model import APPLICATION_ID, Model
from pjais.core.own_files import EXPORT, REMOVED
from pjais.core.snapshot import Snapshot
from pjais.core.source import SourceRef
from pjais.display import counted
from pjais.errors import ForeignTarget, NoSourceFound, SourceDamaged
from pjais.sources import backup
from pjais.sources.registry import read, source_of
from pjais.store import upgrade
from pjais.targets.sqlite import cutover
from pjais.targets.sqlite.exported import records
from pjais.targets.sqlite.target import SqliteTarget
from pjais.workspace import Workspace

Write = Callable[[str], None]


def write_export(
    db: sqlite.Connection,
    model: Model,
    write: Write,
    *,
    only: Mapping[str, Sequence[str]] | None = None,
    removed: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Write the canonical export of an open store; `only` limits it to some keys of some tables."""
    write(f'{{"format":"{EXPORT}","version":1')
    for table in model.tables:
        write(f',\n"{table.title}":[')
        separator = "\n"
        for record in records(db, table, None if only is None else only.get(table.name, ())):
            write(separator + canonical.dumps(model.exported(record), sort=True))
            separator = ",\n"
        write("]")
    if removed:
        lines = ",\n".join(canonical.dumps(dict(one), sort=True) for one in removed)
        write(f',\n"{REMOVED}":[\n{lines}]')
    write("}\n")


def write_documents(documents: Iterable[tuple[str, dict[str, Any]]], write: Write) -> int:
    """Write documents of our export, each with the name of its list, as one export; return their number.

    They must come list by list, in the order of the tables.
    """
    write(f'{{"format":"{EXPORT}","version":1')
    count, current = 0, None
    for name, document in documents:
        write(("\n]" if current is not None else "") + f',\n"{name}":[\n' if name != current else ",\n")
        write(canonical.dumps(document, sort=True))
        count, current = count + 1, name
    write(("\n]" if current is not None else "") + "}\n")
    return count


@contextmanager
def opened(workspace: Workspace, store: Path | None, password: str | None) -> Iterator[sqlite.Connection]:
    """Open a store of ours; migrate anything else to a scratch store first."""
    path = workspace.store if store is None else store.expanduser().absolute()
    if not path.exists():
        raise NoSourceFound("there is nothing to export", where=[str(path)])
    if path.is_file() and is_ours(path, workspace.model):
        with upgrade.readable(replace(workspace, target=SqliteTarget(path))) as there:
            with closing(sqlite.open_reader(there)) as db, _read_transaction(db):
                yield db
        return
    with scratch_store(workspace.model, found_in(workspace, path), Choices(password=password)) as scratch:
        findings = scratch.findings
        if findings.levels["error"]:
            where = [
                f"{one.source}: {one.collection}/{one.native_id or one.place}: {one.message}"
                for one in findings.first_errors[:20]
            ]
            raise SourceDamaged(
                f"{counted(findings.levels['error'], 'document')} cannot be exported",
                where=where,
                advice="migrate what is readable, then export the store",
                next_command="pjais migrate --on-invalid quarantine",
            )
        with closing(sqlite.open_frozen(scratch.finish())) as db:
            yield db


@contextmanager
def _read_transaction(db: sqlite.Connection) -> Iterator[None]:
    """Keep one consistent view for the whole export, whoever writes meanwhile."""
    db.execute("BEGIN")
    yield
    db.execute("ROLLBACK")


def is_ours(path: Path, model: Model) -> bool:
    """Return whether a file is a store of ours, of this version or an older one.  Raises ForeignTarget."""
    if (refused := files.refusal(path)) is not None:
        raise refused
    try:
        if not sqlite.is_sqlite(path):
            return False
        with closing(sqlite.open_reader(path)) as db:
            ours = sqlite.pragma_int(db, "application_id") == APPLICATION_ID
        return ours and cutover.inspect(path, model, older=True) is not None
    except (sqlite.Error, OSError) as error:
        raise ForeignTarget(f"the store cannot be opened: {error}", where=[str(path)]) from error


def found_in(workspace: Workspace, path: Path) -> tuple[SourceRef, ...]:
    """Return the sources in a location.  Raises NoSourceFound."""
    found = Workspace(workspace.data_dir, workspace.target, (path,)).find()
    if not found.sources:
        raise NoSourceFound("no earlier data was found", where=[str(path)])
    return found.sources


def export_documents(
    workspace: Workspace,
    store: Path | None,
    write: Write,
    *,
    password: str | None = None,
    skip: Write | None = None,
    note: Write = lambda _: None,
) -> int:
    """Write every live document of a source exactly as it is stored, as NDJSON; return their number.

    Lines are `{"source", "origin", "database", "collection", "key", "id", "document"}`, ordered by web origin,
    database, collection and id.  `key` is the document's own (null: it has none), `id` a text to sort by.  Raises
    SourceDamaged for a piece that cannot be read; with `skip` it is left out, and `skip` is called with its name and
    location.  `note` receives remarks about the source, such as a torn log.
    """
    path = workspace.store if store is None else store.expanduser().absolute()
    if not path.exists():
        raise NoSourceFound("there is nothing to export", where=[str(path)])
    with tempfile.TemporaryDirectory(prefix="pjais-export-") as scratch:
        refs = found_in(workspace, path)
        snapshots = backup.snapshot_all(Path(scratch) / "copy", refs, at_ms=journal.now_ms())
        with closing(sqlite.create(Path(scratch) / "sort.sqlite")) as db:
            db.execute("CREATE TABLE lines (origin, database, collection, id, line)")
            for snapshot in snapshots:
                db.executemany(
                    "INSERT INTO lines VALUES (?, ?, ?, ?, ?)",
                    _lines(snapshot, _inside(snapshot, path), password, skip, note),
                )
            count = 0
            for (line,) in sqlite.each(db, "SELECT line FROM lines ORDER BY origin, database, collection, id, rowid"):
                write(line + "\n")
                count += 1
            return count


def _inside(snapshot: Snapshot, named: Path) -> str:
    """Return the name of a source, relative to the named folder, which may be moved later."""
    there = Path(snapshot.origin)
    inside = there != named and there.is_relative_to(named)
    return canonical.mend(there.relative_to(named).as_posix() if inside else there.name)


def _lines(
    snapshot: Snapshot, source: str, password: str | None, skip: Write | None, note: Write
) -> Iterator[tuple[str, str, str, str, str]]:
    of_app = source_of(snapshot).shown
    for piece in read(snapshot, password):
        if isinstance(piece, Unreadable):
            what = f"{snapshot.name}: {piece.collection} {piece.place}: {piece.reason}"
            if skip is None:
                raise SourceDamaged(
                    "a piece of the source cannot be read, so its documents cannot be given as whole",
                    where=[what],
                    next_command="pjais export --documents --skip-unreadable",
                )
            skip(what)
        elif isinstance(piece, Remark):
            note(f"{snapshot.name}: {piece.collection} {piece.place}: {piece.message}")
        elif not _is_removed(piece):
            database = canonical.mend(snapshot.name if piece.database is None else piece.database)
            collection, value = canonical.mend(piece.collection), of_app(piece.value)
            name = canonical.mend(piece.native_id or piece.place)
            origin = piece.origin or snapshot.web_origin
            line = {
                "source": source,
                "origin": origin,
                "database": database,
                "collection": collection,
                "key": piece.native_id,
                "id": name,
                "document": value,
            }
            yield origin or "", database, collection, name, canonical.dumps(line)


def _is_removed(piece: Document) -> bool:
    return isinstance(piece.value, dict) and piece.value.get("_deleted") is True
