"""How surely the proof sees damage: one bit of one byte is turned over, and `verify` or `backup verify` must be red.

Target, backup, manifest, journal and report of small migrated folders, each with every table filled.  A byte carries
data if a reader would see something else without it:

- of a SQLite file: another row of any table, another definition, another answer of the search.  What is no data:
  free pages and unused room in pages, the counters in the header, and the tables that say nothing about records
  (`sqlite_sequence`, `sqlite_stat1`, the unused images in `changes_replaced`).
- of a JSON file: another value.
- of any other file of a backup: any byte.

A mutation that is not seen and carries data is silent; there must be none.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import apsw

import pjais
import world
from pjais import paths, sqlite
from pjais.errors import PjaisError
from pjais.migration import backups
from pjais.workspace import resolve_workspace

_NO_DATA = ("sqlite_sequence", "sqlite_stat", "changes_replaced", "memory_fts_")
_SHORT, _LONG = 100, 12_000
_EXAMPLES = 20

MORE: dict[str, list[Any]] = {
    "conversations": [{"id": "c1", "personaId": "p1", "title": "tea", "messages": [{"id": "1", "content": "hello"}]}],
    "relationships": [{"id": "r1", "fromId": "m1", "toId": "m2", "type": "supports", "strength": 0.25}],
    "plugins": [{"id": "x1", "name": "plugin", "version": "1.0.0", "enabled": True}],
    "sketches": [{"id": "s1", "lines": [1, 2.5, None]}],
}


def sqlite_folder(folder: Path) -> Path:
    """A data folder whose SQLite target has rows in every table: two runs, edits, a quarantine, superseded copies."""
    folder.mkdir(parents=True)
    memories = [world.memory(f"m{n}", content=f"number {n} harbour", embedding=[0.5, n / 3]) for n in range(6)]
    people = [world.persona("p1"), world.persona("p2", personality={"traits": ["kind"]})]
    world.write_json(folder, "data.json", personas=people, memories=[*memories, world.memory("lost", "nobody")], **MORE)
    older = [{"id": "m1", "personaId": "p1", "type": "text", "content": "an older copy", "updatedAt": 1000}]
    world.write_livestore(folder / "livestore.db", [], older)
    pjais.migrate(folder, on_invalid="quarantine", ids="new")
    with pjais.open(folder, on_invalid="quarantine") as store:
        first, second, *_ = store.memories.list()
        store.memories.update(first.id, content="edited in the store")
        store.memories.remove(second.id)
    own = "INSERT INTO memory_entities (id, persona_id, type, content) SELECT 'own', id, 't', 'written' FROM personas"
    world.rows(folder / paths.TARGET_NAME, f"{own} LIMIT 1")
    world.rows(folder / paths.TARGET_NAME, "UPDATE memory_entities SET content = 'written again' WHERE id = 'own'")
    later = world.memory("m5", content="changed later", updatedAt="2025-06-01T00:00:00.000Z")
    world.write_json(folder, "data.json", personas=people, memories=[*memories[:5], later, world.memory("m9")], **MORE)
    pjais.migrate(folder, on_invalid="quarantine", ids="new")
    return folder


def livestore_folder(folder: Path) -> Path:
    """A data folder whose target is a LiveStore log with its account."""
    folder.mkdir(parents=True)
    memories = [world.memory(f"m{n}", content=f"number {n}") for n in range(3)]
    world.write_json(folder, "data.json", personas=[world.persona()], memories=memories, **MORE)
    pjais.migrate(folder, to="livestore")
    return folder


def settled(folder: Path) -> Path:
    """The folder with every store in one file, as it lies there when no program has it open."""
    for path in folder.rglob("*.sqlite"):
        with closing(apsw.Connection(str(path))) as db:
            sqlite.fetch(db, "PRAGMA wal_checkpoint(TRUNCATE)")
    return folder


def is_red(folder: Path) -> bool:
    """Whether `verify` or `backup verify` says that something is wrong."""
    try:
        pjais.verify(folder)
        return any(backups.check(one.folder) for one in _runs(folder))
    except PjaisError:
        return True


def _runs(folder: Path) -> Iterable[Any]:
    from pjais.migration import state

    return state.runs(resolve_workspace(folder).data_dir)


def seen(path: Path, content: bytes, scratch: Path, words: Iterable[str]) -> Any:
    """What a reader would see of a file with this content; None where it cannot be read."""
    try:
        if path.suffix in (".json", ".jsonl"):
            return [
                json.loads(line)
                for line in (content.split(b"\n") if path.suffix == ".jsonl" else [content])
                if line.strip()
            ]
        if not content.startswith(sqlite.MAGIC) or "backups" in path.parts:
            return content
        scratch.write_bytes(content)
        with closing(sqlite.open_frozen(scratch)) as db:
            return list(_rows(db, words))
    except (ValueError, apsw.Error):
        return None


def _rows(db: sqlite.Connection, words: Iterable[str]) -> Iterator[Any]:
    yield sqlite.pragma_int(db, "application_id"), sqlite.pragma_int(db, "user_version")
    schema = list(db.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY 1, 2"))
    yield [row for row in schema if not row[1].startswith(_NO_DATA)]
    for kind, name, _, sql in schema:
        if kind == "table" and not name.startswith(_NO_DATA) and "VIRTUAL" not in sql:
            for row in db.execute(f'SELECT * FROM "{name}" ORDER BY 1, 2'):
                yield name, [(type(value), repr(value)) for value in row]
    for word in words if any(name == "memory_fts" for _, name, *_ in schema) else ():
        yield word, list(db.execute("SELECT rowid FROM memory_fts WHERE memory_fts MATCH ? ORDER BY rank, 1", (word,)))


def measure(thorough: bool = False) -> dict[str, Any]:
    """Turn bits over and count: {mutations, red, no_data, silent, rate, examples}; the same ones every time."""
    total: dict[str, Any] = {"mutations": 0, "red": 0, "no_data": 0, "silent": 0, "examples": []}
    with tempfile.TemporaryDirectory(prefix="pjais-kill-") as name, mock.patch("os.fsync"):
        scratch = Path(name)
        for number, make in enumerate((sqlite_folder, livestore_folder)):
            folder = settled(make(scratch / str(number) / "data"))
            assert not is_red(folder)
            _try_all(folder, scratch / "scratch.db", _LONG if thorough else _SHORT, total)
    total["rate"] = total["red"] / max(1, total["red"] + total["silent"])
    return total


def _try_all(folder: Path, scratch: Path, budget: int, total: dict[str, Any]) -> None:
    """Mutate every file that matters; the small ones byte by byte as far as the budget goes."""
    sound = {path: path.read_bytes() for path in files_that_matter(folder)}
    share = budget // len(sound)
    stores = [path for path in sound if "backups" not in path.parts]
    for path, content in sound.items():
        chance = random.Random(f"{path.relative_to(folder).suffix}{len(content)}")
        used = [at for at, byte in enumerate(content) if byte]
        places = used if len(used) <= share else sorted(chance.sample(used, share))
        places += [chance.randrange(len(content)) for _ in range(share // 10)]
        for at in places:
            bit = chance.randrange(8)
            what = _try(folder, path, at, bit, scratch, content)
            for one in stores:  # a look at a store may write to it
                _put(one, sound[one])
            total["mutations"] += 1
            total[what] += 1
            if what == "silent" and len(total["examples"]) < _EXAMPLES:
                around = content[max(0, at - 30) : at + 20]
                total["examples"].append(f"{path.relative_to(folder)} byte {at} bit {bit}: {around!r}")
        _put(path, content)


def files_that_matter(folder: Path) -> list[Path]:
    """The targets, and everything in the folders of the runs."""
    targets = [*folder.glob("*.sqlite"), *folder.glob("livestore/*/*")]
    return [path for path in sorted([*targets, *folder.glob("backups/**/*")]) if _matters(path)]


def _matters(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".") and not path.name.endswith(sqlite.SIDE_FILES)


def _try(folder: Path, path: Path, at: int, bit: int, scratch: Path, content: bytes) -> str:
    changed = bytearray(content)
    changed[at] ^= 1 << bit
    _put(path, bytes(changed))
    if is_red(folder):
        return "red"
    look = partial(seen, path, scratch=scratch, words=("harbour", "edited", "written", "number", "later"))
    return "no_data" if look(bytes(changed)) == look(content) is not None else "silent"


def _put(path: Path, content: bytes) -> None:
    """Write a file as it shall be, and take away what a look at it left."""
    for suffix in sqlite.SIDE_FILES:
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    path.write_bytes(content)
