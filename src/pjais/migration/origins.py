"""Choose the web origin of a run: personas of two origins are never merged into one store unasked.

Each origin's documents belong to another app, or another copy of it; equal ids of two personas prove nothing.  So if
two origins hold collections of the `persona` model, a run stops and names them, and the owner chooses with
`--origin`.  The choice is kept for the store.  Other collections are kept apart by their names.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pjais import journal, sqlite, web_origin
from pjais.core.model import Model
from pjais.core.source import SourceRef
from pjais.errors import PjaisError, UsageError
from pjais.sources.found import Found, Passed
from pjais.sources.registry import of_kind, opened, source_of
from pjais.workspace import Workspace

if TYPE_CHECKING:
    from pjais.assembly.normalise import Only


def asked(origin: str | None, database: str | None, collection: str | None) -> Only:
    """Parse the owner's choice; an origin may be a URL, or a browser's folder name."""
    from pjais.assembly.normalise import Only  # loaded on demand: to look at a folder's origins needs no engine

    return Only(None if origin is None else web_origin.asked(origin), database, collection)


def chosen(workspace: Workspace, found: Found, only: Only) -> tuple[Found, Only]:
    """Return the sources of a run and the choice in effect: the given one, or the one kept for this store.

    Raises UsageError if the given origin does not exist, or if the owner must choose one.
    """
    browsers = {ref: _origin(ref) for ref in found.sources if source_of(ref).of_browser}
    if not browsers and only.origin is None:
        return found, only
    before = _sources_before(workspace)
    if only.origin is None:
        only = only._replace(origin=_chosen_before(before))
    here = sorted({origin for origin in browsers.values() if origin is not None})
    if only.origin is not None:
        if only.origin not in here and not any(_may_hold(ref, only.origin) for ref in browsers if not browsers[ref]):
            raise UsageError(f"no source of the web origin {only.origin}", where=here, next_command="pjais detect")
        taken = tuple(ref for ref in found.sources if browsers.get(ref, only.origin) in (None, only.origin))
        passed = [
            Passed(ref.path, f"of another web origin: {browsers[ref]}") for ref in found.sources if ref not in taken
        ]
        found = Found(taken, (*found.passed, *passed))
    _stop_where_mixed(workspace, found.sources, browsers, before, only)
    return found, only


def passed_over(workspace: Workspace, refs: Sequence[SourceRef]) -> dict[SourceRef, str]:
    """Return sources that a store's owner excluded by choosing another web origin, with their origins.

    A run takes none of them unless asked, so they are not pending.
    """
    browsers = [ref for ref in refs if source_of(ref).of_browser]
    wanted = _chosen_before(_sources_before(workspace)) if browsers else None
    if wanted is None:
        return {}
    owners = {ref: _origin(ref) for ref in browsers}
    return {ref: origin for ref, origin in owners.items() if origin is not None and origin != wanted}


def _chosen_before(before: Sequence[dict[str, Any]]) -> str | None:
    """Return the web origin that was chosen for a store."""
    return next((one["only"]["origin"] for one in reversed(before) if "only" in one), None)


def _origin(ref: SourceRef) -> str | None:
    """Return the web origin of a source, from its location or its content; None if it holds data of several."""
    there = _origins(ref)
    return next(iter(there)) if len(there) == 1 else None


def _origins(ref: SourceRef) -> frozenset[str]:
    """Return the web origins of a source; none if neither its location nor its content tells."""
    place = web_origin.of_place(ref.path)
    return frozenset({place} if place else {origin for origin, _ in _collections(ref) if origin})


def _may_hold(ref: SourceRef, origin: str) -> bool:
    """Return whether a source may hold documents of a web origin."""
    return origin in _origins(ref) or not _origins(ref)


def _sources_before(workspace: Workspace) -> list[dict[str, Any]]:
    """Return the sources of all earlier runs, oldest first."""
    if not workspace.store.exists():
        return []
    try:
        with closing(sqlite.open_reader(workspace.store)) as db:
            texts = sqlite.fetch(db, "SELECT sources FROM migration_runs ORDER BY rowid")
    except sqlite.Error:
        return []  # not ours; whoever writes to it reports that
    return [one for (text,) in texts for one in json.loads(text)]


def _stop_where_mixed(
    workspace: Workspace,
    refs: Sequence[SourceRef],
    browsers: dict[SourceRef, str | None],
    before: list[dict[str, Any]],
    only: Only,
) -> None:
    """Raise UsageError if this run and the store together would hold personas of two origins."""
    there = {
        (one["kind"], one["name"]): one.get("web_origin") or web_origin.of_place(Path(one["origin"]))
        for one in before
        if (source := of_kind(one["kind"])) is not None and source.of_browser
    }
    coming = {origin for ref in refs if (origin := browsers.get(ref)) is not None}
    if len(coming | {origin for origin in there.values() if origin is not None}) < 2:
        return
    stored = {
        origin
        for name, origin in there.items()
        if origin is not None and _has_records(workspace.store, workspace.model, name)
    }
    arriving = {
        origin
        for ref in refs
        if (origin := browsers.get(ref)) is not None and (origin in stored or _brings_records(workspace.model, ref))
    }
    if len(stored | arriving) < 2 or not arriving - stored:
        return
    if only.origin is not None or stored:
        wanted = only.origin or min(arriving - stored)
        raise UsageError(
            "the store holds personas of another web origin, and those of two origins are never merged",
            where=[
                *(f"in the store: {one}" for one in sorted(stored)),
                *(f"in the sources: {one}" for one in sorted(arriving - stored)),
            ],
            next_command=f"pjais migrate --origin {shlex.quote(wanted)}{_target(workspace, wanted)}",
        )
    first, *rest = sorted(arriving)
    raise UsageError(
        "several web origins hold personas, and those of two origins are never merged: choose one; each may have a "
        "store of its own",
        where=[_command(workspace, first), *(_command(workspace, one, _target(workspace, one)) for one in rest)],
        next_command=f"pjais migrate --origin {shlex.quote(first)}",
    )


def _command(workspace: Workspace, origin: str, target: str = "") -> str:
    """Return the whole command that migrates one origin."""
    sources = "".join(f" {shlex.quote(str(one))}" for one in workspace.sources)
    folder = f" --data-dir {shlex.quote(str(workspace.data_dir))}" if workspace.named else ""
    return f"{origin}: pjais migrate{sources} --origin {shlex.quote(origin)}{target}{folder}"


def _target(workspace: Workspace, origin: str) -> str:
    name = f"pjais-{_slug(origin)}{workspace.target.suffix}"
    return f" --target {shlex.quote(str(workspace.data_dir / name))}"


def _slug(origin: str) -> str:
    return "".join(one if one.isalnum() else "-" for one in origin.partition("://")[2]).strip("-") or "file"


def _has_records(target: Path, model: Model, source: tuple[str, str]) -> bool:
    with closing(sqlite.open_reader(target)) as db:
        sql = (
            "SELECT 1 FROM migration_records WHERE source_kind = ? AND source_path = ? AND outcome = 'migrated' "
            "AND record_type <> ? LIMIT 1"
        )
        return sqlite.first(db, sql, (*source, model.carrying.name if model.carrying else "")) is not None


def _brings_records(model: Model, ref: SourceRef) -> bool:
    """Return whether a source holds a document of a collection that the model knows."""
    found = (model.mapping(ref.dialect, name) for _, name in _collections(ref))
    return any(mapping is not None and not mapping.table.carries for mapping in found)


def _collections(ref: SourceRef) -> frozenset[tuple[str | None, str]]:
    """Return the collections of a source and their web origins, read from a private copy."""
    import tempfile  # both loaded on demand: most runs ask about no origin

    from pjais.sources import backup

    with tempfile.TemporaryDirectory(prefix="pjais-origin-") as folder:
        try:
            (snapshot,) = backup.snapshot_all(Path(folder) / "copy", [ref], at_ms=journal.now_ms())
            with opened(snapshot) as found:
                return frozenset((one.origin, one.name) for one in found.collections if not one.is_empty)
        except PjaisError:
            return frozenset()  # the run itself reports the problem
