"""Common operations on all records of a store: read, list, write, with every write validated.

A write goes through the same models as a migration (`pjais.core.validate`); invalid records are refused
with every field named, and nothing is written.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from copy import copy
from typing import Any, Generic, NamedTuple, TypeVar, cast

from pjais import canonical, choices, instants, journal, sqlite
from pjais.core import validate
from pjais.core.mapping import Draft
from pjais.core.table import Record, Table
from pjais.errors import UsageError, ValidationFailed
from pjais.store import provenance
from pjais.store.live import Live
from pjais.store.pool import Pool
from pjais.store.provenance import Origin, Provenance, Wanted
from pjais.targets.sqlite import fixed_tables

R = TypeVar("R", bound=Any)
List = list
"""The builtin, which the `list` method hides below."""

_MOST = (1 << 63) - 1
"""SQLite's largest whole number."""
_COMMANDS = {
    "personas": "personas",
    "memory_entities": "memories",
    "conversations": "conversations",
    "plugins": "plugins",
    "attachments": "attachments",
}
"""The command that lists the records of a table."""
_FEW = 3
"""Up to so many ids are suggested in place of an unknown one."""


class Page(NamedTuple, Generic[R]):
    """A page of a list: the records, the total, and the offset of the next page (None: the end)."""

    records: list[R]
    total: int
    next_offset: int | None


