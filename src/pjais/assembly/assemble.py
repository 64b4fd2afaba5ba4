"""Assemble records from snapshots in a new file: the only module in which reading, validating and writing meet.

A later verification uses `readings` too, so that both see exactly the same.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from typing import Any, NamedTuple

from pjais import instants
from pjais.assembly.findings import Findings
from pjais.assembly.held import Held, catalogue
from pjais.assembly.ids import Ids
from pjais.assembly.normalise import Choices, Final, Normaliser, Only, Reading, wanted
from pjais.core import validate
from pjais.core.document import Document, Piece, Remark, Unreadable, full_name
from pjais.core.mapping import Mapping
from pjais.core.model import Model
from pjais.core.own_files import REMOVED
from pjais.core.problems import Problem
from pjais.core.results import Counts, Finding, Progress
from pjais.core.snapshot import Snapshot
from pjais.core.table import Record
from pjais.sources.contract import Wishes
from pjais.sources.registry import source_of
from pjais.targets.sqlite.builder import Builder
from pjais.targets.sqlite.documents import Expected
from pjais.targets.sqlite.entries import Entry, Identity, Origin, Refusal, document_text, entry, identity, kept
from pjais.targets.sqlite.places import Places
from pjais.targets.sqlite.standing import Group


def origin_of(snapshot: Snapshot) -> Origin:
    """Return the source as the ledger names it."""
    return Origin(snapshot.kind, snapshot.dialect, snapshot.name)


def options_of(choices: Choices, builder: Builder) -> dict[str, Any]:
    """Return the part of a run's row about everything that changes records, and the names of collections."""
    chosen = {"expand_cold": choices.expand_cold, "reading": builder.model.reading}
    only = {"only": choices.only} if any(choices.only) else {}
    wishes = {"wishes": told} if (told := choices.wishes.as_dict()) else {}
    return {**chosen, **only, **wishes, "names": builder.names.as_list()}


def chosen_before(options: dict[str, Any], ids: Ids, password: str | None) -> Choices:
    """Return the choices of an earlier run, by what its row has of them."""
    only, wishes = Only(*options.get("only", ())), Wishes(**options.get("wishes", {}))
    return Choices(ids, bool(options.get("expand_cold")), password, only, wishes)


def source_entries(
    builder: Builder, snapshots: Iterable[Snapshot], counts: Iterable[Counts], choices: Choices
) -> tuple[dict[str, Any], ...]:
    """Return all sources of a run for `migration_runs`."""
    return tuple(
        _source_entry(snapshot, one, builder.was.get(snapshot.name, []), choices)
        for snapshot, one in zip(snapshots, counts, strict=True)
    )


def _source_entry(snapshot: Snapshot, counts: Counts, was: list[str], choices: Choices) -> dict[str, Any]:
    """Return a source for `migration_runs`; `was`: earlier names of the source of its documents."""
    return {
        "kind": snapshot.kind,
        "name": snapshot.name,
        "origin": snapshot.origin,
        "web_origin": snapshot.web_origin,
        **({"was": was} if was else {}),
        **({"only": choices.only._asdict()} if any(choices.only) else {}),
        **({"wishes": told} if (told := choices.wishes.as_dict()) else {}),
        "files": [
            {"path": one.source, "size": one.size, "sha256": one.sha256, "mtime_ns": one.mtime_ns}
            for one in snapshot.files
        ],
        **counts.as_dict(),
    }


class Same(NamedTuple):
    """Documents, one after the other, that are known to be unchanged since an earlier run.

    Their ledger entries, where these documents are now, and the findings about some of them then.
    """

    groups: Sequence[Group]
    there: Places
    noted: Sequence[tuple[Identity, tuple[Problem, ...]]]


Item = tuple[Entry, tuple[Problem, ...]] | Reading | Same | Document
"""A record to be added, with its findings; a reading that needs more than its row; unchanged documents; or one that no
fixed table takes, which waits until all documents of its source are known."""


Watch = Callable[[Snapshot, Entry], None]
"""Called with every live record of a fixed table that is put into a store."""

Source = Callable[[Model, Snapshot, Choices], Iterator[Item]]
"""Yields the pieces of a snapshot as a builder takes them: `items`, or the same faster."""


def readings(
    model: Model, snapshot: Snapshot, choices: Choices, pieces: Iterable[Piece] | None = None
) -> Iterator[Reading]:
    """Yield all pieces of a snapshot, or the given ones, in reading order, normalised and validated.

    Documents of collections that have a table of their own come after all others.
    """
    held = Held()
    try:
        normaliser = Normaliser(model, snapshot, choices)
        for one in map(normaliser.read, wanted(snapshot, choices, pieces)):
            if isinstance(one, Document):
                held.add(one)
            else:
                yield one
        yield from _of_documents(model, snapshot, held)
    finally:
        held.close()


