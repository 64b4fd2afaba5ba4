"""What is here: a folder or a file to sources, each of one kind, decided by content.

Nothing is opened that could change by being opened: SQLite files are opened immutable, and those with a WAL
or a journal as a private copy.  Names only matter for files whose content cannot be identified: a
`livestore.db` that is no database is reported as damaged, not passed over.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from pjais import canonical, extensions, files, paths, sqlite
from pjais.discover.found import Found, Passed
from pjais.discover.livestores import in_profile, is_store_file, stores
from pjais.discover.profiles import profiles
from pjais.errors import SourceDamaged
from pjais.model import CANNOT_BE_READ, SourceRef
from pjais.schema.tables import APPLICATION_ID

_SKIPPED = frozenset(
    {paths.BACKUPS, paths.LOGS, "node_modules", "personas", "memory", "plugins", "IndexedDB", "File System", "Cache",
     "Code Cache", "GPUCache", "Service Worker", "blob_storage", "Crashpad", "Local Storage", "Session Storage"}
)  # fmt: skip
_DEPTH = 3
_DB_NAMES = {
    "livestore.db": "livestore-db", "database.db": "livestore-db", "pjais.db": "pjais-flat",
    "database/pjais.db": "pjais-drizzle",
}  # fmt: skip
_JSON_NAME = re.compile(r"data\.json|rxdb-backup-.*\.json|.*\.pjais\.json")
_SHARD = re.compile(r"shard_\d+\.db")
_COLLECTIONS = frozenset({"personas", "memories", "memoryEntities", "memory_entities", "conversations"})
_OF_A_RECORD = frozenset({"personaId", "persona_id", "personality", "personality_traits", "messages"})
"""What tells a record of ours in a list without a name, or one on a line."""
_EMPTY_LISTS = re.compile(r"(?:\[\s*\][\s\ufeff\x1e]*)*")
_BETWEEN_VALUES = re.compile(r"[\s\ufeff\x1e]*")
_HEAD = 1 << 16
_TAIL = 1 << 12


def discover(places: Sequence[Path], *, target: Path | None = None, named: bool = False) -> Found:
    """All sources in the places: files are identified, folders searched.

    `target` is the store written to, never a source.  `named`: the owner named these places, so that our own
    files among them count, and links are followed.
    """
    sources: dict[Path, SourceRef] = {}
    passed: list[Passed] = []
    for place in places:
        found: Iterable[SourceRef | Passed | None]
        if place.is_dir() and place.name.endswith(".indexeddb.leveldb"):
            found = profiles(place)
        elif place.is_dir():
            found = _search(place, target)
        elif named and files.is_plain_file(place):
            one = _added(place) or _identify(place, place.parent, named=True)
            found = stores([place], place.parent) if _is_livestore(one) else [one]
        else:
            found = [Passed(place, "no such file or folder")] if named else []
        for one in found:
            if isinstance(one, SourceRef):
                sources.setdefault(one.path.absolute(), one)
            elif one is not None:
                passed.append(one)
    return Found(tuple(sources.values()), tuple(passed))


def _added(file: Path) -> SourceRef | None:
    """A named file as one of a kind that another package adds."""
    for kind, added in extensions.source_kinds().items():
        if any(files.same(one, file) for one in added.find(file.parent)):
            return SourceRef(kind, kind, file, file.parent, (file,))
    return None


def _search(folder: Path, target: Path | None) -> Iterator[SourceRef | Passed | None]:
    live: list[Path] = []
    for path in sorted(_candidates(folder, _DEPTH)):
        if target is not None and (files.same(path, target) or _beside_account(path, target)):
            continue
        if path.name.startswith(paths.SINCE_SWITCH):
            continue
        if not files.is_inside(path, folder):
            if is_store_file(path) or _expected_kind(path, folder) or _JSON_NAME.fullmatch(path.name):
                yield Passed(path, "a link that leaves the folder; name it to follow it")
            continue
        found = _identify(path, folder, named=False)
        if _is_livestore(found):
            live.append(path)
        else:
            yield found
    yield from stores(live, folder)
    yield from _record_files(folder)
    yield from profiles(folder)
    yield from in_profile(folder)
    for kind, added in extensions.source_kinds().items():
        for path in sorted(added.find(folder)):
            apart = path.relative_to(folder).parts if path.is_relative_to(folder) else ()
            if not any(one.startswith(".") or one in (paths.BACKUPS, paths.LOGS) for one in apart):
                yield SourceRef(kind, kind, path, folder, (path,))


def _beside_account(path: Path, target: Path) -> bool:
    """Whether a file belongs to the LiveStore store that is written to."""
    return target.name == paths.ACCOUNT_NAME and files.same(path.parent, target.parent)


def _is_livestore(found: SourceRef | Passed | None) -> bool:
    return isinstance(found, SourceRef) and found.kind == "livestore"


def _candidates(folder: Path, depth: int) -> Iterator[Path]:
    try:
        entries = list(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            if depth > 1 and entry.name not in _SKIPPED and not entry.is_symlink():
                yield from _candidates(entry, depth - 1)
        elif not entry.name.endswith(sqlite.SIDE_FILES) and (entry.is_symlink() or files.is_plain_file(entry)):
            yield entry


def _identify(path: Path, root: Path, *, named: bool) -> SourceRef | Passed | None:
    expected = "livestore" if is_store_file(path) else _expected_kind(path, root)
    if not files.is_plain_file(path):
        return Passed(path, "not a file that can be read" if path.exists() else "a link to nothing")
    looks_json = bool(_JSON_NAME.fullmatch(path.name)) or (named and path.suffix == ".json")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        if not (expected or looks_json or named):
            return None
        return SourceRef(
            expected or "json",
            expected or "json",
            path,
            root,
            (path,),
            damage=f"{CANNOT_BE_READ}: {error.strerror}",
        )
    if size == 0 and (expected or looks_json or named):
        return _empty(path, root, expected)
    if head.startswith(sqlite.MAGIC):
        return _database(path, root, expected, named)
    if expected or (named and path.suffix in (".db", ".sqlite", ".sqlite3")):
        return _sqlite_ref(expected or "livestore-db", path, root)
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[") and (kind := _json_kind(path, head, size, named)):
        dialect = kind
        return SourceRef("pjais" if kind == "pjais-export" else kind, dialect, path, root, (path,))
    if (looks_json and head[:2] in (b"\xff\xfe", b"\xfe\xff")) or (looks_json and b"\x00" in head[:64]):
        return SourceRef("json", "json", path, root, (path,), damage="not UTF-8; save it as UTF-8")
    if looks_json:
        known = SourceRef("json", "json", path, root, (path,), damage="not JSON")
        return known if not _is_json(head) else Passed(path, "JSON, but nothing that pjais knows")
    return Passed(path, "neither SQLite nor JSON") if named else None


def _expected_kind(path: Path, root: Path) -> str | None:
    """The kind that a file's name promises."""
    try:
        relative = path.relative_to(root).as_posix()
    except ValueError:
        relative = path.name
    if _SHARD.fullmatch(path.name):
        return "pjais-flat"
    return _DB_NAMES.get(relative) or _DB_NAMES.get(path.name)


