"""SQL of the target: tables, search indexes, history triggers; generated from a model's tables.

Guarantees of the triggers, whoever writes (better-sqlite3, the sqlite3 shell, Datasette, pjais):

- a search index follows its table.  It has an integer id of its own (`search_id`), because a VACUUM may renumber the
  rowids of a table whose key is TEXT.
- `changes` gets one row for every insert, update and delete, with the values before and after.
- an instant written without a zone (SQLite's CURRENT_TIMESTAMP, UTC) is converted to ISO-8601 with `Z`.

`INSERT OR REPLACE` removes the old row without firing delete triggers.  So a BEFORE INSERT trigger saves an
image of the row that is about to be replaced in `changes_replaced`, and the AFTER INSERT trigger uses it; an
image that no AFTER INSERT picked up (OR IGNORE, an upsert) is overwritten the next time.  With
`PRAGMA recursive_triggers` the delete triggers do fire, and discard the image.  To the history, a record whose
id changes is a deletion and an insertion.
"""

from __future__ import annotations

from pjais import sql_text
from pjais.core.model import Model
from pjais.core.table import Column, Search, Table
from pjais.targets.sqlite import parts

_NOW = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"
_ZONELESS = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9] [0-9][0-9]:[0-9][0-9]:[0-9][0-9]*"

_SYSTEM_TABLES = """
CREATE TABLE changes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    table_name TEXT NOT NULL,
    record_id TEXT NOT NULL,
    op TEXT NOT NULL CHECK (op IN ('insert', 'update', 'delete')),
    before JSON CHECK (before IS NULL OR json_valid(before)),
    after JSON CHECK (after IS NULL OR json_valid(after))
);
CREATE TABLE changes_replaced (
    table_name TEXT NOT NULL,
    record_id TEXT NOT NULL,
    before JSON,
    %s
    PRIMARY KEY (table_name, record_id)
) WITHOUT ROWID;
CREATE TABLE migration_runs (
    id TEXT PRIMARY KEY,
    number INTEGER NOT NULL,
    started_at TEXT NOT NULL,
    finished_at TEXT,
    program_version TEXT NOT NULL,
    ids TEXT NOT NULL DEFAULT 'keep' CHECK (ids IN ('keep', 'new')),
    sources JSON NOT NULL CHECK (json_valid(sources)),
    counts JSON CHECK (counts IS NULL OR json_valid(counts)),
    changes_seq INTEGER NOT NULL DEFAULT 0,
    options JSON CHECK (options IS NULL OR json_valid(options))
);
CREATE TABLE migration_records (
    seq INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL,
    source_kind TEXT NOT NULL,
    source_path TEXT NOT NULL,
    dialect TEXT,
    origin TEXT,
    database TEXT,
    collection TEXT NOT NULL,
    native_id TEXT,
    place TEXT NOT NULL,
    record_type TEXT,
    record_id TEXT,
    digest BLOB,
    outcome TEXT NOT NULL CHECK (outcome IN ('migrated', 'superseded', 'removed', 'quarantined')),
    superseded_by TEXT,
    document TEXT CHECK (document IS NULL OR json_valid(document))
);
CREATE TABLE migration_quarantine (
    id INTEGER PRIMARY KEY,
    record_seq INTEGER,
    run_id TEXT NOT NULL,
    source_kind TEXT NOT NULL,
    source_path TEXT NOT NULL,
    dialect TEXT,
    origin TEXT,
    database TEXT,
    collection TEXT NOT NULL,
    native_id TEXT,
    place TEXT NOT NULL,
    reasons JSON NOT NULL CHECK (json_valid(reasons)),
    document TEXT CHECK (document IS NULL OR json_valid(document)),
    raw BLOB,
    replayed_at TEXT
);
CREATE TABLE migration_ids (
    old_id TEXT PRIMARY KEY,
    new_id TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE migration_decisions (
    source_kind TEXT NOT NULL,
    origin TEXT NOT NULL DEFAULT '',
    database TEXT NOT NULL DEFAULT '',
    collection TEXT NOT NULL,
    native_id TEXT NOT NULL,
    digest BLOB NOT NULL,
    decision TEXT NOT NULL CHECK (decision IN ('replayed', 'discarded')),
    decided_at TEXT NOT NULL,
    record_type TEXT,
    record_id TEXT,
    PRIMARY KEY (source_kind, origin, database, collection, native_id, digest)
) WITHOUT ROWID;
CREATE TABLE migration_chain (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    event TEXT NOT NULL,
    run_id TEXT,
    changes_seq INTEGER NOT NULL,
    operation_id INTEGER NOT NULL,
    state JSON NOT NULL CHECK (json_valid(state)),
    backup JSON CHECK (backup IS NULL OR json_valid(backup)),
    digest BLOB NOT NULL
);
CREATE TABLE migration_changesets (
    link INTEGER PRIMARY KEY,
    changeset BLOB NOT NULL
);
"""

