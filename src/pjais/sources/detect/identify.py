"""Identify one file by its content: as a source, or as something else with a reason.

Nothing is opened that opening could change: SQLite files are opened immutable, and those with a WAL or a journal
as a private copy.  Names matter only for files whose content cannot be identified: a `livestore.db` that is no
database is reported as damaged, not ignored.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pjais import files, paths
from pjais.core.source import CANNOT_BE_READ, Passed, SourceRef
from pjais.errors import SourceDamaged
from pjais.sources.detect import json_kind
from pjais.sources.detect.cache import Seen, stamp
from pjais.sources.detect.livestores import is_named_store, is_store_file
from pjais.sources.detect.walk import Listing
from pjais.sqlite_files import MAGIC, SIDE_FILES

LEAVES = "a link that leaves the folder; name it to follow it"

_DB_NAMES = {
    "livestore.db": "livestore-db",
    "database.db": "livestore-db",
    "pjais.db": "pjais-flat",
    "database/pjais.db": "pjais-drizzle",
}
_JSON_NAME = re.compile(r"data\.json|rxdb-backup-.*\.json|.*\.pjais\.json")
_BETWEEN_VALUES = re.compile(r"[\s\ufeff\x1e]*")
_BEGINNINGS = ("data", "pjais", "livestore", "rxdb-", "shard_", "eventlog", "mutationlog", "state", "app")
"""Prefixes and parts of such names: they exclude most other names at once."""
_WITHIN = ".pjais."
_SHARD = re.compile(r"shard_\d+\.db")
_SUFFIXES = (".db", ".sqlite", ".sqlite3", ".db3", ".sqlitedb", ".json", ".bak", ".old", ".backup", ".zip")
LIKELY = (*_SUFFIXES, *(one.upper() for one in _SUFFIXES))
"""Suffixes of databases, JSON files and their copies."""
_MAYBE_SQLITE = (".db", ".sqlite", ".sqlite3", ".db3")
_ZIP = b"PK\x03\x04"


def is_familiar(name: str) -> bool:
    """Return whether a file's name is one used by the app, its guides or LiveStore."""
    return (name.startswith(_BEGINNINGS) or _WITHIN in name) and (
        name in _DB_NAMES or bool(_JSON_NAME.fullmatch(name) or _SHARD.fullmatch(name) or is_named_store(name))
    )


def familiar(listing: Listing) -> list[str]:
    """Return the files of a folder with such names."""
    maybe = listing.ending(LIKELY) if listing.mentions(*_BEGINNINGS, _WITHIN) else []
    return [name for name in maybe if is_familiar(name)]


def is_likely(name: str) -> bool:
    """Return whether a file's name suggests a database, JSON or a copy of one."""
    return name.endswith(LIKELY)


def identify(
    path: Path, root: Path, *, named: bool, seen: Seen, among: Listing | None = None
) -> SourceRef | Passed | None:
    """Identify a file; None for one that is of no interest.

    `named`: the owner named it, so it is never None.  `among`: the listing of its folder, if there is one.
    """
    if not files.is_plain_file(path):
        if not (is_familiar(path.name) or named):
            return None
        return Passed(path, "not a file that can be read" if path.exists() else "a link to nothing")
    sides = _sides(path, among)
    of = stamp([path, *(one for one in sides if not one.name.endswith("-shm"))])
    said = seen.verdict(f"{path} {root}", None if named else of, lambda: _judged(path, root, named=named))
    if said is None:
        return None
    if said[0] == "passed":
        _, reason, kind, made_by = said
        return Passed(path, reason, sum(size for _, size, *_ in of or ()), kind, made_by)
    _, kind, dialect, version, damage = said
    its = (path, *sides) if said[0] == "sqlite" else (path,)
    return SourceRef(kind, dialect, path, root, its, version, damage)


def _sides(path: Path, among: Listing | None) -> tuple[Path, ...]:
    maybe = (path.with_name(name) for suffix in SIDE_FILES if _may_be(name := path.name + suffix, among))
    return tuple(one for one in maybe if files.is_plain_file(one))


def _may_be(name: str, among: Listing | None) -> bool:
    return among is None or among.has(name) or name in among.links


def _passed(reason: str, kind: str, made_by: str | None = None) -> list[Any]:
    return ["passed", reason, kind, made_by]


def _source(kind: str, *, dialect: str | None = None, damage: str | None = None) -> list[Any]:
    return ["file", kind, dialect or kind, None, damage]


