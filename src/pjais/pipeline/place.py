"""Where a call works: its data folder, target, sources and logs, out of options and environment."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pjais import canonical, discover, paths
from pjais.discover.found import Found
from pjais.errors import NoSourceFound, UsageError
from pjais.model import SourceRef


@dataclass(frozen=True, slots=True)
class Place:
    """One data folder and what belongs to it.

    `sources` are the places that the owner named; empty means: look where the app's data lies.
    `named`: the data folder was named, so nothing outside of it is touched.
    """

    data_dir: Path
    target: Path
    sources: tuple[Path, ...] = ()
    named: bool = True

    @property
    def backups(self) -> Path:
        """The folder of all backups and runs."""
        return self.data_dir / paths.BACKUPS

    @property
    def log_dir(self) -> Path:
        """The folder of `migration.log`."""
        return paths.log_dir(self.data_dir, named=self.named)

    def _rooted(self, ref: SourceRef) -> SourceRef:
        """A named source under a name of its own: relative to the data folder, or its whole path."""
        inside = ref.path.is_relative_to(self.data_dir)
        return replace(ref, root=self.data_dir if inside else Path(ref.path.anchor))

    def find(self) -> Found:
        """The sources: those named, else those of the data folder, else those of the usual places.

        Raises UsageError for a named source that does not exist, NoSourceFound for one that is nothing we know.
        """
        missing = [str(path) for path in self.sources if not path.exists()]
        if missing:
            raise UsageError("no such file or folder", where=missing)
        if self.sources:
            found = discover.discover(self.sources, target=self.target, named=True)
            unknown = [f"{one.path}: {one.reason}" for one in found.passed if one.path in self.sources]
            if unknown:
                raise NoSourceFound("a file that was named is no source that pjais knows", where=unknown)
            return Found(tuple(self._rooted(ref) for ref in found.sources), found.passed)
        places = (self.data_dir,) if self.named else (self.data_dir, *paths.search_places())
        return discover.discover(_distinct(places), target=self.target)


def place(
    data_dir: str | os.PathLike[str] | None = None,
    target: str | os.PathLike[str] | None = None,
    sources: Sequence[str | os.PathLike[str]] = (),
) -> Place:
    """The place of a call; `PJAIS_DATA_DIR` stands in for a data folder that is not given."""
    named = data_dir is not None or bool(os.environ.get("PJAIS_DATA_DIR"))
    folder = Path(data_dir).expanduser() if data_dir is not None else paths.default_data_dir()
    folder = folder.absolute()
    file = Path(target).expanduser().absolute() if target is not None else folder / paths.TARGET_NAME
    file = file.resolve() if file.is_symlink() else file
    for path in (folder, file):
        if not canonical.encodable(str(path)):
            raise UsageError("SQLite cannot open a path that is not UTF-8; rename the folder", where=[str(path)])
    return Place(folder, file, tuple(Path(source).expanduser().absolute() for source in sources), named)


def source_bytes(refs: Sequence[SourceRef]) -> int:
    """The size of all files of the sources, in bytes."""
    return sum(path.stat().st_size for ref in refs for path in ref.files if path.exists())


def _distinct(places: Sequence[Path]) -> list[Path]:
    """The places without repeats, and without those inside another one's search."""
    kept: list[Path] = []
    for one in places:
        if not any(one.resolve() == other.resolve() for other in kept):
            kept.append(one)
    return kept
