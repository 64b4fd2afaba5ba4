"""Skip unchanged documents in a later run, before they are normalised, validated and digested.

A later run reads a JSON file of which an earlier run made a copy.  A document that is byte for byte the same in the
same list makes the same record: the run would find its ledger entry, compare the digests, and write nothing.  So the
entry is confirmed at once, at the same position in the reading order.  Everything else is processed as usual, and so
is everything for which this would not be certain:

- the last run over the source made records differently: another version of pjais, other choices, other ids;
- its backup is missing or is not the one recorded in the store; its notes about documents cannot be read;
- the document was already seen in another version, has no id, or not exactly one ledger entry, or a decision.

Findings about a document then (a date in another form, ...) are repeated, from the report of that run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from pjais import canonical, files, journal, sqlite
from pjais.assembly.assemble import Item, Same, Source, items
from pjais.assembly.normalise import Choices
from pjais.core.document import Document, Piece
from pjais.core.model import Model
from pjais.core.problems import Problem
from pjais.core.snapshot import Snapshot
from pjais.errors import BackupFailed
from pjais.sources import backup
from pjais.sources.json_files import Lists
from pjais.sources.json_files import reader as json_files
from pjais.sources.registry import source_of
from pjais.targets.sqlite.builder import Builder
from pjais.targets.sqlite.entries import Identity
from pjais.version import __version__

_BLOCK = 1 << 16
"""Block size of the comparison of both files, in bytes."""

_TOGETHER = 500
"""Number of documents whose ledger entries are queried at once."""

_AHEAD = 16
"""Minimum number of documents that are read ahead in the old file if the new one differs."""

_NEAR = 1 << 20
"""Bytes of the old file that are read rather than skipped by reopening it at a later offset."""

_LOST = 100_000
"""Number of documents read ahead after which the search for a common continuation is given up."""

_Noted = dict[tuple[str, str], tuple[Problem, ...]]


def passing_by(backups: Path, builder: Builder, otherwise: Source, *, noting: bool = True) -> Source:
    """Return a source of items that skips unchanged documents; `otherwise` yields those of any other snapshot.

    `noting`: the run reports findings about documents, including unchanged ones.
    """

    def source(model: Model, snapshot: Snapshot, choices: Choices) -> Iterator[Item]:
        before = _before(backups, builder, snapshot, choices, noting)
        return otherwise(model, snapshot, choices) if before is None else _items(builder, snapshot, choices, before)

    return source


class _Before(NamedTuple):
    """The copy of a source that the last run read, and its findings about each document."""

    path: Path
    noted: _Noted


def _items(builder: Builder, snapshot: Snapshot, choices: Choices, before: _Before) -> Iterator[Item]:
    with ExitStack() as stack:
        alike = _Alike(stack, before.path, snapshot.path)
        waiting = _Waiting(builder, snapshot, choices, before.noted)
        for piece in json_files.read_export(snapshot, raw=True):
            if not isinstance(piece, Document) or not piece.native_id or not alike.has(piece):
                yield from waiting.met()
                yield from waiting.ordinary(piece)
                continue
            if not waiting.takes(piece):
                yield from waiting.met()
            waiting.add(piece)
        yield from waiting.met()


class _Waiting:
    """Documents of one list that the old file has too, in reading order: their ledger entries are queried together.

    Ordinary processing may change entries, so after it they are queried again, first for one document.
    """

    def __init__(self, builder: Builder, snapshot: Snapshot, choices: Choices, noted: _Noted) -> None:
        self._builder, self._snapshot, self._choices, self._noted = builder, snapshot, choices, noted
        self._documents: dict[str, Document] = {}
        self._collection = ""
        self._together = _TOGETHER
        self._others = set[tuple[str, str | None]]()
        """Documents seen in another version: their ledger entries have changed."""

    def takes(self, piece: Document) -> bool:
        """Return whether a document can be queried together with the pending ones."""
        same_list = not self._documents or piece.collection == self._collection
        return same_list and piece.native_id not in self._documents and len(self._documents) < _TOGETHER

    def add(self, piece: Document) -> None:
        """Add a pending document."""
        self._collection = piece.collection
        self._documents[str(piece.native_id)] = piece

    def met(self) -> Iterator[Item]:
        """Yield all pending documents."""
        ids = list(self._documents)
        while ids:
            asked, ids = ids[: self._together], ids[self._together :]
            accounts = self._builder.standing(self._collection, [one for one in asked if self._may_stand(one)])
            self._together = min(2 * self._together, _TOGETHER)
            for number, native_id in enumerate(asked, 1):
                piece, account = self._documents[native_id], accounts.get(native_id)
                if account is None:
                    yield from self.ordinary(piece)
                    ids, self._together = [*asked[number:], *ids], 1
                    break
                at = Identity(None, None, self._collection, native_id, piece.place)
                yield Same(account, at, self._noted.get((self._collection, native_id), ()))
        self._documents.clear()

    def ordinary(self, piece: Piece) -> Iterator[Item]:
        """Process a piece as usual."""
        if isinstance(piece, Document):
            self._others.add((piece.collection, piece.native_id))
        yield from items(self._builder.model, self._snapshot, self._choices, (piece,))

    def _may_stand(self, native_id: str) -> bool:
        name = (self._collection, native_id)
        return name not in self._others and all(map(canonical.encodable, name))


class _Alike:
    """Compares two versions of one file, to find the documents of the new one that are unchanged.

    If both have the same bytes from the beginning, or after the same document in the same list, they mean the same.
    Where they differ, the old file is read on after the last document that both have, until one of its documents
    occurs in the new one too, in a list of the same name; after it the bytes are compared again.
    """

    def __init__(self, stack: ExitStack, old: Path, new: Path) -> None:
        self._path = old
        self._old: BinaryIO = stack.enter_context(old.open("rb"))
        self._new: BinaryIO = stack.enter_context(new.open("rb"))
        self._ends = False
        self._behind = 0
        """Offset of the same bytes in the new file, relative to the old one."""
        self._until = 0
        """Offset in the new file up to which both are known to be equal."""
        self._last: tuple[int, str] | None = None
        """The end, in the old file, of the last document that both have, and its collection."""
        self._further: Iterator[Piece] | None = None
        """The old file, read on from a later offset."""
        self._read_to = 0
        self._ahead: dict[bytes, int] = {}
        """Texts of documents after the last one that both have, and the end of each in the old file."""
        self._missed = 0
        """Documents of the new file since then."""
        self._in_a_list = json_files.form(old) == "list"
        self._comparable = json_files.form(old) == json_files.form(new) != "record"

    def has(self, document: Document) -> bool:
        """Return whether the old file has the same document.  Call in reading order."""
        if document.raw is None or not self._comparable:
            return False
        end = _end(document)
        if not self._missed and self._is_alike(end):
            self._last = (end - self._behind, document.collection)
            return True
        self._missed += 1
        there = self._found_ahead(_digest(document))
        if there is None:
            return False
        self._behind, self._until, self._ends = end - there, end, False
        self._last, self._missed = (there, document.collection), 0
        self._ahead = {text: at for text, at in self._ahead.items() if at > there}
        return True

    def _is_alike(self, end: int) -> bool:
        """Continue the comparison, including the byte after a document, since only that shows where a number ends."""
        size = _BLOCK >> 5
        while end >= self._until and not self._ends:
            size = min(2 * size, _BLOCK)
            self._new.seek(self._until)
            self._old.seek(self._until - self._behind)
            new, old = self._new.read(size), self._old.read(size)
            same = len(new) if new == old else _common(new, old)
            self._ends = same < size
            self._until += same
        return end < self._until

    def _found_ahead(self, text: bytes) -> int | None:
        """Return the later position of this text in the old file; the more new documents, the farther it searches."""
        at, collection = self._last or (0, None)
        if self._further is None or at - self._read_to > _NEAR:
            self._read_to, self._ahead = at, {}
            self._further = (
                json_files.read_first(self._path)
                if self._last is None
                else json_files.read_on(self._path, at, None if self._in_a_list else collection)
            )
        while len(self._ahead) < min(_AHEAD + 2 * self._missed, _LOST):
            piece = next(self._further, None)
            if piece is None:
                break
            if isinstance(piece, Document) and piece.raw is not None:
                self._read_to = _end(piece)
                if self._read_to > at:
                    self._ahead.setdefault(_digest(piece), self._read_to)
        return self._ahead.get(text)


def _end(document: Document) -> int:
    """Return the byte after a document."""
    return int(document.place.removeprefix("byte ")) + _length(str(document.raw))


def _length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))


def _common(one: bytes, other: bytes) -> int:
    """Return how many bytes two texts have in common at their beginning."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[low:middle] == other[low:middle] else (low, middle - 1)
    return low


