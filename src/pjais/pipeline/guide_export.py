"""The export of the RxDB to LiveStore guide: `rxdb-backup-<time>.json`, its validation, and its verification.

The shape is the guide's (formats/pjais.md §1.3), completed with what its own exporter forgets: embedding,
tier, counts and deletedAt.  The migration ids are made from kind and id, so the same data gives the same file
but for the time of export.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pjais import canonical, files, journal, sqlite
from pjais.errors import BackupFailed
from pjais.model import Memory, Persona, Record
from pjais.pipeline import transfer
from pjais.pipeline.assemble import NAMESPACE
from pjais.pipeline.place import Place
from pjais.schema import rows
from pjais.schema.tables import MEMORIES, PERSONAS, Table

Write = Callable[[str], None]


@dataclass
class Validation:
    """The guide's validation of an export: what is wrong, what is worth a look, and the figures."""

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    personas: int = 0
    memories: int = 0
    active: int = 0
    size: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The validation as a JSON object, with the guide's names."""
        return {
            "isValid": not self.errors,
            "errors": self.errors,
            "warnings": self.warnings,
            "stats": {"personaCount": self.personas, "memoryCount": self.memories, "totalSize": self.size},
        }


def export(place: Place, store: Path | None, destination: Path | None, *, password: str | None = None) -> Validation:
    """Write the guide's export of a store or a source; without a destination it is only validated."""
    with transfer.opened(place, store, password) as db:
        if destination is None:
            return write(db, lambda _: None)
        with files.writing(destination.absolute()) as file:
            return write(db, file.text)


def write(db: sqlite.Connection, out: Write) -> Validation:
    """Write the export of an open store, and validate it on the way."""
    result = Validation()

    def counted(text: str) -> None:
        result.size += len(text.encode("utf-8", "surrogatepass"))
        out(text)

    known = {persona_id for (persona_id,) in sqlite.each(db, "SELECT id FROM personas")}
    counted('{\n  "personas": [')
    for number, persona in enumerate(_records(db, PERSONAS)):
        if isinstance(persona, Persona):
            _check_persona(persona, result)
            counted(("," if number else "") + "\n    " + canonical.dumps(_persona(persona)))
    counted('\n  ],\n  "memoryEntities": [')
    for number, memory in enumerate(_records(db, MEMORIES)):
        if isinstance(memory, Memory):
            _check_memory(memory, known, result)
            counted(("," if number else "") + "\n    " + canonical.dumps(_memory(memory)))
    metadata = {
        "totalPersonas": result.personas,
        "totalMemories": result.memories,
        "activePersonas": result.active,
        "databaseVersion": "1",
        "exportMethod": "full",
        "integrityCheck": not result.errors,
    }
    counted(f'\n  ],\n  "metadata": {json.dumps(metadata)},\n')
    counted(f'  "exportedAt": {journal.now_ms()},\n  "version": "1.0"\n}}\n')
    return result


def verify(path: Path) -> Validation:
    """Read an export back and validate it again.  Raises BackupFailed if it is not what it says it is."""
    try:
        data = json.loads(path.read_text("utf-8"))
        personas, memories, metadata = data["personas"], data["memoryEntities"], data["metadata"]
        counts = (metadata["totalPersonas"], metadata["totalMemories"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackupFailed("the export cannot be read back", where=[str(path)]) from error
    if counts != (len(personas), len(memories)):
        raise BackupFailed("the export does not hold as many records as it says", where=[str(path)])
    result = Validation(personas=len(personas), memories=len(memories), size=path.stat().st_size)
    known = {one.get("id") for one in personas}
    for memory in memories:
        if memory.get("personaId") not in known:
            result.errors.append(f"Memory {memory.get('id')} references non-existent persona {memory.get('personaId')}")
    return result


def _records(db: sqlite.Connection, table: Table) -> Iterator[Record]:
    for row in sqlite.each(db, f"SELECT {', '.join(table.column_names)} FROM {table.name} ORDER BY id"):
        yield rows.to_record(table, row)


def _marks(record: Persona | Memory) -> dict[str, Any]:
    kind = "persona" if isinstance(record, Persona) else "memory"
    return {"_migrationId": str(uuid.uuid5(NAMESPACE, f"{kind}:{record.id}")), "_sourceSystem": "rxdb"}


def _persona(persona: Persona) -> dict[str, Any]:
    return {
        "id": persona.id,
        "name": persona.name,
        "description": persona.description,
        "avatar": persona.avatar,
        "personality": persona.personality,
        "settings": persona.settings,
        "isActive": persona.is_active,
        "createdAt": persona.created_at,
        "updatedAt": persona.updated_at,
        "lastUsed": persona.last_used,
        "usageCount": persona.usage_count,
        **_marks(persona),
    }


def _memory(memory: Memory) -> dict[str, Any]:
    return {
        "id": memory.id,
        "personaId": memory.persona_id,
        "type": memory.type,
        "name": memory.name,
        "content": memory.content,
        "summary": memory.summary,
        "tags": memory.tags,
        "importance": memory.importance,
        "lastAccessed": memory.last_accessed,
        "createdAt": memory.created_at,
        "updatedAt": memory.updated_at,
        "embedding": memory.embedding,
        "embeddingModel": memory.embedding_model,
        "memoryTier": memory.memory_tier,
        "accessCount": memory.access_count,
        "connectionCount": memory.connection_count,
        "deletedAt": memory.deleted_at,
        **_marks(memory),
    }


def _check_persona(persona: Persona, result: Validation) -> None:
    result.personas += 1
    result.active += persona.is_active
    if not persona.name:
        result.errors.append(f"Invalid persona: {persona.id}")
    if persona.personality is None or persona.settings is None:
        result.warnings.append(f"Persona {persona.id} missing personality or settings")


def _check_memory(memory: Memory, known: set[str], result: Validation) -> None:
    result.memories += 1
    if not memory.name or memory.persona_id is None:
        result.errors.append(f"Invalid memory: {memory.id}")
    if memory.persona_id not in known:
        result.errors.append(f"Memory {memory.id} references non-existent persona {memory.persona_id}")