OPERATIONS_TABLE = """
CREATE TABLE IF NOT EXISTS store_operations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('do', 'undo', 'redo')),
    label TEXT,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    undone_by INTEGER
);
CREATE INDEX IF NOT EXISTS store_operations_seq
    ON store_operations (first_seq, at, kind, label, last_seq, undone_by);
"""
"""Changes that belong to one transaction of an open store; the table is created with the first one."""


SYSTEM_INDEXES = """
CREATE INDEX IF NOT EXISTS migration_records_record ON migration_records (record_type, record_id);
CREATE INDEX IF NOT EXISTS migration_records_document
    ON migration_records (collection, native_id, source_path);
CREATE INDEX IF NOT EXISTS migration_records_run ON migration_records (run_id);
CREATE INDEX IF NOT EXISTS migration_records_superseded
    ON migration_records (seq, superseded_by, document) WHERE superseded_by IS NOT NULL;
CREATE INDEX IF NOT EXISTS changes_record ON changes (table_name, record_id, seq, at, op, before);
CREATE INDEX IF NOT EXISTS migration_runs_twice ON migration_runs (
    number, id, started_at, finished_at, program_version, ids, sources, counts, changes_seq, options
);
CREATE INDEX IF NOT EXISTS migration_quarantine_twice ON migration_quarantine (
    record_seq, run_id, source_kind, source_path, dialect, origin, database, collection, native_id, place, reasons,
    replayed_at, document
);
CREATE INDEX IF NOT EXISTS migration_ids_twice ON migration_ids (new_id);
"""
"""Values that no backup could prove are stored in an index too, as a second copy: SQLite's own integrity check
compares the two, whoever wrote them."""


def search_indexes(model: Model) -> str:
    """Return the SQL of the search indexes, still empty."""
    made = [search_index(table, search) for table, search in model.searched]
    return "".join([*made, *(parts.search_index(one) for _, one in model.divided)])


def search_index(table: Table, search: Search) -> str:
    """Return the SQL of one search index, still empty."""
    return f"""
CREATE VIRTUAL TABLE {search.name} USING fts5(
    {", ".join(search.columns)},
    content='{table.name}', content_rowid='search_id', tokenize='unicode61 remove_diacritics 2'
);
"""


def create_table(table: Table) -> str:
    """Return the CREATE TABLE of one table of records."""
    lines = [f"{column.sql} {column.declaration}".rstrip() for column in table.columns]
    if table.is_of_documents:  # beside the column, as a person writes it; a CHECK lets NULL pass
        lines = [
            f"{line} CHECK ({_null_or(column)}json_valid({column.sql}))" if column.form == "json" else line
            for line, column in zip(lines, table.columns, strict=True)
        ]
    lines += [f"{sql_text.identifier(name)} AS ({value}) VIRTUAL" for name, value in table.generated]
    if table.search is not None:
        lines.append("search_id INTEGER")
    if len(table.key) > 1:
        lines.append(f"PRIMARY KEY ({table.key_list})")
    elif not table.is_of_documents:
        lines.append(f"CHECK ({table.key_list} IS NOT NULL)")
    if not table.is_of_documents:
        json = (column.sql for column in table.columns if column.form == "json")
        lines += [f"CHECK ({name} IS NULL OR json_valid({name}))" for name in json]
    formats = (column.name for column in table.columns if column.form == "content_format")
    lines += [f"CHECK ({name} IN ('text', 'json'))" for name in formats]
    return f"CREATE TABLE {table.sql} (\n    " + ",\n    ".join(lines) + "\n);"


def _null_or(column: Column) -> str:
    """Return the exception for NULL, which SQLite before 3.42 calls no valid JSON."""
    return "" if "NOT NULL" in column.declaration else f"{column.sql} IS NULL OR "


def insert_sql(table: Table, *, ignore: bool = False) -> str:
    """Return the INSERT of one record's row; the last value is the search id, if the table has one."""
    columns = [column.sql for column in table.columns] + (["search_id"] if table.search is not None else [])
    marks = ", ".join("?" * len(columns))
    return f"INSERT {'OR IGNORE ' if ignore else ''}INTO {table.sql} ({', '.join(columns)}) VALUES ({marks})"


