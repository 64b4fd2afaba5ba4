"""Write records as a vault that Obsidian opens: one note a record, linked with those that it refers to.

Names are made of the name or title and of the id.  They are the same in every export, and no two are equal on a file
system that ignores case or Unicode's forms.
"""

from __future__ import annotations

import hashlib
import mimetypes
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pjais import canonical
from pjais.display import counted
from pjais.files import is_device
from pjais.sources.apps.contract import Content, Records
from pjais.sources.apps.markdown import note
from pjais.sources.apps.markdown.reader import ATTACHED, references

_SLUG = 40
_EXTENSIONS = {"image/jpeg": ".jpg", "text/plain": ".txt", "audio/mpeg": ".mp3", "image/webp": ".webp"}


def files(records: Records, lost: Callable[[str], None]) -> Iterator[tuple[str, Content]]:
    """Yield (name, content) of every file of a vault; `lost` is called first for what a note cannot hold."""
    vectors = sum(1 for one in records.memories() if one.get("embedding") is not None)
    if vectors:
        lost(counted(vectors, "embedding"))
    names = _Names()
    for collection, documents in _all(records):
        for document in documents:
            names.add(collection, document)
    held = {str(one["id"]): one for one in records.attachments()}
    paths = {key: f"attachments/{key}{_extension(one)}" for key, one in held.items()}
    for collection, documents in _all(records):
        for document in documents:
            attached = (paths[one["sha256"]] for one in references(document) if one["sha256"] in paths)
            links = tuple(dict.fromkeys((*names.of(document), *attached)))
            name = names.own(collection, document)
            yield f"{name}.md", note.text(collection, document, links).encode("utf-8")
    for key, path in paths.items():
        data = records.attachment(key)
        if data is not None:
            yield path, data
    if held:
        told = {key: {name: one.get(name) for name in ("name", "mediaType")} for key, one in held.items()}
        yield ATTACHED, canonical.dumps(told).encode("utf-8") + b"\n"


def _all(records: Records) -> Iterator[tuple[str, Iterable[dict[str, Any]]]]:
    for collection in note.OF_COLLECTION:
        yield collection, getattr(records, collection)()


class _Names:
    """The names of notes, by collection and id."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, str], str] = {}
        self._taken: set[str] = set()

    def add(self, collection: str, document: dict[str, Any]) -> None:
        """Name a record's note."""
        key = str(document.get("id"))
        title = document.get(note.OF_COLLECTION[collection][1].title)
        short = "".join(one for one in key if one.isascii() and one.isalnum())[:8].lower()
        parts = [slug(title if isinstance(title, str) else ""), short or _digest(key)]
        stem = "-".join(one for one in parts if one)
        name = f"{collection}/{f'_{stem}' if is_device(stem) else stem}"
        if _folded(name) in self._taken:
            name = f"{name}-{_digest(key)}"
        self._taken.add(_folded(name))
        self._names[collection, key] = name

    def own(self, collection: str, document: dict[str, Any]) -> str:
        """Return the name of a record's note, without `.md`."""
        return self._names[collection, str(document.get("id"))]

    def of(self, document: dict[str, Any]) -> Iterator[str]:
        """Yield the names of the notes that a record refers to."""
        persona = self._names.get(("personas", str(document.get("personaId"))))
        if persona is not None:
            yield persona
        for field in ("fromId", "toId"):
            key = str(document.get(field))
            found = (self._names.get((one, key)) for one in ("memories", "personas", "conversations"))
            yield from (one for one in list(found)[:3] if one is not None and field in document)


def slug(title: str) -> str:
    """Return a title as part of a file's name: small letters and digits of any script, and `-` between them."""
    bare = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", title).casefold())
    words = re.sub(r"[\W_]+", "-", bare).strip("-")
    return words[:_SLUG].strip("-")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFD", name.casefold())


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _extension(reference: dict[str, Any]) -> str:
    """Return the ending of an attachment's name in small letters: its own, else that of its media type."""
    name, media = reference.get("name"), reference.get("mediaType")
    own = re.search(r"\.[A-Za-z0-9]{1,8}$", name) if isinstance(name, str) else None
    if own is not None:
        return own[0].lower()
    media = media if isinstance(media, str) else ""
    return _EXTENSIONS.get(media) or mimetypes.guess_extension(media, strict=True) or ""
