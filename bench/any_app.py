"""`make bench`: the documents of an app that nobody knows, from a browser profile to typed tables, against a floor.

The profile is written by this script: the todos of an app in one object store of IndexedDB, in Chromium's LevelDB, with
an index and its entries.  The floor is what any program has to do with the same documents: `json.load`, insert them
into a typed table by executemany, make the index.  It has no backup, no proof, no whole document beside the columns.
dfindexeddb, where it is installed, only decodes the records.  Each side runs in a process of its own, ours and the
floor by turns; the figures are the best of several rounds.  Memory is that of our process and of the one that reads
beside it, together.  CPU is the figure to go by where other programs share the cores.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import random
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import rxdb
from measured import measured
from migrate import PHASES

sys.path[:0] = [str(Path(__file__).parents[1] / "tests" / "formats"), str(Path(__file__).parents[1] / "src")]

from indexeddb_writer import described, key, text  # noqa: E402 - found by the path above
from leveldb_writer import Op, counted, folder, table, varint  # noqa: E402

Figures = dict[str, float]
LISTS = ("home", "shop", "trip", "work")
WORDS = ("buy", "call", "clean", "find", "fix", "milk", "plan", "read", "ship", "the", "train", "write")
PER_TABLE = 5000
"""How many changes one LevelDB table holds; about 2 MB, as Chromium's."""
COLUMNS = ("id", "title", "list", "done", "priority", "created", "due", "tags", "note")
FLOOR = """
CREATE TABLE todos (
    id TEXT PRIMARY KEY, title TEXT, list TEXT, done INTEGER, priority INTEGER, created TEXT, due REAL, tags TEXT,
    note TEXT
)
"""

DFINDEXEDDB = """
import pathlib, sys, time
from dfindexeddb.indexeddb.chromium import record
began, cpu = time.perf_counter(), time.process_time()
found = record.FolderReader(pathlib.Path(sys.argv[1])).GetRecords(use_manifest=False)
count = sum(isinstance(one.key, record.ObjectStoreDataKey) and isinstance(one.value.value, dict) for one in found)
print(count, time.perf_counter() - began, time.process_time() - cpu)
"""


def todos(count: int) -> Iterator[dict[str, Any]]:
    """Yield made-up todos; `created` is in milliseconds since 1970, as a Date has it."""
    chance = random.Random(7)
    for number in range(count):
        yield {
            "id": f"todo-{number:08}",
            "title": " ".join(chance.choices(WORDS, k=6)),
            "list": chance.choice(LISTS),
            "done": chance.random() < 0.5,
            "priority": chance.randrange(4),
            "created": 1_700_000_000_000 + number * 60_000,
            "due": chance.random() * 100,
            "tags": chance.sample(WORDS, 2),
            "note": None if number % 3 else {"by": "ann", "text": " ".join(chance.choices(WORDS, k=20))},
        }


def _v8(value: Any) -> bytes:
    """Return a value as V8 serialises it, without its header; integers as int32."""
    match value:
        case None:
            return b"0"
        case bool():
            return b"T" if value else b"F"
        case int():
            return b"I" + varint(value << 1)
        case float():
            return b"N" + struct.pack("<d", value)
        case str():
            return b'"' + counted(value.encode("latin-1"))
        case list():
            items = b"".join(map(_v8, value))
            return b"A" + varint(len(value)) + items + b"$\0" + varint(len(value))
    return b"o" + b"".join(_v8(name) + _v8(one) for name, one in value.items()) + b"{" + varint(len(value))


def _value(todo: dict[str, Any]) -> bytes:
    """Return a todo as a record's value; `created` is a Date in it."""
    date = b"D" + struct.pack("<d", todo["created"])
    parts = (_v8(name) + (date if name == "created" else _v8(one)) for name, one in todo.items())
    return b"\xff\x14\xff\x0fo" + b"".join(parts) + b"{" + varint(len(todo))


def _metadata() -> list[Op]:
    """Return the metadata of the database: a store with the key path `id`, and its index by `list`."""
    store, index = b"\0\1\0\0\x32\1", b"\0\1\0\0\x64\1\x1e"
    changes = dict(described(name="todo-app", stores=("todos",)))
    changes[store + b"\1"] = b"\0\0\1" + text("id")
    changes[index + b"\0"] = "by_list".encode("utf-16-be")
    changes[index + b"\1"] = b"\0"
    changes[index + b"\2"] = b"\0\0\1" + text("list")
    changes[index + b"\3"] = b"\0"
    return sorted(changes.items())


def prepare(work: Path, count: int) -> None:
    """Write the profile, and the same documents as one JSON file; what is there is kept."""
    if (work / "documents.json").is_file():
        return
    documents = list(todos(count))
    changes = _metadata()
    changes += [(key(one["id"]), b"\1" + _value(one)) for one in documents]
    changes += [
        (key(one["list"], index=30) + b"\0" + key(one["id"])[4:], b"\1" + key(one["id"])[4:])
        for one in sorted(documents, key=lambda one: (one["list"], one["id"]))
    ]
    files = {}
    for at in range(0, len(changes), PER_TABLE):
        rows = [(name, at + n + 1, value) for n, (name, value) in enumerate(changes[at : at + PER_TABLE])]
        files[f"{at // PER_TABLE + 5:06}.ldb"] = table(rows)
    place = work / "profile" / "Default" / "IndexedDB" / "https_todo.example_0.indexeddb.leveldb"
    folder(place, files, [int(name[:6]) for name in files])
    (work / "documents.json").write_text(json.dumps(documents), "utf-8")


