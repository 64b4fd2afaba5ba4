"""Undo transactions that Chromium had written but never committed.

A transaction that grows large is written out before its commit, together with an undo log.  After a crash in between,
Chromium rolls it back when it opens the folder again; a reader has to do the same, or rows that never existed would
show.  A committed transaction may have left ranges of keys to be deleted later.

Sources: Chromium's `components/services/storage/indexed_db/scopes/` (README.md, scopes_metadata.proto,
leveldb_scopes_coding.cc, leveldb_scopes_tasks.cc).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from contextlib import suppress
from operator import itemgetter
from typing import Any

from pjais.formats.indexeddb.keys import is_wanted, order
from pjais.formats.leveldb.codings import Bad, varint
from pjais.formats.leveldb.folder import Damage, LevelDB

_SCOPES = b"\x00\x00\x00\x00\x32\x01"
_TASKS = b"\x00\x00\x00\x00\x32\x02"
_UNDO, _CLEANUP = b"\x00", b"\x01"
_LOCKS, _IGNORE_CLEANUP = 1, 2
_PUT, _DELETE, _DELETE_RANGE = 1, 2, 3

Fields = dict[int, bytes | int]


def fields(data: bytes) -> Fields:
    """The fields of a protobuf message, the last of each number.  Raises Bad."""
    found: Fields = {}
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 0:
            found[tag >> 3], at = varint(data, at)
            continue
        if tag & 7 == 2:
            length, at = varint(data, at)
        elif tag & 7 in (1, 5):
            length = 8 if tag & 7 == 1 else 4
        else:
            raise Bad("a message that makes no sense")
        if at + length > len(data):
            raise Bad("a message that does not end")
        found[tag >> 3] = data[at : at + length]
        at += length
    return found


class Undone:
    """A LevelDB as it is once open transactions are undone.  `problems` names what of the undo log is unreadable."""

    def __init__(self, database: LevelDB) -> None:
        self.database = database
        self.problems: list[Damage] = []
        self._changed: dict[bytes, bytes | None] = {}  # a key, and which undo record has its old value
        self._ordered: list[tuple[tuple[Any, ...], bytes]] | None = None
        scopes = [(key, self._fields(key)) for key in database.live_keys(_SCOPES)]
        for key, scope in scopes:
            if scope is not None and _LOCKS in scope:
                for task in database.live_keys(_TASKS + key[len(_SCOPES) :] + _UNDO):
                    self._undo(task)
        for key, scope in scopes:
            if scope is not None and _LOCKS not in scope and not scope.get(_IGNORE_CLEANUP):
                for task in database.live_keys(_TASKS + key[len(_SCOPES) :] + _CLEANUP):
                    message = self._fields(task) or {}
                    self._delete_range(task, message.get(1, message.get(2)))

    def live_keys(self) -> Iterable[bytes]:
        """The live keys in byte order."""
        if not self._changed:
            return self.database.live_keys()
        kept = {key for key in self.database.live_keys() if key not in self._changed}
        kept.update(key for key, task in self._changed.items() if task is not None)
        return sorted(kept)

    def __contains__(self, key: bytes) -> bool:
        return self._changed[key] is not None if key in self._changed else key in self.database

    def get(self, key: bytes) -> tuple[bytes, str] | None:
        """The value of a live key, and its place."""
        if key not in self._changed:
            return self.database.get(key)
        task = self._changed[key]
        found = self.database.get(task) if task is not None else None
        if found is None:
            return None
        put = fields(found[0]).get(_PUT, b"")
        value = fields(put).get(2, b"") if isinstance(put, bytes) else b""
        return (value if isinstance(value, bytes) else b""), found[1]

    def _fields(self, key: bytes) -> Fields | None:
        """The message under a key of the undo log."""
        found = self.database.get(key)
        if found is None:
            return None
        try:
            return fields(found[0])
        except Bad as error:
            self._problem(key, str(error))
            return None

    def _undo(self, task: bytes) -> None:
        """Take one change back."""
        message = self._fields(task)
        if message is None:
            return
        if _DELETE_RANGE in message:
            self._delete_range(task, message[_DELETE_RANGE])
            return
        inner = message.get(_PUT, message.get(_DELETE))
        try:
            parts = fields(inner) if isinstance(inner, bytes) else {}
        except Bad:
            parts = {}
        key = parts.get(1)
        if isinstance(key, bytes):
            if is_wanted(key):
                self._changed[key] = task if _PUT in message else None
        else:
            self._problem(task, "a step that names no key")

    def _delete_range(self, task: bytes, span: bytes | int | None) -> None:
        """Take all keys from one to before another away."""
        try:
            parts = fields(span) if isinstance(span, bytes) else {}
            begin, end = parts.get(1), parts.get(2)
            if not isinstance(begin, bytes) or not isinstance(end, bytes):
                raise Bad("a range without its ends")
            low, high = order(begin), order(end)
        except Bad as error:
            self._problem(task, str(error))
            return
        if self._ordered is None:
            self._ordered = _ordered(self.database.live_keys())
        first, last = (bisect_left(self._ordered, edge, key=itemgetter(0)) for edge in (low, high))
        put_back = _ordered(key for key, old in self._changed.items() if old is not None)
        inside = [key for _, key in self._ordered[first:last]]
        self._changed.update(dict.fromkeys([*inside, *(key for rank, key in put_back if low <= rank < high)]))

    def _problem(self, task: bytes, reason: str) -> None:
        raw, place = self.database.get(task) or (b"", "? byte 0")
        name, _, at = place.partition(" byte ")
        reason = f"the undo log of an uncommitted transaction: {reason}"
        self.problems.append(Damage(name, int(at.split()[0]), raw, reason))


def _ordered(keys: Iterable[bytes]) -> list[tuple[tuple[Any, ...], bytes]]:
    """Keys in the order of Chromium's comparator, with what they are ordered by; senseless ones are left out."""
    found = []
    for key in keys:
        with suppress(Bad):
            found.append((order(key), key))
    return sorted(found)
