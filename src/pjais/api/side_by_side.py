"""Run the old app and the new store side by side: follow, compare, switch, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from pjais import choices
from pjais.api.arguments import PathLike, Paths, SideTarget, run_options, side_workspace
from pjais.choices import OnInvalid

if TYPE_CHECKING:
    from pjais.errors import PjaisError
    from pjais.side_by_side.follow import Increment
    from pjais.side_by_side.shadow import Agreement, Comparison
    from pjais.side_by_side.switch import Live, Returned


def follow(
    data_dir: PathLike | None = None,
    sources: Paths = (),
    target: PathLike | None = None,
    *,
    to: SideTarget | None = None,
    on_invalid: OnInvalid = "stop",
    once: bool = False,
    interval: float = 1.0,
    seconds: float | None = None,
    allow_removals: bool = False,
    password: str | None = None,
    waiting: Callable[[PjaisError], object] | None = None,
) -> Iterator[Increment]:
    """Sync what the still-running old app writes; yield each increment that synced something.

    Ends when the new side is live, after one increment with `once` (which is yielded even if it synced nothing), or
    after so many `seconds`.  `interval`: the polling interval, in seconds.  `allow_removals`: also if a source
    suddenly lacks most of its records.  While a source is in use or gone, `waiting` is called with the reason.
    """
    from pjais.side_by_side import follow

    return follow.follow(
        side_workspace(data_dir, sources, target, to),
        run_options(on_invalid=choices.check("on_invalid", on_invalid, OnInvalid), password=password),
        once=choices.flag("once", once),
        interval=choices.number("interval", interval),
        seconds=None if seconds is None else choices.number("seconds", seconds),
        allow_removals=choices.flag("allow_removals", allow_removals),
        waiting=None if waiting is None else choices.function("waiting", waiting),
    )


def shadow(
    data_dir: PathLike | None = None,
    sources: Paths = (),
    target: PathLike | None = None,
    *,
    to: SideTarget | None = None,
    origin: str | None = None,
    database: str | None = None,
    collection: str | None = None,
    password: str | None = None,
) -> Comparison:
    """Compare the old app's data with the store, record by record; `agreement` says for how long they have agreed."""
    from pjais.side_by_side import shadow

    options = run_options(password=password, origin=origin, database=database, collection=collection)
    here = side_workspace(data_dir, sources, target, to)
    return shadow.compare(here, password=options.password, only=options.only)


def agreement(data_dir: PathLike | None = None) -> Agreement:
    """Return since when the two sides have agreed, by the comparisons that were made."""
    from pjais.side_by_side import shadow

    return shadow.agreement(side_workspace(data_dir, (), None, None))


def switch(
    data_dir: PathLike | None = None,
    sources: Paths = (),
    target: PathLike | None = None,
    *,
    to: SideTarget | None = None,
    on_invalid: OnInvalid = "stop",
    keep_edits: bool = False,
    password: str | None = None,
) -> Live:
    """Make the new side live: a last increment, the comparison, the proof, the final backup, one recorded step.

    `keep_edits`: also if the new store was edited since the migration.  For the errors raised see
    `pjais.side_by_side.switch.go`.
    """
    from pjais.side_by_side import switch

    kept = choices.flag("keep_edits", keep_edits)
    options = run_options(on_invalid=choices.check("on_invalid", on_invalid, OnInvalid), password=password)
    return switch.go(side_workspace(data_dir, sources, target, to), options, keep_edits=kept)


def switch_back(
    data_dir: PathLike | None = None,
    sources: Paths = (),
    target: PathLike | None = None,
    *,
    to: SideTarget | None = None,
) -> Returned:
    """Make the old side live again; what was written on the new side since is exported."""
    from pjais.side_by_side import switch

    return switch.back(side_workspace(data_dir, sources, target, to))
