"""Skip unchanged documents in a later run, before they are normalised, validated and digested.

A later run reads a JSON file of which an earlier run made a copy, and kept where each document is in it.  A document
that is byte for byte the same in a list of the same name makes the same record: the run would find its ledger entry,
compare the digests, and write nothing.  So the entry is confirmed at once, at the same position in the reading order.
After such a document both files are compared in large blocks; up to where they differ, the documents of the list are
neither split nor parsed nor looked up one by one.  Everything else is processed as usual, and so is everything for
which this would not be certain:

- the last run over the source made records differently: another version of pjais, other choices, other ids;
- its backup is missing or is not the one recorded in the store; its notes about documents cannot be read;
- the document was already seen in another version, has no id, or not exactly one ledger entry, or a decision.

Findings about a document then (a date in another form, ...) are repeated, from the report of that run.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from pjais import canonical, delta, files, journal, paths, sqlite
from pjais.assembly.assemble import Item, Same, Source, items
from pjais.assembly.normalise import Choices
from pjais.core.document import Document, Piece
from pjais.core.model import Model
from pjais.core.problems import Problem
from pjais.core.results import Counts
from pjais.core.snapshot import Snapshot
from pjais.errors import BackupFailed
from pjais.sources import backup
from pjais.sources.json_files import Lists
from pjais.sources.json_files import reader as json_files
from pjais.sources.registry import source_of
from pjais.targets.sqlite import places
from pjais.targets.sqlite.builder import Builder
from pjais.targets.sqlite.entries import Identity
from pjais.targets.sqlite.places import Places
from pjais.targets.sqlite.standing import Group, Standing
from pjais.version import __version__

_TOGETHER = 500
"""Number of documents whose ledger entries are queried at once."""

_SMALL, _LARGE = 1 << 12, 1 << 20
"""Sizes of the first and the largest blocks in which files are compared, in bytes."""

_WORTH = 4
"""Number of documents below which it is faster to read them than to pass them by."""

_COMMA = re.compile(rb"[ \t\n\r]*,[ \t\n\r]*")

_Noted = dict[tuple[str, str], tuple[int, tuple[Problem, ...]]]
"""The findings about documents, by collection and native id, each with the first byte of its document."""


def passing_by(backups: Path, builder: Builder, otherwise: Source, *, noting: bool = True) -> Source:
    """Return a source of items that skips unchanged documents; `otherwise` yields those of any other snapshot.

    `noting`: the run reports findings about documents, including unchanged ones.
    """

    def source(model: Model, snapshot: Snapshot, choices: Choices) -> Iterator[Item]:
        before = None
        if isinstance(source_of(snapshot), Lists):
            builder.keep_places()
            before = _before(backups, builder, snapshot, choices, noting)
        if before is None:
            return otherwise(model, snapshot, choices)
        return _items(builder, snapshot, choices, before)

    return source


def keep_places(folder: Path, builder: Builder, snapshots: Sequence[Snapshot], counts: Sequence[Counts]) -> None:
    """Keep in a run's folder where each document is, for the next run.  It may be lost without harm."""
    kept: dict[str, Places] = {}
    for snapshot, count in zip(snapshots, counts, strict=True):
        there = builder.places.get(snapshot.name)
        whole = there.in_order() if there is not None and len(there) == count.read else None
        if whole is not None:
            kept[snapshot.name] = whole
    if kept:
        files.write_hint(folder / paths.PLACES, places.packed(kept))


def seal_places(folder: Path) -> dict[str, str]:
    """Return what the journal of a run says of its places when it is done."""
    path = folder / paths.PLACES
    return {"places": files.sha256(path)} if path.is_file() else {}


class _Before(NamedTuple):
    """The copy of a source that the last run read, where each document is in it, and its findings about them."""

    snapshot: Snapshot
    places: Places
    noted: _Noted


