"""`export` and `import`: our own JSON, byte-equal for equal data.

The export is one JSON object with members in a fixed order, each list sorted by id, each object by key.  A source
that is no store of ours is first migrated to a scratch store by the same steps as a migration, so an export holds
exactly what a migration would import.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pjais import canonical, files, sqlite
from pjais.assembly.normalise import Choices
from pjais.assembly.scratch import scratch_store
from pjais.core.model import APPLICATION_ID, Model
from pjais.core.own_files import EXPORT, REMOVED
from pjais.core.results import Progress
from pjais.core.source import SourceRef
from pjais.display import counted
from pjais.errors import ForeignTarget, NoSourceFound, SourceDamaged
from pjais.store import upgrade
from pjais.targets.sqlite import compare, cutover, exported
from pjais.targets.sqlite.exported import records
from pjais.targets.sqlite.target import SqliteTarget
from pjais.workspace import Workspace, none_found

Write = Callable[[str], None]


def write_export(
    db: sqlite.Connection,
    model: Model,
    write: Write,
    *,
    only: Mapping[str, Sequence[str]] | None = None,
    removed: Sequence[Mapping[str, Any]] = (),
    progress: Progress = lambda *_: None,
) -> None:
    """Write the canonical export of an open store; `only` limits it to some keys of some tables."""
    done, total = 0, compare.count_rows(db, model)
    write(f'{{"format":"{EXPORT}","version":1')
    for name, tables in model.lists.items():
        write(f',\n"{name}":[')
        separator = "\n"
        for table in tables:
            for record in records(db, table, None if only is None else only.get(table.name, ())):
                write(separator + exported.line(exported.document(db, model, record)))
                separator = ",\n"
                done += 1
                if not done % compare.TELL_EVERY:
                    progress("export", done, total)
        write("]")
    if removed:
        lines = ",\n".join(canonical.dumps(dict(one), sort=True) for one in removed)
        write(f',\n"{REMOVED}":[\n{lines}]')
    write("}\n")
    progress("export", done, total if only is None else done)


def write_documents(documents: Iterable[tuple[str, dict[str, Any]]], write: Write) -> int:
    """Write documents of our export, each with the name of its list, as one export; return their number.

    They must come list by list, in the order of the tables.
    """
    write(f'{{"format":"{EXPORT}","version":1')
    count, current = 0, None
    for name, document in documents:
        write(("\n]" if current is not None else "") + f',\n"{name}":[\n' if name != current else ",\n")
        write(exported.line(document))
        count, current = count + 1, name
    write(("\n]" if current is not None else "") + "}\n")
    return count


@contextmanager
def opened(workspace: Workspace, store: Path | None, password: str | None) -> Iterator[sqlite.Connection]:
    """Open a store of ours; migrate anything else to a scratch store first."""
    path = workspace.store if store is None else store.expanduser().absolute()
    if not path.exists():
        raise NoSourceFound("nothing to export", where=[str(path)])
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
    """Return the sources in a location.  Raises NoSourceFound that names what else is there."""
    there = Workspace(workspace.data_dir, workspace.target, (path,)).find()
    if not there.sources:
        raise none_found([str(path)], there)
    return there.sources
