"""JSON files: the app's own exports, the RxDB guide's backup, RxDB's dumps, and its folders with a file per record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pjais.sources.contract import Members, Source
from pjais.sources.json_files import recognise, record_files
from pjais.sources.rxdb import names as rxdb_names

if TYPE_CHECKING:
    from pjais.core.document import Piece
    from pjais.core.snapshot import Snapshot
    from pjais.core.source import Passed, SourceRef


class JsonFile(Source):
    """A source that is one JSON file."""

    opens_stream = True


class Lists(JsonFile):
    """Lists of documents, whose texts show which of them have not changed since an earlier run."""

    def read(self, snapshot: Snapshot) -> Iterator[Piece]:
        """Yield the documents of all lists."""
        from pjais.sources.json_files import reader

        return reader.read_export(snapshot)


class Json(Lists):
    """`data.json` and other files of the app's collections, and any JSON file that its owner names."""

    kind = dialect = "json"
    precedence = 6
    names = ("data.json",)
    takes_any = True

    def is_json(self, members: Members) -> bool:
        """Return whether a file holds collections or records of the app."""
        return recognise.is_records(members)


class RxdbExport(Lists):
    """The backup of the RxDB to LiveStore guide."""

    kind = dialect = "rxdb-export"
    precedence = 2
    names = ("rxdb-backup-*.json",)

    def is_json(self, members: Members) -> bool:
        """Return whether a file is such a backup."""
        return recognise.is_guide_export(members)


class RxdbDump(JsonFile):
    """RxDB's `exportJSON()` of a database or a collection."""

    kind = dialect = "rxdb-dump"
    precedence = 1
    made_by = "RxDB"

    def is_json(self, members: Members) -> bool:
        """Return whether a file is such a dump."""
        return recognise.is_dump(members)

    def read(self, snapshot: Snapshot) -> Iterator[Piece]:
        """Yield the documents of all collections."""
        from pjais.sources.json_files import reader

        return reader.read_dump(snapshot)

    def native(self, collection: str, value: Any) -> Any:
        """Return a document without the fields that RxDB hides from its app."""
        return rxdb_names.shown(value)


class PjaisFiles(Source):
    """The app's folders with one JSON file per record, below the data folder."""

    kind = dialect = "pjais-files"
    precedence = 7
    comes_and_goes = True

    def at_root(self, folder: Path) -> Iterator[SourceRef | Passed]:
        """Yield the records of a folder as one source."""
        return record_files.found(folder)

    def files(self, ref: SourceRef) -> list[Path]:
        """Return the records: there is more than them in the folder."""
        return list(ref.files)

    def read(self, snapshot: Snapshot) -> Iterator[Piece]:
        """Yield each record."""
        from pjais.sources.json_files import reader

        return reader.read_folder(snapshot)

    def folders(self, path: Path) -> tuple[Path, ...]:
        """Return the three folders."""
        return (path / "personas", path / "memory", path / "plugins")


SOURCES = (RxdbDump(), RxdbExport(), Json(), PjaisFiles())