def _of_documents(model: Model, snapshot: Snapshot, held: Iterable[Document]) -> Iterator[Reading]:
    """Yield the documents of collections with a table of their own, as its rows."""
    if model.documents is None:
        return
    mapping = model.documents.within(snapshot.name)
    for piece in held:
        try:
            draft = mapping.read(piece)
        except RecursionError:
            yield Reading(piece, None, (("error", "too-deep", None, "nested too deeply"),), False)
            continue
        yield Reading(piece, draft.record, draft.problems, draft.removed)


def items(model: Model, snapshot: Snapshot, choices: Choices, pieces: Iterable[Piece] | None = None) -> Iterator[Item]:
    """Yield all pieces of a snapshot, or the given ones, as a builder takes them, in reading order."""
    normaliser = Normaliser(model, snapshot, choices)
    for found in wanted(snapshot, choices, pieces):
        quick = normaliser.quickly(found)
        if quick is not None:
            yield quick
            continue
        reading = normaliser.read(found)
        if isinstance(reading, Document):
            yield reading
            continue
        piece, record, problems, removed = reading
        if record is None or (removed and model.reader(snapshot.dialect, piece.collection).removes):
            yield reading
        else:
            yield entry(model, piece, record, removed=removed), problems  # type: ignore[arg-type]  # only documents have one


def expected(model: Model, snapshot: Snapshot, choices: Choices) -> Iterator[Expected]:
    """Yield the expected outcome of each document of a snapshot."""
    final = Final(snapshot, choices)
    for piece, record, _, _ in readings(model, snapshot, choices):
        if isinstance(piece, Remark):
            continue
        if record is None or not isinstance(piece, Document):
            yield Expected(*identity(piece), None, kept(piece))
            continue
        if model.table_of(record).later:
            mapping = model.reader(snapshot.dialect, piece.collection)
            yield Expected(*identity(piece), record, earlier=partial(_earlier, final, mapping, piece))
        else:
            yield Expected(*identity(piece), record)


def _earlier(final: Final, mapping: Mapping, piece: Document) -> Iterator[Record]:
    """Yield the records that programs before this one made of a document, before fields were added."""
    for older in mapping.earlier():
        draft = older.read(piece)
        if draft.record is not None:
            yield final.record(older, piece, draft.record)


def original(model: Model, dialect: str, wanted: Expected) -> str | None:
    """Return the text of a record's document, as a builder keeps it."""
    return None if wanted.record is None else document_text(model, dialect, wanted.collection, wanted.record)


def assemble(
    builder: Builder,
    snapshots: Iterable[Snapshot],
    findings: Findings,
    choices: Choices,
    progress: Progress,
    watch: Watch = lambda *_: None,
    source: Source = items,
) -> None:
    """Put every document of every snapshot into the builder, or into its quarantine.

    `watch` is called with every live record; `source` yields the same as `items`, possibly faster.
    """
    snapshots = tuple(snapshots)
    choices.ids.learn(snapshots)
    builder.keeping.active = not choices.accept_deletions
    builder.expect([origin_of(snapshot) for snapshot in snapshots])
    with _without_collector():
        _read_and_write(builder, snapshots, findings, choices, progress, watch, source)
    builder.store_ids(choices.ids.map)
    for refusal in _settled(builder, choices):
        findings.add(
            Finding(
                "error",
                refusal.rule,
                refusal.source,
                refusal.collection,
                refusal.native_id,
                refusal.place,
                refusal.field,
                refusal.message,
            )
        )
    for rule, where, message in builder.observations():
        findings.add(Finding("note", rule, "all sources", builder.model.tables[0].name, where, "", None, message))
    for one in builder.keeping.find(builder.connection):
        keeps = one.table.keeps
        assert keeps is not None
        rule, message = keeps.rule, keeps.told(one.parts)
        findings.add(Finding("note", rule, "the target", one.table.title, one.key, "", None, message))
    for title, key in builder.keeping.let_go(builder.connection):
        message = "messages kept from an earlier export were deleted, as requested; the history keeps them"
        findings.add(Finding("note", "messages-let-go", "the target", title, key, "", None, message))
    for table, key in builder.overridden:
        message = "edited in the target, and later changed in a source; the edit is kept in the history"
        findings.add(Finding("note", "edit-superseded", "the target", table, key, "", None, message))


@contextmanager
def _without_collector() -> Iterator[None]:
    """Disable the garbage collector: documents and records have no cycles, and there are very many."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _read_and_write(
    builder: Builder,
    snapshots: tuple[Snapshot, ...],
    findings: Findings,
    choices: Choices,
    progress: Progress,
    watch: Watch,
    source: Source,
) -> None:
    done = told = before = 0
    sizes = [sum(one.size for one in snapshot.files) for snapshot in snapshots]
    total = sum(sizes) if len(snapshots) > 1 or all(source_of(one).opens_stream for one in snapshots) else None
    sources = frozenset(snapshot.name for snapshot in snapshots)
    for snapshot, size in zip(snapshots, sizes, strict=True):
        at = 0
        builder.begin_source(origin_of(snapshot))
        with closing(Held()) as held:
            for item in _in_order(builder, source, snapshot, choices, held, sources):
                done += len(item.there) if isinstance(item, Same) else 1
                if done - told >= 2000:
                    told, at = done, max(at, min(_byte(snapshot, item), size))
                    progress("read and write", done if total is None else before + at, total)
                _put(builder, snapshot, item, findings, watch)
        for line in snapshot.unsound:
            findings.add(Finding("note", "unsound-file", snapshot.name, "$file", None, "integrity check", None, line))
        before += size
        progress("read and write", done if total is None else before, total)


def _byte(snapshot: Snapshot, item: Item) -> int:
    """Return the byte of a source's file that an item begins at; 0 where the source is no stream that is read once."""
    if isinstance(item, Same | Document) or not source_of(snapshot).opens_stream:
        return 0
    what, _, number = item[0].place.partition(" ")
    return int(number) if what == "byte" and number.isdecimal() else 0


