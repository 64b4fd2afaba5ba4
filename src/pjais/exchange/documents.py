"""`export --documents`: every live document of any source as its own app would read it, one line of JSON each.

Values are in tagged JSON (docs/formats/tagged-json.md), also those of sources that hold plain JSON: there a key that
begins with `$` gets one more, and bytes of SQLite are `$bytes`.  The same source always gives the same lines.
"""

from __future__ import annotations

import base64
import hashlib
import tempfile
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pjais import canonical, files, journal, sqlite, tagged
from pjais.core import blobs
from pjais.core.document import Document, Remark, Unreadable
from pjais.core.results import Progress
from pjais.core.snapshot import Snapshot
from pjais.errors import NoSourceFound, SourceDamaged
from pjais.exchange.transfer import Write, found_in
from pjais.sources import backup
from pjais.sources.contract import Attachment
from pjais.sources.registry import read, source_of
from pjais.workspace import Workspace

_TABLES = """
CREATE TABLE lines (origin, database, collection, position, id, line);
CREATE TABLE attachments (line INTEGER, name, content);
CREATE INDEX of_line ON attachments (line);
"""
_IN_ORDER = """
SELECT line, (SELECT json_group_array(json_array(name, content)) FROM
  (SELECT name, content FROM attachments WHERE line = lines.rowid ORDER BY name, rowid))
FROM lines ORDER BY origin, database, collection, position, id, rowid
"""


@dataclass(frozen=True, slots=True)
class Form:
    """The form of an export of documents: the password of encrypted ones, and what becomes of the rest.

    `skip` is called with the name and location of a piece that cannot be read; None: the export ends there.  `note`
    receives remarks about a source, such as a torn log.  `blobs`: the folder for the bytes of Blobs and attachments,
    each in a file that is called by its SHA-256; None: they are in the lines.
    """

    password: str | None = None
    skip: Write | None = None
    note: Write = field(default=lambda _: None)
    blobs: Path | None = None


def export_documents(
    workspace: Workspace, store: Path | None, write: Write, form: Form = Form(), progress: Progress = lambda *_: None
) -> int:
    """Write every live document of a source as NDJSON; return their number.

    Lines are `{"source", "origin", "database", "collection", "key", "id", "document"}`, ordered by web origin,
    database, collection and key; a document with attachments also has `"attachments"`, by name.  `key` is the
    document's own (null: it has none), `id` a text that stands for it.  Raises SourceDamaged for a piece that cannot be
    read, unless it is to be skipped.
    """
    path = workspace.store if store is None else store.expanduser().absolute()
    if not path.exists():
        raise NoSourceFound("nothing to export", where=[str(path)])
    with tempfile.TemporaryDirectory(prefix="pjais-export-") as scratch:
        snapshots = backup.snapshot_all(Path(scratch) / "copy", found_in(workspace, path), at_ms=journal.now_ms())
        with closing(sqlite.create(Path(scratch) / "sort.sqlite")) as db:
            db.execute(_TABLES)
            db.execute("BEGIN")
            for snapshot in snapshots:
                _Export(db, snapshot, _inside(snapshot, path), form).run()
            count, total = 0, int(sqlite.value(db, f"SELECT count(*) FROM ({_IN_ORDER})"))
            for line, attachments in sqlite.each(db, _IN_ORDER):
                write(_with_attachments(line, attachments) + "\n")
                count += 1
                if not count % _TELL_EVERY:
                    progress("export", count, total)
            progress("export", count, total)
            return count


_TELL_EVERY = 2000
"""Documents between two reports of progress."""


def _inside(snapshot: Snapshot, named: Path) -> str:
    """Return the name of a source, relative to the named folder, which may be moved later."""
    there = Path(snapshot.origin)
    inside = there != named and there.is_relative_to(named)
    return canonical.replace_surrogates(there.relative_to(named).as_posix() if inside else there.name)


def _with_attachments(line: str, attachments: str) -> str:
    held = canonical.loads_plain(attachments)
    if not held:
        return line
    named = ",".join(f"{canonical.dumps_plain(name)}:{content}" for name, content in held)
    return f'{line[:-1]},"attachments":{{{named}}}}}'


