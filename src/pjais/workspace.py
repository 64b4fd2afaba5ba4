"""Resolve the workspace of a call (data folder, target, sources, logs) from options and environment."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pjais import canonical, choices, paths
from pjais.core.source import Passed, SourceRef
from pjais.display import counted
from pjais.errors import NoSourceFound, UsageError
from pjais.sources import detect, registry
from pjais.sources.found import Found
from pjais.sources.seen import Seen

if TYPE_CHECKING:
    from pjais.core.model import Model


@dataclass(frozen=True, slots=True)
class Workspace:
    """One data folder and what belongs to it.

    `sources` are the locations that the owner named; if empty, the app's usual locations are searched.
    `named`: the data folder was named, so nothing outside it is touched.  `log`: the event log of a LiveStore
    target; `target` is then our account beside it, and `format` the log's storage format.
    """

    data_dir: Path
    target: Path
    sources: tuple[Path, ...] = ()
    named: bool = True
    log: Path | None = None
    format: int = 6
    model_name: str = choices.MODEL

    @property
    def model(self) -> Model:
        """Return the model of the data: the one place where the engine is given one."""
        from pjais import models  # a search needs none

        return models.named(self.model_name)

    @property
    def live(self) -> Path:
        """Return what an app opens: the SQLite store, or the folder of the LiveStore store."""
        return self.target if self.log is None else self.log.parent

    @property
    def backups(self) -> Path:
        """Return the folder of all backups and runs."""
        return self.data_dir / paths.BACKUPS

    @property
    def log_dir(self) -> Path:
        """Return the folder of `migration.log`."""
        return paths.log_dir(self.data_dir, named=self.named)

    def _rooted(self, ref: SourceRef) -> SourceRef:
        """Return a named source with an unambiguous name: relative to the data folder, or its absolute path."""
        inside = ref.path.is_relative_to(self.data_dir)
        return replace(ref, root=self.data_dir if inside else Path(ref.path.anchor))

    def find(self) -> Found:
        """Find the sources: those named, else those of the data folder, else those of the usual locations.

        Raises UsageError for a named source that does not exist, NoSourceFound for one of an unknown kind.
        """
        missing = [str(path) for path in self.sources if not path.exists()]
        if missing:
            raise UsageError("file or folder not found", where=missing)
        if self.sources:
            found = detect.detect(self.sources, target=self.target, named=True)
            taken = {ref.path for ref in found.sources}
            unknown = [one for one in found.passed if one.path in self.sources and one.path not in taken]
            if unknown:
                raise NoSourceFound("what was named is no source that pjais knows", where=told(unknown))
            return Found(tuple(self._rooted(ref) for ref in found.sources), found.passed)
        places = (self.data_dir,) if self.named else (self.data_dir, *paths.search_places())
        return detect.detect(_distinct(places), target=self.target, seen=Seen(self.backups))


def resolve_workspace(
    data_dir: str | os.PathLike[str] | None = None,
    target: str | os.PathLike[str] | None = None,
    sources: Sequence[str | os.PathLike[str]] = (),
    *,
    to: str | None = None,
    store_id: str | None = None,
    format: int | None = None,
) -> Workspace:
    """Resolve the workspace of a call; `PJAIS_DATA_DIR` stands in for a data folder that is not given.

    `to`: sqlite or livestore; None takes the kind of `target`.  Raises UsageError for an invalid path.
    """
    if to is not None:
        choices.check("to", to, choices.Target)
    if format is not None:
        choices.check("format", format, choices.LogFormat)
    named = data_dir is not None or bool(os.environ.get("PJAIS_DATA_DIR"))
    folder = Path(data_dir).expanduser() if data_dir is not None else paths.default_data_dir()
    folder = folder.absolute()
    file = Path(target).expanduser().absolute() if target is not None else None
    log: Path | None = None
    if to == "livestore" or (to is None and file is not None and _is_livestore(file)):
        log = _log(file if file is not None else folder / paths.LIVESTORE / _store_id(store_id), format)
        file = log.parent / paths.ACCOUNT_NAME
    elif format is not None or store_id is not None:
        raise UsageError("--store-id and --format belong to --to livestore")
    file = file if file is not None else folder / paths.TARGET_NAME
    file = file.resolve() if file.is_symlink() else file
    for path in (folder, file):
        if not canonical.encodable(str(path)):
            raise UsageError("SQLite cannot open a path that is not UTF-8; rename the folder", where=[str(path)])
    named_sources = tuple(Path(source).expanduser().absolute() for source in sources)
    return Workspace(folder, file, named_sources, named, log, _format_of(log) if log else 6)


def told(passed: Sequence[Passed]) -> list[str]:
    """Describe what was found and not migrated, one line each: what it is, its size, what made it, why."""
    return [
        f"not migrated: {one.label} ({one.size:,} bytes{f', {one.made_by}' if one.made_by else ''}): {one.reason}"
        for one in passed
    ]


def none_found(where: list[str], found: Found) -> NoSourceFound:
    """Return the error for locations without a source; it names what was found there."""
    if not found.passed:
        return NoSourceFound("no earlier data was found", where=where)
    there = counted(len(found.passed), "store or file is here", "stores or files are here")
    could = next((one.path for one in found.passed if one.kind in registry.names()), None)
    return NoSourceFound(
        f"no earlier data was found that pjais can migrate; {there}",
        where=[*where, *told(found.passed)],
        next_command=None if could is None else f"pjais plan {shlex.quote(str(could))}",
    )


def _store_id(store_id: str | None) -> str:
    """Validate the id of a LiveStore store, which is the name of its folder, never a path."""
    name = "pjais" if store_id is None else store_id
    if name.strip(".") == "" or any(mark in name for mark in ("/", "\\", "\0")) or len(os.fsencode(name)) > 255:
        raise UsageError("a store id is the name of a folder: not empty, no path, at most 255 bytes")
    return name


def of_target(here: Workspace, target: Path) -> Workspace:
    """Return the workspace with another target: a store in SQLite, or the account of a LiveStore store."""
    if target.name != paths.ACCOUNT_NAME:
        return replace(here, target=target, log=None)
    log = _log(target.parent, None)
    return replace(here, target=target, log=log, format=_format_of(log))


def _is_livestore(path: Path) -> bool:
    return path.is_dir() or path.name == paths.ACCOUNT_NAME or bool(_LOG_NAME.fullmatch(path.name))


_LOG_NAME = re.compile(r"eventlog@(\d+)\.db")


def _log(path: Path, format: int | None) -> Path:
    """Return the log that a path means: itself, or the one in the folder; a new one is of format 6."""
    if _LOG_NAME.fullmatch(path.name):
        return path
    folder = path.parent if path.name == paths.ACCOUNT_NAME else path
    if folder.exists() and not folder.is_dir():
        raise UsageError("a LiveStore store is a folder, and this is none", where=[str(folder)])
    there = sorted(folder.glob("eventlog@*.db"), key=_format_of, reverse=True) if folder.is_dir() else []
    from pjais.formats import eventlog

    return there[0] if there and format is None else folder / eventlog.log_name(format or eventlog.WRITABLE[0])


def _format_of(log: Path) -> int:
    from pjais.formats import eventlog

    found = _LOG_NAME.fullmatch(log.name)
    return int(found[1]) if found else eventlog.WRITABLE[0]


def source_bytes(refs: Sequence[SourceRef]) -> int:
    """Return the size of all files of the sources, in bytes."""
    return sum(path.stat().st_size for ref in refs for path in ref.files if path.exists())


def _distinct(places: Sequence[Path]) -> list[Path]:
    """Return the locations without duplicates, and without those covered by the search of another one."""
    kept: list[Path] = []
    for one in places:
        if not any(one.resolve() == other.resolve() for other in kept):
            kept.append(one)
    return kept