def _empty(path: Path, root: Path, expected: str | None) -> SourceRef:
    """A file of 0 bytes: the app left its flat databases so; anywhere else it is a loss worth an alarm."""
    kind = expected or "json"
    if kind == "pjais-flat":
        return _sqlite_ref(kind, path, root)
    return SourceRef(kind, kind, path, root, (path,), damage="the file has 0 bytes")


def _sqlite_ref(kind: str, path: Path, root: Path, version: str | None = None) -> SourceRef:
    side = tuple(
        beside for suffix in sqlite.SIDE_FILES if files.is_plain_file(beside := path.with_name(path.name + suffix))
    )
    return SourceRef(kind, kind, path, root, (path, *side), version)


def _database(path: Path, root: Path, expected: str | None, named: bool) -> SourceRef | Passed | None:
    try:
        kind, version = _database_kind(path, expected)
    except (sqlite.Error, OSError, UnicodeDecodeError, SourceDamaged) as error:
        ref = _sqlite_ref(expected or "livestore-db", path, root)
        if isinstance(error, OSError | sqlite.CannotOpen):
            ref = replace(ref, damage=f"{CANNOT_BE_READ}: {error}")
        return ref if expected or named else None
    if kind == "pjais":
        return _sqlite_ref(kind, path, root, version) if named else None
    if kind is None:
        if not (expected or named):
            return Passed(path, "SQLite, but no table that pjais knows") if path.suffix == ".db" else None
        kind = expected or "livestore-db"
    return _sqlite_ref(kind, path, root, version)


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


