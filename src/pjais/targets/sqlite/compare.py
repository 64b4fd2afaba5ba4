"""The proof: compare every record of the target with the ledger of what was migrated, by digest.

Four comparisons, all complete, none by count alone:

1. the file: SQLite's own integrity check, the schema, foreign keys, and the search index against its table;
2. every row of the target against the digest in `migration_records`; a row that differs is walked back
   through `changes`, and is a difference only if that does not lead to the migrated record;
3. every change of the history against the next one, up to the current row;
4. every document of the snapshot, normalised again by the caller, against the same ledger.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from pjais import sqlite
from pjais.core.model import Model
from pjais.core.results import Difference, Proof
from pjais.core.table import Row, Table
from pjais.display import counted
from pjais.sql_text import text_literal
from pjais.targets.sqlite import blobs, chain, ddl, heads, parts, triggers

_SHOWN = 200
LOST = "lost: not in the target, and no deletion is recorded"


class Rows(NamedTuple):
    """The result of comparing the target's rows with the ledger."""

    records: int
    changed: Counter[str]
    """Numbers of records that the history explains: edited, added, removed."""
    edits: list[tuple[str, str, str]]
    """The first of them: (edited, added or removed; table; id)."""
    suspects: dict[tuple[str, str], dict[str, Any] | None]
    """Unexplained rows, walked back as far as the history goes; None for a row that is missing."""

    def explained(self, change: str, table: str, key: str) -> None:
        """Note a record that differs from what was migrated and the change that explains it."""
        self.changed[change] += 1
        if len(self.edits) < _SHOWN:
            self.edits.append((change, table, key))


Check = tuple[str, bool, str]
"""(name, passed, one line of detail)."""


def check_file(db: sqlite.Connection, model: Model, broken_before: int = 0) -> tuple[Check, ...]:
    """Run SQLite's own checks, and those of the search index."""
    found = blobs.check(db, model)
    return (*check_pages(db, model, broken_before), check_search(db, model), *([] if found is None else [found]))


def check_pages(db: sqlite.Connection, model: Model, broken_before: int = 0) -> tuple[Check, ...]:
    """Run SQLite's own checks of pages, schema and references.

    `broken_before`: the number of references broken before a run, by another writer with foreign keys off; a run
    is responsible only for those that it adds.
    """
    problems = sqlite.problems(db)
    orphans, open_ends = ([], []) if problems else broken_references(db, model)
    bent = [] if problems else _bent(db, model)
    return (
        ("integrity", not problems, "; ".join(problems) or "every page is valid"),
        ("schema", not bent, "; ".join(bent) or "all tables, indexes and triggers are intact"),
        (
            "foreign keys",
            len(orphans) <= broken_before,
            f"{len(orphans)} broken" if orphans else _of_open_ends(open_ends),
        ),
    )


def broken_references(db: sqlite.Connection, model: Model) -> tuple[list[str], list[str]]:
    """Return the tables of the references that do not resolve: of records, and of any app's documents, as migrated."""
    found = [str(table) for table, *_ in sqlite.each(db, "PRAGMA foreign_key_check")]
    documents = {table.name for table in model.tables if table.is_of_documents}
    return [name for name in found if name not in documents], [name for name in found if name in documents]


def _of_open_ends(tables: list[str]) -> str:
    if not tables:
        return "every reference resolves"
    told = ", ".join(f"{name} ({count})" for name, count in sorted(Counter(tables).items()))
    return f"every reference of a record resolves; of documents some do not, as in their app: {told}"


def check_search(db: sqlite.Connection, model: Model) -> Check:
    """Check the search indexes: their own structure, and word by word against the records that they index.

    FTS5 treats this check as a write.  It is rolled back, since a commit would wait for every reader to end, and the
    comparison of rows runs for longer than a writer waits.  Raises `sqlite.Busy` if another writer is active.
    """
    try:
        db.execute("BEGIN")
        try:
            for search in model.indexes:
                db.execute(_CHECK_INDEX.format(search.name))
        finally:
            db.execute("ROLLBACK")
    except sqlite.Busy:
        raise
    except sqlite.Error as error:
        return ("search index", False, str(error))
    for table, _ in model.searched:
        stray = int(sqlite.value(db, f"SELECT count(*) FROM {table.sql} WHERE search_id IS NULL"))
        if stray:
            told = counted(stray, "record is", "records are")
            return ("search index", False, f"{told} not in it (no search_id)")
    for table, one in model.divided:
        wrong = parts.problem(db, table, one)
        if wrong is not None:
            return ("search index", False, wrong)
    if not model.indexes:
        return ("search index", True, "none")
    titles = dict.fromkeys(table.title for table, _ in (*model.searched, *model.divided))
    return ("search index", True, f"agrees with the {' and the '.join(titles)}")


