"""The model of a store that exists: read from its catalogue, and remembered as long as that is the same."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from pjais import files, sqlite
from pjais.core.model import Model
from pjais.models.documents import catalogue
from pjais.models.documents.model import with_documents

_Stamp = tuple[tuple[int, ...] | None, ...]

_stamps: dict[tuple[str, str], tuple[_Stamp, Model]] = {}
_models: dict[tuple[Model, catalogue.Catalogue, bool], Model] = {}


def model_of(base: Model, store: Path) -> Model:
    """Return the model of a store; that without document tables if there is none, or it cannot be read."""
    base = base.fixed or base
    key, now = (base.name, str(store)), _stamp(store)
    known = _stamps.get(key)
    if known is not None and known[0] == now:
        return known[1]
    found = _found(base, store)
    _stamps[key] = now, found
    return found


def model_in(base: Model, db: sqlite.Connection) -> Model:
    """Return the model of an open store."""
    base = base.fixed or base
    try:
        return _in(base, db)
    except (sqlite.Error, ValueError):
        return _remembered(base, ())  # its check finds the damage, or tables that the catalogue does not name


def _remembered(base: Model, held: catalogue.Catalogue, *, alone: bool = False) -> Model:
    found = _models.get((base, held, alone))
    if found is None:
        if len(_models) > _MANY:
            _models.clear()
        found = _models[base, held, alone] = with_documents(base, held, alone=alone)
    return found


_MANY = 50


def _in(base: Model, db: sqlite.Connection) -> Model:
    """Return the model of an open store; the base for one that keeps such documents whole in one table."""
    carrying = base.carrying
    if carrying is not None and sqlite.column_names(db, carrying.name):
        return base
    held = catalogue.load(db)
    alone = bool(held) and not sqlite.column_names(db, base.tables[0].name)
    return _remembered(base, held, alone=alone)


def _found(base: Model, store: Path) -> Model:
    if not files.is_plain_file(store):  # nor a pipe, whose opening would wait for a writer
        return _remembered(base, ())
    try:
        with closing(sqlite.open_reader(store)) as db:
            return _in(base, db)
    except (sqlite.Error, OSError, ValueError):
        return _remembered(base, ())  # whoever opens it for its records says why it cannot be read


def _stamp(store: Path) -> _Stamp:
    found: list[tuple[int, ...] | None] = []
    for path in (store, store.with_name(f"{store.name}-wal")):
        try:
            status = path.stat()
            found.append((status.st_ino, status.st_size, status.st_mtime_ns))
        except OSError:
            found.append(None)
    return tuple(found)
