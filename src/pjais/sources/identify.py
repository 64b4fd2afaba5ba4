"""Identify one file by its content: as a source, or as something else with a reason.

Nothing is opened that opening could change: SQLite files are opened immutable, and those with a WAL or a journal
as a private copy.  Names matter only for files whose content cannot be identified: a `livestore.db` that is no
database is reported as damaged, not ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from pjais import files, paths
from pjais.core.source import CANNOT_BE_READ, NAME_IT, Passed, SourceRef
from pjais.errors import SourceDamaged
from pjais.formats import container
from pjais.sources import registry
from pjais.sources.contract import File, Source
from pjais.sources.json_files import JsonFile, recognise
from pjais.sources.seen import Seen, stamp
from pjais.sources.sqlite_source import SqliteFiles
from pjais.sources.walk import Listing
from pjais.sqlite_files import MAGIC, SIDE_FILES

HEAD = 1 << 16
"""Bytes of a file that are looked at."""
_SUFFIXES = (".db", ".sqlite", ".sqlite3", ".db3", ".sqlitedb", ".json", ".bak", ".old", ".backup", ".zip")
LIKELY = (*_SUFFIXES, *(one.upper() for one in _SUFFIXES))
"""Suffixes of databases, JSON files and their copies."""
_MAYBE_SQLITE = (".db", ".sqlite", ".sqlite3", ".db3")
_ZIP = b"PK\x03\x04"
ARCHIVE = "archive"
"""The kind of a file that is an archive, as a search names it."""


class Names:
    """The names that files of some kinds have."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._sources = tuple(one for one in sources if one.names)
        parts = [_LITERALS.findall(name) for one in self._sources for name in one.names]
        self._begin = tuple({first for first, *_ in parts if first})
        self._within = tuple({max(many, key=len) for many in parts if not many[0]})
        self._end = tuple({many[-1] for many in parts})

    def has(self, name: str) -> bool:
        """Return whether files of a kind are named so."""
        if not name.startswith(self._begin) and not any(one in name for one in self._within):
            return False
        return any(one.is_called(name) for one in self._sources)

    def among(self, listing: Listing) -> list[str]:
        """Return the files of a folder with such names; most folders are excluded at once."""
        if not self._sources or not listing.mentions(*self._begin, *self._within):
            return []
        return [name for name in (listing.files if "" in self._end else listing.ending(self._end)) if self.has(name)]


_LITERALS = re.compile(r"(?:^|(?<=[*?\]]))[^*?\[\]]*")
"""The parts of a pattern between its wildcards; the first or the last is empty where it begins or ends with one."""


@cache
def ours() -> Names:
    """Return the names used by the app, its guides and LiveStore."""
    return Names(registry.SOURCES)


@cache
def theirs() -> Names:
    """Return the names of kinds that other packages add."""
    return Names(registry.added().values())


def is_familiar(name: str) -> bool:
    """Return whether a file's name is one that a kind's files have."""
    return ours().has(name) or theirs().has(name)


def familiar(listing: Listing) -> list[str]:
    """Return the files of a folder with such names."""
    return [*ours().among(listing), *theirs().among(listing)]


def is_likely(name: str) -> bool:
    """Return whether a file's name suggests a database, JSON or a copy of one."""
    return name.endswith(LIKELY)


def identify(
    path: Path, root: Path, *, named: bool, seen: Seen, among: Listing | None = None, apps: bool = False
) -> SourceRef | Passed | None:
    """Identify a file; None for one that is of no interest.

    `named`: the owner named it, so it is never None.  `among`: the listing of its folder, if there is one.  `apps`: the
    owner named it or its folder, so it may be what an AI app wrote.
    """
    if not files.is_plain_file(path):
        if not (is_familiar(path.name) or named):
            return None
        return Passed(path, "not a file that can be read" if path.exists() else "a link to nothing")
    sides = _sides(path, among)
    of = stamp([path, *(one for one in sides if not one.name.endswith("-shm"))])
    asked = f"{path} {root} apps" if apps else f"{path} {root}"
    said = seen.verdict(asked, None if named else of, lambda: _judged(path, root, named=named, apps=apps or named))
    if said is None:
        return None
    if said[0] == "passed":
        _, reason, kind, made_by = said
        return Passed(path, reason, sum(size for _, size, *_ in of or ()), kind, made_by)
    _, kind, dialect, version, damage = said
    ref = SourceRef(kind, dialect, path, root, (path,), version, damage)
    return ref if not isinstance(registry.source_of(ref), SqliteFiles) else _with_sides(ref, sides)


def _with_sides(ref: SourceRef, sides: tuple[Path, ...]) -> SourceRef:
    return SourceRef(ref.kind, ref.dialect, ref.path, ref.root, (ref.path, *sides), ref.version, ref.damage)


def _sides(path: Path, among: Listing | None) -> tuple[Path, ...]:
    if among is not None and not among.links and not among.mentions(f"\0{path.name}-"):
        return ()
    maybe = (path.with_name(name) for suffix in SIDE_FILES if _may_be(name := path.name + suffix, among))
    return tuple(one for one in maybe if files.is_plain_file(one))


def _may_be(name: str, among: Listing | None) -> bool:
    return among is None or among.has(name) or name in among.links


