"""The head of a store's history, noted in a small file near the store, to detect an older copy put in its place.

The chain inside a store shows what was changed in it, but yesterday's copy of the whole file is valid, too.  Missing
runs are noticed by their journals; mere edits and decisions would not be.  So whoever finishes writing (a closed
store, a run, a backup) or verifies a store notes how far its history reached: the last final link of the chain, the
last change, and the digest of the history up to it.  A store that does not hold what was noted is an older copy, or
another store.

The note only moves forward, under the store's own write lock, and only from a store that holds what was noted before.
Where a history is truncated on purpose (a rollback) or restarted, the note is removed first and written again
afterwards.  A note that is missing or unreadable proves nothing; failure to write one is ignored.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from pjais import files, instants, paths, sqlite
from pjais.errors import FileFailed
from pjais.journal import now_ms

_WAIT_MS = 2000
"""How long to wait for the write lock: whoever holds it for longer notes the head at the end."""


class Head(NamedTuple):
    """The head of a store: its last final link, its last change, the history's digest, and when this was noted."""

    link: int
    digest: str
    change: int
    history: str
    at: str


def path_of(store: Path) -> Path | None:
    """Return the file to note a store's head in: in the newest backup near it; None where there is none."""
    with suppress(OSError):
        folders = [one for one in _backups(store).iterdir() if one.is_dir() and not one.name.startswith(".")]
        if folders:
            return max(folders) / _name(store)
    return None


def _backups(store: Path) -> Path:
    """The folder of the backups near a store.  The account of a LiveStore store is one folder further down."""
    folder = store.parent.parent if paths.account_kind(store.name) else store.parent
    return folder / paths.BACKUPS


def _name(store: Path) -> str:
    return f".{store.name}.head"


def _notes(store: Path) -> list[Path]:
    """Every file that notes a store's head; a backup keeps its own when a newer one is made."""
    import glob  # loaded on demand: who only reads a store looks for no note

    return list(_backups(store).glob(f"*/{glob.escape(_name(store))}"))


def noted(store: Path) -> Head | None:
    """Return the last note about a store; None if there is none that can be read."""
    found = []
    for path in _notes(store):
        with suppress(OSError, ValueError, TypeError):
            head = Head(**json.loads(path.read_bytes()))
            if all(type(value) is kind for value, kind in zip(head, (int, str, int, str, str), strict=True)):
                found.append(head)
    return max(found, key=lambda head: (head.link, head.change), default=None)


def forget(store: Path) -> None:
    """Remove the notes: the history is about to be truncated or restarted."""
    for path in _notes(store):
        with suppress(NotADirectoryError):
            files.remove(path)


def problem(db: sqlite.Connection, store: Path) -> str | None:
    """Return why an open store is not the one last seen in its place; None if it is, or continues it."""
    head = noted(store)
    if head is None or leads_on(db, head):
        return None
    last = int(sqlite.value(db, "SELECT coalesce(max(seq), 0) FROM main.changes"))
    if last < head.change:
        what = f"the history ends at change {last}, and on {head.at} it held change {head.change}"
    else:
        what = f"it does not hold what its history held on {head.at}"
    told = ", ".join(str(path) for path in _notes(store))
    return f"an older copy of the store is in place: {what} (to keep this copy anyway, remove {told})"


def leads_on(db: sqlite.Connection, head: Head) -> bool:
    """Return whether an open store holds everything up to a head."""
    from pjais.targets.sqlite import chain  # loaded on demand: who only reads checks no history

    link = sqlite.value(db, "SELECT digest FROM migration_chain WHERE number = ?", (head.link,))
    return link is not None and link.hex() == head.digest and chain.history(db, head.change) == head[2:4]


def note(db: sqlite.Connection, store: Path, *, known: bool = False) -> None:
    """Note the head of an open store if it continues what was noted before; `known`: it does."""
    with suppress(OSError, FileFailed, sqlite.Error), _locked(db):
        before, now = noted(store), _of(db)
        if now is None or (before is not None and before[:4] == now[:4]):
            return
        path = path_of(store)
        if path is not None and (before is None or known or leads_on(db, before)):
            files.write_atomically(path, json.dumps(now._asdict()).encode() + b"\n")


def note_closed(store: Path) -> None:
    """Note the head of a store that the caller does not have open."""
    if store.exists():
        with suppress(FileFailed, sqlite.Error), closing(sqlite.open_writer(store, wait_ms=_WAIT_MS)) as db:
            note(db, store)


class Follower:
    """Notes the head of a long-open store when it is closed, if it was written to.

    Whether the store continues the note is checked before the first write, when that is cheapest: no edit is slower.
    """

    def __init__(self, store: Path) -> None:
        self._store = store
        self._follows: bool | None = None

    def begin(self, db: sqlite.Connection) -> None:
        """Check the note, before the first write of this process."""
        if self._follows is None:
            head = noted(self._store)
            self._follows = head is None or leads_on(db, head)

    def end(self, db: sqlite.Connection) -> None:
        """Note the head of the store."""
        if self._follows:
            db.set_busy_timeout(_WAIT_MS)
            note(db, self._store, known=True)


def _of(db: sqlite.Connection) -> Head | None:
    """Return the current head; None for a store whose chain has not begun."""
    from pjais.targets.sqlite import chain

    link = chain.lasting(db)
    if link is None:
        return None
    return Head(link.number, link.digest.hex(), *chain.history(db), instants.to_text(now_ms()))


@contextmanager
def _locked(db: sqlite.Connection) -> Iterator[None]:
    """Exclude every other writer, of this store and of its note."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        db.execute("ROLLBACK")
