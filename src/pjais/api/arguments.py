"""Check the arguments that the functions share, and resolve them to a workspace."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pjais import choices

if TYPE_CHECKING:
    from pjais.choices import LogFormat
    from pjais.core.results import Progress
    from pjais.migration import run
    from pjais.targets.contract import Target
    from pjais.workspace import Workspace

    To = str | Target | None
    """A kind of target (sqlite, livestore, one of a plug-in), or an object that fulfils its contract."""

PathLike = str | os.PathLike[str]
Paths = PathLike | Sequence[PathLike]
"""One path or several."""
SideTarget = Literal["sqlite", "livestore"]


def new_workspace(
    data_dir: PathLike | None,
    target: PathLike | None,
    sources: Paths,
    to: To = None,
    store_id: str | None = None,
    format: LogFormat | None = None,
) -> Workspace:
    """Return the workspace of a call that writes to the named target, or to the data folder's own."""
    from pjais.workspace import resolve_workspace

    return resolve_workspace(
        choices.maybe_path("data_dir", data_dir),
        choices.maybe_path("target", target),
        choices.paths("sources", sources),
        to=to,
        store_id=choices.maybe("store_id", store_id),
        format=format,
    )


def current_workspace(
    data_dir: PathLike | None, target: PathLike | None = None, run_id: str | None = None, sources: Paths = ()
) -> Workspace:
    """Return the workspace of a call about the current store: the named one, that of a run, or the last written."""
    from pjais.migration import state

    return state.chosen(
        choices.maybe_path("data_dir", data_dir),
        choices.maybe_path("target", target),
        choices.maybe("run", run_id),
        choices.paths("sources", sources),
    )


def side_workspace(
    data_dir: PathLike | None, sources: Paths, target: PathLike | None, to: SideTarget | None
) -> Workspace:
    """Return the workspace of a call about two sides; without `to` and `target` the new side is the current store."""
    if to is None:
        return current_workspace(data_dir, target, sources=sources)
    return new_workspace(data_dir, target, sources, to)


def run_options(
    *,
    on_invalid: choices.OnInvalid | None = None,
    ids: choices.Ids = "keep",
    expand_cold: bool = False,
    password: str | None = None,
    origin: str | None = None,
    database: str | None = None,
    collection: str | None = None,
    imported: bool = False,
    with_memories: bool = False,
    timezone: str = "UTC",
    user_personas: bool = False,
    gap: int = 30,
    accept_deletions: bool = False,
) -> run.Options:
    """Return the options of a run."""
    from pjais.migration import origins, run
    from pjais.sources.contract import Wishes

    only = origins.asked(
        choices.maybe("origin", origin), choices.maybe("database", database), choices.maybe("collection", collection)
    )
    return run.Options(
        on_invalid=on_invalid,
        ids=ids,
        expand_cold=choices.flag("expand_cold", expand_cold),
        password=choices.maybe("password", password),
        imported=imported,
        only=only,
        wishes=Wishes(
            choices.flag("with_memories", with_memories),
            choices.timezone("timezone", timezone),
            choices.flag("user_personas", user_personas),
            choices.count("gap", gap, least=1),
        ),
        accept_deletions=choices.flag("accept_deletions", accept_deletions),
    )


def reporter(progress: Progress | None) -> Progress:
    """Return the function that progress is reported to; None reports to nobody."""
    return _unheard if progress is None else choices.function("progress", progress)


def _unheard(phase: str, done: int, total: int | None) -> None:
    """Report no progress."""
