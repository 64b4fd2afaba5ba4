"""Gather what is in a backup, of whatever form, into one scratch database: the tables by name, localStorage by item.

Memory stays flat: a topic needs its blocks, which stand elsewhere in the file.  Nothing that cannot be read is kept as
bytes, as it may hold credentials: the raw backup has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from pjais import canonical, sqlite
from pjais.core.document import Document, Remark, Unreadable
from pjais.formats.container import Container, ContainerDamaged
from pjais.formats.json_stream import Broken, JsonStream, Value
from pjais.sources.apps import values
from pjais.sources.apps.cherry_studio import form
from pjais.sources.apps.cherry_studio.form import Form
from pjais.sources.apps.cherry_studio.plain import plain

LOCAL_STORAGE = "$localStorage"
"""The table of the items of localStorage."""

_TABLES = """
CREATE TABLE rows (seq INTEGER PRIMARY KEY, tbl TEXT, id TEXT, place TEXT, value TEXT, used INTEGER DEFAULT 0);
CREATE INDEX by_id ON rows (tbl, id);
CREATE TABLE messages (id TEXT PRIMARY KEY, topic TEXT) WITHOUT ROWID;
"""


class Row(NamedTuple):
    """A row of a table of the app: its number in the scratch, its id, its place in the file, its JSON value."""

    seq: int
    id: str | None
    place: str
    value: Any


def collection(table: str) -> str:
    """Return the collection that a table of the app becomes."""
    if table in ("topics", "$file"):
        return "conversations" if table == "topics" else table
    return f"cherry_studio_{'local_storage' if table == LOCAL_STORAGE else table.rpartition('/')[2].lstrip('$')}"


class Content:
    """The scratch database."""

    def __init__(self) -> None:
        self._db = sqlite.Connection("")
        self._db.execute(_TABLES)
        self._db.execute("BEGIN")

    def __enter__(self) -> Content:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def put(self, table: str, name: object, place: str, value: Any) -> None:
        """Add a row; `name`: its id, if it is a text."""
        key = name if isinstance(name, str) and canonical.encodable(name) else None
        text = canonical.dumps_plain(value)
        self._db.execute("INSERT INTO rows (tbl, id, place, value) VALUES (?, ?, ?, ?)", (table, key, place, text))

    def forget(self, table: str) -> None:
        """Remove the rows of a table."""
        self._db.execute("DELETE FROM rows WHERE tbl = ?", (table,))

    def tables(self) -> list[str]:
        """Return the names of the tables, in the order in which they were met."""
        found = sqlite.fetch(self._db, "SELECT tbl FROM rows GROUP BY tbl ORDER BY min(seq)")
        return [name for (name,) in found if name != LOCAL_STORAGE]

    def rows(self, table: str, *, unused: bool = False) -> Iterator[Row]:
        """Yield the rows of a table in order; `unused`: only those that nobody took by their id."""
        last = 0
        only = "AND used = 0" if unused else ""
        query = f"SELECT seq, id, place, value FROM rows WHERE tbl = ? AND seq > ? {only} ORDER BY seq LIMIT 200"
        while found := sqlite.fetch(self._db, query, (table, last)):
            for seq, name, place, text in found:
                last = seq
                yield Row(seq, name, place, canonical.loads_plain(text))

    def take(self, table: str, name: object) -> Row | None:
        """Return the first row of an id, and note that it was taken."""
        if not isinstance(name, str) or not canonical.encodable(name):
            return None
        query = "SELECT seq, id, place, value FROM rows WHERE tbl = ? AND id = ? ORDER BY seq LIMIT 1"
        found = sqlite.first(self._db, query, (table, name))
        if found is None:
            return None
        self._db.execute("UPDATE rows SET used = 1 WHERE seq = ?", (found[0],))
        return Row(found[0], found[1], found[2], canonical.loads_plain(found[3]))

    def all_of(self, table: str, name: str) -> list[Row]:
        """Return all rows of an id, in order, and note that they were taken."""
        query = "SELECT seq, id, place, value FROM rows WHERE tbl = ? AND id = ? ORDER BY seq"
        found = sqlite.fetch(self._db, query, (table, name)) if canonical.encodable(name) else []
        if found:
            self._db.execute("UPDATE rows SET used = 1 WHERE tbl = ? AND id = ?", (table, name))
        return [Row(seq, key, place, canonical.loads_plain(text)) for seq, key, place, text in found]

    def item(self, name: str) -> Any:
        """Return the text of an item of localStorage; None if there is none."""
        found = self.take(LOCAL_STORAGE, name)
        return None if found is None else found.value

    def first_topic(self, message: str, topic: str) -> str:
        """Return the first topic that has a message of this id, which is `topic` if none had."""
        if not canonical.encodable(message):
            return topic
        self._db.execute("INSERT OR IGNORE INTO messages VALUES (?, ?)", (message, topic))
        return str(sqlite.value(self._db, "SELECT topic FROM messages WHERE id = ?", (message,)))


def gathered(container: Container, its: Form, content: Content) -> Iterator[Unreadable | Remark | Document]:
    """Put what is in a container into the scratch, and yield what cannot be read of it."""
    if its.json is not None:
        yield from _of_json(container, its.json, content)
    if its.raw:
        yield from _of_folders(container, its.prefix, content)


# -- JSON


def _of_json(container: Container, name: str, content: Content) -> Iterator[Unreadable | Remark]:
    def each(stream: JsonStream) -> Iterator[Unreadable | Remark]:
        for key in stream.members():
            yield from _member(stream, key, name, content)

    return values.streamed(form.text_of(container, name), name, "$file", each, _broken)


def _member(stream: JsonStream, key: str, name: str, content: Content) -> Iterator[Unreadable | Remark]:
    if key == "localStorage" and stream.peek() == "{":
        for item in stream.members():
            yield from _row(stream.value(), LOCAL_STORAGE, name, content, item)
    elif key == "indexedDB" and stream.peek() == "{":
        for table in stream.members():
            if stream.peek() == "[":
                for row in stream.items():
                    yield from _row(row, table, name, content)
            elif isinstance(found := stream.value(), Broken):
                yield _broken(table, name, found)
            elif found.value is not None:
                yield _not_a("a list", table, name, found)
    elif key == "indexedDB" and stream.peek() == "[":
        for row in stream.items():
            yield from _pair(row, name, content)
    else:
        head = stream.value()
        if isinstance(head, Broken):
            yield _broken("$file", name, head)
        elif key in ("localStorage", "indexedDB"):
            if head.value is not None:
                yield _not_a("an object", key, name, head)
        elif key not in ("time", "version"):
            content.put("$head", key, values.place(name, head.place), {"id": key, "value": head.value})


def _row(
    row: Value | Broken, table: str, name: str, content: Content, item: str | None = None
) -> Iterator[Unreadable | Remark]:
    """Put a row of a table, or an item of localStorage, into the scratch."""
    if isinstance(row, Broken):
        yield _broken(table, name, row)
        return
    place = values.place(name, row.place)
    if row.text is not None:
        message = "a key occurs twice in one object; the last one counts"
        yield Remark("duplicate-key", collection(table), place, message)
    if row.bad_bytes:
        yield Remark("invalid-utf8", collection(table), place, "bytes that are not UTF-8, kept as U+DC80-U+DCFF")
    if item is None and not isinstance(row.value, dict):
        yield _not_a("a row", table, name, row)
        return
    content.put(table, item if item is not None else row.value.get("id"), place, row.value)


def _pair(row: Value | Broken, name: str, content: Content) -> Iterator[Unreadable | Remark]:
    """Put a pair of key and value of version 1 into the table that later versions have it in."""
    if isinstance(row, Broken):
        yield _broken("$file", name, row)
        return
    pair, place = values.as_dict(row.value), values.place(name, row.place)
    key, value = pair.get("key"), pair.get("value")
    if not isinstance(key, str):
        yield _not_a("a pair of key and value", "settings", name, row)
    elif key.startswith("topic:") and isinstance(value, dict):
        content.put("topics", value.get("id"), place, value)
    elif key.startswith("topic:"):
        yield _not_a("a topic", "topics", name, row)
    else:
        content.put("settings", key, place, {"id": key, "value": value})


def _broken(table: str, name: str, item: Broken) -> Unreadable:
    return values.hidden(collection(table), name, item)


def _not_a(what: str, table: str, name: str, item: Value) -> Unreadable:
    reason = f"not {what}; it is only in the raw backup"
    return Unreadable(collection(table), values.place(name, item.place), b"", reason)


# -- LevelDB


def _of_folders(container: Container, prefix: str, content: Content) -> Iterator[Unreadable | Remark | Document]:
    try:
        with form.unpacked(container, prefix, form.INDEXEDDB, form.BLOBS, form.LOCAL_STORAGE) as folder:
            if (folder / form.LOCAL_STORAGE).is_dir():
                yield from _local_storage(folder, content)
            else:
                message = "Local Storage missing: it held names of topics and the assistants"
                yield Remark("no-local-storage", "$file", form.LOCAL_STORAGE, message)
            yield from _indexeddb(folder, content)
    except ContainerDamaged as error:
        yield Unreadable("$file", f"{prefix}{form.INDEXEDDB}", b"", f"cannot be read on: {error}")


def _local_storage(folder: Any, content: Content) -> Iterator[Unreadable | Remark]:
    from pjais.formats.web_storage import LOCAL, BadItem, Storage

    others = 0
    with Storage(folder / form.LOCAL_STORAGE, LOCAL) as storage:
        for item in storage.items():
            if isinstance(item, BadItem):
                yield _without_bytes(LOCAL_STORAGE, item.place, item.reason)
            elif not item.origin.startswith("file:"):
                others += 1
            else:
                content.put(LOCAL_STORAGE, item.name, f"{form.LOCAL_STORAGE} {item.place}", item.value)
        for problem in storage.problems:
            yield _without_bytes("$file", f"{form.LOCAL_STORAGE}/{problem.file} byte {problem.offset}", problem.reason)
        for torn in storage.torn:
            yield Remark("torn-tail", "$file", f"{form.LOCAL_STORAGE}/{torn.file} byte {torn.offset}", torn.reason)
    if others:
        message = f"{others} items of web pages, not of the app"
        yield Remark("other-origins", collection(LOCAL_STORAGE), form.LOCAL_STORAGE, message)


def _indexeddb(folder: Any, content: Content) -> Iterator[Unreadable | Remark | Document]:
    from pjais.formats import indexeddb

    if not (folder / form.INDEXEDDB).is_dir():
        yield Remark("no-indexeddb", "$file", form.INDEXEDDB, "IndexedDB missing: it held the messages")
        return
    blobs = folder / form.BLOBS
    profile = indexeddb.open_chromium(folder / form.INDEXEDDB, blobs if blobs.is_dir() else None)
    for store in profile.stores():
        if store.database != form.DATABASE:
            message = f"the database {store.database} is not the app's own and is not read; name the folder for it"
            yield Remark("other-database", "$file", f"{form.INDEXEDDB} {store.name}", message)
            continue
        for one in indexeddb.records(profile, store):
            yield from _record(one, store.name, content)
    for problem in profile.problems:
        yield _without_bytes("$file", f"{form.INDEXEDDB}/{problem.file} byte {problem.offset}", problem.reason)
    for torn in profile.torn:
        yield Remark("torn-tail", "$file", f"{form.INDEXEDDB}/{torn.file} byte {torn.offset}", torn.reason)


def _record(one: Any, table: str, content: Content) -> Iterator[Unreadable | Remark | Document]:
    from pjais.formats.indexeddb import BadRow

    if isinstance(one, BadRow):
        yield _without_bytes(table, one.place, one.reason)
        return
    try:
        value = plain(one.value)
        text = canonical.dumps_plain(value)
        too_deep = canonical.deeper_than(text)
    except RecursionError:
        too_deep = True
    if too_deep or not isinstance(value, dict):
        yield _without_bytes(table, one.place, "nested too deeply" if too_deep else "not an object")
        return
    content.put(table, value.get("id", one.key), f"{form.INDEXEDDB} {one.place}", value)
    for digest, data in one.blobs.items():
        if digest in text:  # not the file in which Chromium keeps a large value
            yield values.attachment_of(data, f"{form.INDEXEDDB} {one.place}", None, None)
    for reason in one.missing:
        yield _without_bytes(table, one.place, reason)


def _without_bytes(table: str, place: str, reason: str) -> Unreadable:
    reason = f"{reason}; its bytes are only in the raw backup, as they may hold credentials"
    return Unreadable(collection(table), place, b"", reason)
