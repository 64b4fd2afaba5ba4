"""Resolve the workspace of a call (data folder, target, sources, logs) from options and environment."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pjais import canonical, choices, files, paths
from pjais.core.source import NAME_IT, Passed, SourceRef
from pjais.display import counted
from pjais.errors import NoSourceFound, UsageError
from pjais.sources import detect, unpacked
from pjais.sources.found import Found
from pjais.sources.seen import Seen
from pjais.targets import registry as targets

if TYPE_CHECKING:
    from pjais.core.model import Model
    from pjais.targets.contract import Target


@dataclass(frozen=True, slots=True)
class Workspace:
    """One data folder and what belongs to it.

    `sources` are the locations that the owner named; if empty, the app's usual locations are searched.
    `named`: the data folder was named, so nothing outside it is touched.
    """

    data_dir: Path
    target: Target
    sources: tuple[Path, ...] = ()
    named: bool = True
    model_name: str = choices.MODEL

    @property
    def model(self) -> Model:
        """Return the model of the data: the one place where the engine is given one."""
        from pjais import models  # a search needs none

        base = models.named(self.model_name)
        return models.of_store(base, self.store) if self.target.document_tables else base

    @property
    def store(self) -> Path:
        """Return the target's store: the SQLite file with its records, ledger, quarantine and history."""
        return self.target.store

    @property
    def live(self) -> Path:
        """Return what an app opens: the SQLite store, or the folder of the LiveStore store."""
        return self.target.location

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
        if unpacked.holds(ref.path):
            return ref
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
            found = detect.detect(self.sources, target=self.store, named=True)
            taken = {ref.path for ref in found.sources}
            unknown = [one for one in found.passed if one.path in self.sources and one.path not in taken]
            if unknown:
                raise NoSourceFound("what was named is no source that pjais knows", where=told(unknown))
            return Found(tuple(self._rooted(ref) for ref in found.sources), found.passed)
        places = (self.data_dir,) if self.named else (self.data_dir, *paths.search_places())
        return detect.detect(_distinct(places), target=self.store, seen=Seen(self.backups))


def resolve_workspace(
    data_dir: str | os.PathLike[str] | None = None,
    target: str | os.PathLike[str] | None = None,
    sources: Sequence[str | os.PathLike[str]] = (),
    *,
    to: str | Target | None = None,
    store_id: str | None = None,
    format: int | None = None,
) -> Workspace:
    """Resolve the workspace of a call; `PJAIS_DATA_DIR` stands in for a data folder that is not given.

    `to`: the kind of target; None takes the kind of `target`.  Raises UsageError for an invalid path.
    """
    named = data_dir is not None or bool(os.environ.get("PJAIS_DATA_DIR"))
    folder = Path(data_dir).expanduser() if data_dir is not None else paths.default_data_dir()
    folder = folder.absolute()
    file = Path(target).expanduser().absolute() if target is not None else None
    if not canonical.encodable(str(folder)):
        raise UsageError("SQLite cannot open a path that is not UTF-8; rename the folder", where=[str(folder)])
    chosen = targets.chosen(folder, file, to=to, store_id=store_id, format=format)
    named_sources = tuple(Path(source).expanduser().absolute() for source in sources)
    return Workspace(folder, chosen, named_sources, named)


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
    could = next((one.path for one in found.passed if one.reason.endswith(NAME_IT)), None)
    return NoSourceFound(
        f"no earlier data was found that pjais can migrate; {there}",
        where=[*where, *told(found.passed)],
        next_command=None if could is None else f"pjais plan {shlex.quote(str(could))}",
    )


def source_bytes(refs: Sequence[SourceRef]) -> int:
    """Return the size of all files of the sources, in bytes."""
    return sum(path.stat().st_size for ref in refs for path in ref.files if path.exists())


def _distinct(places: Sequence[Path]) -> list[Path]:
    """Return the locations without duplicates, and without those covered by the search of another one."""
    kept: list[Path] = []
    for one in places:
        if not any(files.same(one, other) for other in kept):
            kept.append(one)
    return kept
