"""Automatic migration when a store is opened, and a record of its failure.

An existing store opens whatever the state of a source: a failed run leaves no backup, and a notice says what is
pending.  While the sources are unchanged, the run is not retried: its notice is kept in a small file in the backups
folder, which may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

from pjais import files, sqlite
from pjais.assembly import ids
from pjais.choices import Ids, OnInvalid
from pjais.core.results import Notice
from pjais.core.source import SourceRef
from pjais.errors import PasswordNeeded, PjaisError, SourceDamaged, ValidationFailed, VerificationFailed
from pjais.migration import fault_messages, recover, run, state
from pjais.sources import registry
from pjais.version import __version__
from pjais.workspace import Workspace

_LASTING = (ValidationFailed, SourceDamaged, PasswordNeeded, VerificationFailed)
"""Errors that recur as long as the sources are unchanged; after any other error the run is retried each time."""


def migrate(here: Workspace, refs: Sequence[SourceRef], on_invalid: OnInvalid, password: str | None) -> Notice | None:
    """Migrate new data of these sources into an existing store; return a notice if that failed."""
    stamp = _stamp(refs, on_invalid)
    told = _remembered(here, stamp, has_password=registry.password(password) is not None)
    if told is not None:
        return told
    try:
        _run(here, run.Options(on_invalid=on_invalid, ids=_ids(here), password=password, automatic=True))
    except PjaisError as error:
        notice = explained(error, here)
        if isinstance(error, _LASTING):
            _remember(here, stamp, notice)
        return notice
    state.forget_failed(here)
    return None


def explained(error: Exception, here: Workspace) -> Notice:
    """Return an error as a notice; raise it if it is none of ours, or the store is missing."""
    ours = fault_messages.explain(error, here)
    if ours is None or not here.store.exists():
        raise error
    return Notice(ours.code, ours.what, ours.where, ours.next_command)


def _run(here: Workspace, options: run.Options) -> None:
    before = {one.id for one in state.runs(here.data_dir)}
    try:
        run.migrate(here, options)
    except PjaisError:
        for one in state.runs(here.data_dir):
            if one.id not in before and one.state == "failed":
                with suppress(OSError):  # no cutover took place, so nothing needs its backup
                    recover.discard(one.folder)
        raise


def _ids(here: Workspace) -> Ids:
    """Return the id option of the store's first run, which later runs must keep."""
    with closing(sqlite.open_reader(here.store)) as db:
        return ids.option(db)


def _stamp(refs: Sequence[SourceRef], on_invalid: str) -> str:
    """Return a stamp of the sources, from sizes and times alone."""
    seen = [
        (ref.kind, str(ref.path), sorted(_look(path) for path in ref.files if not path.name.endswith("-shm")))
        for ref in refs
    ]
    return hashlib.sha256(json.dumps([__version__, on_invalid, seen]).encode("utf-8", "replace")).hexdigest()


def _look(path: Path) -> tuple[str, int, int]:
    try:
        status = path.stat()
    except OSError:
        return ascii(str(path)), -1, -1
    return ascii(str(path)), status.st_size, status.st_mtime_ns


def _remembered(here: Workspace, stamp: str, *, has_password: bool) -> Notice | None:
    try:
        told = json.loads((here.backups / state.FAILED).read_bytes())
        notice = Notice(told["code"], told["what"], tuple(told["where"]), told["next"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if told.get("stamp") != stamp or told.get("target") != str(here.store):
        return None
    return None if has_password and notice.code == PasswordNeeded.code else notice


def _remember(here: Workspace, stamp: str, notice: Notice) -> None:
    told = {
        "stamp": stamp,
        "target": str(here.store),
        "code": notice.code,
        "what": notice.what,
        "where": list(notice.where[:3]),
        "next": notice.next_command,
    }
    with suppress(OSError):  # a read-only medium: the run is retried next time
        files.write_atomically(here.backups / state.FAILED, json.dumps(told).encode("utf-8", "surrogateescape"))