def _digest(piece: Document) -> bytes:
    text = f"{piece.collection}\0{piece.raw}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _before(backups: Path, builder: Builder, snapshot: Snapshot, choices: Choices, noting: bool) -> _Before | None:
    """Return the source as the last run over it read it; None if that is not certain."""
    in_lists = isinstance(source_of(snapshot), Lists)
    if not in_lists or snapshot.damage is not None or choices.ids.active or any(choices.only):
        return None
    found = _last_run(builder.connection, snapshot)
    if found is None or found.made != (__version__, builder.model.reading, choices.expand_cold):
        return None
    folder = backups / found.run_id
    try:
        held = [one for one in backup.load(folder) if (one.kind, one.name) == (snapshot.kind, snapshot.name)]
        told = [
            (one.dialect, one.origin, one.damage, [(each.source, each.sha256) for each in one.files]) for one in held
        ]
        if told != [(snapshot.dialect, snapshot.origin, None, found.files)] or len(found.files) != 1:
            return None
        if files.sha256(held[0].path) != found.files[0][1]:
            return None
        noted = _noted(folder, snapshot.name) if noting else {}
    except (BackupFailed, OSError):
        return None
    return None if noted is None else _Before(held[0].path, noted)


class _Run(NamedTuple):
    """The last run over a source, as the store has it."""

    run_id: str
    made: tuple[str, int | None, bool]
    """The version and the options with which its records were made."""
    files: list[tuple[str, str]]


