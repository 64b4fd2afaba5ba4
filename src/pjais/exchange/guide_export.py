"""The export of the RxDB to LiveStore guide: `rxdb-backup-<time>.json`, its validation, and its verification.

The format is the guide's, completed with fields that its own exporter omits: embedding, tier, counts and deletedAt.
The migration ids are derived from kind and id, so the same data gives the same file except for the time of export.
"""

from __future__ import annotations

import json
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pjais import canonical, files, instants, journal, sqlite
from pjais.assembly.ids import NAMESPACE
from pjais.assembly.normalise import Choices
from pjais.core.document import Document
from pjais.core.model import Model
from pjais.core.snapshot import Snapshot
from pjais.core.table import Record, Table, camel
from pjais.errors import BackupFailed
from pjais.exchange import transfer
from pjais.formats.json_stream import Broken, JsonStream, Malformed, Value
from pjais.models.persona.records import Memory, Persona
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
                for record in _records(db, table):
                    writer.put(record)
            result = writer.finish(destination)
    verify(destination)
    return result


class GuideWriter:
    """Takes records in any order and writes the guide's file at the end; memories are spooled to disk."""

    def __init__(self) -> None:
        self._result = Validation()
        self._personas: dict[str, str] = {}
        self._references: list[tuple[str, str | None]] = []
        """Persona ids of memories that came before their persona, or that have none."""
        self._memories = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed by finish

    def put(self, record: Record) -> None:
        """Add one record; this format holds personas and memories only."""
        if isinstance(record, Persona):
            if record.id not in self._personas:
                _check_persona(record, self._result)
            self._personas[record.id] = canonical.dumps(_document(record))
        elif isinstance(record, Memory):
            self._result.memories += 1
            if not record.name:
                self._result.errors.append(f"Invalid memory: {record.id}")
            if record.persona_id not in self._personas:
                self._references.append((record.id, record.persona_id))
            separator = "," if self._result.memories > 1 else ""
            self._memories.write(f"{separator}\n    {canonical.dumps(_document(record))}")

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
            file.text('{\n  "personas": [\n    ' + ",\n    ".join(self._personas.values()))
            file.text('\n  ],\n  "memoryEntities": [')
            self._memories.seek(0)
            while chunk := self._memories.read(1 << 20):
                file.text(chunk)
            file.text(f'\n  ],\n  "metadata": {json.dumps(metadata)},\n')
            file.text(f'  "exportedAt": {journal.now_ms()},\n  "version": "1.0"\n}}\n')
        result.size = destination.stat().st_size
        return result


def verify(path: Path) -> Validation:
    """Read an export back, one record at a time, and validate it again.

    Raises BackupFailed if it is not a valid export.
    """
    result = Validation(size=path.stat().st_size)
    known: set[Any] = set()
    before: list[tuple[Any, Any]] = []  # memories that come before their persona, or have none
    metadata: Any = None
    try:
        with JsonStream(path) as stream:
            for key in stream.members():
                if key == "personas":
                    known.update(persona.get("id") for persona in _each(stream, result, "personas"))
                elif key == "memoryEntities":
                    for memory in _each(stream, result, "memories"):
                        if memory.get("personaId") not in known:
                            before.append((memory.get("id"), memory.get("personaId")))
                else:
                    value = _sound(stream.value())
                    metadata = value if key == "metadata" else metadata
            if stream.rest("") is not None:
                raise Malformed("text after the end")
        counts = (metadata["totalPersonas"], metadata["totalMemories"])
    except (OSError, Malformed, KeyError, TypeError, AttributeError) as error:
        raise BackupFailed("the export cannot be read back", where=[str(path)]) from error
    if counts != (result.personas, result.memories):
        raise BackupFailed("the export does not hold as many records as it says", where=[str(path)])
    result.errors = [
        f"Memory {memory} references non-existent persona {persona}"
        for memory, persona in before
        if persona not in known
    ]
    return result


def _each(stream: JsonStream, result: Validation, count: str) -> Iterator[Any]:
    for item in stream.items():
        setattr(result, count, getattr(result, count) + 1)
        yield _sound(item)


def _sound(item: Value | Broken) -> Any:
    if isinstance(item, Broken):
        raise Malformed(item.reason)
    if item.bad_bytes:
        raise Malformed("text that is not UTF-8")
    return item.value


def _records(db: sqlite.Connection, table: Table) -> Iterator[Record]:
    for row in sqlite.each(db, f"SELECT {table.column_list} FROM {table.sql} ORDER BY id"):
        yield table.to_record(row)


def _marks(record: Persona | Memory) -> dict[str, Any]:
    kind = "persona" if isinstance(record, Persona) else "memory"
    return {"_migrationId": str(uuid.uuid5(NAMESPACE, f"{kind}:{record.id}")), "_sourceSystem": "rxdb"}


_PERSONA = (
    *("id", "name", "description", "avatar", "personality", "settings", "is_active", "created_at", "updated_at"),
    *("last_used", "usage_count", *(column.name for column in PERSONAS.later)),
)
_MEMORY = (
    *("id", "persona_id", "type", "name", "content", "summary", "tags", "importance", "last_accessed", "created_at"),
    *("updated_at", "embedding", "embedding_model", "memory_tier", "access_count", "connection_count", "deleted_at"),
    *(column.name for column in MEMORIES.later),
)
"""The fields of the guide's documents, in its order."""


def _document(record: Persona | Memory) -> dict[str, Any]:
    names = _PERSONA if isinstance(record, Persona) else _MEMORY
    return {**{camel(name): getattr(record, name) for name in names}, **_marks(record)}


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
            record = self._model.by_name[entry.table].to_record(entry.row)
            changed = self._choices.ids.active or self._choices.expand_cold
            writer.put(_original(self._model, snapshot.dialect, entry, record) if changed else record)

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


def _original(model: Model, dialect: str, entry: Entry, record: Record) -> Record:
    """Return the record of its document alone: with its own ids and unchanged content."""
    mapping = model.reader(dialect, entry.collection)
    value = mapping.rebuild(record)
    return mapping.read(Document(entry.collection, entry.native_id, entry.place, value)).record
