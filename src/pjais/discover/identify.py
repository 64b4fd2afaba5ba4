"""One file to a source, or to a name and a reason, by its content.

Nothing is opened that could change by being opened: SQLite files are opened immutable, and those with a WAL
or a journal as a private copy.  Names only matter for files whose content cannot be identified: a
`livestore.db` that is no database is reported as damaged, not passed over.
"""

from __future__ import annotations

import json
import re
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from pjais import files, paths, sqlite
from pjais.discover import jsonkind
from pjais.discover.livestores import is_named_store, is_store_file
from pjais.discover.seen import Seen, stamp
from pjais.errors import SourceDamaged
from pjais.model import CANNOT_BE_READ, Passed, SourceRef
from pjais.schema.tables import APPLICATION_ID

LEAVES = "a link that leaves the folder; name it to follow it"

_DB_NAMES = {
    "livestore.db": "livestore-db", "database.db": "livestore-db", "pjais.db": "pjais-flat",
    "database/pjais.db": "pjais-drizzle",
}  # fmt: skip
_JSON_NAME = re.compile(r"data\.json|rxdb-backup-.*\.json|.*\.pjais\.json")
_BETWEEN_VALUES = re.compile(r"[\s\ufeff\x1e]*")
_FAMILIAR = re.compile(r"(?:data|database|pjais|livestore|rxdb-|shard_|eventlog|mutationlog|state|app|.*\.pjais\.).*")
"""What such a name begins with at least: most names are told apart by that alone."""
_SHARD = re.compile(r"shard_\d+\.db")
_SUFFIXES = (".db", ".sqlite", ".sqlite3", ".db3", ".sqlitedb", ".json", ".bak", ".old", ".backup", ".zip")
LIKELY = (*_SUFFIXES, *(one.upper() for one in _SUFFIXES))
"""How the names of databases, of JSON and of copies end."""
_MAYBE_SQLITE = (".db", ".sqlite", ".sqlite3", ".db3")
_ZIP = b"PK\x03\x04"


def is_familiar(name: str) -> bool:
    """Return whether a file has a name that the app, its guides or LiveStore give."""
    return bool(_FAMILIAR.fullmatch(name)) and (
        name in _DB_NAMES or bool(_JSON_NAME.fullmatch(name) or _SHARD.fullmatch(name) or is_named_store(name))
    )


def is_likely(name: str) -> bool:
    """Return whether a file's name promises a database, JSON or a copy of one."""
    return name.endswith(LIKELY)


def identify(path: Path, root: Path, *, named: bool, seen: Seen) -> SourceRef | Passed | None:
    """Return what a file is; None for what concerns nobody.  `named`: the owner named it, so it is never None."""
    if not files.is_plain_file(path):
        if not (is_familiar(path.name) or named):
            return None
        return Passed(path, "not a file that can be read" if path.exists() else "a link to nothing")
    of = [path, *(one for one in _sides(path) if not one.name.endswith("-shm"))]
    said = seen.verdict(f"{path} {root}", None if named else stamp(of), lambda: _judged(path, root, named=named))
    if said is None:
        return None
    if said[0] == "passed":
        _, reason, kind, made_by = said
        return Passed(path, reason, sum(one.stat().st_size for one in of), kind, made_by)
    _, kind, dialect, version, damage = said
    its = (path, *_sides(path)) if said[0] == "sqlite" else (path,)
    return SourceRef(kind, dialect, path, root, its, version, damage)


def _sides(path: Path) -> tuple[Path, ...]:
    return tuple(one for suffix in sqlite.SIDE_FILES if files.is_plain_file(one := path.with_name(path.name + suffix)))


def _passed(reason: str, kind: str, made_by: str | None = None) -> list[Any]:
    return ["passed", reason, kind, made_by]


def _source(kind: str, *, dialect: str | None = None, damage: str | None = None) -> list[Any]:
    return ["file", kind, dialect or kind, None, damage]


def _sqlite(kind: str, version: str | None = None, damage: str | None = None) -> list[Any]:
    return ["sqlite", kind, kind, version, damage]


def _judged(path: Path, root: Path, *, named: bool) -> list[Any] | None:
    """Return what is said of a file, as JSON: a source of its kind, a reason, or nothing."""
    expected = "livestore" if is_store_file(path) else _expected_kind(path, root)
    looks_json = bool(_JSON_NAME.fullmatch(path.name)) or (named and path.suffix == ".json")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(jsonkind.HEAD)
    except OSError as error:
        damage = f"{CANNOT_BE_READ}: {error.strerror}"
        if expected or looks_json or named:
            return _source(expected or "json", damage=damage)
        return _passed(damage, "file") if is_likely(path.name) else None
    if size == 0:
        return _empty(expected) if expected or looks_json or named else None
    if head.startswith(sqlite.MAGIC):
        return _database(path, expected, named)
    if expected or (named and path.suffix in _MAYBE_SQLITE):
        return _sqlite(expected or "livestore-db")
    if head.startswith(_ZIP) and (named or path.suffix.lower() == ".zip"):
        return _passed("an archive; unpack it and name the folder", "archive")
    return _json(path, head, size, looks_json, named)