def _items(builder: Builder, snapshot: Snapshot, choices: Choices, before: _Before) -> Iterator[Item]:
    with before.snapshot.open() as old, snapshot.open() as new:
        yield from _Comparison(builder, snapshot, choices, before, _Alike(old, new)).items()


class _Comparison:
    """Reads a snapshot beside the copy of the same source that the last run read."""

    def __init__(self, builder: Builder, snapshot: Snapshot, choices: Choices, before: _Before, alike: _Alike) -> None:
        self._snapshot, self._places, self._alike = snapshot, before.places, alike
        self._standings = builder.standings
        self._waiting = _Waiting(builder, snapshot, choices, before.noted)
        self._noted = sorted((start, *name, problems) for name, (start, problems) in before.noted.items())
        self._next = 0
        """The position, among the old documents, after the last one that was found again."""
        self._untried = 0
        """The position before which documents cannot be skipped together."""

    def items(self) -> Iterator[Item]:
        """Yield all pieces in reading order."""
        ahead = json_files.Ahead()
        for piece in json_files.read_export(self._snapshot, raw=True, ahead=ahead):
            at = self._found(piece) if isinstance(piece, Document) else None
            if at is None or not isinstance(piece, Document):
                yield from self._waiting.met()
                yield from self._waiting.ordinary(piece)
                continue
            if not self._waiting.takes(piece):
                yield from self._waiting.met()
            self._waiting.add(piece, self._places.seqs[at])
            if ahead.is_possible and at >= self._untried and (end := self._same_up_to(piece, at)) - at > _WORTH:
                yield from self._waiting.met()
                yield from self._skipped(piece, at, end, ahead)
        yield from self._waiting.met()

    def _found(self, piece: Document) -> int | None:
        """Return the position of the same document in the old file: byte for byte, and with one entry."""
        if piece.raw is None or not piece.native_id:
            return None
        start, size, starts = _start(piece), _length(piece.raw), self._places.starts
        if self._next < len(starts) and self._alike.are_equal(starts[self._next], start, size):
            self._next += 1
            return self._next - 1
        entry = self._waiting.entry(piece)
        at = None if entry is None else self._places.position(entry.seq)
        if at is None:
            return None
        self._next = at + 1
        return at if self._alike.are_equal(starts[at], start, size) else None

    def _same_up_to(self, piece: Document, at: int) -> int:
        """Return the position of the first document after this one that may be another one in the new file.

        Those before it are the same, in the same list, and followed by a comma.
        """
        start, starts = _start(piece), self._places.starts
        offset = start - starts[at]
        end = bisect_left(starts, self._alike.equal_until(starts[at], start) - offset) - 1
        if end - at <= _WORTH:
            return at
        if self._waiting.doubtful:
            seqs = self._places.seqs[at + 1 : end]
            end = next((there for there, seq in enumerate(seqs, at + 1) if seq in self._waiting.doubtful), end)
        between = self._between(piece, starts[at + 1] + offset)
        return self._alike.last_after(between, starts, at + 1, end) if _COMMA.fullmatch(between) else at

    def _skipped(self, piece: Document, at: int, end: int, ahead: json_files.Ahead) -> Iterator[Item]:
        """Yield the documents after this one up to a position together, if their entries allow it."""
        start, starts = _start(piece), self._places.starts
        offset = start - starts[at]
        there = self._places.between(at + 1, end, offset)
        groups = self._standings.groups(there)
        if groups is None or any(one.collection != piece.collection for one in groups):
            self._untried = end
            return
        first, last = (bisect_left(self._noted, (starts[one],)) for one in (at + 1, end))
        noted = [
            (Identity(None, None, collection, native_id, f"byte {place + offset}"), problems)
            for place, collection, native_id, problems in self._noted[first:last]
        ]
        yield Same(groups, there, noted)
        between = self._between(piece, starts[at + 1] + offset)
        ahead.count, ahead.comma = len(there), starts[end] + offset - len(between) + between.index(b",")
        self._next = end

    def _between(self, piece: Document, following: int) -> bytes:
        """Return the bytes between a document of the new file and the place of the following one."""
        return self._alike.new_bytes(_start(piece) + _length(str(piece.raw)), following)


