"""SQLite files among the members of a container: their tables for recognition, and their rows.

A file's WAL and journal belong to it, wherever it is: beside it on disk, or in the same archive.  Nothing is opened
that opening could change: with a WAL or a journal, or in an archive, a private copy is read and removed afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from pjais.core.document import Document, Piece, Remark, Unreadable
from pjais.formats.container import Container, ContainerDamaged
from pjais.sqlite_files import MAGIC

_SIDES = ("-wal", "-journal")


def is_database(container: Container, name: str) -> bool:
    """Return whether a member begins as a SQLite file."""
    return container.head(name).startswith(MAGIC)


def tables(container: Container, name: str) -> Mapping[str, Set[str]]:
    """Return the columns of a database's tables, all names in lower case; none if it cannot be read.

    A WAL is looked into only if the file itself has no table yet.
    """
    from pjais import sqlite  # loaded only for a SQLite file
    from pjais.errors import SourceDamaged

    with suppress(sqlite.Error, OSError, UnicodeDecodeError, SourceDamaged, ContainerDamaged):
        with _alone(container, name) as path:
            found = _columns(path)
        if found or not any(_side(container, name, suffix) for suffix in _SIDES):
            return found
        with _whole(container, name, []) as path:
            return _columns(path)
    return {}


def _columns(path: Path) -> Mapping[str, Set[str]]:
    from pjais.sources.sqlite_tables import recognise

    return {table: names for table, names in recognise.columns(path).items() if not table.startswith("sqlite_")}


def rows(container: Container, name: str, wanted: Callable[[str], bool], order: Sequence[str] = ()) -> Iterator[Piece]:
    """Yield the rows of those tables of a database that are wanted, by name, and what is wrong with it.

    `order`: tables that come first; in a damaged file they come as they are found.
    What cannot be read comes without its bytes: those may be of tables that are not wanted.
    """
    from pjais import sqlite
    from pjais.sources.sqlite_tables import reader

    wrong: list[Piece] = []
    try:
        with _whole(container, name, wrong) as path:
            yield from wrong
            for piece in reader.read_file(path, wanted, order):
                where = f"{name} {piece.place}"
                if isinstance(piece, Document):
                    yield piece._replace(place=where)
                elif wanted(piece.collection) or piece.collection == "$file":
                    yield piece._replace(place=where, raw=b"")
    except (sqlite.Error, OSError, ContainerDamaged) as error:
        yield Unreadable("$file", name, b"", f"cannot be read: {error}")


@contextmanager
def _alone(container: Container, name: str) -> Iterator[Path]:
    """Give a database as a file, without its WAL."""
    if container.form == "zip":
        with container.as_file(name) as path:
            yield path
    else:
        yield container.path if container.form == "file" else container.path / name


@contextmanager
def _whole(container: Container, name: str, wrong: list[Piece]) -> Iterator[Path]:
    """Give a database as one plain file, with its WAL or journal applied; add what of that is not to `wrong`."""
    import shutil
    import tempfile  # a search that finds nothing does without

    from pjais import sqlite

    sides = [suffix for suffix in _SIDES if _side(container, name, suffix)]
    if not sides:
        with _alone(container, name) as path:
            yield path
        return
    with tempfile.TemporaryDirectory(prefix="pjais-member-") as folder:
        raw, plain = Path(folder) / "member", Path(folder) / "whole.sqlite"
        for suffix in ("", *sides):
            with _opened(container, name, suffix) as copied, Path(f"{raw}{suffix}").open("wb") as copy:
                shutil.copyfileobj(copied, copy, 1 << 20)
        try:
            state = sqlite.copy_source(raw, plain)
        except sqlite.Error as error:
            wrong.append(Unreadable("$file", f"{name}, WAL or journal", b"", f"cannot be applied: {error}"))
            yield raw
            return
        if state.lost:
            wrong.append(Unreadable("$file", f"{name}, WAL or journal", b"", state.lost))
        elif state.torn:
            wrong.append(Remark("torn-tail", "$file", f"{name}-wal", state.torn))
        yield plain


@contextmanager
def _opened(container: Container, name: str, suffix: str) -> Iterator[IO[bytes]]:
    if container.form == "file":
        with Path(f"{container.path}{suffix}").open("rb") as file:
            yield file
    else:
        with container.open(f"{name}{suffix}") as member:
            yield member


def _side(container: Container, name: str, suffix: str) -> bool:
    """Return whether a database has a WAL or journal with anything in it."""
    if container.form == "file":
        side = Path(f"{container.path}{suffix}")
        return side.is_file() and side.stat().st_size > 0
    return f"{name}{suffix}" in container.names and container.size(f"{name}{suffix}") > 0
