"""The other files of a backup: notes are kept, databases that the app regenerates are only named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pjais import canonical
from pjais.core.document import Document, Remark, Unreadable
from pjais.formats.container import Container
from pjais.sources.apps import values
from pjais.sources.apps.cherry_studio import form
from pjais.sources.apps.cherry_studio.credentials import cleaned
from pjais.sources.apps.cherry_studio.form import Form
from pjais.sources.apps.redaction import remarks

NOTES = "cherry_studio_notes"
FILES = "cherry_studio_files_of_backup"
_READ = ("IndexedDB/", "Local Storage/", "Data/Files/")
_READ_FILES = ("metadata.json", "data.json", "memories.db", "memories.db-wal", "memories.db-shm", f"{form.SQLITE}")


def pieces(container: Container, its: Form) -> Iterator[Document | Remark | Unreadable]:
    """Yield the notes and settings files of a backup, and how much of it is not kept, by folder."""
    if container.form == "file":
        return
    left: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    prefix = its.prefix if its.json is None else its.json.removesuffix("data.json")
    for name in container.names:
        inside = name.removeprefix(prefix)
        if name == its.json or inside.startswith(_READ) or inside.rpartition("/")[2] in _READ_FILES or _is_new(inside):
            continue
        if inside.startswith("Data/Notes/") and inside.lower().endswith((".md", ".txt")):
            yield from values.kept_whole(NOTES, container, name)
        elif inside == "cache.json":
            yield from _settings(container, name)
        else:
            folder = "/".join(inside.split("/")[:2])
            left[folder] += 1
            sizes[folder] += container.size(name)
    for folder, count in sorted(left.items()):
        message = (
            f"{count} files, {sizes[folder]:,} bytes: knowledge bases, agents, caches; they are only in the raw backup"
        )
        yield Remark("left-out", "$file", folder, message)


def _is_new(name: str) -> bool:
    return name.startswith(form.SQLITE)


def _settings(container: Container, name: str) -> Iterator[Document | Remark | Unreadable]:
    for one in values.kept_whole(FILES, container, name):
        if isinstance(one, Unreadable) or "value" not in one.value:
            yield Unreadable(FILES, name, b"", "not JSON; it is only in the raw backup, as it may hold credentials")
            continue
        value, found = cleaned(one.value["value"])
        yield from remarks(FILES, name, found)
        if not canonical.nested_deeper(value):
            yield one._replace(value={"name": name, "value": value})
