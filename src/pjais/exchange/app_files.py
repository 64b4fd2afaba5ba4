"""Write a store's records as files of an AI app: `pjais export --format <kind>`.

What the app's form cannot hold is reported before anything is written.  A file or folder of the owner's is never
replaced, other than an earlier export of the same kind.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple, cast

from pjais import files, models, sqlite, tagged
from pjais.core.model import Model
from pjais.core.own_files import DOCUMENTS
from pjais.core.table import Table
from pjais.display import counted
from pjais.errors import UsageError
from pjais.exchange import transfer
from pjais.formats import container
from pjais.sources import registry
from pjais.sources.apps.contract import AppSource, Content
from pjais.targets.sqlite import exported
from pjais.workspace import Workspace

Tell = Callable[[str], None]


class Written(NamedTuple):
    """The files of an export, and what they could not hold."""

    files: tuple[Path, ...]
    lost: tuple[str, ...]


def kind_of(name: str) -> AppSource | None:
    """Return the kind that writes this format; None if none does."""
    return next((one for one in registry.APPS if one.writes and one.kind == name), None)


def names() -> tuple[str, ...]:
    """Return the formats that can be written."""
    return tuple(one.kind for one in registry.APPS if one.writes)


def to_place(
    workspace: Workspace, store: Path | None, kind: AppSource, output: Path, password: str | None, tell: Tell
) -> Written:
    """Write a store, or any source, in the form of an app to a file, a zip or a folder.

    One file is written under the name of `output`.  Several are written into the folder `output`, or packed if that
    ends in `.zip`; the first of them takes the name of a file that `output` names, the others stand beside it.
    """
    with _begun(workspace, store, kind, password, tell) as (lost, first, found):
        if first is None:
            raise UsageError(f"the store has nothing that {kind.kind} can hold", next_command="pjais status")
        everything = _with(first, found)
        paths: tuple[Path, ...]
        if output.suffix.lower() == ".zip":
            paths = (_packed(kind, output, everything),)
        elif output.is_dir() or not output.suffix:
            paths = _unpacked(output, everything)
        else:
            paths = _beside(kind, output, everything)
    return Written(paths, tuple(lost))


def to_text(
    workspace: Workspace, store: Path | None, kind: AppSource, write: Tell, password: str | None, tell: Tell
) -> tuple[str, ...]:
    """Write a store in the form of an app that is one file of text.  Raises UsageError for any other."""
    with _begun(workspace, store, kind, password, tell) as (lost, first, found):
        second = next(found, None)
        text = None if first is None or second is not None else _as_text(first[1])
        if text is None:
            raise UsageError(
                f"{kind.kind} is more than one file of text; name the folder, or the zip, to write to",
                next_command=f"pjais export --format {kind.kind} -o {kind.kind}",
            )
        write(text)
    return tuple(lost)


@contextmanager
def _begun(
    workspace: Workspace, store: Path | None, kind: AppSource, password: str | None, tell: Tell
) -> Iterator[tuple[list[str], tuple[str, Content] | None, Iterator[tuple[str, Content]]]]:
    """Give what is lost, which has all been reported by then, the first file, and the others."""
    lost: list[str] = []

    def note(what: str) -> None:
        lost.append(what)
        tell(f"{kind.kind} cannot hold {what}")

    with transfer.opened(workspace, store, password) as db:
        records = _Records(db, models.in_store(workspace.model, db))
        found = kind.write_files(records, note)
        first = next(found, None)
        for count, one, many in records.beside(kind.kind.replace("-", "_")):
            if count:
                note(counted(count, one, many))
        yield lost, first, found


def _as_text(content: Content) -> str | None:
    data = content if isinstance(content, bytes) else b"".join(content)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _with(first: tuple[str, Content], rest: Iterator[tuple[str, Content]]) -> Iterator[tuple[str, Content]]:
    yield first
    yield from rest


def _unpacked(folder: Path, found: Iterator[tuple[str, Content]]) -> tuple[Path, ...]:
    """Write files into a new folder; it appears with all of them, or not at all."""
    if folder.exists() and any(folder.iterdir()):
        raise UsageError("folder not empty", where=[str(folder)])
    beside = folder.absolute().with_name(f".{folder.name}.{os.getpid()}.part")
    written: list[str] = []
    try:
        beside.mkdir(mode=0o700)
        for name, content in found:
            path = beside.joinpath(*_parts(name))
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(path, content)
            written.append(name)
        if folder.exists():
            folder.rmdir()
        beside.rename(folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return tuple(folder.joinpath(*_parts(name)) for name in written)


def _beside(kind: AppSource, output: Path, found: Iterator[tuple[str, Content]]) -> tuple[Path, ...]:
    """Write the first file under its own name, and others that belong to it beside it."""
    name, content = next(found)
    if PurePosixPath(name).suffix.lower() != output.suffix.lower():
        raise UsageError(
            f"this is written as {PurePosixPath(name).suffix or name}, not as {output.suffix}",
            advice="name a folder, or a file with the other ending",
            next_command=f"pjais export --format {kind.kind} -o {kind.kind}",
        )
    others = list(found)
    if any("/" in each for each, _ in others) or len(others) > _FEW:
        raise UsageError(
            f"{kind.kind} needs {len(others) + 1:,} files; name a folder, or a zip",
            next_command=f"pjais export --format {kind.kind} -o {kind.kind}",
        )
    paths = [output, *(output.with_name(each) for each, _ in others)]
    for path in paths:
        _refuse_to_overwrite(kind, path, main=path == output)
    for path, one in zip(paths, [content, *(each for _, each in others)], strict=True):
        _write(path.absolute(), one)
    return tuple(paths)


_FEW = 3
"""Side files that may stand beside a file."""


def _packed(kind: AppSource, output: Path, found: Iterator[tuple[str, Content]]) -> Path:
    import zipfile

    _refuse_to_overwrite(kind, output, main=True)
    with (
        files.writing(output.absolute()) as file,
        zipfile.ZipFile(cast("IO[bytes]", _Sink(file.write)), "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name, content in found:
            member = zipfile.ZipInfo("/".join(_parts(name)), date_time=(1980, 1, 1, 0, 0, 0))  # equal data, equal bytes
            member.compress_type = zipfile.ZIP_DEFLATED
            with packed.open(member, "w", force_zip64=True) as inside:
                for piece in [content] if isinstance(content, bytes) else content:
                    inside.write(piece)
    return output


class _Sink:
    """What zipfile writes to: a stream that cannot be sought."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write

    def write(self, data: Any) -> int:
        self._write(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: the file is flushed when it is closed."""


def _parts(name: str) -> tuple[str, ...]:
    """Return the parts of a relative path.  Raises ValueError for one that leads out of its folder."""
    parts = PurePosixPath(name).parts
    if not parts or PurePosixPath(name).is_absolute() or ".." in parts:
        raise ValueError(f"a file of an export leads out of it: {name}")
    return parts


def _write(path: Path, content: Content) -> None:
    with files.writing(path) as file:
        for piece in [content] if isinstance(content, bytes) else content:
            file.write(piece)


def _refuse_to_overwrite(kind: AppSource, output: Path, *, main: bool) -> None:
    """Raise UsageError for a file that is not an earlier export of this kind; side files go with their main file."""
    if not output.exists() or (output.is_file() and output.stat().st_size == 0):
        return
    if output.is_file() and main and _is_of(kind, output):
        return
    if output.is_file() and not main:
        return
    raise UsageError(f"file exists and is not a {kind.kind}; not replaced", where=[str(output)])


def _is_of(kind: AppSource, path: Path) -> bool:
    try:
        with container.of(path) as opened:
            return registry.app_of(opened) is kind
    except container.ContainerDamaged:
        return False


class _Records:
    """The records of an open store, as `pjais.sources.apps.contract.Records`."""

    def __init__(self, db: sqlite.Connection, model: Model) -> None:
        self._db, self._model = db, model

    def _list(self, name: str) -> Iterator[dict[str, Any]]:
        for table in self._model.lists.get(name, ()):
            for record in exported.records(self._db, table, None):
                yield exported.document(self._db, self._model, record)

    def personas(self) -> Iterator[dict[str, Any]]:
        return self._list("personas")

    def memories(self, persona: str | None = None) -> Iterator[dict[str, Any]]:
        if persona is None:
            yield from self._list("memories")
            return
        for table in self._model.lists.get("memories", ()):
            keys = sqlite.fetch(self._db, f"SELECT id FROM {table.sql} WHERE persona_id = ?", (persona,))
            for record in exported.records(self._db, table, [key for (key,) in keys]):
                yield exported.document(self._db, self._model, record)

    def conversations(self) -> Iterator[dict[str, Any]]:
        return self._list("conversations")

    def relationships(self) -> Iterator[dict[str, Any]]:
        return self._list("relationships")

    def others(self, collection: str) -> Iterator[dict[str, Any]]:
        for one in self._list(DOCUMENTS):
            if one.get("collection") == collection:
                yield tagged.untag(one["document"])

    def beside(self, prefix: str) -> Iterator[tuple[int, str, str]]:
        """Yield (number, what, its plural) of the records that no AI app's form is about, other than the app's own."""
        yield self._count(self._model.lists.get("plugins", ())), "plugin", "plugins"
        own = {name for name, collection in self._collections() if collection.startswith(prefix)}
        tables = [one for one in self._model.lists.get(DOCUMENTS, ()) if one.name not in own]
        yield self._count(tables), "document of other tables", "documents of other tables"

    def _count(self, tables: Iterable[Table]) -> int:
        return sum(int(sqlite.value(self._db, f"SELECT count(*) FROM {one.sql}")) for one in tables)

    def _collections(self) -> list[tuple[str, str]]:
        if not sqlite.column_names(self._db, "_collections"):
            return []
        return [(str(t), str(c)) for t, c in sqlite.fetch(self._db, "SELECT tbl, collection FROM _collections")]

    def attachments(self) -> Iterator[dict[str, Any]]:
        return self._list("attachments")

    def attachment(self, sha256: str) -> bytes | None:
        if not sqlite.column_names(self._db, "_blobs"):
            return None
        row = sqlite.first(self._db, "SELECT data FROM _blobs WHERE sha256 = ?", (sha256,))
        return None if row is None else row[0]
