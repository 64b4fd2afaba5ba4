"""The export of the RxDB to LiveStore guide: `rxdb-backup-<time>.json`, its validation, and its verification.

The format is the guide's, completed with fields that its own exporter omits: embedding, tier, counts and deletedAt.
The migration ids are derived from kind and id, so the same data gives the same file except for the time of export.

A migration writes this file for every RxDB database, so each record is written from its row, whose JSON columns are
JSON already, and read back by the line.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from pjais import canonical, files, instants, journal, sqlite
from pjais.assembly.ids import NAMESPACE
from pjais.assembly.normalise import Choices
from pjais.core.document import Document
from pjais.core.model import Model
from pjais.core.snapshot import Snapshot
from pjais.core.table import Row, Table, camel
from pjais.errors import BackupFailed
from pjais.exchange import transfer
from pjais.formats.json_stream import Broken, JsonStream, Malformed, Value
from pjais.models.persona.records import Persona
from pjais.models.persona.tables import MEMORIES, PERSONAS
from pjais.sources.registry import source_of
from pjais.targets.sqlite.entries import Entry
from pjais.workspace import Workspace


@dataclass
class Validation:
    """The guide's validation of an export: errors, warnings, and statistics."""

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    personas: int = 0
    memories: int = 0
    active: int = 0
    size: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the validation as a JSON object, with the guide's names."""
        return {
            "isValid": not self.errors,
            "errors": self.errors,
            "warnings": self.warnings,
            "stats": {"personaCount": self.personas, "memoryCount": self.memories, "totalSize": self.size},
        }


def export(workspace: Workspace, store: Path | None, destination: Path, *, password: str | None = None) -> Validation:
    """Write the guide's export of a store or a source, read it back, and return its validation."""
    with transfer.opened(workspace, store, password) as db:
        with closing(GuideWriter()) as writer:
            for table in (PERSONAS, MEMORIES):
                for row in sqlite.each(db, f"SELECT {table.column_list} FROM {table.sql} ORDER BY id"):
                    writer.put(table, table.to_row(table.to_record(row)))
            result = writer.finish(destination)
    verify(destination)
    return result


class GuideWriter:
    """Takes records in any order and writes the guide's file at the end; memories are spooled to disk."""

    def __init__(self) -> None:
        self._result = Validation()
        self._personas: dict[str, bytes] = {}
        self._references: list[tuple[str, str | None]] = []
        """Persona ids of memories that came before their persona, or that have none."""
        self._memories = tempfile.TemporaryFile("w+b")  # noqa: SIM115 - closed by finish

    def put(self, table: Table, row: Row) -> None:
        """Add one record, as the row that `Table.to_row` makes of it; of tables other than these two, nothing."""
        if table is PERSONAS:
            key = row[_PERSONA.key]
            if key not in self._personas:
                _check_persona(PERSONAS.to_record(row), self._result)
            self._personas[key] = _PERSONA.text(row)
        elif table is MEMORIES:
            self._result.memories += 1
            key, name, persona = row[_MEMORY.key], row[_MEMORY.name], row[_PERSONA_ID]
            if not name:
                self._result.errors.append(f"Invalid memory: {key}")
            if persona not in self._personas:
                self._references.append((key, persona))
            separator = b"," if self._result.memories > 1 else b""
            self._memories.write(separator + b"\n    " + _MEMORY.text(row))

    def close(self) -> None:
        """Discard pending output, finished or not."""
        self._memories.close()

    def finish(self, destination: Path) -> Validation:
        """Write the file in one step; return its validation."""
        result = self._result
        result.errors += [
            f"Memory {memory} references non-existent persona {persona}"
            for memory, persona in self._references
            if persona not in self._personas
        ]
        metadata = {
            "totalPersonas": result.personas,
            "totalMemories": result.memories,
            "activePersonas": result.active,
            "databaseVersion": "1",
            "exportMethod": "full",
            "integrityCheck": not result.errors,
        }
        with files.writing(destination.absolute()) as file:
            file.write(b'{\n  "personas": [\n    ' + b",\n    ".join(self._personas.values()))
            file.text('\n  ],\n  "memoryEntities": [')
            self._memories.seek(0)
            while chunk := self._memories.read(1 << 20):
                file.write(chunk)
            file.text(f'\n  ],\n  "metadata": {json.dumps(metadata)},\n')
            file.text(f'  "exportedAt": {journal.now_ms()},\n  "version": "1.0"\n}}\n')
        result.size = destination.stat().st_size
        return result