def _passed(reason: str, kind: str, made_by: str | None = None) -> list[Any]:
    return ["passed", reason, kind, made_by]


def _source(source: Source, *, version: str | None = None, damage: str | None = None) -> list[Any]:
    return ["source", source.kind, source.dialect, version, damage]


def _judged(path: Path, root: Path, *, named: bool, apps: bool) -> list[Any] | None:
    """Return the verdict about a file as JSON: a source of its kind, a reason, or nothing."""
    relative = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
    called = _called(relative)
    expected = called if isinstance(called, SqliteFiles) else None
    looks_json = isinstance(called, JsonFile) or (named and path.suffix == ".json")
    try:
        size = path.stat().st_size
        with path.open("rb") as opened:
            file = File(path, opened.read(HEAD), size, named)
    except OSError as error:
        damage = f"{CANNOT_BE_READ}: {error.strerror}"
        if expected or looks_json or named:
            return _source(expected or _any(JsonFile), damage=damage)
        return _passed(damage, "file") if is_likely(path.name) else None
    if found := next((one for one in registry.added().values() if _is_of(one, relative, file)), None):
        return _source(found)
    if apps and size and (written := _of_app(path)):
        return written
    if size == 0:
        if expected or looks_json or named:
            return _empty(expected)
        return _passed("the file has 0 bytes", "file") if apps and is_likely(path.name) else None
    if file.head.startswith(MAGIC):
        return _database(path, expected, named)
    if expected or (named and path.suffix in _MAYBE_SQLITE):
        return _source(expected or _any(SqliteFiles))
    if file.head.startswith(_ZIP) and (named or path.suffix.lower() == ".zip"):
        return _passed("an archive; name it to have it unpacked, or unpack it", ARCHIVE)
    return _json(file, looks_json) or (
        _passed("neither SQLite nor JSON", "file") if apps and path.suffix.lower() in _MAYBE_SQLITE else None
    )


def _of_app(path: Path) -> list[Any] | None:
    """Return the verdict about a file or archive that an AI app wrote."""
    try:
        for opened in container.ways(path):
            found = registry.app_of(opened)
            if found is not None:
                return _source(found, version=found.version_in(opened))
            if (said := registry.instead_of(opened)) is not None:
                return _passed(said[1], said[0].kind, said[0].made_by)
    except (container.ContainerDamaged, OSError):
        pass
    return None


def _is_of(source: Source, relative: str, file: File) -> bool:
    """Return whether a file is of a kind that is recognised by its head."""
    with registry.asking(source.kind):
        return (file.named or source.is_called(relative)) and source.is_file(file)


def _called(relative: str) -> Source | None:
    """Return our kind that a file's name suggests."""
    if not ours().has(relative.rpartition("/")[2]):
        return None
    return next((one for one in registry.SOURCES if one.is_called(relative)), None)


def _any(form: type[Source]) -> Source:
    """Return the kind that takes any file of this form."""
    return next(one for one in registry.every() if isinstance(one, form) and one.takes_any)


def _json(file: File, looks_json: bool) -> list[Any] | None:
    """Return the verdict about a file that is no database."""
    head, path = file.head, file.path
    begins = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")
    if begins:
        members = recognise.members(file, familiar=looks_json)
        if found := next((one for one in registry.every() if one.is_json(members)), None):
            return _source(found)
    if looks_json and (head[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in head[:64]):
        return _source(_any(JsonFile), damage="not UTF-8; save it as UTF-8")
    if looks_json and not recognise.is_text(head):
        return _source(_any(JsonFile), damage="not JSON")
    if looks_json or path.suffix.lower() == ".json":
        return _passed("JSON, but nothing that pjais knows" if begins else "named as JSON, but it is none", "json")
    return _passed("neither SQLite nor JSON", "file") if file.named else None


def _empty(expected: Source | None) -> list[Any]:
    """Return the verdict about a file of 0 bytes: normal for some databases, a possible loss elsewhere."""
    kind = expected or _any(JsonFile)
    return _source(kind, damage=None if kind.may_be_empty else "the file has 0 bytes")


def _database(path: Path, expected: Source | None, named: bool) -> list[Any] | None:
    from pjais import sqlite  # these two are loaded only for a SQLite file
    from pjais.sources.sqlite_tables import recognise as database

    try:
        tables = database.tables(path, expected.kind if expected else None)
    except (sqlite.Error, OSError, UnicodeDecodeError, SourceDamaged) as error:
        damage = f"{CANNOT_BE_READ}: {error}" if isinstance(error, OSError | sqlite.CannotOpen) else None
        if expected or named:
            return _source(expected or _any(SqliteFiles), damage=damage)
        return _passed(f"SQLite, but it cannot be read: {error}", "sqlite")
    found = next((one for one in registry.every() if one.is_database(tables)), None)
    if found is not None and found.is_ours and not named:
        if paths.account_kind(path.name) is not None:
            return None
        about = f"another store of pjais: what is only in there is in no other store; {NAME_IT}"
        return _passed(f"{about} ({found.version_of(tables)})", found.kind, "pjais")
    if found is None and tables.is_browsers and not named:
        return None
    if found is None and not (expected or named):
        return _passed("SQLite, but no table that pjais knows", "sqlite")
    found = found or expected or _any(SqliteFiles)
    return _source(found, version=found.version_of(tables))
