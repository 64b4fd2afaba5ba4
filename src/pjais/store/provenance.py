"""Where the records of a store came from: the source of each, filters by source, and the number of records of each.

The ledger (`migration_records`) knows the source of every migrated record; a record without an entry was written in
the store.  The ledger speaks of the present store, so a point in time refuses these questions instead of guessing.

All look-ups use the ledger's index over (record_type, record_id).  A filter for a source of few records finds their
keys first (one pass over the entries of the table, 16 ms of 100,000); for one of many each row of the list is looked
up until the list is full.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from pjais import canonical, choices, sqlite
from pjais.core.model import Model
from pjais.core.table import Table
from pjais.errors import UsageError
from pjais.sql_text import text_literal
from pjais.targets.sqlite import ddl

HERE = "pjais"
"""The kind of what was written in a store; also that of other stores and exports of pjais."""

Wanted = str | Iterable[str] | None
"""One source or several: a kind, or the name of a source, the end of it (`export.json`) or its path; None: all."""

_ENTRY = "record_type = {0} AND m.record_id = {1} AND m.outcome = 'migrated'"
_KNOWN = (
    "SELECT DISTINCT s.value ->> '$.kind', s.value ->> '$.name', s.value ->> '$.origin' "
    "FROM migration_runs, json_each(sources) AS s ORDER BY 1, 2"
)
_MOST, _SHOWN = 500, 50
_FEW = 2000
"""Up to so many records of a source are found by their keys; of more, a list meets enough soon."""


class Provenance(NamedTuple):
    """The source of a record: its kind, and its name as `status` shows it (None: written in the store)."""

    kind: str
    name: str | None

    def __str__(self) -> str:
        return self.kind if self.name is None else f"{self.kind} {self.name}"

    def as_dict(self) -> dict[str, str | None]:
        """Return the source as a JSON object."""
        return self._asdict()


class Origin(NamedTuple):
    """The document that a record was migrated from, and the run that did it; `digest`: of the record as it was then."""

    kind: str
    name: str
    dialect: str | None
    origin: str | None
    database: str | None
    collection: str
    native_id: str | None
    place: str
    digest: bytes | None
    run: str


class SourceRecords(NamedTuple):
    """The records of one source: its kind and name, their number, and their number by table."""

    kind: str
    name: str | None
    records: int
    tables: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """Return the source as a JSON object."""
        return self._asdict()


def of(db: sqlite.Connection, table: Table, keys: Sequence[str]) -> dict[str, Provenance]:
    """Return the source of each of these records of a table, by their keys.  Raises UsageError for a point in time."""
    _refuse_past(db)
    sql = (
        "SELECT m.record_id, source_kind, source_path FROM json_each(?) AS wanted "
        f"CROSS JOIN migration_records AS m ON {_ENTRY.format('?', 'wanted.value')}"
    )
    found = {key: Provenance(HERE, None) for key in keys}
    for key, kind, name in sqlite.each(db, sql, (canonical.dumps(list(keys)), table.name)):
        found[key] = Provenance(kind, name)
    return found


def origin(db: sqlite.Connection, table: Table, key: str) -> Origin | None:
    """Return the document that a record of a table was migrated from; None for one written in the store.

    Raises UsageError for a point in time.
    """
    _refuse_past(db)
    columns = "source_kind, source_path, dialect, origin, database, collection, native_id, place, digest, run_id"
    found = sqlite.first(
        db, f"SELECT {columns} FROM migration_records AS m WHERE {_ENTRY.format('?', '?')}", (table.name, key)
    )
    return None if found is None else Origin(*found)


def known(db: sqlite.Connection) -> list[Provenance]:
    """Return the sources that runs have migrated into a store, ordered by kind and name; no record is looked at."""
    return list(dict.fromkeys(Provenance(str(kind), str(name)) for kind, name, _ in sqlite.fetch(db, _KNOWN)))


def sources(db: sqlite.Connection, model: Model) -> list[SourceRecords]:
    """Return every source that a store has records of, ordered by kind and name; those written in it are one.

    The store may be of an older version.
    """
    _refuse_past(db)
    counts: dict[tuple[str, str | None], dict[str, int]] = {}
    for table in model.tables:
        if not sqlite.column_names(db, table.name):
            continue  # a store of an older version lacks it
        entry = _ENTRY.format(text_literal(table.name), ddl.key_sql(table, "t"))
        sql = (
            f"SELECT coalesce(source_kind, ?), source_path, count(*) FROM {table.sql} AS t "
            f"LEFT JOIN migration_records AS m ON {entry} GROUP BY 1, 2"
        )
        for kind, name, count in sqlite.each(db, sql, (HERE,)):
            counts.setdefault((kind, name), {})[table.title] = count
    ordered = sorted(counts.items(), key=lambda one: (one[0][0], one[0][1] or ""))
    return [SourceRecords(kind, name, sum(tables.values()), tables) for (kind, name), tables in ordered]


def counts(db: sqlite.Connection, table: Table, where: str, values: Sequence[Any]) -> Counter[Provenance]:
    """Return how many of the rows `t` of a table that `where` selects came from each source.

    Raises UsageError for a point in time.
    """
    _refuse_past(db)
    entry = _ENTRY.format(text_literal(table.name), ddl.key_sql(table, "t"))
    sql = (
        f"SELECT coalesce(source_kind, ?), source_path, count(*) FROM {table.sql} AS t "
        f"LEFT JOIN migration_records AS m ON {entry} WHERE {where} GROUP BY 1, 2"
    )
    return Counter({Provenance(kind, name): count for kind, name, count in sqlite.each(db, sql, (HERE, *values))})


def condition(db: sqlite.Connection, table: Table, wanted: Wanted) -> tuple[str, list[Any]]:
    """Return a filter by source as SQL over the row `t` of a table, and the values to bind.

    Both hold for the state that `db` sees.  Raises UsageError for an unknown source, and for a point in time.
    """
    given = choices.texts("source", wanted)
    if not given:
        return "1", []
    if len(given) > _MOST:
        raise UsageError(f"too many values in one filter; {_MOST} are the most", where=[str(len(given))])
    _refuse_past(db)
    some_kinds, some = _resolved(given, [(str(kind), str(name), path) for kind, name, path in sqlite.fetch(db, _KNOWN)])
    one_of = [f"source_kind IN ({', '.join('?' * len(some_kinds))})"] if some_kinds else []
    one_of += ["(source_kind = ? AND source_path = ?)"] * len(some)
    from_them = f"({' OR '.join(one_of)})"
    values = [*some_kinds, *(part for one in some for part in one)]
    name, key = text_literal(table.name), ddl.key_sql(table, "t")
    entry = f"SELECT 1 FROM migration_records AS m WHERE {_ENTRY.format(name, key)}"
    keys = (
        "SELECT m.record_id FROM migration_records AS m "
        f"WHERE m.record_type = {name} AND m.outcome = 'migrated' AND {from_them}"
    )
    passes = f"EXISTS ({entry} AND {from_them})"
    if HERE in some_kinds:
        keys += f" UNION ALL SELECT {key} FROM {table.sql} AS t WHERE NOT EXISTS ({entry})"
        passes = f"({passes} OR NOT EXISTS ({entry}))"
    few = [one for (one,) in sqlite.fetch(db, f"{keys} LIMIT {_FEW + 1}", values)]
    if len(few) > _FEW:
        return passes, values
    return f"{key} IN (SELECT value FROM json_each(?))", [canonical.dumps(few)]


def _resolved(given: list[str], there: list[tuple[str, str, Any]]) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the kinds, and the (kind, name) of the sources, that these texts mean.  Raises UsageError."""
    kinds_ = {HERE, *(kind for kind, _, _ in there)}
    some_kinds: dict[str, None] = {}
    some: dict[tuple[str, str], None] = {}
    for text in given:
        if text in kinds_:
            some_kinds[text] = None
            continue
        path = str(choices.path("source", text).absolute())
        meant = [(kind, name) for kind, name, at in there if at == path or f"/{name}".endswith(f"/{text}")]
        if not meant:
            raise _unknown(text, [*sorted(kinds_), *dict.fromkeys(name for _, name, _ in there)])
        some.update(dict.fromkeys(meant))
    return list(some_kinds), list(some)


def _unknown(text: str, names: list[str]) -> UsageError:
    near = choices.nearest(text, [*names, *(PurePosixPath(name).name for name in names)])
    return UsageError(
        f"the store has no source {text!r}",
        where=[f"known: {', '.join(names[:_SHOWN])}{', ...' if len(names) > _SHOWN else ''}"],
        advice=f"did you mean {near}?" if near else "name a kind of source, or the name of one",
        next_command="pjais status",
    )


def _refuse_past(db: sqlite.Connection) -> None:
    """Raise UsageError for a connection that sees a point in time (`pjais.store.as_of`)."""
    if sqlite.first(db, "SELECT 1 FROM temp.sqlite_schema WHERE name = 'past_keys'"):
        raise UsageError("the sources of records are known for the current state only; list that one by source")
