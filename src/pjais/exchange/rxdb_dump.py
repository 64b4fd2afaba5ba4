"""Write RxDB's dump of each database: the JSON that its `importJSON()` takes, the way back into the app.

The form is that of RxDB's `exportJSON()`: `{name, instanceToken, collections: [{name, schemaHash, docs}]}`, without
what RxDB makes itself (`_rev`) and without removed documents.  Attachments are in the documents as RxDB 17 has them.
Everything is gathered first, so that what a dump cannot hold is told before anything is written.
"""

from __future__ import annotations

import base64
import math
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pjais import canonical, files, sqlite
from pjais.display import counted
from pjais.errors import NoSourceFound, UsageError
from pjais.exchange import rxdb_documents, transfer
from pjais.exchange.rxdb_documents import ATTACHMENTS, Known, Live
from pjais.exchange.transfer import Write
from pjais.sources.rxdb.names import is_local
from pjais.workspace import Workspace

HEAD = '{"instanceToken":"pjais","name":'
"""The beginning of every dump; RxDB reads no token."""

_TABLES = """
CREATE TABLE collections (origin, database, collection, hash, PRIMARY KEY (origin, database, collection));
CREATE TABLE docs (seq INTEGER PRIMARY KEY, origin, database, collection, id, text);
CREATE TABLE wanted (doc, number, name, media_type, key);
CREATE TABLE attached (origin, database, collection, key, length, data, PRIMARY KEY (origin, database, collection, key))
"""
_EXACT = 1 << 53
_UNSAFE = re.compile(r"[^\w.@-]+")


class Found(NamedTuple):
    """A database whose dump can be written: its web origin and its name."""

    origin: str
    name: str


class Dumps:
    """The documents of some RxDB databases, gathered in a scratch file; `notes` name what a dump cannot hold."""

    def __init__(self, db: sqlite.Connection) -> None:
        self._db = db
        self._local: Counter[str] = Counter()
        self._inexact: list[str] = []

    def gather(self, pieces: Iterable[Known | Live]) -> None:
        """Take everything that a source or a store holds."""
        for one in pieces:
            if isinstance(one, Known):
                self._db.execute("INSERT OR IGNORE INTO collections VALUES (?, ?, ?, ?)", (*one.place, one.schema_hash))
            elif one.place.collection.endswith(ATTACHMENTS):
                self._attach(one)
            elif is_local(one.place.collection):
                self._local[f"{one.place.database}/{one.place.collection}"] += 1
            else:
                self._add(one)

    def _add(self, one: Live) -> None:
        value = {key: item for key, item in one.value.items() if key not in ("_rev", "_attachments")}
        if _is_inexact(value):
            self._inexact.append(f"{one.place.collection} {one.key}")
            value = _as_json_has_it(value)
        row = (*map(canonical.replace_surrogates, (*one.place, one.key)), canonical.dumps_plain(value))
        self._db.execute("INSERT INTO docs (origin, database, collection, id, text) VALUES (?, ?, ?, ?, ?)", row)
        seq = self._db.last_insert_rowid()
        self._db.execute("INSERT OR IGNORE INTO collections VALUES (?, ?, ?, NULL)", row[:3])
        named = one.value.get("_attachments")
        for number, (name, facts) in enumerate(named.items() if isinstance(named, dict) else ()):
            media_type = facts.get("type") if isinstance(facts, dict) else None
            key = canonical.dumps_plain(f"{one.key}||{name}")
            told = (seq, number, canonical.dumps_plain(name), canonical.dumps_plain(media_type or ""), key)
            self._db.execute("INSERT INTO wanted VALUES (?, ?, ?, ?, ?)", told)

    def _attach(self, one: Live) -> None:
        data = one.value.get("data")
        if isinstance(data, bytes):
            collection = one.place.collection.removesuffix(ATTACHMENTS)
            place = map(canonical.replace_surrogates, (one.place.origin, one.place.database, collection))
            row = (*place, canonical.dumps_plain(one.key), len(data), base64.b64encode(data).decode("ascii"))
            self._db.execute("INSERT OR REPLACE INTO attached VALUES (?, ?, ?, ?, ?, ?)", row)

    @property
    def databases(self) -> list[Found]:
        """Return the databases, by origin and name."""
        rows = sqlite.fetch(self._db, "SELECT DISTINCT origin, database FROM collections ORDER BY 1, 2")
        return [Found(*row) for row in rows]

    def notes(self) -> Iterator[str]:
        """Yield what a dump does not hold, or only for some versions of RxDB."""
        for name, count in sorted(self._local.items()):
            yield f"{name}: {counted(count, 'local document')}: a dump of RxDB has none; insertLocal() writes them"
        if self._inexact:
            some = ", ".join(self._inexact[:5]) + (", ..." if len(self._inexact) > 5 else "")
            documents = counted(len(self._inexact), "document")
            yield f"{documents} with a value that JSON lacks (NaN is null, a BigInt is a number): {some}"
        held, lost = sqlite.fetch(self._db, f"SELECT count(a.key), count(*) - count(a.key) FROM wanted {_JOINED}")[0]
        if held:
            yield f"{counted(held, 'attachment')}: importJSON() of RxDB 17 takes them, an earlier one ignores them"
        if lost:
            yield f"{counted(lost, 'attachment')} whose bytes are missing: not in the dump"
        for (name,) in sqlite.fetch(
            self._db, "SELECT database || '/' || collection FROM collections WHERE hash IS NULL ORDER BY 1"
        ):
            yield f"{name}: the hash of its schema is not known: set schemaHash to `await collection.schema.hash`"

    def write(self, found: Found, write: Write) -> int:
        """Write the dump of a database; return the number of its documents."""
        write(f'{HEAD}{canonical.dumps_plain(found.name)},"collections":[')
        count, separator = 0, "\n"
        for name, schema_hash in sqlite.fetch(
            self._db, "SELECT collection, hash FROM collections WHERE origin = ? AND database = ? ORDER BY 1", found
        ):
            write(f'{separator}{{"name":{canonical.dumps_plain(name)},"schemaHash":')
            write(f'{canonical.dumps_plain(schema_hash)},"docs":[')
            line = "\n"
            for seq, text in sqlite.each(
                self._db,
                "SELECT seq, text FROM docs WHERE origin = ? AND database = ? AND collection = ? ORDER BY id, seq",
                (*found, name),
            ):
                write(line + self._whole(seq, text))
                count, line = count + 1, ",\n"
            write("\n]}")
            separator = ",\n"
        write("\n]}\n")
        return count

    def _whole(self, seq: int, text: str) -> str:
        """Return a document's text with its attachments."""
        rows = sqlite.fetch(
            self._db,
            f"SELECT name, media_type, length, data FROM wanted {_JOINED} WHERE doc = ? AND data IS NOT NULL "
            "ORDER BY number",
            (seq,),
        )
        if not rows:
            return text
        inside = ",".join(
            f'{name}:{{"type":{kind},"length":{size},"data":"{data}"}}' for name, kind, size, data in rows
        )
        return f'{text[:-1]},"_attachments":{{{inside}}}}}'