class _Export:
    """The export of one source into the sorted lines."""

    def __init__(self, db: sqlite.Connection, snapshot: Snapshot, name: str, form: Form) -> None:
        self._db, self._snapshot, self._name, self._form = db, snapshot, name, form
        self._source = source_of(snapshot)
        self._awaited: dict[tuple[str | None, str | None, str, str], tuple[int, Attachment]] = {}
        """The attachments of earlier documents: (origin, database, collection, native id) -> the line, the name."""

    def run(self) -> None:
        """Read all pieces."""
        for position, piece in enumerate(read(self._snapshot, self._form.password)):
            if isinstance(piece, Unreadable):
                self._skip(piece)
            elif isinstance(piece, Remark):
                self._form.note(f"{self._snapshot.name}: {piece.collection} {piece.place}: {piece.message}")
            elif not piece.is_removed:
                self._add(piece, position)
        for (_, _, collection, native_id), _ in self._awaited.items():
            self._form.note(f"{self._snapshot.name}: {collection} {native_id}: the attachment is not in the store")

    def _skip(self, piece: Unreadable) -> None:
        what = f"{self._snapshot.name}: {piece.collection} {piece.place}: {piece.reason}"
        if self._form.skip is None:
            raise SourceDamaged(
                "a part of the source cannot be read, so the export would be incomplete",
                where=[what],
                next_command="pjais export --documents --skip-unreadable",
            )
        self._form.skip(what)

    def _add(self, piece: Document, position: int) -> None:
        awaited = (piece.origin, piece.database, piece.collection, piece.native_id or "")
        if awaited in self._awaited:
            number, attachment = self._awaited.pop(awaited)
            data = piece.value["data"]
            said = {"sha256": hashlib.sha256(data).hexdigest(), "type": attachment.media_type or "", "size": len(data)}
            content = canonical.dumps_plain(self._with_bytes({"$blob": said}, data))
            self._db.execute("INSERT INTO attachments VALUES (?, ?, ?)", (number, attachment.name, content))
            return
        origin = piece.origin or self._snapshot.web_origin
        database = self._snapshot.name if piece.database is None else piece.database
        name = canonical.replace_surrogates(piece.native_id or piece.place)
        line = {
            "source": self._name,
            "origin": origin,
            "database": tagged.tag(database),
            "collection": tagged.tag(piece.collection),
            "key": tagged.tag(piece.native_id) if piece.key is None else piece.key,
            "id": name,
            "document": self._value(piece),
        }
        place = (origin or "", canonical.replace_surrogates(database), canonical.replace_surrogates(piece.collection))
        in_order = position if piece.is_tagged else 0  # keys of JavaScript have an order of their own
        row = (*place, in_order, name, canonical.dumps_plain(line))
        self._db.execute("INSERT INTO lines VALUES (?, ?, ?, ?, ?, ?)", row)
        number = self._db.last_insert_rowid()
        for (collection, native_id), attachment in self._source.attachments(piece).items():
            self._awaited[piece.origin, piece.database, collection, native_id] = number, attachment

    def _value(self, piece: Document) -> Any:
        """Return a document in tagged JSON, as its app sees it, with the bytes of its Blobs."""
        if not piece.is_tagged:
            value = tagged.tag(self._source.native(piece.collection, piece.value))
            for digest, data in piece.blobs.items():
                said = {"sha256": digest, "type": piece.value.get("mediaType") or "", "size": len(data)}
                value = {**value, "content": self._with_bytes({"$blob": said}, data)}
            return value
        return blobs.replaced(piece.value, lambda blob: self._of_blob(blob, piece)) if piece.blobs else piece.value

    def _of_blob(self, blob: dict[str, Any], piece: Document) -> dict[str, Any]:
        data = piece.blobs.get(blob["$blob"]["sha256"])
        return blob if data is None else self._with_bytes(blob, data)

    def _with_bytes(self, blob: dict[str, Any], data: bytes) -> dict[str, Any]:
        """Return a tagged Blob with its bytes, or put them into the folder for them."""
        if self._form.blobs is None:
            return {**blob, "data": base64.b64encode(data).decode("ascii")}
        file = files.private_folder(self._form.blobs) / blob["$blob"]["sha256"]
        if not file.is_file():
            files.write_atomically(file, data)
        return blob