def verify(path: Path) -> Validation:
    """Read an export back, one record at a time, and validate it again.

    Raises BackupFailed if it is not a valid export.
    """
    try:
        try:
            return _validated(path, _by_line(path))
        except ValueError:  # laid out in another way, or broken
            return _validated(path, _by_value(path))
    except (OSError, Malformed, KeyError, TypeError, AttributeError) as error:
        raise BackupFailed("the export cannot be read back", where=[str(path)]) from error


def _validated(path: Path, members: Iterator[tuple[str, Any]]) -> Validation:
    result = Validation(size=path.stat().st_size)
    known: set[Any] = set()
    before: list[tuple[Any, Any]] = []  # memories that come before their persona, or have none
    metadata: Any = None
    for name, value in members:
        if name == "personas":
            result.personas += 1
            known.add(value.get("id"))
        elif name == "memoryEntities":
            result.memories += 1
            if value.get("personaId") not in known:
                before.append((value.get("id"), value.get("personaId")))
        elif name == "metadata":
            metadata = value
    if (metadata["totalPersonas"], metadata["totalMemories"]) != (result.personas, result.memories):
        raise BackupFailed("the export has fewer or more records than its metadata says", where=[str(path)])
    result.errors = [
        f"Memory {memory} references non-existent persona {persona}"
        for memory, persona in before
        if persona not in known
    ]
    return result


