"""JSON and SQLite sources, damaged by a fixed seed, and what the readers may then say of them.

These files have no checksum of their own, so what they hold is judged by others: a JSON file that Python's own parser
still takes must give every record that the parser sees; a SQLite file that passes SQLite's own integrity check must
give every row that SQLite gives.  Anything else must be told of.
"""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

from live_mutations import Seen, damage
from mutations import TooSlow, limited

import pjais
from pjais import canonical, models, sqlite
from pjais.core.document import Document, Piece, Remark
from pjais.core.table import Table
from pjais.errors import PjaisError
from pjais.exchange.export import to_file
from pjais.sources import backup, detect
from pjais.sources.registry import read
from pjais.sql_text import SYSTEM_NAMES
from pjais.workspace import resolve_workspace

SAMPLE = Path(str(files("pjais.demo") / "sample"))
PARTS = {
    "json": ("data.json",),
    "rxdb-dump": ("rxdb-dump.json",),
    "rxdb-export": ("rxdb-backup-2025-06-01.json",),
    "pjais-files": ("personas", "memory", "plugins"),
    "pjais-flat": ("pjais.db",),
    "shards": ("shards",),
    "pjais-drizzle": ("database",),
    "livestore-db": ("livestore.db",),
}
ITEMS = (*PARTS, "pjais-export", "pjais")
LIMIT = 5.0
_DERIVED = ("sqlite_", "__livestore_", "memory_fts", "message_fts", "conversation_messages")
"""Beginnings of the names of tables that follow from others; a reader does without them."""


@cache
def _own() -> tuple[bytes, bytes]:
    """Our own store and our own export of the sample's data.json."""
    with TemporaryDirectory() as name:
        folder = Path(name) / "data"
        folder.mkdir()
        shutil.copy(SAMPLE / "data.json", folder)
        pjais.migrate(folder, on_invalid="quarantine")
        out = Path(name) / "whole.pjais.json"
        to_file(resolve_workspace(folder), None, out)
        return (folder / "pjais.sqlite").read_bytes(), out.read_bytes()


def copied(item: str, folder: Path) -> Path:
    """A source of one kind as a data folder."""
    folder.mkdir(parents=True)
    for name in PARTS.get(item, ()):
        if (SAMPLE / name).is_dir():
            shutil.copytree(SAMPLE / name, folder / name)
        else:
            shutil.copy(SAMPLE / name, folder)
    if item not in PARTS:
        store, export = _own()
        name = "pjais.sqlite" if item == "pjais" else "whole.pjais.json"
        (folder / name).write_bytes(store if item == "pjais" else export)
    return folder