def _sqlite(kind: str, version: str | None = None, damage: str | None = None) -> list[Any]:
    return ["sqlite", kind, kind, version, damage]


def _judged(path: Path, root: Path, *, named: bool) -> list[Any] | None:
    """Return the verdict about a file as JSON: a source of its kind, a reason, or nothing."""
    expected = "livestore" if is_store_file(path) else _expected_kind(path, root)
    looks_json = bool(_JSON_NAME.fullmatch(path.name)) or (named and path.suffix == ".json")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(json_kind.HEAD)
    except OSError as error:
        damage = f"{CANNOT_BE_READ}: {error.strerror}"
        if expected or looks_json or named:
            return _source(expected or "json", damage=damage)
        return _passed(damage, "file") if is_likely(path.name) else None
    if size == 0:
        return _empty(expected) if expected or looks_json or named else None
    if head.startswith(MAGIC):
        return _database(path, expected, named)
    if expected or (named and path.suffix in _MAYBE_SQLITE):
        return _sqlite(expected or "livestore-db")
    if head.startswith(_ZIP) and (named or path.suffix.lower() == ".zip"):
        return _passed("an archive; unpack it and name the folder", "archive")
    return _json(path, head, size, looks_json, named)


def _json(path: Path, head: bytes, size: int, looks_json: bool, named: bool) -> list[Any] | None:
    """Return the verdict about a file that is no database."""
    begins = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")
    if begins and (kind := json_kind.kind_of(path, head, size, named=named, familiar=looks_json)):
        return _source("pjais" if kind == "pjais-export" else kind, dialect=kind)
    if looks_json and (head[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in head[:64]):
        return _source("json", damage="not UTF-8; save it as UTF-8")
    if looks_json and not _is_json(head):
        return _source("json", damage="not JSON")
    if looks_json or path.suffix.lower() == ".json":
        return _passed("JSON, but nothing that pjais knows" if begins else "named as JSON, but it is none", "json")
    return _passed("neither SQLite nor JSON", "file") if named else None


def _expected_kind(path: Path, root: Path) -> str | None:
    """Return the kind that a file's name suggests."""
    if _SHARD.fullmatch(path.name):
        return "pjais-flat"
    if path.name not in _DB_NAMES:
        return None
    relative = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
    return _DB_NAMES.get(relative) or _DB_NAMES[path.name]


def _empty(expected: str | None) -> list[Any]:
    """Return the verdict about a file of 0 bytes: normal for the app's flat databases, a possible loss elsewhere."""
    kind = expected or "json"
    return _sqlite(kind) if kind == "pjais-flat" else _source(kind, damage="the file has 0 bytes")


def _database(path: Path, expected: str | None, named: bool) -> list[Any] | None:
    from pjais import sqlite  # these two are loaded only for a SQLite file
    from pjais.sources.detect import sqlite_kind

    try:
        kind, version = sqlite_kind.kind_of(path, expected)
    except (sqlite.Error, OSError, UnicodeDecodeError, SourceDamaged) as error:
        damage = f"{CANNOT_BE_READ}: {error}" if isinstance(error, OSError | sqlite.CannotOpen) else None
        if expected or named:
            return _sqlite(expected or "livestore-db", damage=damage)
        return _passed(f"SQLite, but it cannot be read: {error}", "sqlite")
    if kind == "pjais" and not named:
        if path.name == paths.ACCOUNT_NAME:
            return None
        about = "another store of pjais: what is only in there is in no other store; name it to take it"
        return _passed(f"{about} ({version})", "pjais", "pjais")
    if kind == sqlite_kind.BROWSERS and not named:
        return None
    if kind in (None, sqlite_kind.BROWSERS):
        if not (expected or named):
            return _passed("SQLite, but no table that pjais knows", "sqlite")
        kind = expected or "livestore-db"
    return _sqlite(kind or "livestore-db", version)


def _is_json(head: bytes) -> bool:
    """Return whether a text is one JSON value, or several one after the other."""
    decode, end = json.JSONDecoder().raw_decode, 0
    try:
        text = head.decode("utf-8-sig").rstrip()
        while end == 0 or end < len(text):
            begin = _BETWEEN_VALUES.match(text, end)
            end = decode(text, begin.end() if begin else end)[1]
    except (ValueError, RecursionError):
        return False
    return True