_CHECK_INDEX = "INSERT INTO {0} ({0}, rank) VALUES ('integrity-check', 1)"


def check_chain(db: sqlite.Connection, model: Model) -> Check:
    """Check our own tables and the history against the chain, and that the helper tables hold nothing else."""
    wrong = [*chain.check(db), *_stray(db, model)]
    return ("chain", not wrong, "; ".join(wrong) or "runs, ledger, quarantine and history are as they were written")


HEAD = "head"
"""The check that fails if the history is shorter than when the store was last seen."""


def check_head(db: sqlite.Connection, store: Path) -> Check:
    """Check that the history reaches at least as far as was noted near the store, through the same changes."""
    wrong = heads.problem(db, store)
    return (HEAD, wrong is None, wrong or "the history goes on from where it was last seen")


def _stray(db: sqlite.Connection, model: Model) -> list[str]:
    """Return rows in the triggers' helper table that no trigger wrote.

    It holds images of existing records, and of those that got another key since: the next insert overwrites them.
    """
    rows_of_nothing: list[tuple[str, str]] = []
    for (name,) in sqlite.fetch(db, "SELECT DISTINCT table_name FROM changes_replaced"):
        table = model.by_name.get(name)
        there = "0"
        if table is not None:
            there = f"EXISTS (SELECT 1 FROM {table.sql} AS t WHERE {ddl.key_sql(table, 't')} = r.record_id)"
        rows_of_nothing += sqlite.fetch(
            db,
            f"SELECT table_name, record_id FROM changes_replaced AS r WHERE table_name = ? AND NOT ({there} OR EXISTS "
            "(SELECT 1 FROM changes AS c WHERE c.table_name = r.table_name AND c.record_id = r.record_id "
            "AND c.op = 'delete')) LIMIT 20",
            (name,),
        )
    return [f"changes_replaced holds a row that no trigger wrote: {table} {key}" for table, key in rows_of_nothing]


def _schema(db: sqlite.Connection, model: Model) -> dict[str, str]:
    """Return the definitions in a store, `index NAME of TABLE` -> its SQL, without the tables that SQLite creates."""
    made = ["sqlite_*", *(f"{search.name}_*" for search in model.indexes)]
    return sqlite.pairs(
        db,
        "SELECT type || ' ' || name || ' of ' || tbl_name, coalesce(sql, '') FROM sqlite_schema "
        f"WHERE NOT (type = 'table' AND ({' OR '.join('name GLOB ?' for _ in made)}))",
        made,
    )


@cache
def definitions(model: Model) -> dict[str, str]:
    """Return the definitions in a new store."""
    with closing(sqlite.scratch()) as db:
        for sql in (ddl.create_tables(model), ddl.create_indexes(model), ddl.search_indexes(model)):
            db.execute(sql)
        made = _schema(db, model)
    return made | {f"trigger {name} of {table}": sql for name, table, sql in triggers.triggers(model)}


def _bent(db: sqlite.Connection, model: Model) -> list[str]:
    """Return the parts of the schema that are missing or changed; empty for a valid store.

    With a missing or changed trigger the history and the search index would go wrong in silence.  Additions by others
    are allowed: further tables, indexes and triggers, and columns of their own in our tables.  The table
    `store_operations` is created with the first transaction.
    """
    held = _schema(db, model)
    wrong = [
        f"{name} {'was changed' if name in held else 'is missing'}"
        for name, sql in definitions(model).items()
        if not (_is_made(held[name], sql) if name in held else "store_operations" in name)
    ]
    version = sqlite.pragma_int(db, "user_version")
    return wrong + ([f"schema version {version}"] if version != model.schema_version else [])


def _is_made(held: str, made: str) -> bool:
    """Return whether a definition is the original one, possibly with columns added after ours."""
    if held == made:
        return True
    more = len(held) - len(made)
    ends = (at for at in range(len(made)) if held[:at] == made[:at] and held[at + more :] == made[at:])
    return more > 0 and any(held[at] == "," for at in ends)


TELL_EVERY = 2000
"""Records between two reports of progress."""


def count_rows(db: sqlite.Connection, model: Model) -> int:
    """Return the number of records that `compare_rows` compares."""
    return sum(int(sqlite.value(db, f"SELECT count(*) FROM {table.sql}")) for table in model.tables)


