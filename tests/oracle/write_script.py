"""What an app writes through better-sqlite3, step by step, and the history that every step must leave."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, NamedTuple

from oracle_world import Migrated, Row, rows_of

GUIDE_COLUMNS = (
    "id, persona_id, type, name, content, summary, tags, importance, memory_tier, access_count, last_accessed"
)
GUIDE_VALUES = ", ".join(f"@{name}" for name in GUIDE_COLUMNS.split(", "))
INSERT = f"INTO memory_entities ({GUIDE_COLUMNS}) VALUES ({GUIDE_VALUES})"


class AnyInstant:
    """Equal to every instant in ISO-8601 with `Z`."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", other))

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "<an instant with Z>"


NOW = AnyInstant()


class Change(NamedTuple):
    """One row of the history, as it must be."""

    table: str
    record: str
    op: str
    before: Row | None
    after: Row | None


def memory(key: str, persona: str, **values: Any) -> Row:
    """The values of a memory in the guide's columns."""
    given = {"type": "fact", "name": None, "content": "", "summary": None, "tags": "[]", "importance": 50}
    more = {"memory_tier": "active", "access_count": 0, "last_accessed": None}
    return {"id": key, "persona_id": persona, **given, **more, **values}


def image(values: Row) -> Row:
    """The whole new row that a memory's insert leaves: its values, and the defaults of the rest."""
    rest = {"embedding": None, "embedding_model": None, "created_at": NOW, "updated_at": NOW, "deleted_at": None}
    return {**values, **rest, "connection_count": 0, "content_format": "text", "extra": None}


class Script:
    """Steps for better-sqlite3, and the history they must leave."""

    def __init__(self, migrated: Migrated) -> None:
        self.steps: list[dict[str, Any]] = []
        self.history: list[Change] = []
        columns = [name for (name,) in rows_of(migrated.store, "SELECT name FROM pragma_table_info('memory_entities')")]
        rows = rows_of(migrated.store, f"SELECT {', '.join(columns)} FROM memory_entities ORDER BY id")
        self.rows: dict[str, Row] = {row[0]: dict(zip(columns, row, strict=True)) for row in rows}
        for row in self.rows.values():
            del row["search_id"]
        busiest = Counter(row["persona_id"] for row in self.rows.values() if row["persona_id"]).most_common(1)
        self.persona = str(busiest[0][0])
        self.free = [key for key, row in self.rows.items() if row["deleted_at"] is None]
        """Ids of live memories that no step has touched yet."""

    def step(self, sql: str, values: Row, *changes: Change) -> None:
        self.steps.append({"sql": sql, "values": values})
        self.history += changes

    def refuse(self, name: str, sql: str, values: Row) -> None:
        self.steps.append({"refused": name, "sql": sql, "values": values})

    def pragma(self, setting: str) -> None:
        self.steps.append({"pragma": setting})

    def vacuum(self) -> None:
        self.steps.append({"vacuum": True})

    def insert(self, key: str, **values: Any) -> None:
        new = memory(key, self.persona, **values)
        self.step(f"INSERT {INSERT}", new, Change("memory_entities", key, "insert", None, image(new)))

    def update(self, key: str, sets: str, **after: Any) -> None:
        before = {name: self.rows[key][name] for name in after}
        change = Change("memory_entities", key, "update", before, after)
        bound = {name: value for name, value in after.items() if f"@{name}" in sets}
        self.step(f"UPDATE memory_entities SET {sets} WHERE id = @id", {"id": key, **bound}, change)

    def replace(self, key: str, **values: Any) -> None:
        new = memory(key, self.persona, **values)
        change = Change("memory_entities", key, "update", self.rows[key], image(new))
        self.step(f"INSERT OR REPLACE {INSERT}", new, change)

    def delete(self, key: str) -> None:
        change = Change("memory_entities", key, "delete", self.rows[key], None)
        self.step("DELETE FROM memory_entities WHERE id = @id", {"id": key}, change)


UPSERT = f"INSERT {INSERT} ON CONFLICT (id) DO UPDATE SET content = excluded.content, importance = excluded.importance"


def everything(migrated: Migrated) -> Script:
    """Every kind of write that an app does, some of them again after a VACUUM has renumbered the rows."""
    script = Script(migrated)
    free = iter(script.free)

    script.insert("inserted", content="A zephyranthes blooms.", tags='["zephyranthes","bloom"]', importance=77)
    script.update(
        next(free),
        "content = @content, updated_at = CURRENT_TIMESTAMP",
        content="Rewritten about a quincunx.",
        updated_at=NOW,
    )
    script.update(next(free), "deleted_at = CURRENT_TIMESTAMP", deleted_at=NOW)
    script.replace(next(free), content="Replaced by a xylograph.", name="Xylograph")
    key = next(free)
    changed = {"content": "Upserted with a theodolite.", "importance": 1.5}
    change = Change("memory_entities", key, "update", {name: script.rows[key][name] for name in changed}, changed)
    script.step(UPSERT, memory(key, script.persona, **changed), change)
    fresh = memory("upserted", script.persona, content="A new heliotrope.")
    script.step(UPSERT, fresh, Change("memory_entities", "upserted", "insert", None, image(fresh)))
    script.delete(next(free))

    ignored = memory(next(free), script.persona, content="Ignored vuvuzela.")
    script.step(f"INSERT OR IGNORE {INSERT}", ignored)
    undone = memory("undone", script.persona, content="Undone vuvuzela.")
    script.steps.append({"undone": [[f"INSERT {INSERT}", undone], [f"INSERT OR REPLACE {INSERT}", ignored]]})
    add_personas(script)

    script.vacuum()
    script.insert("after vacuum", content="Another zephyranthes.")
    script.replace(next(free), content="Replaced by a second xylograph.")
    script.update(next(free), "content = @content", content="A second quincunx.")
    script.delete(next(free))
    script.vacuum()
    return script


def add_personas(script: Script) -> None:
    """An insert by defaults, an activation, and a zoneless date with fractions."""
    new = {"name": "Nova", "description": None, "is_active": 0, "created_at": NOW, "updated_at": NOW}
    empty = dict.fromkeys(
        ("personality", "memory_configuration", "privacy_settings", "avatar", "settings", "last_used", "extra")
    )
    script.step(
        "INSERT INTO personas (id, name) VALUES (@id, @name)",
        {"id": "nova", "name": "Nova"},
        Change("personas", "nova", "insert", None, {"id": "nova", **new, **empty, "usage_count": 0}),
    )
    script.step(
        "UPDATE personas SET is_active = 1, last_used = @at WHERE id = @id",
        {"id": "nova", "at": "2025-07-01 12:30:00.25"},
        Change(
            "personas",
            "nova",
            "update",
            {"is_active": 0, "last_used": None},
            {"is_active": 1, "last_used": "2025-07-01T12:30:00.250Z"},
        ),
    )
