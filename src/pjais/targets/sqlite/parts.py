"""SQL of derived tables (`pjais.core.table.Parts`): the items of a JSON list as rows, with a full-text index over them.

Triggers keep the rows in step with the list, whoever writes it, and further triggers the index with the rows.  An
update touches the items that differ alone, so that adding one message to a long conversation is cheap.  Nothing here is
data: everything can be made again from the lists, and `problem` names the records whose rows do not follow from them.
"""

from __future__ import annotations

from pjais import sqlite
from pjais.core.table import Parts, Table

_SHOWN = 20


def create_table(parts: Parts) -> str:
    """Return the CREATE TABLE of the rows."""
    columns = [f"{name} {declaration}" for name, declaration, _ in parts.columns]
    lines = ["id INTEGER PRIMARY KEY", f"{parts.link} TEXT NOT NULL", "position INTEGER NOT NULL", *columns]
    return f"CREATE TABLE {parts.name} (\n    " + ",\n    ".join(lines) + "\n);"


def create_index(parts: Parts) -> str:
    """Return the SQL of the index by which the rows of a record are found."""
    return f"CREATE INDEX {parts.name}_place ON {parts.name} ({parts.link}, position);"


def search_index(parts: Parts) -> str:
    """Return the SQL of the full-text index, still empty."""
    return f"""
CREATE VIRTUAL TABLE {parts.search.name} USING fts5(
    {", ".join(parts.search.columns)},
    content='{parts.name}', content_rowid='id', tokenize='unicode61 remove_diacritics 2'
);
"""


def fill(db: sqlite.Connection, table: Table, parts: Parts) -> None:
    """Make all rows and the index again."""
    db.execute(f"DELETE FROM {parts.name}")
    db.execute(f"{_insert(parts)} {_select(table, parts, f'{table.sql} AS t, ', 't')}")
    db.execute(f"INSERT INTO {parts.search.name} ({parts.search.name}) VALUES ('rebuild')")


def _names(parts: Parts) -> str:
    return ", ".join(name for name, *_ in parts.columns)


def _insert(parts: Parts) -> str:
    return f"INSERT INTO {parts.name} ({parts.link}, position, {_names(parts)})"


def _select(table: Table, parts: Parts, before: str, row: str) -> str:
    """Return the SQL of the rows that follow from the list of a record, or of all (`before`: their table)."""
    held = f"{row}.{parts.items}"
    items = (
        f"CASE WHEN json_valid({held}) THEN CASE json_type({held}) WHEN 'array' THEN {held} ELSE '[]' END ELSE '[]' END"
    )
    values = ", ".join(f"{value} AS {name}" for name, _, value in parts.columns)
    return (
        f"SELECT {row}.{table.key[0]} AS {parts.link}, item.key AS position, {values} "
        f"FROM {before}json_each({items}) AS item WHERE {parts.takes}"
    )


def triggers(table: Table, parts: Parts) -> str:
    """Return the SQL of all triggers."""
    key, names, rows, fts = table.key[0], _names(parts), parts.name, parts.search.name
    made = _select(table, parts, "", "NEW")
    changed = f"OLD.{key} IS NOT NEW.{key}"
    columns = ", ".join(parts.search.columns)
    old, new = (", ".join(f"{row}.{one}" for one in parts.search.columns) for row in ("OLD", "NEW"))
    add = f"INSERT INTO {fts} (rowid, {columns}) VALUES (NEW.id, {new});"
    take_out = f"INSERT INTO {fts} ({fts}, rowid, {columns}) VALUES ('delete', OLD.id, {old});"
    return f"""
CREATE TRIGGER {table.name}_{parts.items}_insert AFTER INSERT ON {table.sql} BEGIN
    DELETE FROM {rows} WHERE {parts.link} = NEW.{key};
    {_insert(parts)}
        {made};
END;
CREATE TRIGGER {table.name}_{parts.items}_update AFTER UPDATE OF {key}, {parts.items} ON {table.sql}
    WHEN {changed} OR OLD.{parts.items} IS NOT NEW.{parts.items} BEGIN
    DELETE FROM {rows} WHERE {parts.link} = OLD.{key} AND ({changed} OR position IN (
        SELECT position FROM (
            SELECT position, {names} FROM {rows} WHERE {parts.link} = OLD.{key}
            EXCEPT SELECT position, {names} FROM ({made})
        )
    ));
    {_insert(parts)}
        SELECT {parts.link}, position, {names} FROM ({made})
        WHERE position NOT IN (SELECT position FROM {rows} WHERE {parts.link} = NEW.{key});
END;
CREATE TRIGGER {table.name}_{parts.items}_delete AFTER DELETE ON {table.sql} BEGIN
    DELETE FROM {rows} WHERE {parts.link} = OLD.{key};
END;
CREATE TRIGGER {rows}_insert AFTER INSERT ON {rows} BEGIN
    {add}
END;
CREATE TRIGGER {rows}_update AFTER UPDATE ON {rows} BEGIN
    {take_out}
    {add}
END;
CREATE TRIGGER {rows}_delete AFTER DELETE ON {rows} BEGIN
    {take_out}
END;
"""


def problem(db: sqlite.Connection, table: Table, parts: Parts) -> str | None:
    """Return the records whose rows do not follow from their lists, in words; None if all do."""
    made = _select(table, parts, f"{table.sql} AS t, ", "t")
    differs = " OR ".join(f"held.{name} IS NOT made.{name}" for name, *_ in parts.columns)
    wrong = sqlite.fetch(
        db,
        f"SELECT DISTINCT made.{parts.link} FROM ({made}) AS made LEFT JOIN {parts.name} AS held "
        f"ON held.{parts.link} = made.{parts.link} AND held.position = made.position "
        f"WHERE held.id IS NULL OR {differs} LIMIT {_SHOWN}",
    ) or sqlite.fetch(
        db,
        f"SELECT {parts.link} FROM (SELECT {parts.link}, position FROM {parts.name} EXCEPT "
        f"SELECT {parts.link}, position FROM ({made})) UNION SELECT {parts.link} FROM {parts.name} "
        f"GROUP BY {parts.link}, position HAVING count(*) > 1 LIMIT {_SHOWN}",
    )
    if not wrong:
        return None
    return f"{parts.name} does not follow from {table.title}: {', '.join(str(name) for (name,) in wrong)}"