def compare_rows(db: sqlite.Connection, model: Model, tell: Callable[[int], None] = lambda _: None) -> Rows:
    """Compare every row of every table of records with `migration_records`; `tell` gets the number done so far."""
    records = 0
    found = Rows(0, Counter(), [], {})
    for table in model.tables:
        for row, key, digest in _rows_with_account(db, table):
            records += 1
            if not records % TELL_EVERY:
                tell(records)
            if digest is not None and table.digest(row) == digest:
                continue
            past = list(_past(db, table, key, dict(zip(table.column_names, row, strict=True))))
            if digest is None and None in past:
                found.explained("added", table.name, key)
            elif digest is not None and _was(table, past, digest):
                if not _is_with_kept(table, row, digest):
                    found.explained("edited", table.name, key)
            else:
                found.suspects[table.name, key] = past[-1] or {}
        for key, digest in _accounts_without_row(db, table):
            if _was(table, _past(db, table, key, None), digest):
                found.explained("removed", table.name, key)
            else:
                found.suspects[table.name, key] = None
    return found._replace(records=records)


def compare_run(db: sqlite.Connection, model: Model, run_id: str) -> Rows:
    """Read back every record that a run put into a store and compare it with `migration_records`."""
    records = 0
    found = Rows(0, Counter(), [], {})
    for table in model.tables:
        columns = table.columns_of("t")
        for *row, key, digest, there in sqlite.each(
            db,
            f"SELECT {columns}, r.record_id, r.digest, {ddl.key_sql(table, 't')} IS r.record_id "
            f"FROM migration_records AS r LEFT JOIN {table.sql} AS t ON {ddl.key_sql(table, 't')} = r.record_id "
            "WHERE r.run_id = ? AND +r.record_type = ? AND r.outcome = 'migrated'",
            (run_id, table.name),
        ):
            records += 1
            if not there:
                found.suspects[table.name, key] = None
            elif table.digest(tuple(row)) != digest and not _is_with_kept(table, tuple(row), digest):
                found.suspects[table.name, key] = dict(zip(table.column_names, row, strict=True))
    return found._replace(records=records)


def _is_with_kept(table: Table, row: Row, digest: bytes) -> bool:
    """Return whether a row is what was migrated, with what was kept of another copy of it; the history has that."""
    bare = table.bare_row(row)
    return bare is not None and table.digest(bare) == digest


def _was(table: Table, past: Iterable[dict[str, Any] | None], digest: bytes) -> bool:
    """Return whether any past version of a record has this digest."""
    return any(values is not None and table.digest(_row(table, values)) == digest for values in past)


def _rows_with_account(db: sqlite.Connection, table: Table) -> Iterator[tuple[Row, str, bytes | None]]:
    columns = table.columns_of("t")
    key = ddl.key_sql(table, "t")
    width = len(table.columns)
    for row in sqlite.each(
        db,
        f"SELECT {columns}, {key}, r.digest FROM {table.sql} AS t LEFT JOIN migration_records AS r "
        f"ON r.record_type = {text_literal(table.name)} AND r.record_id = {key} AND r.outcome = 'migrated'",
    ):
        yield row[:width], row[width], row[width + 1]


def _accounts_without_row(db: sqlite.Connection, table: Table) -> list[tuple[str, bytes]]:
    return sqlite.fetch(
        db,
        "SELECT record_id, digest FROM migration_records AS r WHERE record_type = ? AND outcome = 'migrated' "
        f"AND NOT EXISTS (SELECT 1 FROM {table.sql} AS t WHERE {ddl.key_sql(table, 't')} = r.record_id)",
        (table.name,),
    )


def _row(table: Table, values: dict[str, Any]) -> Row:
    return tuple([values.get(name) for name in table.column_names])


def _past(
    db: sqlite.Connection, table: Table, key: str, values: dict[str, Any] | None
) -> Iterator[dict[str, Any] | None]:
    """Yield the current row and the row before each change, newest first; None where it did not exist."""
    yield values
    for op, before in sqlite.each(
        db, "SELECT op, before FROM changes WHERE table_name = ? AND record_id = ? ORDER BY seq DESC", (table.name, key)
    ):
        values = None if op == "insert" else {**(values or {}), **_stored(table, json.loads(before))}
        yield values


def past(db: sqlite.Connection, table: Table, key: str) -> Iterator[dict[str, Any] | None]:
    """Yield a record's columns as they are and as they were before each change, newest first; None where it was not."""
    return _past(db, table, key, present(db, table, key))


def values_before(db: sqlite.Connection, table: Table, key: str, seq: int) -> dict[str, Any] | None:
    """Return a record's columns after change `seq`; None if it did not exist then."""
    values = present(db, table, key)
    for op, before in sqlite.each(
        db,
        "SELECT op, before FROM changes WHERE table_name = ? AND record_id = ? AND seq > ? ORDER BY seq DESC",
        (table.name, key, seq),
    ):
        values = None if op == "insert" else {**(values or {}), **_stored(table, json.loads(before))}
    return values


def key_parts(table: Table, key: str) -> tuple[Any, ...]:
    """Return the values of a record's key columns, from its key as `changes` writes it."""
    return table.key_values(key)