def _json(path: Path, head: bytes, size: int, looks_json: bool, named: bool) -> list[Any] | None:
    """Return what is said of a file that is no database."""
    begins = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")
    if begins and (kind := jsonkind.kind_of(path, head, size, named=named, familiar=looks_json)):
        return _source("pjais" if kind == "pjais-export" else kind, dialect=kind)
    if looks_json and (head[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in head[:64]):
        return _source("json", damage="not UTF-8; save it as UTF-8")
    if looks_json and not _is_json(head):
        return _source("json", damage="not JSON")
    if looks_json or path.suffix.lower() == ".json":
        return _passed("JSON, but nothing that pjais knows" if begins else "named as JSON, but it is none", "json")
    return _passed("neither SQLite nor JSON", "file") if named else None


def _expected_kind(path: Path, root: Path) -> str | None:
    """The kind that a file's name promises."""
    try:
        relative = path.relative_to(root).as_posix()
    except ValueError:
        relative = path.name
    if _SHARD.fullmatch(path.name):
        return "pjais-flat"
    return _DB_NAMES.get(relative) or _DB_NAMES.get(path.name)


def _empty(expected: str | None) -> list[Any]:
    """A file of 0 bytes: the app left its flat databases so; anywhere else it is a loss worth an alarm."""
    kind = expected or "json"
    return _sqlite(kind) if kind == "pjais-flat" else _source(kind, damage="the file has 0 bytes")


def _database(path: Path, expected: str | None, named: bool) -> list[Any] | None:
    try:
        kind, version = _database_kind(path, expected)
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
    if kind == _BROWSERS and not named:
        return None
    if kind in (None, _BROWSERS):
        if not (expected or named):
            return _passed("SQLite, but no table that pjais knows", "sqlite")
        kind = expected or "livestore-db"
    return _sqlite(kind or "livestore-db", version)


def _database_kind(path: Path, expected: str | None) -> tuple[str | None, str | None]:
    """(kind, version) of a SQLite file, by its tables and columns."""
    if not sqlite.needs_recovery(path):
        with closing(sqlite.open_frozen(path)) as connection:
            return _kind_of_tables(connection, expected)
    with tempfile.TemporaryDirectory(prefix="pjais-") as scratch:
        copy = Path(scratch) / "copy.db"
        for suffix in ("", "-wal", "-journal"):
            if files.is_plain_file(Path(f"{path}{suffix}")):
                files.copy_hashed(Path(f"{path}{suffix}"), Path(f"{copy}{suffix}"))
        sqlite.copy_source(copy, Path(scratch) / "whole.db")
        with closing(sqlite.open_frozen(Path(scratch) / "whole.db")) as connection:
            return _kind_of_tables(connection, expected)


_BROWSERS = "browser"
"""A database of a browser's own, which holds nothing of an app's: cookies, history, quotas."""


def _kind_of_tables(connection: sqlite.Connection, expected: str | None) -> tuple[str | None, str | None]:
    if sqlite.pragma_int(connection, "application_id") == APPLICATION_ID:
        return "pjais", f"schema {sqlite.pragma_int(connection, 'user_version')}"
    columns: dict[str, set[str]] = {}
    for table, column in sqlite.each(
        connection,
        "SELECT t.name, c.name FROM pragma_table_list AS t, pragma_table_xinfo(t.name) AS c "
        "WHERE t.schema = 'main' AND t.type = 'table'",
    ):
        columns.setdefault(str(table).lower(), set()).add(str(column).lower())  # names in SQL have no case
    personas = columns.get("personas", set())
    memories = columns.get("memory_entities", set())
    if "eventlog" in columns or "mutation_log" in columns:
        return "livestore", None
    if "personality_profile" in personas or "importance_score" in memories:
        return "pjais-drizzle", None
    if "personality_traits" in personas or (expected == "pjais-flat" and "persona_id" in memories):
        return "pjais-flat", None
    if expected == "livestore" and "__livestore_schema" in columns:
        return "livestore", None
    version = "a LiveStore state file" if "__livestore_schema" in columns else None
    known = columns.keys() & {"personas", "memoryentities", "memory_entities", "memories", "conversations"}
    if known:
        return "livestore-db", version
    if {"key", "value"} <= columns.get("meta", set()) and sqlite.first(
        connection, "SELECT 1 FROM meta WHERE key = 'last_compatible_version'"
    ):
        return _BROWSERS, None
    return None, None


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