class _Waiting:
    """Documents of one list that the old file has too, in reading order: their ledger entries are queried together.

    Ordinary processing may change entries, so after it they are queried again, first for one document.
    """

    def __init__(self, builder: Builder, snapshot: Snapshot, choices: Choices, noted: _Noted) -> None:
        self._builder, self._snapshot, self._choices, self._noted = builder, snapshot, choices, noted
        self._documents: dict[str, Document] = {}
        self._seqs: dict[str, int] = {}
        """The numbers of the entries that the last run kept or made for them."""
        self._collection = ""
        self._together = _TOGETHER
        self._others = set[tuple[str, str | None]]()
        """Documents seen in another version: their ledger entries have changed."""
        self.doubtful = builder.standings.doubtful()
        """The numbers of entries whose documents must be processed as usual."""

    def entry(self, piece: Document) -> Standing | None:
        """Return the ledger entry of a document, if it can be confirmed."""
        collection, native_id = (
            canonical.replace_surrogates(piece.collection),
            canonical.replace_surrogates(str(piece.native_id)),
        )
        return self._builder.standings.of(collection, [native_id]).get(native_id)

    def takes(self, piece: Document) -> bool:
        """Return whether a document can be queried together with the pending ones."""
        same_list = not self._documents or piece.collection == self._collection
        return same_list and piece.native_id not in self._documents and len(self._documents) < _TOGETHER

    def add(self, piece: Document, seq: int) -> None:
        """Add a pending document, and the number of its entry."""
        self._collection = piece.collection
        self._documents[str(piece.native_id)], self._seqs[str(piece.native_id)] = piece, seq

    def met(self) -> Iterator[Item]:
        """Yield all pending documents."""
        ids = list(self._documents)
        while ids:
            asked, ids = ids[: self._together], ids[self._together :]
            entries = self._builder.standings.of(self._collection, [one for one in asked if self._may_stand(one)])
            self._together = min(2 * self._together, _TOGETHER)
            changed = (at for at, one in enumerate(asked) if one not in entries or entries[one].seq != self._seqs[one])
            end = next(changed, len(asked))
            if end:
                yield self._same([(self._documents[one], entries[one]) for one in asked[:end]])
            if end < len(asked):
                yield from self.ordinary(self._documents[asked[end]])
                ids, self._together = [*asked[end + 1 :], *ids], 1
        self._documents.clear()

    def _same(self, found: Sequence[tuple[Document, Standing]]) -> Same:
        """Return pending documents as unchanged."""
        there, groups, noted = Places(), Counter[tuple[str, str]](), []
        for piece, entry in found:
            there.add(piece.place, entry.seq)
            groups[entry.outcome, entry.record_type] += 1
            if (held := self._noted.get((self._collection, str(piece.native_id)))) is not None:
                noted.append((Identity(None, None, self._collection, piece.native_id, piece.place), held[1]))
        return Same([Group(self._collection, *one, size) for one, size in groups.items()], there, noted)

    def ordinary(self, piece: Piece) -> Iterator[Item]:
        """Process a piece as usual."""
        if isinstance(piece, Document):
            self._others.add((piece.collection, piece.native_id))
            if piece.native_id and (entry := self.entry(piece)) is not None:
                self.doubtful.add(entry.seq)
        yield from items(self._builder.model, self._snapshot, self._choices, (piece,))

    def _may_stand(self, native_id: str) -> bool:
        name = (self._collection, native_id)
        return name not in self._others and all(map(canonical.encodable, name))