def _stored(table: Table, image: dict[str, Any]) -> dict[str, Any]:
    """Return a history image with the values as the columns held them."""
    return {
        name: bytes.fromhex(value["$hex"]) if isinstance(value, dict) and "$hex" in value else value
        for name, value in image.items()
        if name in table.column_names
    }


def compare_history(db: sqlite.Connection, model: Model) -> list[Difference]:
    """Compare every change with the next one of the same record, and the last with the current row.

    The image before a change is stored twice in the file (`pjais.targets.sqlite.ddl`); the image after it must be
    what the next change found.
    """
    differences = []
    columns = "table_name, record_id, op, before, after"
    retired = _retired(db, model)
    last: tuple[str, str] | None = None
    values: dict[str, Any] | None = None
    for name, key, op, before, after in sqlite.each(
        db, f"SELECT {columns} FROM changes ORDER BY table_name, record_id, seq DESC"
    ):
        table = model.by_name.get(name)
        if table is None and name == retired:
            continue
        if table is None:
            differences.append(Difference(name, key, None, "the history tells of a table that is none of ours"))
            continue
        if (name, key) != last:
            last, values = (name, key), present(db, table, key)
        if not led_to(table, op, after, values):
            differences.append(Difference(name, key, None, "its history does not lead to what it is"))
        values = None if op == "insert" else {**(values or {}), **_stored(table, json.loads(before))}
    return differences


def _retired(db: sqlite.Connection, model: Model) -> str | None:
    """Return the name of the table that an upgrade replaced by document tables, if the history tells of it before that.

    The chain holds the old history; a later change to a table that is not there any more is a difference.
    """
    carrying = (model.fixed or model).carrying
    if carrying is None or model.documents is None:
        return None
    upgraded = sqlite.value(db, "SELECT max(changes_seq) FROM migration_chain WHERE event = 'upgraded to schema 3'")
    last = sqlite.value(db, "SELECT max(seq) FROM changes WHERE table_name = ?", (carrying.name,))
    return carrying.name if upgraded is not None and last is not None and last <= upgraded else None


def led_to(table: Table, op: str, after: str | None, values: dict[str, Any] | None) -> bool:
    """Return whether a record had, after a change, the values that the change says."""
    if op == "delete" or after is None or values is None:
        return op == "delete" and after is None and values is None
    image = _stored(table, json.loads(after))
    whole = op != "insert" or len(image) == len(json.loads(after))
    return whole and all(_is_as_then(table, values[name], value) for name, value in image.items())


def _is_as_then(table: Table, now: Any, then: Any) -> bool:
    """Return whether two values are the same; an integer, also if fractions have made its column REAL since."""
    became_real = table.is_of_documents and type(now) is float and type(then) is int
    return now == then and (type(now) is type(then) or became_real)


def present(db: sqlite.Connection, table: Table, key: str) -> dict[str, Any] | None:
    """Return the current row of a record; None if there is none."""
    names = table.column_list
    where = table.matching()
    try:
        row = sqlite.first(db, f"SELECT {names} FROM {table.sql} WHERE {where}", table.key_values(key))
    except ValueError:
        return None
    if row is None or (not table.plain_key and table.row_key(row) != key):  # a column's affinity changes types
        return None
    return dict(zip(table.column_names, row, strict=True))


def compare_account(db: sqlite.Connection) -> list[Difference]:
    """Return ledger entries that belong to no run, so that no backup would be compared with them."""
    stray = sqlite.fetch(
        db,
        "WITH known AS (SELECT r.id, s.value ->> '$.name' AS name, s.value ->> '$.kind' AS kind "
        "FROM migration_runs AS r, json_each(r.sources) AS s) "
        "SELECT DISTINCT source_path, run_id, source_kind FROM migration_records AS m WHERE NOT EXISTS (SELECT 1 FROM "
        "known WHERE id = m.run_id AND name = m.source_path AND kind = m.source_kind)",
    )
    return [Difference(path, run, None, "in the ledger, but of no run") for path, run, _ in stray]


def left_over(found: Rows) -> list[Difference]:
    """Return the suspects that no document of a snapshot explained."""
    stray = "in the target, but not in the ledger"
    return [
        Difference(table, key, None, LOST if values is None else stray)
        for (table, key), values in found.suspects.items()
    ]


def proof(
    found: Rows, checks: tuple[tuple[str, bool, str], ...], documents: int = 0, differences: Iterable[Difference] = ()
) -> Proof:
    """Return all comparisons as one value; the first differences are kept, all are counted."""
    everything = [*differences, *left_over(found)]
    return Proof(
        found.records,
        documents,
        found.changed["edited"],
        found.changed["added"],
        found.changed["removed"],
        tuple(everything[:_SHOWN]),
        len(everything),
        checks,
        tuple(found.edits),
    )