class Records(Generic[R]):
    """One table of records.  Subclasses name the table and add operations of their own."""

    table: Table
    order: str
    """The default order of a list, as SQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._columns = self.table.columns_of("t")

    def __len__(self) -> int:
        with self._pool.reader() as db:
            return int(sqlite.value(db, f"SELECT count(*) FROM {self.table.sql}"))

    def get(self, key: str) -> R | None:
        """Return the record of this id, or None."""
        found = self._select("WHERE t.id = ?", (choices.text("key", key),))
        return found[0] if found else None

    def need(self, key: str) -> R:
        """Return the record of this id.  Raises UsageError if there is none."""
        found = self.get(key)
        if found is None:
            name = _COMMANDS.get(self.table.name)
            following = f"pjais {name}" if name else "pjais search --help"
            meant = " or ".join(f"`{one}`" for one in self._meant(key))
            advice = f"did you mean {meant}?" if meant else ""
            raise UsageError(
                f"record not found in {self.table.name}", where=[key], advice=advice, next_command=following
            )
        return found

    def _meant(self, key: str) -> List[str]:
        """Return the ids that an unknown one may mean: those that begin with it, if they are few."""
        if not key:
            return []
        with self._pool.reader() as db:
            statement = f"SELECT id FROM {self.table.sql} WHERE id >= ? AND id < ? LIMIT {_FEW + 1}"
            found = [str(one) for (one,) in sqlite.fetch(db, statement, (key, f"{key}\U0010ffff"))]
        return found if len(found) <= _FEW else []

    def list(
        self, *, limit: int | None = None, offset: int = 0, order: str | None = None, source: Wanted = None
    ) -> List[R]:
        """Return records in the table's default order, or by one field (`-updated_at` for the latest first).

        `source`: only of this source or these: a kind (`chatgpt`), or a name or path as `status` shows it; `pjais`:
        what was written in the store.
        """
        with self._pool.view() as db:
            where, values = provenance.condition(db, self.table, source)
            rest = f"WHERE {where} ORDER BY {self._ordering(order)} LIMIT ? OFFSET ?"
            return self._select(rest, (*values, *choices.window(limit, offset)))

    def provenance(self, keys: Sequence[str]) -> dict[str, Provenance]:
        """Return the source of each of these records, by id; of one written in the store `pjais` without a name."""
        with self._pool.reader() as db:
            return provenance.of(db, self.table, choices.texts("keys", keys))

    def origin(self, key: str) -> Origin | None:
        """Return the document that a record was migrated from; None for one written in the store."""
        with self._pool.reader() as db:
            return provenance.origin(db, self.table, choices.text("key", key))

    def live(self, **how: Any) -> Live[List[R]]:
        """Return the list as a live query, with the same arguments as `list`."""
        return Live(self._pool, lambda: self.list(**how), [self.table.name])

    def live_one(self, key: str) -> Live[R | None]:
        """Return one record as a live query; its result is None while there is none of this id."""
        choices.text("key", key)
        return Live(self._pool, lambda: self.get(key), [self.table.name])

    def page(self, *, limit: int = 50, offset: int = 0, order: str | None = None, source: Wanted = None) -> Page[R]:
        """Return one page of the list, with the offset of the next."""
        with self._pool.view() as db:
            where, values = provenance.condition(db, self.table, source)
            total = int(sqlite.value(db, f"SELECT count(*) FROM {self.table.sql} AS t WHERE {where}", values))
            records = self.list(limit=limit, offset=offset, order=order, source=source)
        after = offset + len(records)
        return Page(records, total, after if after < total else None)

    def create(self, **fields: Any) -> R:
        """Create a record; a missing id is generated, missing times are now (ms).

        Raises ValidationFailed for values that the model does not allow, UsageError if the id is taken.
        """
        import uuid  # loaded on demand: reading makes no ids

        now = journal.now_ms()
        given = {"id": str(uuid.uuid4()), "created_at": now, "updated_at": now, "installed_at": now, **fields}
        record = self._made(given)
        with self._pool.writer() as db:
            fixed_tables.make_real(db, self._pool.base)
            self._refuse_missing(db, record)
            if sqlite.first(db, f"SELECT 1 FROM {self.table.sql} WHERE id = ?", (record.id,)):
                raise UsageError(f"id already exists in {self.table.name}", where=[record.id])
            self._insert(db, record)
        return record

    def update(self, key: str, **fields: Any) -> R:
        """Change some fields; `updated_at` becomes now.  Raises UsageError, ValidationFailed."""
        if "id" in fields:
            raise UsageError("an id does not change", where=[key])
        with self._pool.writer() as db:
            held = self.need(key)
            if "updated_at" in held._fields:
                fields = {"updated_at": journal.now_ms(), **fields}
            record = self._checked(held, fields)
            self._refuse_missing(db, record)
            self._write(db, record)
        return record

    def remove(self, key: str) -> None:
        """Delete a record permanently; the history keeps it.  Raises UsageError if others refer to it."""
        with self._pool.writer() as db:
            self.need(key)
            try:
                db.execute(f"DELETE FROM {self.table.sql} WHERE id = ?", (key,))
            except sqlite.ConstraintError as error:
                raise UsageError("other records refer to this one", where=[key]) from error

    def _made(self, given: dict[str, Any]) -> R:
        """Return a record of these fields, the rest filled with defaults.  Raises ValidationFailed."""
        fields = self.table.record._fields
        unknown = sorted(set(given) - set(fields) - {"created_at", "updated_at", "installed_at"})
        if unknown:
            raise UsageError("unknown fields", where=unknown)
        values = {column.name: copy(column.default) for column in self.table.columns if column.name in fields}
        return self._valid(self.table.record(**{**values, **{k: v for k, v in given.items() if k in fields}}))

    def _checked(self, held: R, fields: dict[str, Any]) -> R:
        unknown = sorted(set(fields) - set(held._fields))
        if unknown:
            raise UsageError("unknown fields", where=unknown)
        return self._valid(held._replace(**fields))

    def _valid(self, record: Record) -> R:
        problems = validate.check(Draft(record, ()))
        if not validate.valid(problems):
            raise ValidationFailed(
                "invalid record",
                where=[f"{field}: {message}" for level, _, field, message in problems if level == "error"],
                safe="Nothing was written.",
                advice="correct these fields and try again",
                next_command="pjais explain MIGRATION_003",
            )
        if unstorable := list(self._unstorable(record)):
            raise ValidationFailed(
                "the record has values that a store cannot keep exactly",
                where=unstorable,
                safe="Nothing was written.",
                advice="correct these fields and try again",
                next_command="pjais explain MIGRATION_003",
            )
        return cast(R, record)

    def _unstorable(self, record: Record) -> Iterator[str]:
        """Yield problems with fields whose values could not be stored and read back unchanged."""
        for column in self.table.columns:
            value = getattr(record, column.name, None)
            if isinstance(value, float) and not math.isfinite(value):
                yield f"{column.name}: not a finite number"
            elif isinstance(value, int) and abs(value) > (instants.LIMIT_MS if column.form == "instant" else _MOST):
                yield f"{column.name}: too large"
            elif isinstance(value, str) and not canonical.encodable(value):
                yield f"{column.name}: not valid Unicode"
            elif isinstance(value, dict | list):
                try:
                    text = canonical.dumps(value)
                except RecursionError:
                    yield f"{column.name}: nested too deeply"
                    continue
                if canonical.deeper_than(text):
                    yield f"{column.name}: nested too deeply"

    def _refuse_missing(self, db: sqlite.Connection, record: R) -> None:
        for column, targets in self.table.references:
            value = getattr(record, column)
            known = value is None or any(
                sqlite.first(db, f"SELECT 1 FROM {target} WHERE id = ?", (value,)) for target in targets
            )
            if not known:
                raise UsageError(f"record not found in {targets[0]}", where=[f"{column}: {value}"])

    def _insert(self, db: sqlite.Connection, record: R) -> None:
        names = self.table.column_list
        marks = ", ".join("?" * len(self.table.columns))
        db.execute(f"INSERT INTO {self.table.sql} ({names}) VALUES ({marks})", self.table.to_row(record))

    def _write(self, db: sqlite.Connection, record: R) -> None:
        sets = self.table.assignments
        db.execute(f"UPDATE {self.table.sql} SET {sets} WHERE id = ?", (*self.table.to_row(record), record.id))

    def _select(self, rest: str, values: Sequence[Any] = ()) -> List[R]:
        with self._pool.reader() as db:
            found = sqlite.fetch(db, f"SELECT {self._columns} FROM {self.table.sql} AS t {rest}", values)
        return [cast(R, self.table.to_record(row)) for row in found]

    def _ordering(self, order: str | None) -> str:
        if order is None:
            return self.order
        name = choices.text("order", order).removeprefix("-")
        if name not in self.table.column_names:
            raise UsageError("unknown field to order by", where=[order])
        return f"t.{name} {'DESC' if order.startswith('-') else 'ASC'}, t.id"