def ours(work: Path) -> Figures:
    """Migrate the profile as a user does: backup, tables, proof and all."""
    import pjais

    with tempfile.TemporaryDirectory(prefix="pjais-bench-") as scratch:
        report = pjais.migrate(scratch, [work / "profile"])
    assert report.proof is not None and report.proof.passed and not report.total.quarantined
    return {**dict(report.phases), "documents": report.total.read}


def floor(work: Path) -> Figures:
    """Parse, insert into a typed table, index."""
    with tempfile.TemporaryDirectory(prefix="pjais-bench-") as scratch:
        documents = json.loads((work / "documents.json").read_text("utf-8"))
        db = sqlite3.connect(Path(scratch) / "floor.sqlite")
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("PRAGMA synchronous = OFF")
        db.execute(FLOOR)
        marks = ", ".join("?" * len(COLUMNS))
        db.executemany(f"INSERT INTO todos VALUES ({marks})", map(_bound, documents))
        db.execute("CREATE INDEX by_list ON todos (list)")
        db.commit()
        db.close()
        return {"documents": len(documents)}


def _bound(todo: dict[str, Any]) -> list[Any]:
    return [json.dumps(one) if isinstance(one := todo[name], dict | list) else one for name in COLUMNS]


SIDES: dict[str, Callable[[Path], Figures]] = {"pjais": ours, "floor": floor}


def measure(what: str, work: Path) -> Figures:
    """One side in a fresh process: what it returns, and what `measured` says."""
    command = [sys.executable, __file__, "--side", what, "--work", str(work)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return {str(name): float(value) for name, value in json.loads(output).items()}


def dfindexeddb(work: Path, python: str) -> str:
    """Return a line about dfindexeddb, which decodes all records of all tables, or why there is no figure."""
    if not rxdb.has_dfindexeddb(python):
        return "dfindexeddb is not installed (--dfindexeddb names a Python that has it)"
    with tempfile.TemporaryDirectory(prefix="pjais-bench-") as scratch:
        (source,) = (work / "profile").rglob("*.leveldb")
        place = Path(shutil.copytree(source, Path(scratch) / source.name))
        place.with_suffix(".blob").mkdir()  # it wants one, with or without blobs
        done = subprocess.run(
            [python, "-c", DFINDEXEDDB, str(place)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
        )
    if done.returncode:
        return f"dfindexeddb fails on the profile (exit code {done.returncode})"
    count, seconds, cpu = map(float, done.stdout.split()[-3:])
    return (
        f"dfindexeddb decodes {count:,.0f} of them in {seconds:.2f} s, CPU {cpu:.2f} s; {count / seconds:,.0f} a second"
    )


def compare(work: Path, count: int, rounds: int, python: str) -> None:
    """Measure every side and print one table."""
    prepare(work, count)
    found: dict[str, list[Figures]] = {what: [] for what in SIDES}
    for _ in range(rounds):
        for what, runs in found.items():
            runs.append(measure(what, work))
    best = {what: min(runs, key=lambda run: run["cpu"]) for what, runs in found.items()}
    size = sum(one.stat().st_size for one in (work / "profile").rglob("*.ldb"))
    print(f"\n{count:,} documents of an unknown app, {size / 1e6:.0f} MB in its profile")
    print(f"{'':12}{'wall s':>8}{'CPU s':>8}{'documents/s':>13}{'own MB':>9}{'CPU, to the floor':>19}")
    for what, figures in best.items():
        speed = figures["documents"] / figures["wall"]
        print(
            f"{what:12}{figures['wall']:8.2f}{figures['cpu']:8.2f}{speed:13,.0f}{figures['own']:9.0f}"
            f"{figures['cpu'] / best['floor']['cpu']:19.2f}"
        )
    print("of pjais: " + ", ".join(f"{name} {best['pjais'][name]:.2f}" for name in PHASES))
    print(dfindexeddb(work, python))


def profile(work: Path) -> None:
    """Print where our time goes, all in one process."""
    with cProfile.Profile() as profiler:
        ours(work)
    pstats.Stats(profiler).sort_stats("tottime").print_stats(40)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", choices=SIDES, help="measure one side in this process (used by the bench itself)")
    parser.add_argument("--work", type=Path, help="where the profile is kept for the next run; else it is thrown away")
    parser.add_argument("--documents", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", action="store_true", help="show where our time goes instead")
    parser.add_argument("--dfindexeddb", default=sys.executable, metavar="PYTHON", help="an interpreter that has it")
    arguments = parser.parse_args()
    if arguments.side:
        with measured() as cost:
            figures = SIDES[arguments.side](arguments.work)
        print(json.dumps({**figures, **cost}))
        return
    with tempfile.TemporaryDirectory(prefix="pjais-bench-") as scratch:
        work = arguments.work.absolute() / str(arguments.documents) if arguments.work else Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        if arguments.profile:
            prepare(work, arguments.documents)
            profile(work)
            return
        compare(work, arguments.documents, arguments.rounds, arguments.dfindexeddb)


if __name__ == "__main__":
    main()
