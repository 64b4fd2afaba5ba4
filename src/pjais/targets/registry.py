"""Turn options and paths into a target: the only module that knows which kinds there are.

Another package adds a kind by an entry point `pjais.targets`: a callable that takes the target's location.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from pjais import canonical, choices, extensions, paths
from pjais.errors import UsageError
from pjais.targets.contract import Target
from pjais.targets.sqlite.target import SqliteTarget

_LOG_NAME = re.compile(r"eventlog@\d+\.db")
_SQLITE, _LIVESTORE, _MEMORY = "sqlite", "livestore", "memory"


def chosen(
    data_dir: Path,
    path: Path | None = None,
    *,
    to: str | Target | None = None,
    store_id: str | None = None,
    format: int | None = None,
) -> Target:
    """Return the target of a call: of the kind `to`, at `path` or in its usual location in the data folder.

    Without `to` the kind is that of what is at `path`; without either it is `sqlite`.  Raises UsageError.
    """
    if isinstance(to, Target):
        return to
    if format is not None:
        choices.check("format", format, choices.LogFormat)
    to = choices.maybe("to", to)
    kind = to if to is not None else _SQLITE if path is None else _kind_at(path)
    if kind == _LIVESTORE:
        where = path if path is not None else data_dir / paths.LIVESTORE / _store_id(store_id)
        return _encodable(_livestore(where, format))
    if format is not None or store_id is not None:
        raise UsageError("--store-id and --format require --to livestore")
    if kind != _SQLITE:
        folder = path if path is not None and paths.account_kind(path.name) is None else path and path.parent
        return _encodable(_added(kind, folder or data_dir / kind))
    file = path if path is not None else data_dir / paths.TARGET_NAME
    return _encodable(SqliteTarget(file.resolve() if file.is_symlink() else file))


def of_store(store: Path) -> Target:
    """Return the target that a store belongs to, as a journal names it; neither need exist any longer."""
    kind = paths.account_kind(store.name)
    if kind is None:
        return SqliteTarget(store)
    if kind == _LIVESTORE:
        return _livestore(store)
    if kind == _MEMORY:  # of a process that has ended
        from pjais.targets.memory.target import MemoryTarget

        return MemoryTarget(store.parent)
    return _added(kind, store.parent)


def _kind_at(path: Path) -> str:
    """Return the kind of the target at a path: a file or a folder, there or not."""
    if (kind := paths.account_kind(path.name)) is not None:
        return kind
    if path.is_dir():
        accounts = (paths.account_kind(one.name) for one in path.glob("pjais-account.*"))
        return next((one for one in accounts if one is not None), _LIVESTORE)
    return _LIVESTORE if _LOG_NAME.fullmatch(path.name) else _SQLITE


def _livestore(path: Path, format: int | None = None) -> Target:
    from pjais.targets.livestore import target  # loaded on demand: opening a SQLite store does without it

    return target.at(path, format)


def _added(kind: str, location: Path) -> Target:
    """Return the target of a kind that another package adds.  Raises UsageError for one that is not there."""
    added = extensions.target(kind)
    if added is None:
        known = [_SQLITE, _LIVESTORE, *extensions.names("targets")]
        near = choices.nearest(kind, known)
        raise UsageError(
            f"to={kind!r}: target not found",
            where=[f"allowed: {', '.join(known)}"],
            advice=f"did you mean {near}?" if near else "choose one of these, or install the extension",
        )
    made = added(location) if callable(added) else added
    if not isinstance(made, Target) or made.kind != kind:
        raise UsageError(
            f"the extension {kind} has no target of this kind",
            where=[f"entry point pjais.targets: {kind}"],
            advice="it must be a class like pjais.targets.folder.target.FolderTarget, whose kind is its name",
            next_command="pip list",
        )
    return made


def _encodable(target: Target) -> Target:
    if not canonical.encodable(str(target.store)):
        raise UsageError("SQLite cannot open a path that is not UTF-8; rename the folder", where=[str(target.store)])
    return target


def _store_id(store_id: str | None) -> str:
    """Validate the id of a LiveStore store, which is the name of its folder, never a path."""
    name = "pjais" if store_id is None else store_id
    if name.strip(".") == "" or any(mark in name for mark in ("/", "\\", "\0")) or len(os.fsencode(name)) > 255:
        raise UsageError("a store id is the name of a folder: not empty, no path, at most 255 bytes")
    return name
