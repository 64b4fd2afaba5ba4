"""Migrate, and all that belongs to it: detect, plan, migrate, verify, rollback, status, cleanup."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pjais import choices
from pjais.api.arguments import PathLike, Paths, current_workspace, new_workspace, reporter, run_options
from pjais.choices import Ids, LogFormat, OnInvalid

if TYPE_CHECKING:
    from pjais.api.arguments import To
    from pjais.core.results import Plan, Progress, Proof, Report
    from pjais.migration.rollback import Undone
    from pjais.side_by_side.cleanup import Cleaned
    from pjais.sources.inventory import Inventory


def detect(data_dir: PathLike | None = None, sources: Paths = ()) -> Inventory:
    """Return the sources that are here, and what was found and is no source; write nothing.

    `sources`: look at these paths instead of the data folder.
    """
    from pjais.sources import inventory

    return inventory.take(new_workspace(data_dir, None, sources).find())


def plan(
    data_dir: PathLike | None = None,
    sources: Paths = (),
    target: PathLike | None = None,
    *,
    to: To = None,
    store_id: str | None = None,
    format: LogFormat | None = None,
    ids: Ids = "keep",
    expand_cold: bool = False,
    password: str | None = None,
    origin: str | None = None,
    database: str | None = None,
    collection: str | None = None,
    with_memories: bool = False,
    timezone: str = "UTC",
    user_personas: bool = False,
    gap: int = 30,
    accept_deletions: bool = False,
    progress: Progress | None = None,
) -> Plan:
    """Return the actions of `migrate` as data; write nothing.  For `origin` and the like see `migrate`."""
    from pjais.migration import run

    options = run_options(
        ids=ids,
        expand_cold=expand_cold,
        password=password,
        origin=origin,
        database=database,
        collection=collection,
        with_memories=with_memories,
        timezone=timezone,
        user_personas=user_personas,
        gap=gap,
        accept_deletions=accept_deletions,
    )
    return run.plan(
        new_workspace(data_dir, target, sources, to, store_id, format), options, progress=reporter(progress)
    )


def migrate(
    data_dir: PathLike | None = None,
    sources: Paths = (),
    target: PathLike | None = None,
    *,
    to: To = None,
    store_id: str | None = None,
    format: LogFormat | None = None,
    on_invalid: OnInvalid | None = None,
    ids: Ids = "keep",
    expand_cold: bool = False,
    password: str | None = None,
    origin: str | None = None,
    database: str | None = None,
    collection: str | None = None,
    with_memories: bool = False,
    timezone: str = "UTC",
    user_personas: bool = False,
    gap: int = 30,
    accept_deletions: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Migrate all new data to the target, verified; for the errors raised see `pjais.migration.run.migrate`.

    `to`: sqlite (the default), livestore, the name of a plug-in's target, or an object that is a target.  A LiveStore
    target is `<data>/livestore/<store_id>` in storage format 6 (LiveStore 0.4) or 4 (0.3), or the folder that `target`
    names.  `on_invalid`: stop or quarantine; None stops but for files of AI apps, of which the rest comes in.
    `origin`: migrate browser data of this web origin only; `database`, `collection`: documents of these only.
    Of files of AI apps: `with_memories` also takes facts that conversations only mention; `timezone` is that of dates
    without one; `user_personas` takes the user's own personas as personas; `gap` is in minutes (see `Wishes`);
    `accept_deletions`: messages that a newer export of a conversation lacks go (they stay in the history).
    """
    from pjais.migration import run

    options = run_options(
        on_invalid=on_invalid,
        ids=ids,
        expand_cold=expand_cold,
        password=password,
        origin=origin,
        database=database,
        collection=collection,
        with_memories=with_memories,
        timezone=timezone,
        user_personas=user_personas,
        gap=gap,
        accept_deletions=accept_deletions,
    )
    return run.migrate(
        new_workspace(data_dir, target, sources, to, store_id, format), options, progress=reporter(progress)
    )


def verify(
    data_dir: PathLike | None = None,
    target: PathLike | None = None,
    run: str | None = None,
    *,
    password: str | None = None,
    progress: Progress | None = None,
) -> Proof:
    """Verify every record against the backups.  Raises VerificationFailed if anything differs."""
    from pjais.migration import verify

    here = current_workspace(data_dir, target, run)
    return verify.verify(here, run, reporter(progress), password=choices.maybe("password", password))


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

    later = choices.maybe_path("keep_later", keep_later)
    discard = choices.flag("discard_later", discard_later)
    here = current_workspace(data_dir, target, run)
    return rollback.rollback(here, run, keep_later=later, discard_later=discard)


def status(data_dir: PathLike | None = None, target: PathLike | None = None) -> dict[str, Any]:
    """Return the store, the runs, the quarantine and what is new in the sources, as `pjais status --json` prints it."""
    from pjais.migration import status

    here = current_workspace(data_dir, target)
    found = status.status(here)
    if found["store"] is not None:
        found["store"]["sources"] = status.sources(here)
    return found


def cleanup(
    data_dir: PathLike | None = None,
    names: str | list[str] | tuple[str, ...] = (),
    target: PathLike | None = None,
    *,
    yes: bool = False,
    password: str | None = None,
) -> Cleaned:
    """Remove old data after a verified migration and a switch; the backups keep a copy.

    `names`: only these items.  Without `yes=True` nothing is removed: raises ConfirmationNeeded, which lists what
    would go.  For the other errors see `pjais.side_by_side.cleanup.judge`.
    """
    from pjais.side_by_side import cleanup

    agreed, wanted = choices.flag("yes", yes), choices.texts("names", names)
    here = current_workspace(data_dir, target)
    judged = cleanup.judge(here, wanted, password=choices.maybe("password", password))
    if judged.items and not agreed:
        raise cleanup.unconfirmed(judged, wanted)
    return cleanup.clean(here, judged)