def _by_line(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the records of a file that `GuideWriter` wrote, each from its line, then its metadata.

    What is around the records is read as a whole, with 0 for each of them.  Raises ValueError for any other file.
    """
    name, around = "", bytearray()
    read: Counter[str] = Counter()
    with path.open("rb") as file:
        if file.read(len(_HEAD)) != _HEAD:
            raise ValueError("not one record a line")
        file.seek(0)
        for line in file:
            if line.startswith(_RECORD):
                text = line.rstrip(b"\n")
                yield name, orjson.loads(text.removesuffix(b","))
                around += b"0," if text.endswith(b",") else b"0"
                read[name] += 1
            else:
                name = _LISTS.get(line, name)
                around += line
    members = json.loads(around)
    if any(members.get(name) != [0] * read[name] for name in _LISTS.values()):
        raise ValueError("not one record a line")
    yield "metadata", members["metadata"]


_HEAD = b'{\n  "personas": [\n'
_RECORD = b"    {"
_LISTS = {b'  "personas": [\n': "personas", b'  "memoryEntities": [\n': "memoryEntities"}


def _by_value(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the records of any export, and its other members.  Raises Malformed."""
    with JsonStream(path) as stream:
        for name in stream.members():
            if name in _LISTS.values():
                yield from ((name, _sound(item)) for item in stream.items())
            else:
                yield name, _sound(stream.value())
        if stream.rest("") is not None:
            raise Malformed("text after the end")


def _sound(item: Value | Broken) -> Any:
    if isinstance(item, Broken):
        raise Malformed(item.reason)
    if item.bad_bytes:
        raise Malformed("text that is not UTF-8")
    return item.value


class _Form:
    """The guide's documents of one table: the fields in its order, and how each is written from a row."""

    def __init__(self, table: Table, kind: str, names: tuple[str, ...]) -> None:
        self._table = table
        self._names = (*names, *(column.name for column in table.later))
        self._keys = tuple(map(camel, self._names))
        self._kind = f"{kind}:".encode()
        places = {name: index for index, name in enumerate(table.column_names)}
        forms = {column.name: _FORMS.get(column.form) for column in table.columns}
        named = zip(self._keys, self._names, strict=True)
        self._steps = tuple((key, places[name], forms[name]) for key, name in named)
        self._content = (places["content"], places["content_format"]) if "content" in places else None
        self.key, self.name = places["id"], places["name"]

    def text(self, row: Row) -> bytes:
        """Return the document of a row as canonical JSON."""
        members: dict[str, Any] = {}
        for key, index, write in self._steps:
            value = row[index]
            members[key] = value if write is None or value is None else write(value)
        if self._content is not None and row[self._content[1]] == "json":
            members["content"] = orjson.Fragment(row[self._content[0]])
        members["_migrationId"] = self._migration_id(row[self.key])
        members["_sourceSystem"] = "rxdb"
        try:
            return orjson.dumps(members)
        except TypeError:  # a lone surrogate, or an integer beyond 64 bits
            return canonical.dumps(self.document(row)).encode()

    def document(self, row: Row) -> dict[str, Any]:
        """Return the document of a row."""
        record = self._table.to_record(row)
        found = {key: getattr(record, name) for key, name in zip(self._keys, self._names, strict=True)}
        return {**found, "_migrationId": self._migration_id(record.id), "_sourceSystem": "rxdb"}

    def _migration_id(self, key: str) -> str:
        """Return the UUIDv5 of a record, as `uuid.uuid5` makes it."""
        digest = bytearray(hashlib.sha1(_NAMESPACE + self._kind + key.encode(), usedforsecurity=False).digest()[:16])
        digest[6] = digest[6] & 0x0F | 0x50
        digest[8] = digest[8] & 0x3F | 0x80
        text = digest.hex()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _number(value: int | float) -> Any:
    return value if type(value) is int else orjson.Fragment(canonical.dumps(value))


_FORMS: dict[str, Callable[[Any], Any]] = {
    "json": orjson.Fragment,
    "instant": instants.from_text,
    "bool": bool,
    "number": _number,
}
"""The value of a document for that of a row, by the form of its column; of any other form the value itself."""

_NAMESPACE = NAMESPACE.bytes
_PERSONA = _Form(
    PERSONAS,
    "persona",
    (
        *("id", "name", "description", "avatar", "personality", "settings", "is_active", "created_at", "updated_at"),
        *("last_used", "usage_count"),
    ),
)
_MEMORY = _Form(
    MEMORIES,
    "memory",
    (
        *("id", "persona_id", "type", "name", "content", "summary", "tags", "importance", "last_accessed"),
        *("created_at", "updated_at", "embedding", "embedding_model", "memory_tier", "access_count"),
        *("connection_count", "deleted_at"),
    ),
)
_PERSONA_ID = MEMORIES.column_names.index("persona_id")


def _check_persona(persona: Persona, result: Validation) -> None:
    result.personas += 1
    result.active += persona.is_active
    if not persona.name:
        result.errors.append(f"Invalid persona: {persona.id}")
    if persona.personality is None or persona.settings is None:
        result.warnings.append(f"Persona {persona.id} missing personality or settings")


class Made(NamedTuple):
    """One backup file of the guide's, and the owner of its documents."""

    path: Path
    origin: str | None
    database: str | None


class Backups:
    """The RxDB guide's own backup of each RxDB database, `rxdb-backup-<date>T<time>.json`, made while it is read.

    It holds the database's documents under their own ids, whatever ids the run assigns.
    """

    def __init__(self, model: Model, folder: Path, at_ms: int, choices: Choices) -> None:
        self._model = model
        stamp = instants.to_text(at_ms).replace(":", "-").replace(".", "-")
        self._path = folder / f"rxdb-backup-{stamp}.json"
        self._choices = choices
        self._writers: dict[tuple[str, str | None, str | None], GuideWriter] = {}

    def put(self, snapshot: Snapshot, entry: Entry) -> None:
        """Add a record."""
        if not source_of(snapshot).guide_backup:
            return
        name = (snapshot.name, entry.origin, entry.database)
        writer = self._writers.get(name) or self._writers.setdefault(name, GuideWriter())
        if entry.table in (PERSONAS.name, MEMORIES.name):
            table = self._model.by_name[entry.table]
            changed = self._choices.ids.active or self._choices.expand_cold
            writer.put(table, _original(self._model, snapshot.dialect, table, entry) if changed else entry.row)

    def close(self) -> None:
        """Discard pending output, finished or not."""
        for writer in self._writers.values():
            writer.close()

    def finish(self) -> list[Made]:
        """Write and read back each file; return them."""
        made = []
        for number, ((_, origin, database), writer) in enumerate(self._writers.items(), 1):
            path = self._path.with_stem(f"{self._path.stem}-{number}") if number > 1 else self._path
            writer.finish(path)
            verify(path)
            made.append(Made(path, origin, database))
        return made


def _original(model: Model, dialect: str, table: Table, entry: Entry) -> Row:
    """Return the row of its document alone: with its own ids and unchanged content."""
    mapping = model.reader(dialect, entry.collection)
    value = mapping.rebuild(table.to_record(entry.row))
    return table.to_row(mapping.read(Document(entry.collection, entry.native_id, entry.place, value)).record)
