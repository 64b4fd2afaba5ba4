"""`export` in all its forms: canonical JSON, the guide's, RxDB's dump, an added exporter's, or documents as stored."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from pjais import files, models
from pjais.core.results import Progress
from pjais.errors import UsageError
from pjais.exchange import app_files, documents, guide_export, plugin_exporter, rxdb_dump, transfer
from pjais.exchange.guide_export import Validation
from pjais.exchange.transfer import Write
from pjais.workspace import Workspace

_EXPORTS = (b'{"format":"pjais-export"', b'{"source":', b'{"database":', b'{\n  "personas": [', rxdb_dump.HEAD.encode())
"""The beginnings of the files that we write."""


class What(NamedTuple):
    """The form of an export: the format, or the documents of any source; `blobs`: the folder for their bytes."""

    format: str = "pjais"
    documents: bool = False
    skip_unreadable: bool = False
    blobs: Path | None = None

    @property
    def is_dump(self) -> bool:
        """Return whether RxDB's dump is asked for."""
        return self.format == "rxdb-dump" and not self.documents

    @property
    def is_of_app(self) -> bool:
        """Return whether the form of an AI app is asked for, which may be a folder of files."""
        return app_files.kind_of(self.format) is not None and not self.documents


_PLAIN = What()


class Exported(NamedTuple):
    """An export: the file, or the text; what could not be read; notes about the source; the guide's validation.

    `files`: all files, where each database has one (`rxdb-dump`).
    """

    file: Path | None = None
    text: str | None = None
    documents: int | None = None
    """Number of documents, if they were exported as they are stored."""
    unreadable: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    validation: Validation | None = None
    files: tuple[Path, ...] = ()


def _silently(_: str) -> None:
    pass


def to_file(
    workspace: Workspace,
    store: Path | None,
    output: Path,
    what: What = _PLAIN,
    *,
    password: str | None = None,
    tell: Write = _silently,
    progress: Progress = lambda *_: None,
) -> Exported:
    """Write an export to a file; it replaces an earlier export, and no other file.  Raises UsageError.

    `tell` is called with each note as soon as it is known: of a dump before anything is written.
    """
    if (kind := app_files.kind_of(what.format)) is not None and not what.documents:
        _check_options(what)
        written = app_files.to_place(workspace, store, kind, output, password, tell)
        return Exported(written.files[0], files=written.files, notes=written.lost)
    _refuse_to_overwrite(output)
    if what.is_dump:
        return _dumped(workspace, store, what, password, tell, output=output)
    if what.format == "rxdb-export" and not what.documents:
        validation = guide_export.export(workspace, store, output, password=password)
        return Exported(output, validation=validation)
    with files.writing(output.absolute()) as file:
        done = to(workspace, store, file.text, what, password=password, tell=tell, progress=progress)
    return done._replace(file=output)


def as_text(workspace: Workspace, store: Path | None, what: What = _PLAIN, *, password: str | None = None) -> Exported:
    """Return an export with its text."""
    parts: list[str] = []
    done = to(workspace, store, parts.append, what, password=password)
    return done._replace(text="".join(parts))


def to(
    workspace: Workspace,
    store: Path | None,
    write: Write,
    what: What = _PLAIN,
    *,
    password: str | None = None,
    tell: Write = _silently,
    progress: Progress = lambda *_: None,
) -> Exported:
    """Give an export to `write`, piece by piece.  Raises UsageError for the guide's, which needs a file."""
    _check_options(what)
    if (kind := app_files.kind_of(what.format)) is not None and not what.documents:
        return Exported(notes=app_files.to_text(workspace, store, kind, write, password, tell))
    if what.is_dump:
        return _dumped(workspace, store, what, password, tell, write=write)
    if what.documents:
        unread, notes = list[str](), _Notes(tell)
        skip = unread.append if what.skip_unreadable else None
        form = documents.Form(password, skip, notes, what.blobs)
        count = documents.export_documents(workspace, store, write, form, progress)
        return Exported(documents=count, unreadable=tuple(unread), notes=tuple(notes.lines))
    if what.format == "rxdb-export":
        raise UsageError("output file required", next_command="pjais export --format rxdb-export -o rxdb-export.json")
    if what.format == "pjais":
        with transfer.opened(workspace, store, password) as db:
            transfer.write_export(db, models.in_store(workspace.model, db), write, progress=progress)
    else:
        plugin_exporter.export(workspace, store, what.format, write, password)
    return Exported()


def _check_options(what: What) -> None:
    if what.skip_unreadable and not (what.documents or what.is_dump):
        raise UsageError("--skip-unreadable requires --documents or --format rxdb-dump")
    if what.blobs is not None and not what.documents:
        raise UsageError("--blobs requires --documents")


def _dumped(
    workspace: Workspace,
    store: Path | None,
    what: What,
    password: str | None,
    tell: Write,
    *,
    output: Path | None = None,
    write: Write = _silently,
) -> Exported:
    """Write RxDB's dump of each database to files, or of the only one to `write`."""
    unread, notes = list[str](), _Notes(tell)
    skip = unread.append if what.skip_unreadable else None
    with rxdb_dump.gathered(workspace, store, password=password, skip=skip, note=notes) as dumps:
        paths: tuple[Path, ...] = ()
        if output is None:
            count = rxdb_dump.to(dumps, write)
        else:
            paths, count = rxdb_dump.to_files(dumps, output, _refuse_to_overwrite)
    file = paths[0] if len(paths) == 1 else None
    return Exported(file, documents=count, unreadable=tuple(unread), notes=tuple(notes.lines), files=paths)


class _Notes:
    """Collects notes, and passes each on."""

    def __init__(self, tell: Write) -> None:
        self.lines: list[str] = []
        self._tell = tell

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        self._tell(line)


def _refuse_to_overwrite(output: Path) -> None:
    if not output.exists():
        return
    head = output.read_bytes()[:64] if output.is_file() else b"folder"
    if head and not head.startswith(_EXPORTS):
        raise UsageError("file exists and is not an export; not replaced", where=[str(output)])
