"""`export` in all its forms: canonical JSON, the guide's export, an added exporter's, or the documents as stored."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from pjais import files, models
from pjais.errors import UsageError
from pjais.exchange import documents, guide_export, plugin_exporter, transfer
from pjais.exchange.guide_export import Validation
from pjais.exchange.transfer import Write
from pjais.workspace import Workspace

_EXPORTS = (b'{"format":"pjais-export"', b'{"source":', b'{"database":', b'{\n  "personas": [')
"""The beginnings of the files that we write."""


class What(NamedTuple):
    """The form of an export: the format, or the documents of any source; `blobs`: the folder for their bytes."""

    format: str = "pjais"
    documents: bool = False
    skip_unreadable: bool = False
    blobs: Path | None = None


_PLAIN = What()


class Exported(NamedTuple):
    """An export: the file, or the text; what could not be read; notes about the source; the guide's validation."""

    file: Path | None = None
    text: str | None = None
    documents: int | None = None
    """Number of documents, if they were exported as they are stored."""
    unreadable: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    validation: Validation | None = None


def to_file(
    workspace: Workspace, store: Path | None, output: Path, what: What = _PLAIN, *, password: str | None = None
) -> Exported:
    """Write an export to a file; it replaces an earlier export, and no other file.  Raises UsageError."""
    _refuse_to_overwrite(output)
    if what.format == "rxdb-export" and not what.documents:
        validation = guide_export.export(workspace, store, output, password=password)
        return Exported(output, validation=validation)
    with files.writing(output.absolute()) as file:
        done = to(workspace, store, file.text, what, password=password)
    return done._replace(file=output)


def as_text(workspace: Workspace, store: Path | None, what: What = _PLAIN, *, password: str | None = None) -> Exported:
    """Return an export with its text."""
    parts: list[str] = []
    done = to(workspace, store, parts.append, what, password=password)
    return done._replace(text="".join(parts))


def to(
    workspace: Workspace, store: Path | None, write: Write, what: What = _PLAIN, *, password: str | None = None
) -> Exported:
    """Give an export to `write`, piece by piece.  Raises UsageError for the guide's, which needs a file."""
    if what.skip_unreadable and not what.documents:
        raise UsageError("--skip-unreadable belongs to --documents")
    if what.blobs is not None and not what.documents:
        raise UsageError("--blobs belongs to --documents")
    if what.documents:
        unread, notes = list[str](), list[str]()
        skip = unread.append if what.skip_unreadable else None
        form = documents.Form(password, skip, notes.append, what.blobs)
        count = documents.export_documents(workspace, store, write, form)
        return Exported(documents=count, unreadable=tuple(unread), notes=tuple(notes))
    if what.format == "rxdb-export":
        raise UsageError(
            "name the file to export to", next_command="pjais export --format rxdb-export -o rxdb-export.json"
        )
    if what.format == "pjais":
        with transfer.opened(workspace, store, password) as db:
            transfer.write_export(db, models.in_store(workspace.model, db), write)
    else:
        plugin_exporter.export(workspace, store, what.format, write, password)
    return Exported()


def _refuse_to_overwrite(output: Path) -> None:
    if not output.exists():
        return
    head = output.read_bytes()[:64] if output.is_file() else b"folder"
    if head and not head.startswith(_EXPORTS):
        raise UsageError("the file exists and is no export; it is not replaced", where=[str(output)])
