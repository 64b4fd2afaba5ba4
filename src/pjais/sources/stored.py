"""Keep the copy of a file in a backup: whole, as a link to the same bytes in an earlier backup, or in parts.

In parts it is a link to the whole copy of an earlier version, `<name>.base`, and `<name>.delta` (`pjais.delta`): the
backup still needs no other one, and takes the space of what changed.  Only for files of which the source reads its
copy as a stream (`Source.opens_stream`), that are large, and of which most is as it was.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pjais import delta, files
from pjais.core.snapshot import CopiedFile, Part, Parts

WORTH = 1 << 20
"""Size of a file in bytes from which on it is kept in parts."""
_SHARE = 4
"""A delta is at most this part of the file: about what the file would be compressed."""


class Earlier(NamedTuple):
    """Copies in earlier backups: whole ones by their SHA-256, and by the path of the source the latest whole one."""

    by_hash: Mapping[str, Path] = {}
    by_source: Mapping[str, tuple[Path, Part]] = {}

    def also(self, by_hash: Mapping[str, Path]) -> Earlier:
        """Return these and more whole copies."""
        return self._replace(by_hash={**self.by_hash, **by_hash})


def earlier(backups: Iterable[tuple[Path, Iterable[CopiedFile]]]) -> Earlier:
    """Return the copies in backups: folders, the latest last, with their files."""
    by_hash: dict[str, Path] = {}
    by_source: dict[str, tuple[Path, Part]] = {}
    for folder, copies in backups:
        for one in copies:
            whole = Part(one.stored, one.size, one.sha256) if one.parts is None else one.parts.base
            by_hash[whole.sha256] = folder / whole.stored
            by_source[one.source] = folder / whole.stored, whole
    return Earlier(by_hash, by_source)


def copy(
    path: Path, folder: Path, stored: str, held: Earlier, *, limit: int, in_parts: bool, tell: files.Tell = files.silent
) -> tuple[int, str, Parts | None]:
    """Copy one file, up to a limit, into a backup's folder; return its size and SHA-256, and its parts if it has any.

    `in_parts`: it may be kept in parts.  `tell` is called with the bytes of the source that are done.
    """
    whole = limit == sys.maxsize
    if whole and in_parts and (made := _differences(path, folder, stored, held.by_source.get(str(path)))) is not None:
        tell(made[0])
        return made
    if whole and held.by_hash:
        digest = files.sha256(path)
        there = held.by_hash.get(digest)
        if there is not None and there.is_file():
            files.link_or_copy(there, folder / stored)
            size = (folder / stored).stat().st_size
            tell(size)
            return size, digest, None
    return (*files.copy_hashed(path, folder / stored, limit=limit, tell=tell), None)


def _differences(
    path: Path, folder: Path, stored: str, base: tuple[Path, Part] | None
) -> tuple[int, str, Parts | None] | None:
    """Keep what differs from an earlier copy, with a link to that; only the link if nothing differs.

    Returns None if it cannot be linked, or differs too much.
    """
    size = path.stat().st_size
    if base is None or size < WORTH or not base[0].is_file():
        return None
    old_size = base[0].stat().st_size
    its_base = base[1]._replace(stored=f"{stored}.base")
    name = f"{stored}.delta"
    if not files.link(base[0], folder / its_base.stored):
        return None
    digest = hashlib.sha256()
    try:
        with path.open("rb", 0) as new, (folder / its_base.stored).open("rb", 0) as old:
            made = delta.Delta(old, size // _SHARE)
            with files.writing(folder / name) as out:
                for part in made.parts(new, digest.update):
                    out.write(part)
                out.write(delta.tail(made.pieces))
    except delta.TooDifferent:
        files.remove(folder / its_base.stored)
        return None
    if made.pieces == [[0, old_size]]:
        discard(folder, stored)
        files.link_or_copy(base[0], folder / stored)
        return old_size, digest.hexdigest(), None
    weighed = Part(name, (folder / name).stat().st_size, files.sha256(folder / name))
    return sum(one[1] or 0 for one in made.pieces), digest.hexdigest(), Parts(its_base, weighed)


def discard(folder: Path, stored: str) -> None:
    """Remove a copy, however it is kept."""
    for name in (stored, f"{stored}.base", f"{stored}.delta"):
        files.remove(folder / name)


def entry(one: CopiedFile) -> dict[str, Any]:
    """Return the entry of a file in a manifest."""
    told = {name: getattr(one, name) for name in ("source", "original", "stored", "size", "sha256", "mtime_ns")}
    if one.parts is not None:
        told["parts"] = {name: part._asdict() for name, part in one.parts._asdict().items()}
    return told


def of_entry(entry: Mapping[str, Any]) -> CopiedFile:
    """Return the file of an entry in a manifest."""
    told = entry.get("parts")
    parts = None if told is None else Parts(Part(**told["base"]), Part(**told["delta"]))
    return CopiedFile(**{**entry, "parts": parts})


def check(folder: Path, one: CopiedFile) -> list[str]:
    """Read a copy back; return what is wrong with it, naming the file."""
    if one.parts is None:
        return check_file(folder / one.stored, one.size, one.sha256)
    base, changes = one.parts
    wrong = check_file(folder / changes.stored, changes.size, changes.sha256)
    if not (folder / base.stored).is_file():
        return [*wrong, f"{Path(base.stored).name}: missing"]
    if wrong:
        return wrong
    try:
        with one.open(folder) as whole:
            digest = files.digest_of(whole)
    except OSError as error:
        return [f"{Path(str(error.filename or base.stored)).name}: {error.strerror}"]
    return [] if digest == one.sha256 else [f"{Path(base.stored).name}: its content was changed"]


def check_file(path: Path, size: int, digest: str) -> list[str]:
    """Read a file back; return what is wrong with it."""
    if not path.is_file():
        return [f"{path.name}: missing"]
    if path.stat().st_size != size:
        return [f"{path.name}: {path.stat().st_size} bytes, {size} expected"]
    return [] if files.sha256(path) == digest else [f"{path.name}: its content was changed"]