_JOINED = "JOIN docs AS d ON d.seq = wanted.doc LEFT JOIN attached AS a USING (origin, database, collection, key)"


@contextmanager
def gathered(
    workspace: Workspace,
    store: Path | None,
    *,
    password: str | None = None,
    skip: Write | None = None,
    note: Write = lambda _: None,
) -> Iterator[Dumps]:
    """Gather the RxDB databases of a store of ours, or of any location, and tell `note` what a dump cannot hold.

    Raises NoSourceFound if there is none, SourceDamaged for a piece that cannot be read; with `skip` it is left out.
    """
    path = workspace.store if store is None else store.expanduser().absolute()
    if not path.exists():
        raise NoSourceFound("nothing to export", where=[str(path)])
    with tempfile.TemporaryDirectory(prefix="pjais-dump-") as scratch:
        with closing(sqlite.create(Path(scratch) / "dump.sqlite")) as db:
            db.execute(_TABLES)
            found = Dumps(db)
            db.execute("BEGIN")
            if path.is_file() and transfer.is_ours(path, workspace.model):
                with transfer.opened(workspace, path, password) as ours:
                    found.gather(rxdb_documents.of_store(workspace, path, ours, note))
            else:
                found.gather(rxdb_documents.of_source(workspace, path, password, skip, note))
            db.execute("COMMIT")
            if not found.databases:
                raise NoSourceFound("RxDB database not found", where=[str(path)])
            for line in found.notes():
                note(line)
            yield found


def to(dumps: Dumps, write: Write) -> int:
    """Write the dump of the only database.  Raises UsageError if there are several: each needs a file."""
    found = dumps.databases
    if len(found) > 1:
        raise UsageError(
            "each database needs its own dump: name the file, and the database's name is added",
            where=[f"{one.name} of {one.origin}" if one.origin else one.name for one in found],
            next_command="pjais export --format rxdb-dump -o rxdb-dump.json",
        )
    return dumps.write(found[0], write)


def to_files(dumps: Dumps, output: Path, check: Callable[[Path], None]) -> tuple[tuple[Path, ...], int]:
    """Write the dump of each database; return the files and the number of documents.

    Of several databases each file has its database's name: `dump-notes.json`.  `check` may refuse a file, before any
    is written.
    """
    named = list(zip(_names(output, dumps.databases), dumps.databases, strict=True))
    for path, _ in named:
        check(path)
    count = 0
    for path, found in named:
        with files.writing(path.absolute()) as file:
            count += dumps.write(found, file.text)
    return tuple(path for path, _ in named), count


def _names(output: Path, databases: list[Found]) -> list[Path]:
    if len(databases) == 1:
        return [output]
    met: Counter[str] = Counter()
    paths = []
    for one in databases:
        name = _UNSAFE.sub("_", one.name)[:80]
        met[name.lower()] += 1
        more = f"-{met[name.lower()]}" if met[name.lower()] > 1 else ""
        paths.append(output.with_name(f"{output.stem}-{name}{more}{output.suffix}"))
    return paths


def _is_inexact(value: Any) -> bool:
    """Return whether a value holds a number that JSON lacks, or JavaScript's JSON changes."""
    if isinstance(value, dict):
        return any(map(_is_inexact, value.values()))
    if isinstance(value, list):
        return any(map(_is_inexact, value))
    if isinstance(value, float):
        return not math.isfinite(value)
    return type(value) is int and not -_EXACT <= value <= _EXACT


def _as_json_has_it(value: Any) -> Any:
    """Return a value as JavaScript's JSON.stringify() has it: NaN and the infinities are null."""
    if isinstance(value, dict):
        return {key: _as_json_has_it(one) for key, one in value.items()}
    if isinstance(value, list):
        return list(map(_as_json_has_it, value))
    return None if isinstance(value, float) and not math.isfinite(value) else value