def create_tables(model: Model) -> str:
    """Return the SQL of the bare tables, which a bulk load fills."""
    texts = dict.fromkeys(name for _, search in model.searched for name in search.columns)
    kept = f"search_id INTEGER,\n    {', '.join(texts)}," if texts else "search_id INTEGER,"
    return (
        _bare_tables(model)
        + _SYSTEM_TABLES % kept
        + OPERATIONS_TABLE
        + (model.catalogue_ddl if model.catalogue else "")
    )


def _bare_tables(model: Model) -> str:
    derived = (parts.create_table(one) for _, one in model.divided)
    return "\n".join([*map(create_table, model.tables), *derived])


def around(table: Table) -> tuple[str, ...]:
    """Return the SQL of a document table's indexes and triggers, for a store that has all others already."""
    indexes = (_index(table, name, columns) for name, columns in table.indexes)
    return (*indexes, *(_view(name, select) for name, select in table.views), _table_triggers(table))


def _view(name: str, select: str) -> str:
    return f"DROP VIEW IF EXISTS {sql_text.identifier(name)}; CREATE VIEW {sql_text.identifier(name)} AS {select};"


def _index(table: Table, name: str, columns: str) -> str:
    return f"CREATE INDEX {sql_text.identifier(name)} ON {table.sql} ({columns});"


def create_indexes(model: Model) -> str:
    """Return the SQL of the indexes, created after a bulk load."""
    lines = [_index(table, name, columns) for table in model.tables for name, columns in table.indexes]
    lines += [f"CREATE UNIQUE INDEX {table.name}_search_id ON {table.name} (search_id);" for table, _ in model.searched]
    lines += [parts.create_index(one) for _, one in model.divided]
    lines += [_view(name, select) for table in model.tables for name, select in table.views]
    return "\n".join(lines) + SYSTEM_INDEXES


def create_triggers(model: Model) -> str:
    """Return the SQL of every trigger, created last."""
    return "\n".join(map(triggers_of, model.tables))


def triggers_of(table: Table) -> str:
    """Return the SQL of the triggers of one table, and of those derived from it."""
    searched = [] if table.search is None else [_search_update_trigger(table, table.search)]
    divided = [] if table.parts is None else [parts.triggers(table, table.parts)]
    return "\n".join([_table_triggers(table), *searched, *divided])


def of_tables(model: Model) -> tuple[str, ...]:
    """Return the SQL of all tables of records, without what every store has."""
    indexes = create_indexes(model).removesuffix(SYSTEM_INDEXES)
    return _bare_tables(model), indexes, search_indexes(model), create_triggers(model)


def create_all(model: Model) -> tuple[str, ...]:
    """Return the SQL of a whole empty store, in order."""
    return create_tables(model), create_indexes(model), search_indexes(model), create_triggers(model)


def key_sql(table: Table, row: str) -> str:
    """Return the SQL of a record's key as `changes` and `migration_records` write it."""
    parts = [f"{row}.{sql_text.identifier(name)}" for name in table.key]
    return parts[0] if table.plain_key else f"json_array({', '.join(parts)})"


def _utc(column: Column, row: str) -> str:
    """Return the SQL of a column's value; an instant without a zone as ISO-8601 UTC."""
    value = f"{row}.{column.sql}"
    if column.form != "instant":
        return value
    return (
        f"CASE WHEN {value} GLOB '{_ZONELESS}' AND {value} NOT GLOB '*[Zz+]*' "
        f"THEN coalesce(strftime('%Y-%m-%dT%H:%M:%fZ', {value}), {value}) ELSE {value} END"
    )


def _as_json(column: Column, row: str) -> str:
    value = _utc(column, row)
    return (
        f"json(CASE typeof({row}.{column.sql}) WHEN 'blob' THEN json_object('$hex', hex({row}.{column.sql})) "
        f"{_real_as_json(f'{row}.{column.sql}') if column.form in ('number', 'json') else ''}"
        f"ELSE json_quote({value}) END)"
    )


def _real_as_json(value: str) -> str:
    """Return the SQL of a real number as exact JSON: before 3.42, json_quote wrote 15 digits and invalid infinities.

    If 13 digits do not give the number back, 20 do, even with the less exact arithmetic of those versions.
    """
    return (
        f"WHEN 'real' THEN CASE WHEN {value} = 9e999 THEN '9e999' WHEN {value} = -9e999 THEN '-9e999' "
        f"WHEN CAST(printf('%!.13g', {value}) AS REAL) = {value} THEN json_quote({value}) "
        f"ELSE printf('%!.20g', {value}) END "
    )


