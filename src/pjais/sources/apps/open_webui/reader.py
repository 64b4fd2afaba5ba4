"""Read what Open WebUI wrote: its JSON exports one object at a time, its database row by row."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from pjais.core.document import Document, Piece, Remark, Unreadable
from pjais.formats.container import Container
from pjais.formats.json_stream import Value
from pjais.sources.apps import redaction, values
from pjais.sources.apps.open_webui import chat, recognise, records, rows, webui_db
from pjais.sources.apps.open_webui.files import Files

_COPIES = ("vector_db/", "cache/")
"""What the server makes of its data again."""


def pieces(container: Container) -> Iterator[Piece]:
    """Yield everything in a file, the server's data folder, or an archive."""
    found = recognise.members(container)
    files = Files()
    users: Counter[str] = Counter()
    taken = set(found)
    for name in sorted(found, key=lambda one: (found[one] != "database", found[one] != "models", one)):
        if found[name] == "database":
            taken |= {f"{name}-wal", f"{name}-shm", f"{name}-journal"}
            read: Iterator[Piece] = webui_db.WebuiDb(container, name, files, taken).pieces()
        else:
            read = _exported(container, name, found[name], files)
        for piece in read:
            if isinstance(piece, Document) and piece.collection in ("conversations", "memories"):
                held = piece.value["extra"][chat.KIND]
                users[records.account_of(held) if isinstance(held, dict) else ""] += 1
            yield piece
    if len(users.keys() - {""}) > 1:
        message = f"chats and memories of {len(users)} users; each tells its own in extra (`user_id`)"
        yield Remark("several-users", "$file", container.path.name, message)
    yield from _others(container, taken)


def _others(container: Container, taken: set[str]) -> Iterator[Remark]:
    """Yield what is not read of a folder or an archive."""
    if container.form == "file":
        return
    copies = [name for name in container.names if any(part in f"/{name}" for part in map("/{}".format, _COPIES))]
    rest = [name for name in container.names if name not in taken and name not in set(copies)]
    if copies or container.form == "folder":
        message = "the search index (vector_db) and the cache are not read: the server makes them again"
        yield Remark("left-out", "$file", container.path.name, message)
    if rest:
        message = f"{len(rest)} files that are not part of Open WebUI's data, such as {rest[0]}; not read"
        yield Remark("left-out", "$file", rest[0], message)


def _exported(container: Container, name: str, what: str, files: Files) -> Iterator[Piece]:
    """Yield the documents of a JSON export."""
    collection = {"chats": "conversations", "memories": "memories", "models": "personas"}.get(what)
    for item in _items(container, name, collection or f"{records.PREFIX}prompt"):
        if isinstance(item, Unreadable):
            yield item
        elif not isinstance(item.value, dict):
            one = what.removesuffix("s") if what != "memories" else "memory"
            yield values.unexpected(collection or what, name, item, f"not a {one}: not an object")
        elif what == "chats":
            for piece in webui_db.conversation(item.value, values.place(name, item.place), files, {}):
                if isinstance(piece, Document) and piece.collection == "conversations":
                    piece = values.document("conversations", piece.native_id, name, item, piece.value)
                yield piece
        elif what == "memories":
            native_id, value = records.memory(item.value)
            yield from files.persona(records.ours_of(item.value).get("persona"), values.place(name, item.place))
            yield values.document("memories", native_id, name, item, value)
        elif what == "models" and records.is_persona(item.value):
            native_id = values.text_or_none(item.value.get("id"))
            held, hidden = rows.without_secrets("model", item.value)
            yield from redaction.remarks("personas", values.place(name, item.place), hidden)
            value = records.persona(held)
            files.personas.add(value["id"])
            yield values.document("personas", native_id, name, item, value)
        else:
            table = "model" if what == "models" else "prompt"
            yield from _row(table, item.value, name, item)


def _row(table: str, native: dict[str, Any], name: str, item: Value) -> Iterator[Piece]:
    """Yield the document of a row of a table that no model of ours claims."""
    held, found = rows.without_secrets(table, native)
    yield from redaction.remarks(f"{records.PREFIX}{table}", values.place(name, item.place), found)
    native_id, value = records.table_document(table, held)
    yield values.document(f"{records.PREFIX}{table}", native_id, name, item, value)


def _items(container: Container, name: str, collection: str) -> Iterator[Value | Unreadable]:
    """Yield the objects of a list, or of lines: of these a broken one costs that line alone."""
    head = values.json_head(container, name)
    first = head.text.partition("\n")[0]
    in_lines = head.form == "lines" or (head.form == "object" and len(first) > 2 and not _is_spread(head.text))
    read = values.lines if in_lines else values.items
    return read(container, name, collection)


def _is_spread(text: str) -> bool:
    """Return whether an object is written over several lines."""
    first, end, rest = text.partition("\n")
    if not end or not rest.strip():
        return False
    try:
        json.loads(first)
    except ValueError:
        return True
    return False