def _kind_of_tables(connection: sqlite.Connection, expected: str | None) -> tuple[str | None, str | None]:
    if sqlite.pragma_int(connection, "application_id") == APPLICATION_ID:
        return "pjais", f"schema {sqlite.pragma_int(connection, 'user_version')}"
    columns: dict[str, set[str]] = {}
    for table, column in sqlite.each(
        connection,
        "SELECT t.name, c.name FROM pragma_table_list AS t, pragma_table_xinfo(t.name) AS c "
        "WHERE t.schema = 'main' AND t.type = 'table'",
    ):
        columns.setdefault(str(table), set()).add(str(column))
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
    known = columns.keys() & {"personas", "memoryEntities", "memory_entities", "memories", "conversations"}
    return ("livestore-db", version) if known else (None, None)


def _json_kind(path: Path, head: bytes, size: int, named: bool) -> str | None:
    """The kind of a JSON file, by the keys of its top level and what stands at its ends."""
    text = head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if text.startswith("["):
        first = _EMPTY_LISTS.sub("", text)[1:].lstrip()
        known = first[:1] == "{" and not _OF_A_RECORD.isdisjoint(canonical.top_keys(first))
        return "json" if known or (named and first[:1] in ("{", "]", "")) else None
    keys = set(canonical.top_keys(text) if size <= len(head) else _long_keys(path, text))
    if "format" in keys and '"pjais-export"' in text[:200]:
        return "pjais-export"
    if not keys & _COLLECTIONS:
        lists = [key for key in keys & {"collections", "docs"} if re.search(rf'"{key}"\s*:\s*\[', text)]
        exported = bool(keys & {"instanceToken", "schemaHash", "name"}) and bool(keys & {"collections", "docs"})
        if lists or exported:
            return "rxdb-dump"
        one_a_line = (named or _JSON_NAME.fullmatch(path.name)) and "id" in keys and keys & _OF_A_RECORD
        return "json" if one_a_line else None
    with path.open("rb") as file:
        file.seek(max(0, size - _TAIL))
        ends = text + file.read().decode("utf-8", "replace")
    dated = '"exportedAt"' in ends and re.search(r'"version"\s*:\s*"1\.0"', ends) is not None
    return "rxdb-export" if dated or '"_sourceSystem"' in ends else "json"


def _long_keys(path: Path, head: str) -> list[str]:
    """The top-level keys of a file longer than its head; the whole is only looked at if the head does not tell."""
    keys = canonical.top_keys(head)
    if set(keys) & (_COLLECTIONS | {"collections", "docs", "format"}):
        return keys
    return canonical.top_keys(path.read_bytes().decode("utf-8", "replace"))


def _is_json(head: bytes) -> bool:
    """Whether a text is one JSON value, or several one after the other."""
    decode, end = json.JSONDecoder().raw_decode, 0
    try:
        text = head.decode("utf-8-sig").rstrip()
        while end == 0 or end < len(text):
            begin = _BETWEEN_VALUES.match(text, end)
            end = decode(text, begin.end() if begin else end)[1]
    except (ValueError, RecursionError):
        return False
    return True


def _record_files(folder: Path) -> Iterator[SourceRef | Passed]:
    """The app's folders with one JSON file a record (formats/pjais.md §1.7)."""
    found = []
    for pattern in ("personas/*.json", "memory/*.json", "plugins/*/plugin.json", "plugins/*/manifest.json"):
        for path in sorted(folder.glob(pattern)):
            if path.relative_to(folder).parts[1] in ("temp", "backups"):
                continue
            if not files.is_plain_file(path):
                yield Passed(path, "not a file that can be read")
            elif not files.is_inside(path, folder):
                yield Passed(path, "a link that leaves the folder; name it to follow it")
            else:
                found.append(path)
    if found:
        yield SourceRef("pjais-files", "pjais-files", folder, folder, tuple(found))
