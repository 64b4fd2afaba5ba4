"""Schema upgrades: each released version of the store has a step to the next.

A step says what it will do, and why it cannot if so.  All steps that a store needs run in one transaction, after a
copy of the store was made in `backups/`; before the commit, every row of every table is compared with what it was.
A newer store is refused elsewhere (`pjais.targets.sqlite.cutover.inspect`); an older one is upgraded by `pjais.open`,
`migrate` and every other writer, while readers use an upgraded scratch copy.

The steps are the model's (`Model.upgrades`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from pjais import canonical, files, journal, models, sql_text, sqlite
from pjais.core.model import Dialects, Model, Upgrade
from pjais.errors import BackupFailed, MigrationFailed
from pjais.sources import backup
from pjais.targets.sqlite import chain, compare, cutover, from_carried, reshape
from pjais.version import __version__
from pjais.workspace import Workspace


class Upgraded(NamedTuple):
    """A completed upgrade: the old and new version, and the folder with a copy of the old store."""

    before: int
    after: int
    does: tuple[str, ...]
    backup: Path


def upgrade(workspace: Workspace) -> Upgraded | None:
    """Upgrade the workspace's store to this program's schema; None if it has it, or there is no store.

    The caller holds the lock of the data folder.  Raises MigrationFailed if a step cannot be applied, BackupFailed if
    the copy cannot be made; the store is then unchanged.
    """
    model = _wanted(workspace)
    version = cutover.inspect(workspace.store, model, older=True)
    if version is None or version >= model.schema_version:
        return None
    steps = model.upgrades_after(version)
    folder = files.private_folder(workspace.backups / f"{journal.new_run_id()}-before-upgrade")
    try:
        journal.record(folder, "upgrade", version=__version__, **{"from": version, "to": model.schema_version})
        cutover.copy_target(workspace.store, folder / "previous.sqlite")
        backup.write_manifest(folder, (), journal.now_ms(), previous=backup.weighed(folder / "previous.sqlite"))
    except OSError as error:
        raise BackupFailed(
            f"the store could not be copied before its upgrade: {error.strerror}", where=[str(folder)]
        ) from error
    with closing(sqlite.open_writer(workspace.store)) as db:
        apply(db, model, steps, dialects(workspace.backups), workspace.store)
    journal.record(folder, "upgraded")
    return Upgraded(version, model.schema_version, tuple(step.does for step in steps), folder)


def _wanted(workspace: Workspace) -> Model:
    """Return the model that an upgraded store has: its target says whether collections have tables of their own."""
    model = workspace.model
    return models.extended(model, model.catalogue) if workspace.target.document_tables else model


def upgrade_held(workspace: Workspace) -> Upgraded | None:
    """Do the same for a caller that does not hold the data folder's lock.  Raises RunActive while another one does."""
    with files.only_run(workspace.data_dir):
        return upgrade(workspace)


def apply(db: sqlite.Connection, model: Model, steps: tuple[Upgrade, ...], known: Dialects, path: Path) -> None:
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
                    safe="No changes were made to the store.",
                )
        before = _fingerprints(db, {})
        for step in steps:
            db.execute(step.sql)
            if step.then is not None:
                step.then(db, known)
        retired = _without_carried(db, model)
        reshape.reshape(db, models.in_store(model, db))
        db.execute(f"PRAGMA user_version = {model.schema_version}")
        columns = {name: names for name, (names, _) in before.items()}
        after = _fingerprints(db, columns)
        changed = [name for name in before if name not in retired and after.get(name) != before[name]]
        for step in steps:
            chain.seal(db, step.event)
        wrong = [
            about
            for what, ok, about in compare.check_pages(db, models.in_store(model, db))
            if not ok and what != "foreign keys"
        ]
        if changed or wrong:
            raise MigrationFailed(
                "the upgraded store differs from the original; the upgrade was rolled back",
                where=[str(path), *changed, *wrong],
                safe="No changes were made to the store.",
            )


def _without_carried(db: sqlite.Connection, model: Model) -> frozenset[str]:
    """Give documents that were kept whole in one table tables of their own; return the tables that this changes.

    `from_carried` compares every document itself.
    """
    carrying = (model.fixed or model).carrying
    if model.documents is None or carrying is None or not sqlite.column_names(db, carrying.name):
        return frozenset()
    from_carried.convert(db, model.fixed or model)
    return frozenset({carrying.name, "migration_records", "migration_decisions", "changes", "changes_replaced"})


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
        columns = ", ".join(map(sql_text.quoted, names))
        rows = sqlite.each(db, f"SELECT {columns} FROM {sql_text.quoted(name)}")
        found[name] = (names, sum(map(canonical.weight, rows)))
    return found


def dialects(backups: Path) -> Dialects:
    """Return the dialect of every source of every run, from the manifests of the backups that can be read."""
    found: Dialects = {}
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
    version = cutover.inspect(workspace.store, workspace.model, older=True)
    if version is None or version >= workspace.model.schema_version:
        yield workspace.store
        return
    with tempfile.TemporaryDirectory(prefix="pjais-upgrade-") as scratch:
        copy = Path(scratch) / workspace.store.name
        cutover.copy_target(workspace.store, copy)
        with closing(sqlite.open_writer(copy)) as db:
            model = _wanted(workspace)
            apply(db, model, model.upgrades_after(version), dialects(workspace.backups), workspace.store)
        yield copy