_FEW = 50
"""The number of columns up to which one call of a function takes them all, in any build of SQLite."""


def _image(table: Table, row: str) -> str:
    if len(table.columns) <= _FEW:
        pairs = ", ".join(f"{sql_text.text_literal(column.name)}, {_as_json(column, row)}" for column in table.columns)
        return f"json_object({pairs})"
    values = ", ".join(f"({sql_text.text_literal(column.name)}, {_as_json(column, row)})" for column in table.columns)
    return f"(SELECT json_group_object(column1, json(column2)) FROM (VALUES {values}))"


def _differing(table: Table) -> str:
    """Return the SQL of the rows (name, old, new) of the columns that an update changes."""
    different = [f"({_utc(column, 'OLD')}) IS NOT ({_utc(column, 'NEW')})" for column in table.columns]
    if len(table.columns) <= _FEW:
        return " UNION ALL ".join(
            f"SELECT {sql_text.text_literal(column.name)} AS name, {_as_json(column, 'OLD')} AS old, "
            f"{_as_json(column, 'NEW')} AS new WHERE {differs}"
            for column, differs in zip(table.columns, different, strict=True)
        )
    values = ", ".join(
        f"({sql_text.text_literal(column.name)}, {_as_json(column, 'OLD')}, {_as_json(column, 'NEW')}, {differs})"
        for column, differs in zip(table.columns, different, strict=True)
    )
    return f"SELECT column1 AS name, column2 AS old, column3 AS new FROM (VALUES {values}) WHERE column4"


def _any(conditions: list[str]) -> str:
    """Return the disjunction of conditions; of many one that is not nested deeply."""
    if len(conditions) <= _FEW:
        return "\n        OR ".join(conditions)
    groups = [conditions[at : at + _FEW] for at in range(0, len(conditions), _FEW)]
    return "\n        OR ".join(f"({' OR '.join(group)})" for group in groups)


def trigger_name(table: Table, rest: str) -> str:
    """Return the name of a trigger of a table as SQL writes it."""
    return sql_text.identifier(f"{table.name}_{rest}")


def _table_triggers(table: Table) -> str:
    match = " AND ".join(f"{sql_text.identifier(name)} = NEW.{sql_text.identifier(name)}" for name in table.key)
    name = sql_text.text_literal(table.name)
    replaced = f"table_name = {name} AND record_id = {key_sql(table, 'NEW')}"
    search = table.search
    keep = ", search_id, " + ", ".join(search.columns) if search else ""
    old_columns = ", t.search_id, " + ", ".join(f"t.{one}" for one in search.columns) if search else ""
    changed = _any([f"({_utc(column, 'OLD')}) IS NOT ({_utc(column, 'NEW')})" for column in table.columns])
    diffs = _differing(table)
    same_record = " AND ".join(f"t.{name} = NEW.{name}" for name in map(sql_text.identifier, table.key))
    same_key = " AND ".join(f"OLD.{sql_text.identifier(one)} IS NEW.{sql_text.identifier(one)}" for one in table.key)
    return f"""
CREATE TRIGGER {trigger_name(table, "before_insert")} BEFORE INSERT ON {table.sql} BEGIN
    {_guard_search_id(table) if search else ""}
    DELETE FROM changes_replaced WHERE {replaced};
    INSERT INTO changes_replaced (table_name, record_id, before{keep})
        SELECT {name}, {key_sql(table, "t")}, {_image(table, "t")}{old_columns}
        FROM {table.sql} AS t WHERE {same_record};
END;
CREATE TRIGGER {trigger_name(table, "after_insert")} AFTER INSERT ON {table.sql} BEGIN
    {_search_insert(table, search) if search else ""}
    INSERT INTO changes (at, table_name, record_id, op, before, after)
        SELECT {_NOW}, {name}, {key_sql(table, "NEW")},
            CASE WHEN old.record_id IS NULL THEN 'insert' ELSE 'update' END, old.before, {_image(table, "NEW")}
        FROM (SELECT 1) LEFT JOIN changes_replaced AS old ON old.{replaced.replace(" AND ", " AND old.")};
    DELETE FROM changes_replaced WHERE {replaced};
    {_bring_to_utc(table, match)}
END;
CREATE TRIGGER {trigger_name(table, "after_update")} AFTER UPDATE ON {table.sql}
    WHEN {same_key} AND ({changed}) BEGIN
    INSERT INTO changes (at, table_name, record_id, op, before, after)
        SELECT {_NOW}, {name}, {key_sql(table, "OLD")}, 'update',
            json_group_object(name, json(old)), json_group_object(name, json(new)) FROM ({diffs});
    {_bring_to_utc(table, match)}
END;
CREATE TRIGGER {trigger_name(table, "before_rekey")} BEFORE UPDATE OF {table.key_list} ON {table.sql}
    WHEN NOT ({same_key}) AND EXISTS (SELECT 1 FROM {table.sql} WHERE {match}) BEGIN
    SELECT RAISE(ABORT, 'another record has this id');
END;
CREATE TRIGGER {trigger_name(table, "after_rekey")} AFTER UPDATE OF {table.key_list} ON {table.sql}
    WHEN NOT ({same_key}) BEGIN
    INSERT INTO changes (at, table_name, record_id, op, before)
        VALUES ({_NOW}, {name}, {key_sql(table, "OLD")}, 'delete', {_image(table, "OLD")});
    INSERT INTO changes (at, table_name, record_id, op, after)
        VALUES ({_NOW}, {name}, {key_sql(table, "NEW")}, 'insert', {_image(table, "NEW")});
    {_bring_to_utc(table, match)}
END;
CREATE TRIGGER {trigger_name(table, "after_delete")} AFTER DELETE ON {table.sql} BEGIN
    {_search_delete(search, "OLD") if search else ""}
    INSERT INTO changes (at, table_name, record_id, op, before)
        VALUES ({_NOW}, {name}, {key_sql(table, "OLD")}, 'delete', {_image(table, "OLD")});
    DELETE FROM changes_replaced WHERE table_name = {name} AND record_id = {key_sql(table, "OLD")};
END;
"""


