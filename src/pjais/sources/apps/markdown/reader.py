"""Read a vault: every note of ours, the attachments, and the names of everything else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pjais import canonical
from pjais.core.document import Document, Piece, Remark, Unreadable
from pjais.formats import container as containers
from pjais.formats.container import Container, ContainerDamaged
from pjais.sources.apps import values
from pjais.sources.apps.markdown import front_matter, note

FOLDERS = ("personas", "memories", "conversations", "relationships")
OTHERS = "markdown_notes"
"""The collection of notes of a kind that this version does not know, each whole."""

ATTACHED = "attachments/attachments.json"
"""Says the names and media types of attachments, by their SHA-256."""

_OURS = re.compile(r"\"?pjais\"?[ \t]*:[ \t]")
_ATTACHMENT = re.compile(r"(?:^|/)attachments/([0-9a-f]{64})(?:\.[^/]*)?$")
_SETTINGS = (".obsidian", ".trash", ".git")
_OTHER_SOURCES = re.compile(r"\.(?:zip|jsonl?|ndjson|db|sqlite3?|dms)$", re.IGNORECASE)
_RAW_LIMIT = 8 << 20


def is_vault(container: Container) -> bool:
    """Return whether a container holds notes of ours.

    Of a folder only the notes directly in it and in the folders that an export makes are looked at.  One with other
    programs' files beside the notes is not a vault: there each note is a source of its own.
    """
    if container.form == "file":
        return is_ours(container.head(container.names[0]))
    if container.form == "zip":
        return any(is_ours(container.head(name)) for name in container.called("*.md"))
    for name in FOLDERS:
        if (container.path / name).is_dir():
            inner = containers.of(container.path / name)
            if any(name.lower().endswith(".md") and is_ours(inner.head(name)) for name in inner.top):
                return True
    if any(_OTHER_SOURCES.search(name) for name in container.top):
        return False
    return any(name.lower().endswith(".md") and is_ours(container.head(name)) for name in container.top)


def is_ours(head: bytes) -> bool:
    """Return whether a file begins as a note of ours: its front matter has `pjais`."""
    lines = head.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if lines[0].rstrip(b" \t\r") != b"---":
        return False
    for line in lines[1:]:
        if line.rstrip(b" \t\r") == b"---":
            return False
        if _OURS.match(line.decode("utf-8", "replace")):
            return True
    return False


def pieces(container: Container) -> Iterator[Piece]:
    """Yield everything in a vault."""
    called: dict[str, tuple[str | None, str | None]] = {}
    attached: list[str] = []
    settings: set[str] = set()
    for name in container.names:
        aside = next((one for one in _SETTINGS if one in name.split("/")[:-1]), None)
        if aside is not None:
            settings.add(aside)
        elif container.form == "file" or (name.lower().endswith(".md") and is_ours(container.head(name))):
            yield from _note(container, name, called)
        elif _ATTACHMENT.search(name):
            attached.append(name)
        elif f"/{name}".endswith(f"/{ATTACHED}"):
            called |= _names(container, name)
        elif name.lower().endswith(".md"):
            yield Remark("foreign-note", "$file", name, "a note without `pjais` in its front matter; not read")
        else:
            yield Remark("foreign-file", "$file", name, "neither a note of ours nor an attachment of one; not read")
    for name in attached:
        yield from _attachment(container, name, called)
    for one in sorted(settings):
        yield Remark("foreign-file", "$file", one, "settings and other files of the editor; not read")


def _note(container: Container, name: str, called: dict[str, tuple[str | None, str | None]]) -> Iterator[Piece]:
    try:
        data = container.read(name)
    except ContainerDamaged as error:
        yield Unreadable("$file", name, b"", f"cannot be read: {error}")
        return
    raw, collection = data[:_RAW_LIMIT], _collection(name)
    try:
        text = data.decode("utf-8")
        found = note.read(text)
    except UnicodeDecodeError as error:
        yield Unreadable(collection, name, raw, f"not UTF-8: byte {error.start}")
        return
    except note.UnknownKind as error:
        yield Remark("unknown-note", OTHERS, name, str(error))
        yield Document(OTHERS, name, name, {"name": name, "text": text})
        return
    except (note.Unread, front_matter.Broken) as error:
        yield Unreadable(collection, name, raw, str(error))
        return
    for rule, message in found.odd:
        yield Remark(rule, found.collection, name, message)
    for one in references(found.document):
        called.setdefault(
            one["sha256"], (values.text_or_none(one.get("name")), values.text_or_none(one.get("mediaType")))
        )
    yield Document(found.collection, str(found.document["id"]), name, found.document)


def _names(container: Container, name: str) -> dict[str, tuple[str | None, str | None]]:
    try:
        told = values.as_dict(canonical.loads(container.read(name).decode("utf-8", "replace")))
    except (ContainerDamaged, ValueError, RecursionError):
        return {}
    said = {key: values.as_dict(one) for key, one in told.items()}
    return {
        key: (values.text_or_none(one.get("name")), values.text_or_none(one.get("mediaType")))
        for key, one in said.items()
    }


def _collection(name: str) -> str:
    """Return the collection of a note that cannot be read, as far as its folder tells."""
    parts = name.split("/")[:-1]
    return next((one for one in FOLDERS if one in parts), "$file")


def references(value: Any) -> Iterator[dict[str, Any]]:
    """Yield what a document says of attachments, wherever it does: objects with a SHA-256."""
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, dict):
            if isinstance(one.get("sha256"), str) and re.fullmatch(r"[0-9a-f]{64}", one["sha256"]):
                yield one
            pending.extend(one.values())
        elif isinstance(one, list):
            pending.extend(one)


def _attachment(container: Container, name: str, called: dict[str, tuple[str | None, str | None]]) -> Iterator[Piece]:
    found = _ATTACHMENT.search(name)
    said = found[1] if found else ""
    piece = values.attachment(container, name, *called.get(said, (None, None)))
    if isinstance(piece, Document) and piece.native_id != said:
        yield Remark("attachment-changed", "attachments", name, "its content no longer matches the hash in its name")
    yield piece
