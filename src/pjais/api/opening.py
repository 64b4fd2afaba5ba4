"""Open a store, with a migration first when there is something new; with nothing to migrate in milliseconds."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

from pjais import choices, models, sqlite
from pjais.api.arguments import PathLike, current_workspace
from pjais.choices import OnInvalid
from pjais.errors import NoSourceFound, OlderStore, PjaisError
from pjais.migration import state
from pjais.persona.store import Store
from pjais.targets.sqlite import cutover
from pjais.workspace import Workspace

if TYPE_CHECKING:
    from pjais.browser_profile import Profile
    from pjais.core.results import Notice
    from pjais.livestore_tools.store import LiveStore


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
    password = choices.maybe("password", password)
    here = current_workspace(data_dir, target)
    if (refused := here.target.not_opened()) is not None:
        raise refused
    known = _known(here)
    notice = None
    if os.environ.get("SKIP_MIGRATION", "").lower() not in ("true", "1", "yes"):
        notice = _migrate_if_new(here, on_invalid, password, known)
    if not here.store.exists():
        _create_empty(here)
    return Store(here.store, () if notice is None else (notice,))


def _known(here: Workspace) -> state.Known:
    """Return what the store knows of its sources; one of an older version is upgraded first."""
    known: state.Known = {}
    model = models.named(here.model_name)  # without the tables of documents: to look for them opens the store once more
    try:
        cutover.inspect(here.store, model, lambda db: known.update(state.known_sources(db)))
    except OlderStore:
        from pjais.store import upgrade

        upgrade.upgrade_held(here)
        cutover.inspect(here.store, model, lambda db: known.update(state.known_sources(db)))
    return known


def profile(path: PathLike) -> Profile:
    """Open a browser profile for reading: origins, their databases, collections and documents, and web storage.

    Raises NoSourceFound for a folder that is missing or holds no data of a web page.
    """
    from pjais.browser_profile import open_profile

    return open_profile(choices.path("path", path).expanduser().absolute())


def open_livestore(path: PathLike) -> LiveStore:
    """Open a LiveStore store: read its current or a past state, query it, append events while no app has it open."""
    from pjais.livestore_tools.store import LiveStore

    return LiveStore(choices.path("path", path))


def _migrate_if_new(here: Workspace, on_invalid: OnInvalid, password: str | None, known: state.Known) -> Notice | None:
    """Migrate new data.  Returns a notice if that failed and a store exists: a bad source never blocks a store."""
    if not here.store.exists():
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
            "the migration was rolled back and is not repeated automatically",
            where=[str(here.data_dir), f"backup: {held.folder}"],
            next_command="pjais migrate" if found.sources else f"pjais backup restore {held.id}",
        )
    if found.sources:
        from pjais.migration import run

        run.migrate(here, run.Options(on_invalid=on_invalid, password=password))


def _create_empty(here: Workspace) -> None:
    from pjais import files, journal
    from pjais.targets.sqlite.builder import Builder
    from pjais.version import __version__

    files.private_folder(here.store.parent)
    new = here.store.with_name(f".{here.store.name}.{journal.new_run_id()}.new")
    with closing(Builder(new, here.model, "")) as builder:
        builder.finish({"id": "created", "started_at": "", "program_version": __version__, "sources": "[]"})
    cutover.cut_over(new, here.store, expected_change=None)
