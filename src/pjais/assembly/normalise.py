"""Normalise and validate the pieces of a snapshot, as its owner chose: each becomes a record, or says why not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from pjais.assembly.ids import Ids
from pjais.core import validate
from pjais.core.document import Document, Piece, Remark, Unreadable
from pjais.core.fast_lane import FastLane, fast_lane
from pjais.core.mapping import Carried, Mapping
from pjais.core.model import Model
from pjais.core.own_files import DOCUMENTS, inline_bytes, unwrapped, with_bytes
from pjais.core.problems import Problem
from pjais.core.snapshot import Snapshot
from pjais.core.table import Record
from pjais.sources.contract import NO_WISHES, Wishes
from pjais.sources.registry import read, source_of
from pjais.targets.sqlite.entries import Entry, identity


class Reading(NamedTuple):
    """One piece of a snapshot and its result; `record` is None if it is invalid."""

    piece: Piece
    record: Record | None
    problems: tuple[Problem, ...]
    removed: bool


class Only(NamedTuple):
    """The web origin, database and collection of the documents that a run takes; None: all.

    Documents without a web origin (the app's own files) are taken together with those of any.
    """

    origin: str | None = None
    database: str | None = None
    collection: str | None = None

    def takes(self, piece: Piece) -> bool:
        """Return whether a piece of a source is wanted; problems of a whole file always are."""
        if isinstance(piece, Remark) or piece.collection == "$file":
            return True
        return self.covers(piece.origin, piece.database, piece.collection)

    def covers(self, origin: str | None, database: str | None, name: str) -> bool:
        """Return whether documents of a web origin, database and collection are wanted."""
        return (
            (self.origin is None or origin in (None, self.origin))
            and (self.database is None or database == self.database)
            and (self.collection is None or name == self.collection or name.startswith(f"{self.collection}/"))
        )


EVERYTHING = Only()


class Choices(NamedTuple):
    """The owner's choices that change records; kept in the run's row for verification."""

    ids: Ids = Ids()
    expand_cold: bool = False
    password: str | None = None
    only: Only = EVERYTHING
    wishes: Wishes = NO_WISHES
    accept_deletions: bool = False


_NO_BYTES: dict[str, bytes] = {}


class Normaliser:
    """Normalises and validates the pieces of one snapshot, one after the other."""

    def __init__(self, model: Model, snapshot: Snapshot, choices: Choices) -> None:
        self._model = model
        self._dialect = snapshot.dialect
        self._final = Final(snapshot, choices)
        self._wraps = model.documents is not None and source_of(snapshot).is_ours
        self._mappings: dict[str, Mapping] = {}
        self._lanes: dict[str, FastLane | None] = {}

    def quickly(self, piece: Piece) -> tuple[Entry, tuple[Problem, ...]] | None:
        """Return what the fast lane makes of a piece; None for one that has to be `read`."""
        if type(piece) is not Document:
            return None
        try:
            lane = self._lanes[piece.collection]
        except KeyError:
            lane = self._lanes[piece.collection] = self._lane(piece.collection)
        if lane is None:
            return None
        try:
            made = lane.row(piece)
        except RecursionError:
            return None
        if made is None:
            return None
        row, digest, problems = made
        return Entry._make((*identity(piece), lane.table, row, digest, False, _NO_BYTES)), problems

    def _lane(self, collection: str) -> FastLane | None:
        ours = self._wraps and collection == DOCUMENTS
        return None if ours or self._final.changes else fast_lane(self._model.reader(self._dialect, collection))

    def read(self, piece: Piece) -> Reading | Document:
        """Return a piece as a reading; as it is if it belongs to a collection with a table of its own."""
        if isinstance(piece, Remark):
            return Reading(piece, None, (("note", piece.rule, None, piece.message),), False)
        if isinstance(piece, Unreadable):
            return Reading(piece, None, (("error", "unreadable", None, piece.reason),), False)
        try:
            return self._document(piece)
        except RecursionError:
            return Reading(piece, None, (("error", "too-deep", None, "nested too deeply"),), False)

    def _document(self, piece: Document) -> Reading | Document:
        model, final = self._model, self._final
        mapping = self._mappings.get(piece.collection)
        if mapping is None:
            mapping = self._mappings.setdefault(piece.collection, model.reader(self._dialect, piece.collection))
        if model.documents is not None:
            inner = _inner(model, mapping, piece, wrapped=self._wraps and piece.collection == DOCUMENTS)
            of_bytes = None if inner is None else model.mapping_of_carried(inner.collection)
            if inner is not None and of_bytes is None:
                return inner
            if inner is not None and of_bytes is not None:
                piece, mapping = piece._replace(value=inner.value, text=None), of_bytes
        if mapping.has_bytes:
            piece = with_bytes(piece)
        draft = mapping.read(piece)
        problems = validate.check(draft)
        if problems and draft.removed and not validate.valid(problems):
            problems = tuple(problem for problem in problems if problem[0] != "error" or problem[1] == "no-id")
        if problems and not validate.valid(problems):
            return Reading(inline_bytes(piece) if mapping.has_bytes else piece, None, problems, False)
        record = final.record(mapping, piece, draft.record) if final.changes or mapping.linked else draft.record
        return Reading(piece, record, problems, draft.removed)


def wanted(snapshot: Snapshot, choices: Choices, pieces: Iterable[Piece] | None) -> Iterable[Piece]:
    """Yield the pieces of a snapshot, or the given ones, that a run takes."""
    found = read(snapshot, choices.password, wishes=choices.wishes) if pieces is None else pieces
    return filter(choices.only.takes, found) if any(choices.only) else found


def _inner(model: Model, mapping: Mapping, piece: Document, *, wrapped: bool) -> Document | None:
    """Return the document that gets a table of its own: a piece itself, or what one of our own files has in it."""
    if wrapped:
        return unwrapped(piece)
    if mapping is model.documents:
        return piece
    if isinstance(mapping, Carried) and not mapping.removes:
        carried = mapping.read(piece).record
        return None if carried is None else mapping.taken_back(carried, piece)
    return None


class Final:
    """Applies the owner's choices, and what other documents of the source say, to a valid record."""

    def __init__(self, snapshot: Snapshot, choices: Choices) -> None:
        self._expand = choices.expand_cold
        self._change = choices.ids.of_kind(snapshot.kind) if choices.ids.active else None
        self.changes = self._expand or self._change is not None
        """True if the owner's choices may change any record."""
        self._renamed: dict[str, str] = {}

    def record(self, mapping: Mapping, piece: Document, record: Record) -> Record:
        """Return the record as it is stored."""
        if mapping.renames and piece.native_id is not None and record.id != piece.native_id:
            self._renamed[piece.native_id] = record.id
        if mapping.follows:
            ends = {name: getattr(record, name) for name in mapping.follows}
            moved = {name: self._renamed[end] for name, end in ends.items() if end in self._renamed}
            record = mapping.changed(record, piece.value, moved)
        if self._expand:
            record = mapping.expanded(record, piece.value)
        return record if self._change is None else mapping.with_ids(record, piece.value, self._change)