def _in_order(
    builder: Builder, source: Source, snapshot: Snapshot, choices: Choices, held: Held, sources: frozenset[str]
) -> Iterator[Item]:
    """Yield the pieces of a snapshot, those of collections with a table of their own last, when these tables exist."""
    for item in source(builder.model, snapshot, choices):
        if isinstance(item, Document):
            held.add(item)
        else:
            yield item
    if not held:
        return
    builder.extend(catalogue(builder.model, snapshot, held, sources, choices.password))
    model = builder.model
    for reading in _of_documents(model, snapshot, held):
        piece, record, problems, removed = reading
        if record is None or not isinstance(piece, Document):
            yield reading
            continue
        if piece.collection == REMOVED and source_of(snapshot).is_ours:
            _remove(builder, piece)
            removed = True
        builder.keep_blobs(piece)
        yield entry(model, piece, record, removed=removed), problems


def _put(builder: Builder, snapshot: Snapshot, item: Item, findings: Findings, watch: Watch) -> None:
    """Put one piece of a snapshot into the builder."""
    if isinstance(item, Same):
        builder.standings.meet(item.groups, item.there)
        for at, problems in item.noted:
            _note(snapshot.name, at, problems, findings)
        return
    if isinstance(item, Reading):
        _take(builder, snapshot, item, findings)
        return
    assert not isinstance(item, Document)
    arriving, problems = item
    if problems:
        _note(snapshot.name, arriving, problems, findings)
    builder.put(arriving)
    if not arriving.removed and not builder.model.by_name[arriving.table].is_of_documents:
        watch(snapshot, arriving)


def _settled(builder: Builder, choices: Choices) -> Iterator[Refusal]:
    """Handle rejected orphans; if an older copy was superseded by one, that copy is tried again."""
    while refusals := builder.settle():
        yield from refusals
        for refusal in refusals:
            heir = builder.heir(refusal)
            if heir is None:
                continue
            mapping = builder.model.reader(heir.dialect, heir.document.collection)
            draft = mapping.read(heir.document)
            if not validate.valid(validate.check(draft)):
                continue
            record = draft.record
            if choices.ids.active:
                record = mapping.with_ids(record, heir.document.value, choices.ids.of_kind(heir.dialect))
            builder.reinstate(heir, record)


def _note(source: str, at: Entry | Identity | Piece, problems: tuple[Problem, ...], findings: Findings) -> None:
    """Collect the findings of one document; a valid one changed by a rule counts as repaired."""
    native_id = None if isinstance(at, Remark | Unreadable) else at.native_id
    collection = at.collection if isinstance(at, Remark) else full_name(at.database, at.collection)
    if isinstance(at, Entry | Identity) and any(problem[0] == "repair" for problem in problems):
        findings.repaired[source] += 1
    for level, rule, field, message in problems:
        findings.add(Finding(level, rule, source, collection, native_id, at.place, field, message))


def _take(builder: Builder, snapshot: Snapshot, reading: Reading, findings: Findings) -> None:
    """Handle a reading without a valid record, or the tombstone that our own export writes."""
    piece, record, problems, _ = reading
    if record is not None and isinstance(piece, Document):
        tombstone = entry(builder.model, piece, record, removed=True)
        _note(snapshot.name, tombstone, problems, findings)
        builder.put(tombstone)
        _remove(builder, piece)
        return
    if isinstance(piece, Remark):
        _note(snapshot.name, piece, problems, findings)
        return
    if isinstance(piece, Unreadable):
        findings.incomplete.add(snapshot.name)
    if builder.refuse(piece, [_reason(problem) for problem in problems]):
        problems = (("note", "decided", None, "its owner has decided about it before"),)
    else:
        findings.unreadable += isinstance(piece, Unreadable)
    _note(snapshot.name, piece, problems, findings)


def _remove(builder: Builder, piece: Document) -> None:
    """Remove the record that an entry of our own export names as removed."""
    named = piece.value if isinstance(piece.value, dict) else {}
    at = instants.from_text(str(named.get("removedAt")))
    builder.remove(str(named.get("collection")), str(named.get("id")), at)


def _reason(problem: Problem) -> dict[str, Any]:
    level, rule, field, message = problem
    return {"level": level, "rule": rule, "field": field, "message": message}