def _bring_to_utc(table: Table, match: str) -> str:
    instants = [column for column in table.columns if column.form == "instant"]
    if not instants:
        return ""
    zoneless = " OR ".join(f"({_utc(column, table.sql)}) IS NOT {table.sql}.{column.sql}" for column in instants)
    sets = ", ".join(f"{column.sql} = {_utc(column, table.sql)}" for column in instants)
    return f"UPDATE {table.sql} SET {sets} WHERE {match} AND ({zoneless});"


def _search_delete(search: Search, row: str) -> str:
    values = ", ".join(f"{row}.{name}" for name in search.columns)
    return (
        f"INSERT INTO {search.name} ({search.name}, rowid, {', '.join(search.columns)}) "
        f"VALUES ('delete', {row}.search_id, {values});"
    )


def _search_insert(table: Table, search: Search) -> str:
    columns = ", ".join(search.columns)
    key = " AND ".join(f"{name} = NEW.{name}" for name in table.key)
    return f"""INSERT INTO {search.name} ({search.name}, rowid, {columns})
        SELECT 'delete', search_id, {columns} FROM changes_replaced
        WHERE table_name = '{table.name}' AND record_id = {key_sql(table, "NEW")};
    UPDATE {table.sql}
        SET search_id = coalesce((SELECT max(search_id) FROM {table.sql}), 0) + 1
        WHERE {key} AND search_id IS NULL;
    INSERT INTO {search.name} (rowid, {columns})
        SELECT search_id, {columns} FROM {table.sql} WHERE {key};"""


def _guard_search_id(table: Table) -> str:
    """Return the trigger that keeps a replacing insert from taking the search id of another row."""
    other = " OR ".join(f"{name} IS NOT NEW.{name}" for name in table.key)
    return f"""SELECT RAISE(ABORT, 'search_id belongs to another record') FROM {table.sql}
        WHERE search_id = NEW.search_id AND {other if len(table.key) == 1 else f"({other})"};"""


def _search_update_trigger(table: Table, search: Search) -> str:
    columns = ", ".join(search.columns)
    values = ", ".join(f"NEW.{name}" for name in search.columns)
    return f"""
CREATE TRIGGER {table.name}_search_id BEFORE UPDATE OF search_id ON {table.name}
    WHEN OLD.search_id IS NOT NULL AND NEW.search_id IS NOT OLD.search_id BEGIN
    SELECT RAISE(ABORT, 'search_id belongs to the search index');
END;
CREATE TRIGGER {table.name}_search_update AFTER UPDATE OF {columns} ON {table.name}
    WHEN OLD.search_id IS NOT NULL BEGIN
    {_search_delete(search, "OLD")}
    INSERT INTO {search.name} (rowid, {columns}) VALUES (NEW.search_id, {values});
END;
"""
