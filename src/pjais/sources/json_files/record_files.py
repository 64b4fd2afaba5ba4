"""Find the app's folders with one JSON file per record: `personas/`, `memory/`, `plugins/`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pjais import files
from pjais.core.source import LEAVES, Passed, SourceRef
from pjais.sources.walk import Listing, listing


def found(folder: Path) -> Iterator[SourceRef | Passed]:
    """Yield the app's folders with one JSON file per record (`personas/`, `memory/`, `plugins/`)."""
    records: list[Path] = []
    wanted: list[tuple[Listing | None, tuple[str, ...] | None]] = [
        (listing(str(folder / name)), None) for name in ("personas", "memory") if not (folder / name).is_symlink()
    ]
    plugins = listing(str(folder / "plugins")) if not (folder / "plugins").is_symlink() else None
    for name in sorted(plugins.folders) if plugins else ():
        wanted.append((listing(str(folder / "plugins" / name)), ("plugin.json", "manifest.json")))
    for one, names in wanted:
        for name in sorted((*one.files, *one.links)) if one else ():
            if not (name.endswith(".json") if names is None else name in names) or one is None:
                continue
            path = one.at(name)
            if name in one.links and not files.is_plain_file(path):
                yield Passed(path, "not a file that can be read")
            elif name in one.links and not files.is_inside(path, folder):
                yield Passed(path, LEAVES, kind="link")
            else:
                records.append(path)
    if records:
        yield SourceRef("pjais-files", "pjais-files", folder, folder, tuple(records))
