"""The head of a store's history, noted in a small file near the store: an older copy put back is seen by it.

The chain inside of a store shows what was changed in it, but a copy of the whole file from yesterday is sound, too.
Runs are missed by their journals; what was only edited or decided in between would be missed by nobody.  So whoever
ends writing (a store that is closed, a run, a backup) and whoever proves a store notes how far its history reached:
the last link of the chain that never changes, the last change, and the digest of the history up to it.  A store that
does not hold what was noted is an older copy, or another one.

The note only moves forward, under the store's own write lock, and only from a store that holds what was noted before.
Where a history is cut back on purpose (a rollback) or begins anew, it is forgotten first and made again afterwards.  A
note that is missing or cannot be read says nothing; one that cannot be written is not made.
"""

from __future__ import annotations

import glob
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from pjais import files, instants, paths, sqlite
from pjais.errors import FileFailed
from pjais.journal import now_ms
from pjais.targets.sqlite import chain

_WAIT_MS = 2000
"""How long to wait for the write lock: whoever holds it for longer notes the head when they end."""


class Head(NamedTuple):
    """How far a store was: its last lasting link, its last change, the history's digest, and when this was noted."""

    link: int
    digest: str
    change: int
    history: str
    at: str


def path_of(store: Path) -> Path:
    """Return the file to note a store's head in: in its newest backup, or beside the store where there is none."""
    backups = store.parent / paths.BACKUPS
    with suppress(OSError):
        folders = [one for one in backups.iterdir() if one.is_dir() and not one.name.startswith(".")]
        if folders:
            return max(folders) / _name(store)
    return store.with_name(_name(store))


def _name(store: Path) -> str:
    return f".{store.name}.head"


def _notes(store: Path) -> list[Path]:
    """Every file that may note a store's head; a backup keeps its own when a newer one is made."""
    return [store.with_name(_name(store)), *(store.parent / paths.BACKUPS).glob(f"*/{glob.escape(_name(store))}")]


def noted(store: Path) -> Head | None:
    """Return what was noted of a store, of several notes the last; None where nothing was, or nobody can read it."""
    found = []
    for path in _notes(store):
        with suppress(OSError, ValueError, TypeError):
            head = Head(**json.loads(path.read_bytes()))
            if all(type(value) is kind for value, kind in zip(head, (int, str, int, str, str), strict=True)):
                found.append(head)
    return max(found, key=lambda head: (head.link, head.change), default=None)


def forget(store: Path) -> None:
    """Forget what was noted: the history is about to be cut back, or to begin anew."""
    for path in _notes(store):
        with suppress(NotADirectoryError):
            files.remove(path)


def problem(db: sqlite.Connection, store: Path) -> str | None:
    """Say why an open store is not the one that was last seen in its place; None where it is, or goes on from it."""
    head = noted(store)
    if head is None or leads_on(db, head):
        return None
    last = int(sqlite.value(db, "SELECT coalesce(max(seq), 0) FROM main.changes"))
    if last < head.change:
        what = f"the history ends at change {last}, and on {head.at} it held change {head.change}"
    else:
        what = f"it does not hold what its history held on {head.at}"
    told = ", ".join(str(path) for path in _notes(store) if path.exists())
    return f"an older copy of the store was put back: {what} (to keep this copy all the same, remove {told})"


def leads_on(db: sqlite.Connection, head: Head) -> bool:
    """Return whether an open store holds everything up to a head."""
    link = sqlite.value(db, "SELECT digest FROM migration_chain WHERE number = ?", (head.link,))
    return link is not None and link.hex() == head.digest and chain.history(db, head.change) == head[2:4]


def note(db: sqlite.Connection, store: Path, *, known: bool = False) -> None:
    """Note how far an open store is, if it goes on from what was noted before; `known`: it does."""
    with suppress(OSError, FileFailed, sqlite.Error), _locked(db):
        before, now = noted(store), _of(db)
        if now is None or (before is not None and before[:4] == now[:4]):
            return
        if before is None or known or leads_on(db, before):
            files.write_atomically(path_of(store), json.dumps(now._asdict()).encode() + b"\n")


def note_closed(store: Path) -> None:
    """Note how far a store is that the caller does not have open."""
    if store.exists():
        with suppress(FileFailed, sqlite.Error), closing(sqlite.open_writer(store, wait_ms=_WAIT_MS)) as db:
            note(db, store)


class Follower:
    """Notes the head of a store that is open for long, at its end, where it was written to.

    Whether the store goes on from the note is asked before the first write, when that costs least: no edit is slower.
    """

    def __init__(self, store: Path) -> None:
        self._store = store
        self._follows: bool | None = None

    def begin(self, db: sqlite.Connection) -> None:
        """Look at the note, before the first write of this process."""
        if self._follows is None:
            head = noted(self._store)
            self._follows = head is None or leads_on(db, head)

    def end(self, db: sqlite.Connection) -> None:
        """Note how far the store is."""
        if self._follows:
            db.set_busy_timeout(_WAIT_MS)
            note(db, self._store, known=True)


def _of(db: sqlite.Connection) -> Head | None:
    """The head as it is; None of a store whose chain has not begun."""
    link = chain.lasting(db)
    if link is None:
        return None
    return Head(link.number, link.digest.hex(), *chain.history(db), instants.to_text(now_ms()))


@contextmanager
def _locked(db: sqlite.Connection) -> Iterator[None]:
    """Keep every other writer out, of this store and of its note."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        db.execute("ROLLBACK")