def _last_run(db: sqlite.Connection, snapshot: Snapshot) -> _Run | None:
    runs = "SELECT id, ids, program_version, sources, options FROM migration_runs ORDER BY number DESC"
    for run_id, ids, version, sources, options in sqlite.fetch(db, runs):
        for source in json.loads(sources):
            if snapshot.name in source.get("was", ()):
                return None  # another source has taken over documents of it since
            if (source["kind"], source["name"]) != (snapshot.kind, snapshot.name):
                continue
            if ids != "keep" or source["origin"] != snapshot.origin or "only" in source:
                return None
            held = [(one["path"], one["sha256"]) for one in source["files"]]
            chosen = json.loads(options or "{}")
            return _Run(run_id, (version, chosen.get("reading"), bool(chosen.get("expand_cold"))), held)
    return None


def _noted(folder: Path, name: str) -> _Noted | None:
    """Return a run's findings about each document of a source; None if its report is missing or changed."""
    told: dict[str, Any] = {}
    for entry in journal.entries(folder):
        told = entry.details.get("report", told) if entry.event == "done" else told
    path = folder / "report.json"
    if not path.is_file() or files.sha256(path) != told.get(path.name):
        return None
    noted: _Noted = {}
    for one in json.loads(path.read_bytes().decode("utf-8", "surrogatepass"))["findings"]:
        if one["source"] == name and "native_id" in one and one["place"]:
            at = (one["collection"], one["native_id"])
            noted[at] = (*noted.get(at, ()), (one["level"], one["rule"], one.get("field"), one["message"]))
    return noted