class _Alike:
    """Compares the bytes of two files, and remembers how far they are equal."""

    def __init__(self, old: BinaryIO, new: BinaryIO) -> None:
        self._old, self._new = old, new
        self._offset = 0
        """Of the bytes that were compared last: how much farther on they are in the new file."""
        self._from = self._until = 0
        """Where they begin in the new file, and how far they are known to be equal."""
        self._ends = True
        """True if they are known not to be equal any farther."""
        self._size = _SMALL

    def are_equal(self, old: int, new: int, size: int) -> bool:
        """Return whether both files have the same bytes at these places."""
        self._compare(old, new, new + size)
        return new + size <= self._until

    def equal_until(self, old: int, new: int) -> int:
        """Return the place in the new file up to which both have the same bytes from these places on."""
        self._compare(old, new, None)
        return self._until

    def _compare(self, old: int, new: int, end: int | None) -> None:
        if new - old != self._offset or not self._from <= new <= self._until:
            self._offset, self._from, self._until = new - old, new, new
            self._ends, self._size = False, _SMALL
        while not self._ends and (end is None or self._until < end):
            here = delta.read_at(self._new, self._until, self._size)
            there = delta.read_at(self._old, self._until - self._offset, self._size)
            same = len(here) if here == there else delta.common(here, there)
            self._ends = same < self._size
            self._until += same
            self._size = min(2 * self._size, _LARGE)

    def new_bytes(self, start: int, end: int) -> bytes:
        """Return the bytes of the new file from one place up to another."""
        return delta.read_at(self._new, start, end - start)

    def last_after(self, between: bytes, starts: Sequence[int], first: int, end: int) -> int:
        """Return the last position up to which each of the old documents after the first one is after these bytes."""
        size, at = len(between), first + 1
        while at <= end:
            base = starts[at] - size
            block = delta.read_at(self._old, base, _LARGE)
            stop = min(bisect_right(starts, base + len(block), at), end + 1)
            if stop == at:
                return at - 1
            for place in range(at, stop):
                start = starts[place] - base
                if block[start - size : start] != between:
                    return place - 1
            at = stop
        return end


def _start(document: Document) -> int:
    """Return the first byte of a document."""
    return int(document.place.removeprefix("byte "))


def _length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))


def _before(backups: Path, builder: Builder, snapshot: Snapshot, choices: Choices, noting: bool) -> _Before | None:
    """Return the source as the last run over it read it; None if that is not certain."""
    if snapshot.damage is not None or choices.ids.active or any(choices.only):
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
        there = _places(folder, snapshot.name)
        if there is None:
            return None
        with held[0].open() as copy:
            if files.digest_of(copy) != found.files[0][1]:
                return None
        noted = _noted(folder, snapshot.name) if noting else {}
    except (BackupFailed, OSError):
        return None
    return None if noted is None else _Before(held[0], there, noted)


def _sealed(folder: Path, name: str) -> Any:
    """Return what the journal of a run that is done says of itself under a name."""
    told = [entry.details.get(name) for entry in journal.entries(folder) if entry.event == "done"]
    return next((one for one in reversed(told) if one is not None), None)


def _places(folder: Path, name: str) -> Places | None:
    """Return where a run found the documents of a source; None if that is missing or was changed."""
    path = folder / paths.PLACES
    if not path.is_file() or files.sha256(path) != _sealed(folder, "places"):
        return None
    try:
        return places.unpacked(path.read_bytes()).get(name)
    except ValueError:
        return None


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
    path = folder / "report.json"
    if not path.is_file() or files.sha256(path) != (_sealed(folder, "report") or {}).get(path.name):
        return None
    noted: _Noted = {}
    for one in json.loads(path.read_bytes().decode("utf-8", "surrogatepass"))["findings"]:
        if one["source"] == name and "native_id" in one and one["place"]:
            at = (one["collection"], one["native_id"])
            start, problems = noted.get(at, (int(one["place"].removeprefix("byte ")), ()))
            noted[at] = (start, (*problems, (one["level"], one["rule"], one.get("field"), one["message"])))
    return noted