def harm(folder: Path, chance: random.Random) -> str:
    """Damage one file: SQLite files as LiveStore's, JSON files in the ways in which text breaks."""
    every = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)
    path = chance.choice(every)
    if path.suffix != ".json":
        return damage(folder, chance)
    content = bytearray(path.read_bytes())
    at = chance.randrange(len(content))
    kind = chance.choice(
        ("bit", "bit", "bits", "cut", "remove", "double", "zero", "mark", "wrong bytes", "deep", "empty")
    )
    if kind == "bit":
        content[at] ^= 1 << chance.randrange(8)
    elif kind == "bits":
        for _ in range(chance.randint(2, 20)):
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    elif kind == "cut":
        del content[at:]
    elif kind == "remove":
        del content[at : at + chance.choice((1, 2, 16, 400))]
    elif kind == "double":
        content[at:at] = content[at : at + chance.choice((1, 16, 400))]
    elif kind == "zero":
        content[at : at + 64] = bytes(64)
    elif kind == "mark":  # a mark of JSON where it does not belong
        content[at : at + 1] = chance.choice(
            (b"{", b"}", b"[", b"]", b'"', b",", b":", b"\\", b"\\u12", b"-", b"1e999")
        )
    elif kind == "wrong bytes":
        content[at:at] = chance.choice((b"\xff\xfe", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xc0\x80", b"\x00"))
    elif kind == "deep":
        content[at:at] = b"[" * chance.choice((300, 100_000))
    else:
        content.clear()
    path.write_bytes(content)
    return f"{kind} in {path.relative_to(folder)}"


def _records(folder: Path) -> Iterator[tuple[str, str]]:
    """(file, record) of what others see in a folder, where they see no fault in its files."""
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".json":
            yield from ((path.name, one) for one in _of_json(path))
        elif path.suffix in (".db", ".sqlite") and not Path(f"{path}-wal").exists():
            yield from ((path.name, one) for one in _of_sqlite(path))


def _of_json(path: Path) -> Iterator[str]:
    try:
        whole = json.loads(path.read_bytes().decode("utf-8", "strict"))
    except (ValueError, RecursionError):
        return
    lists: list[Any] = [one for one in whole.values() if isinstance(one, list)] if isinstance(whole, dict) else []
    for one in [item for found in lists for item in found]:
        if path.name == "rxdb-dump.json":  # its list is of collections, each with its list of documents
            one = one.get("docs") if isinstance(one, dict) else None
        inner = one if isinstance(one, list) else [one]
        yield from (canonical.dumps(value, sort=True) for value in inner if isinstance(value, dict))


def _of_sqlite(path: Path) -> Iterator[str]:
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as db:
            if db.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
                return
            documents = _tables_of_documents(path)
            tables = [str(row[0]) for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
            for table in tables:
                if table.startswith(_DERIVED) or table in SYSTEM_NAMES:
                    continue
                cursor = db.execute(f'SELECT * FROM "{table}"')
                names = [one[0] for one in cursor.description]
                for row in cursor:
                    values = {name: value for name, value in zip(names, row, strict=True) if name != "search_id"}
                    if table in documents:
                        yield canonical.dumps(documents[table](row), sort=True)
                    else:
                        yield canonical.dumps(values, sort=True)
    except (sqlite3.Error, UnicodeDecodeError):
        return


def _tables_of_documents(path: Path) -> dict[str, Callable[[tuple[Any, ...]], Any]]:
    """Tables of other apps' documents in a store of ours, with what gives the document that a row is."""
    with closing(sqlite.open_frozen(path)) as db:
        model = models.in_store(models.named(), db)

    def document(table: Table) -> Callable[[tuple[Any, ...]], Any]:
        return lambda row: model.documents.rebuild(table.to_record(row)) if model.documents is not None else None

    return {table.name: document(table) for table in model.tables if table.is_of_documents}


def judge(item: str, work: Path, seed: int, seen: Seen) -> None:
    """Damage a copy of one source, read it, and hold what comes out against what others see."""
    folder = copied(item, work / "data")
    where = f"{item} seed {seed}: {harm(folder, random.Random(seed))}"
    began = time.process_time()
    seen.runs += 1
    pieces: list[Piece] = []
    try:
        with limited(4 * LIMIT), mock.patch("os.fsync"):  # no power is cut here
            found = detect.detect([folder / "pjais.sqlite" if item == "pjais" else folder], named=True)
            for snapshot in backup.snapshot_all(work / "backup", found.sources, at_ms=0):
                pieces.extend(read(snapshot, None))
    except PjaisError:
        seen.refused += 1
        return
    except TooSlow:
        seen.faults.append(f"{where}: did not end in {4 * LIMIT} s")
        return
    except Exception as error:  # noqa: BLE001 - that nothing else comes is what is tested
        seen.faults.append(f"{where}: {type(error).__name__}: {error}")
        return
    seen.slowest = max(seen.slowest, time.process_time() - began)
    if any(not isinstance(one, Document | Remark) for one in pieces) or found.passed:
        seen.told += 1
        return
    there = Counter(canonical.dumps(one.value, sort=True) for one in pieces if isinstance(one, Document))
    lacking = Counter(text for _, text in _records(folder)) - there
    if lacking:
        seen.faults.append(f"{where}: {len(lacking)} records are not as others read them: {next(iter(lacking))[:200]}")
    seen.harmless += not lacking


def fuzz(work: Path, seeds: range) -> Seen:
    """Judge one damaged source for each seed, the kinds in turn."""
    seen = Seen()
    for seed in seeds:
        folder = work / str(seed)
        judge(ITEMS[seed % len(ITEMS)], folder, seed, seen)
        shutil.rmtree(folder)
    return seen
