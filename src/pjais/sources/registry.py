"""The list of source kinds: ours, and those that other packages add; and the reading of snapshots through them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, get_args

from pjais import extensions
from pjais.errors import PjaisError, UsageError
from pjais.formats.container import ContainerDamaged
from pjais.sources import (
    apps,
    indexeddb,
    json_files,
    livestore,
    opfs_sqlite,
    pjais_store,
    rxdb,
    sqlite_tables,
    web_storage,
)
from pjais.sources.apps.contract import AppSource
from pjais.sources.contract import NO_WISHES, Databases, Layout, Opened, ReadOptions, Source, Wishes

if TYPE_CHECKING:
    from pjais.core.document import Piece
    from pjais.core.snapshot import Snapshot
    from pjais.core.source import SourceRef
    from pjais.formats.container import Container
    from pjais.sources.contract import Detector

APPS: tuple[AppSource, ...] = apps.sources()
"""The kinds of files that AI apps write; asked before all others about what its owner names."""

SOURCES: tuple[Source, ...] = (
    *pjais_store.SOURCES,
    *rxdb.SOURCES,
    *json_files.SOURCES,
    *livestore.SOURCES,
    *sqlite_tables.SOURCES,
    *opfs_sqlite.SOURCES,
    *indexeddb.sources(lambda there: claimed(there)),
    *web_storage.sources(lambda: item_prefixes()),
    *APPS,
)
"""Our kinds.  A file that several recognise is of the first of them."""

DETECTORS: tuple[Detector, ...] = (opfs_sqlite.Detector(), indexeddb.Detector(), web_storage.Detector())
"""They look into the folders of browser profiles, in this order; what they find, the kinds take."""

_BY_DIALECT = {(one.kind, one.dialect): one for one in SOURCES}
_BY_KIND = {one.kind: one for one in reversed(SOURCES)}


@cache
def added() -> dict[str, Source]:
    """Return the kinds that other packages add, by name.  Raises UsageError for one that is no `Source`."""
    found: dict[str, Source] = {}
    for name in extensions.names("sources"):
        source = extensions.loaded("sources", name)
        if not isinstance(source, Source) or name in _BY_KIND:
            what = "has the name of a built-in kind" if name in _BY_KIND else "is no pjais.sources.contract.Source"
            raise UsageError(
                f"the extension {name} {what}", where=[f"entry point pjais.sources: {name}"], next_command="pip list"
            )
        source.kind = name
        found[name] = source
    return found


def every() -> tuple[Source, ...]:
    """Return all kinds, those that other packages add first."""
    return (*added().values(), *SOURCES)


def names() -> tuple[str, ...]:
    """Return the names of our kinds."""
    return tuple(_BY_KIND)


def app_of(container: Container, *, profile: bool = False) -> AppSource | None:
    """Return the kind of AI app that wrote a container; None if it is of none.

    `profile`: it looks like a browser's, so that only those are asked that know how to read one.
    """
    for one in APPS:
        with suppress(ContainerDamaged):
            if (one.in_profiles or not profile) and one.takes(container):
                return one
    return None


def instead_of(container: Container) -> tuple[AppSource, str] | None:
    """Return the app that wrote a container which holds nothing to read, and what to do instead."""
    for one in APPS:
        with suppress(ContainerDamaged):
            if said := one.instead(container):
                return one, said
    return None


def source_of(one: SourceRef | Snapshot) -> Source:
    """Return the kind of a source or its copy.  Raises UsageError if the package that adds it is not installed."""
    found = _BY_DIALECT.get((one.kind, one.dialect)) or of_kind(one.kind)
    if found is None:
        raise UsageError(f"the extension that reads {one.kind} is not installed", where=[one.name])
    return found


def claimed(there: Databases) -> frozenset[str]:
    """Return the IndexedDB databases of an origin that a kind recognises as its own."""
    kinds = [one for one in every() if not one.takes_rest]
    return frozenset().union(*(one.in_indexeddb(there) or () for one in kinds))


def item_prefixes() -> tuple[str, ...]:
    """Return the prefixes of the items of localStorage that kinds take as their own."""
    return tuple(dict.fromkeys(one.item_prefix for one in every() if one.item_prefix))


def makers(stores: Mapping[str, frozenset[str]]) -> dict[str, str]:
    """Return who made each IndexedDB database of an origin (name -> object stores), as far as a kind knows it."""
    found: dict[str, str] = {}
    for layout in get_args(Layout):
        for source in every():
            names = None if source.takes_rest else source.in_indexeddb(Databases(layout, stores))
            found.update(dict.fromkeys(names or (), source.made_by or source.kind))
    return found


def of_kind(kind: str) -> Source | None:
    """Return the kind of this name; None if the package that adds it is not installed."""
    return _BY_KIND.get(kind) or added().get(kind)


def precedence(kind: str) -> int:
    """Return the precedence of a kind; that of one which is not installed is the lowest."""
    found = of_kind(kind)
    return Source.precedence if found is None else found.precedence


def later_wins(kind: str) -> bool:
    """Return whether, of two equally recent copies of a record of this kind, that of a later run wins."""
    found = of_kind(kind)
    return found is not None and found.later_wins


def absence_means_removed(kind: str) -> bool:
    """Return whether a document of this kind that is missing was removed."""
    found = of_kind(kind)
    return found is None or found.absence_means_removed


def password(given: str | None = None) -> str | None:
    """Return the password of encrypted sources: the given one, else that of the environment."""
    return os.environ.get("PJAIS_PASSWORD") if given is None else given


@contextmanager
def opened(
    snapshot: Snapshot, secret: str | None = None, *, decrypt: bool = True, wishes: Wishes = NO_WISHES
) -> Iterator[Opened]:
    """Open a snapshot; `secret` is the password of encrypted sources, None that of the environment."""
    if snapshot.damage is not None:
        yield _Damaged(snapshot)
        return
    with source_of(snapshot).open(snapshot, ReadOptions(password(secret), decrypt, wishes)) as found:
        yield found


def read(
    snapshot: Snapshot, secret: str | None = None, *, decrypt: bool = True, wishes: Wishes = NO_WISHES
) -> Iterator[Piece]:
    """Read all documents of a snapshot, in reading order.

    `secret`: the password of encrypted sources; None takes that of the environment (`PJAIS_PASSWORD`).
    Raises PasswordNeeded if an encrypted source's password is missing or wrong; `decrypt=False` leaves it encrypted.
    """
    with opened(snapshot, secret, decrypt=decrypt, wishes=wishes) as found, asking(snapshot.kind):
        yield from found.read()


@contextmanager
def asking(kind: str) -> Iterator[None]:
    """Name the package that adds a kind in an error of its own: that is no error of pjais."""
    try:
        yield
    except PjaisError:
        raise
    except Exception as error:
        if kind not in added():
            raise
        raise UsageError(
            f"the extension {kind} failed: {type(error).__name__}: {error}",
            advice="report it to whoever wrote the extension",
            next_command="pip list",
        ) from error


class _Damaged(Opened):
    """A file whose content is not what its name says: one unreadable piece."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def read(self) -> Iterator[Piece]:
        from pjais.sources.json_files.reader import read_damaged

        return read_damaged(self._snapshot)
