"""The public API of `import pjais`; each call works on one data folder.

Every function takes the data folder first; None means the location where the app keeps its data.  Heavy modules
are imported on demand, so that opening a store with nothing to migrate takes milliseconds.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from pjais import choices, sqlite
from pjais.choices import Ids, LogFormat, OnInvalid, Target
from pjais.errors import NoSourceFound, OlderStore, PjaisError, UsageError
from pjais.migration import state
from pjais.persona.store import Store
from pjais.targets.sqlite import cutover
from pjais.workspace import Workspace, resolve_workspace

if TYPE_CHECKING:
    from pjais.core.results import Notice, Plan, Progress, Proof, Report
    from pjais.livestore_tools.store import LiveStore
    from pjais.migration.rollback import Undone

PathLike = str | os.PathLike[str]


def open(
    data_dir: PathLike | None = None,
    *,
    target: PathLike | None = None,
    on_invalid: OnInvalid = "stop",
    password: str | None = None,
) -> Store:
    """Open the store of a data folder; migrate first when there is something new.

    With `SKIP_MIGRATION=true` in the environment nothing is migrated.  A folder without any data gets an
    empty store.  After a rollback nothing is migrated automatically.  An existing store opens even if the migration
    fails: `notices` of the store says what is pending, and the logger `pjais` warns of it.
    `password`: of encrypted sources; None takes that of the environment (`PJAIS_PASSWORD`).
    Raises every error of `migrate` if there is no store yet, ForeignTarget, and UsageError for a LiveStore store
    (see `open_livestore`).
    """
    choices.check("on_invalid", on_invalid, choices.OnInvalid)
    here = state.chosen(data_dir, target)
    if here.log is not None:  # its account follows the log, so writes to the account alone would not count
        raise UsageError(
            "a LiveStore store is opened by pjais.open_livestore",
            where=[str(here.live)],
            next_command=f"pjais events {shlex.quote(str(here.live))}",
        )
    known = _known(here)
    notice = None
    if os.environ.get("SKIP_MIGRATION", "").lower() not in ("true", "1", "yes"):
        notice = _migrate_if_new(here, on_invalid, password, known)
    if not here.target.exists():
        _create_empty(here)
    return Store(here.target, () if notice is None else (notice,))


def _known(here: Workspace) -> state.Known:
    """Return what the store knows of its sources; one of an older version is upgraded first."""
    known: state.Known = {}
    try:
        cutover.inspect(here.target, here.model, lambda db: known.update(state.known_sources(db)))
    except OlderStore:
        from pjais.store import upgrade

        upgrade.upgrade_held(here)
        cutover.inspect(here.target, here.model, lambda db: known.update(state.known_sources(db)))
    return known


def open_livestore(path: PathLike) -> LiveStore:
    """Open a LiveStore store: read its current or a past state, query it, append events while no app has it open."""
    from pjais.livestore_tools.store import LiveStore

    return LiveStore(Path(path).expanduser())


def _migrate_if_new(here: Workspace, on_invalid: OnInvalid, password: str | None, known: state.Known) -> Notice | None:
    """Migrate new data.  Returns a notice if that failed and a store exists: a bad source never blocks a store."""
    if not here.target.exists():
        _migrate_first(here, on_invalid, password)
        return None
    try:
        refs = here.find().sources
        if not refs or not state.anything_new(here, refs, exact=False, known=known):
            return None
        if state.rolled_back(here) is not None:
            return None  # what it imported is not imported again until somebody asks
        from pjais.migration import origins

        over = origins.passed_over(here, refs)
        refs = tuple(ref for ref in refs if ref not in over)
        if not refs or (over and not state.anything_new(here, refs, exact=False, known=known)):
            return None  # the new data is of a web origin that the owner excluded
    except (PjaisError, OSError, sqlite.Error) as error:
        from pjais.migration import automatic

        notice: Notice | None = automatic.explained(error, here)
    else:
        from pjais.migration import automatic as automatic_migration

        notice = automatic_migration.migrate(here, refs, on_invalid, password)
    if notice is not None:
        _warn(notice)
    return notice


def _warn(notice: Notice) -> None:
    import logging

    logging.getLogger("pjais").warning("%s; next: %s", notice.line, notice.next_command)


def _migrate_first(here: Workspace, on_invalid: OnInvalid, password: str | None) -> None:
    found = here.find()
    if (held := state.rolled_back(here)) is not None:
        raise NoSourceFound(
            "the migration was rolled back, and is not repeated by itself",
            where=[str(here.data_dir), f"its backup: {held.folder}"],
            next_command="pjais migrate" if found.sources else f"pjais backup restore {held.id}",
        )
    if found.sources:
        from pjais.migration import run

        run.migrate(here, run.Options(on_invalid=on_invalid, password=password))


def _create_empty(here: Workspace) -> None:
    from pjais import files, journal
    from pjais.targets.sqlite.builder import Builder
    from pjais.version import __version__

    files.private_folder(here.target.parent)
    new = here.target.with_name(f".{here.target.name}.{journal.new_run_id()}.new")
    with closing(Builder(new, here.model, "")) as builder:
        builder.finish({"id": "created", "started_at": "", "program_version": __version__, "sources": "[]"})
    cutover.cut_over(new, here.target, expected_change=None)


def plan(
    data_dir: PathLike | None = None,
    sources: Sequence[PathLike] = (),
    target: PathLike | None = None,
    *,
    to: Target | None = None,
    store_id: str | None = None,
    format: LogFormat | None = None,
    ids: Ids = "keep",
    expand_cold: bool = False,
    password: str | None = None,
    origin: str | None = None,
    database: str | None = None,
    collection: str | None = None,
) -> Plan:
    """Return the actions of `migrate` as data; write nothing.  For `origin` and the like see `migrate`."""
    from pjais.migration import origins, run

    only = origins.asked(origin, database, collection)
    options = run.Options(ids=ids, expand_cold=expand_cold, password=password, only=only)
    return run.plan(resolve_workspace(data_dir, target, sources, to=to, store_id=store_id, format=format), options)


def migrate(
    data_dir: PathLike | None = None,
    sources: Sequence[PathLike] = (),
    target: PathLike | None = None,
    *,
    to: Target | None = None,
    store_id: str | None = None,
    format: LogFormat | None = None,
    on_invalid: OnInvalid = "stop",
    ids: Ids = "keep",
    expand_cold: bool = False,
    password: str | None = None,
    origin: str | None = None,
    database: str | None = None,
    collection: str | None = None,
    progress: Progress | None = None,
) -> Report:
    """Migrate all new data to the target, verified; for the errors raised see `pjais.migration.run.migrate`.

    `to`: sqlite (the default) or livestore; a LiveStore target is `<data>/livestore/<store_id>` in storage
    format 6 (LiveStore 0.4) or 4 (0.3), or the folder that `target` names.  `origin`: migrate browser data of
    this web origin only; `database`, `collection`: documents of these only.
    """
    from pjais.migration import origins, run

    options = run.Options(
        on_invalid=on_invalid,
        ids=ids,
        expand_cold=expand_cold,
        password=password,
        only=origins.asked(origin, database, collection),
    )
    here = resolve_workspace(data_dir, target, sources, to=to, store_id=store_id, format=format)
    return run.migrate(here, options) if progress is None else run.migrate(here, options, progress)


def verify(
    data_dir: PathLike | None = None,
    target: PathLike | None = None,
    run: str | None = None,
    *,
    password: str | None = None,
) -> Proof:
    """Verify every record against the backups.  Raises VerificationFailed if anything differs."""
    from pjais.migration import verify

    return verify.verify(state.chosen(data_dir, target, run), run, password=password)


def rollback(
    data_dir: PathLike | None = None,
    run: str | None = None,
    target: PathLike | None = None,
    *,
    keep_later: PathLike | None = None,
    discard_later: bool = False,
) -> Undone:
    """Restore the state before a run.  Raises ConfirmationNeeded unless told what to do with later writes."""
    from pjais.migration import rollback

    later = None if keep_later is None else Path(keep_later).expanduser()
    return rollback.rollback(state.chosen(data_dir, target, run), run, keep_later=later, discard_later=discard_later)
