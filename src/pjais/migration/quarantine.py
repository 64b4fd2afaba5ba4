"""`quarantine`: inspect rejected documents, edit them, and import them after all.

A replay normalises and validates a quarantined document again, unchanged or edited, and imports it into the target in
one transaction, after making a copy of the target.  A document may also be discarded: it stays in the store whole,
with one more reason, is no longer listed, and can still be replayed by its id.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Annotated, Any, NamedTuple

from pjais import canonical, files, instants, journal, sqlite
from pjais.assembly.ids import Ids
from pjais.core import validate
from pjais.core.document import Document, full_name
from pjais.core.model import Model
from pjais.core.own_files import with_bytes
from pjais.core.problems import Problem
from pjais.core.shown import HIDDEN, fields_as_json
from pjais.core.table import Record, Table
from pjais.errors import NoSourceFound, UsageError, VerificationFailed
from pjais.migration import fault_messages, recover, state
from pjais.targets.sqlite import blobs, chain, cutover, decisions, heads
from pjais.targets.sqlite.ddl import insert_sql
from pjais.targets.sqlite.decisions import DISCARDED
from pjais.workspace import Workspace


class Kept(NamedTuple):
    """One quarantined document."""

    id: int
    run_id: str
    source_kind: str
    source: str
    collection: str
    native_id: str | None
    place: str
    reasons: list[dict[str, Any]]
    document: Annotated[Any, HIDDEN]
    raw: Annotated[bytes | None, HIDDEN]
    replayed_at: str | None
    dialect: str | None = None
    """The dialect with which its source was read; None in a store of 0.1.0 whose backup is missing."""
    origin: str | None = None
    database: str | None = None

    @property
    def discarded(self) -> bool:
        """True if its owner discarded it."""
        return any(one.get("rule") == DISCARDED for one in self.reasons)

    def as_dict(self, *, whole: bool = False) -> dict[str, Any]:
        """Return the entry as a JSON object; `whole` includes its content."""
        shown = fields_as_json(self)
        if whole:
            shown["document"] = self.document
            shown["raw"] = None if self.raw is None else canonical.tag_bytes(self.raw)
        return shown


class Replayed(NamedTuple):
    """The result of replaying one entry: imported, or still invalid and why."""

    id: int
    record_type: str | None
    record_id: str | None
    problems: list[str]


_COLUMNS = (
    "id, run_id, source_kind, source_path, collection, native_id, place, reasons, document, raw, replayed_at, dialect, "
    "origin, database"
)


def _kept(row: tuple[Any, ...]) -> Kept:
    reasons = json.loads(row[7])
    document = None if row[8] is None else canonical.loads(row[8])
    return Kept._make((*row[:7], reasons, document, *row[9:]))


def names(found: Sequence[Kept]) -> list[str]:
    """Return an unambiguous collection name for each entry: with its database or origin if those differ."""
    owners: dict[str, set[tuple[str | None, str | None]]] = {}
    for one in found:
        owners.setdefault(one.collection, set()).add((one.origin, one.database))
    called = []
    for one in found:
        origins, databases = ({owner[at] for owner in owners[one.collection]} for at in (0, 1))
        name = full_name(one.database, one.collection) if len(databases) > 1 else one.collection
        called.append(f"{one.origin} {name}" if len(origins) > 1 and one.origin is not None else name)
    return called


def listed(workspace: Workspace, ids: Sequence[int] = (), *, everything: bool = False) -> list[Kept]:
    """Return the quarantined documents; `everything` includes those that were replayed or discarded.

    Raises NoSourceFound if there is no target, UsageError for an id that does not exist.
    """
    if cutover.inspect(workspace.store, workspace.model) is None:
        raise NoSourceFound("store not found", where=[str(workspace.store)], next_command="pjais migrate")
    with closing(sqlite.open_reader(workspace.store)) as db:
        found = [_kept(row) for row in sqlite.each(db, f"SELECT {_COLUMNS} FROM migration_quarantine ORDER BY id")]
    if ids:
        missing = set(ids) - {one.id for one in found}
        if missing:
            raise UsageError(
                "quarantined document not found",
                where=[str(one) for one in sorted(missing)],
                next_command="pjais quarantine list",
            )
        return [one for one in found if one.id in ids]
    return [one for one in found if everything or (one.replayed_at is None and not one.discarded)]


def discard(workspace: Workspace, ids: Sequence[int]) -> list[Kept]:
    """Discard documents, all or none: they stay in the store, but are listed only with `everything`.

    Raises UsageError for one that was replayed, or does not exist.
    """
    entries = listed(workspace, ids) if ids else []
    if gone := [str(one.id) for one in entries if one.replayed_at is not None]:
        raise UsageError("document already imported", where=gone, next_command="pjais quarantine list")
    reason = {"level": "note", "rule": DISCARDED, "message": "discarded by the owner"}
    with files.only_run(workspace.data_dir), fault_messages.explained(workspace):
        workspace.target.refuse_if_open()
        derived = workspace.model.derived
        with (
            closing(sqlite.open_writer(workspace.store)) as db,
            sqlite.transaction(db),
            chain.sealing(db, derived, "discard"),
        ):
            for one in entries:
                if not one.discarded:
                    reasons = canonical.dumps_plain([*one.reasons, reason])
                    db.execute("UPDATE migration_quarantine SET reasons = ? WHERE id = ?", (reasons, one.id))
                    decisions.write(db, one.id, "discarded", instants.to_text(journal.now_ms()), (None, None))
        heads.note_closed(workspace.store)
        state.forget_failed(workspace)
    return listed(workspace, ids) if ids else []


def replay(
    workspace: Workspace, ids: Sequence[int] = (), document: Any = None, edited: Mapping[int, Any] | None = None
) -> list[Replayed]:
    """Try quarantined documents again; `document` is the edited form of the one in `ids`, `edited` those of several.

    Records that others refer to go first.  All valid ones are imported in one transaction.
    """
    listed(workspace, ids)  # raises its errors before any lock is taken
    with fault_messages.explained(workspace), files.only_run(workspace.data_dir):
        recover.recover(workspace)
        entries = [one for one in listed(workspace, ids) if one.replayed_at is None]
        if document is not None and len(entries) != 1:
            raise UsageError("--document requires exactly one id", next_command="pjais quarantine list")
        forms = dict(edited or {}) if document is None else {entries[0].id: document}
        workspace.target.refuse_if_open()
        workspace.target.catch_up(workspace.model)
        name = journal.new_run_id(workspace.backups)
        if not entries:
            return []
        copy = files.private_folder(workspace.backups / f"{name}-before-replay")
        cutover.copy_target(workspace.store, copy / "previous.sqlite")
        journal.begin(copy, "replay", target=state.relative_target(workspace))
        with fault_messages.finishing(workspace):
            with closing(sqlite.open_writer(workspace.store)) as db, sqlite.transaction(db):
                _refuse_changed(workspace, db)
                with chain.sealing(db, workspace.model.derived, "replay", copy.name):
                    done = _replay_all(db, workspace.model, entries, forms)
            workspace.target.push(workspace.model, name)
            journal.record(copy, "pushed")
        heads.note_closed(workspace.store)
        state.forget_failed(workspace)
        return done


def _refuse_changed(workspace: Workspace, db: sqlite.Connection) -> None:
    """Refuse entries that another program changed: they are no longer what a source held."""
    wrong = chain.check(db)
    if wrong:
        raise VerificationFailed(
            "the store was changed by another program; nothing was imported",
            where=[str(workspace.store), *wrong],
            safe="No changes were made.",
            next_command="pjais verify",
        )


def _replay_all(db: sqlite.Connection, model: Model, entries: list[Kept], forms: Mapping[int, Any]) -> list[Replayed]:
    """Replay entries in rounds, until a round imports nothing more."""
    new_ids = Ids.of(db)
    waiting, done = entries, list[Replayed]()
    while waiting:
        tried = [_replay_one(db, model, entry, forms.get(entry.id), new_ids) for entry in waiting]
        went_in = [one for one in tried if one.record_id is not None]
        done += went_in
        waiting = [one for one, result in zip(waiting, tried, strict=True) if result.record_id is None]
        if not went_in:
            return done + tried
    return done


def _replay_one(db: sqlite.Connection, model: Model, entry: Kept, edited: Any, ids: Ids) -> Replayed:
    value = entry.document if edited is None else edited
    if value is None:
        return Replayed(entry.id, None, None, ["raw bytes; give the edited document"])
    native_id = entry.native_id
    if isinstance(value, dict) and isinstance(value.get("id"), str):
        native_id = value["id"]
    notes = tuple(f"seconds:{one['field']}" for one in entry.reasons if one.get("rule") == "date-seconds")
    piece = Document(entry.collection, native_id, entry.place, value, None, notes)
    dialect = entry.dialect or entry.source_kind
    mapping = model.reader(dialect, piece.collection)
    draft = mapping.read(piece)
    problems = validate.check(draft)
    if not validate.valid(problems):
        return Replayed(entry.id, None, None, [_line(problem) for problem in problems if problem[0] == "error"])
    record = draft.record
    if ids.active:
        record = mapping.with_ids(record, piece.value, ids.of_kind(entry.source_kind))
        db.executemany("INSERT OR REPLACE INTO migration_ids VALUES (?, ?)", ids.map.items())
    table = model.table_of(record)
    reason = _obstacle(db, table, record)
    if reason:
        return Replayed(entry.id, None, None, [reason])
    if table.of_bytes:
        blobs.keep_bytes(db, with_bytes(piece).blobs)
    _bring_in(db, entry, table, record)
    return Replayed(entry.id, table.name, table.record_key(record), [])


def _line(problem: Problem) -> str:
    _, rule, field, message = problem
    return f"{field + ': ' if field else ''}{message} [{rule}]"


def _obstacle(db: sqlite.Connection, table: Table, record: Record) -> str | None:
    where = table.matching()
    keys = table.key_of(record)
    if sqlite.first(db, f"SELECT 1 FROM {table.sql} WHERE {where}", keys):
        return "a record with this id already exists"
    for column, targets in table.references:
        value = getattr(record, column)
        there = any(sqlite.first(db, f"SELECT 1 FROM {target} WHERE id = ?", (value,)) for target in targets)
        if value is not None and not there:
            return f"{column}: refers to a record that does not exist [orphan]"
    return None


def _bring_in(db: sqlite.Connection, entry: Kept, table: Table, record: Record) -> None:
    row = table.to_row(record)
    bound = row if table.search is None else (*row, None)
    db.execute(insert_sql(table), bound)
    now = instants.to_text(journal.now_ms())
    db.execute("UPDATE migration_quarantine SET replayed_at = ? WHERE id = ?", (now, entry.id))
    decisions.write(db, entry.id, "replayed", now, (table.name, table.record_key(record)))
    db.execute(
        "UPDATE migration_records SET outcome = 'migrated', record_type = ?, record_id = ?, digest = ? "
        "WHERE seq = (SELECT record_seq FROM migration_quarantine WHERE id = ?)",
        (table.name, table.record_key(record), table.digest(row), entry.id),
    )
