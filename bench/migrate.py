"""`make bench`: whole migrations against SQLite's own floor, in the same run, as one table.

The floor is what any program has to do with the same records: parse them, insert by executemany, make the indexes,
rebuild the search index with the same settings.  It has no backup, no validation, no account, no proof.  How it parses
depends on the kind of source (`FLOORS`).  Each side runs in a process of its own, the two by turns.  A figure is the
least of several rounds: seconds by the clock, and CPU, the processor seconds of a side with all its processes; CPU is
the one to go by where other programs share the cores.  `one core` is the ratio where only one core may be used.  Memory
is the peak of a side's own pages.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import rxdb
from generate import data_json, livestore_log
from measured import measured

Figures = dict[str, float]
PHASES = ("back up", "read and write", "index", "verify", "cut over")
PERSONA = ("id", "name", "description", "personality", "isActive", "createdAt", "updatedAt")
MEMORY = (
    "id",
    "personaId",
    "type",
    "name",
    "content",
    "summary",
    "tags",
    "importance",
    "memoryTier",
    "embedding",
    "embeddingModel",
    "accessCount",
    "lastAccessed",
    "createdAt",
    "updatedAt",
    "searchId",
)
LARGE = 1_000_000
PATIENCE = 300
"""Seconds after which one round has to do."""


class Source(NamedTuple):
    """What is migrated, and the same records as JSON for the floor."""

    kind: str
    paths: tuple[Path, ...]
    records: Path
    size: int


Records = dict[str, list[dict[str, Any]]]
"""The lists `personas` and `memories`."""


def parsed_json(source: Source) -> Records:
    """The records out of JSON."""
    found: Records = json.loads(source.records.read_text("utf-8"))
    return found


def parsed_events(source: Source) -> Records:
    """The records out of the rows of LiveStore's log, in its order; each is the arguments of one event."""
    import apsw
    import orjson

    found: Records = {"personas": [], "memories": []}
    lists = {"v1.PersonaImported": found["personas"], "v1.MemoryEntityImported": found["memories"]}
    with apsw.Connection(str(source.paths[0] / "eventlog@6.db"), flags=apsw.SQLITE_OPEN_READONLY) as db:
        for name, args in db.execute("SELECT name, argsJson FROM eventlog ORDER BY seqNumGlobal, seqNumClient"):
            lists[name].append(orjson.loads(args))
    return found


FLOORS: dict[str, Callable[[Source], Records]] = {
    "JSON": parsed_json,
    "RxDB profile": parsed_json,
    "LiveStore": parsed_events,
}
"""How the floor of each kind of source gets the records."""


def floor(source: Source, target: Path) -> Figures:
    """Parse, insert, index, rebuild the search index; no proof, no backup, no conversion."""
    import apsw

    from pjais.models.persona.model import MODEL
    from pjais.models.persona.tables import MEMORIES, PERSONAS
    from pjais.targets.sqlite import ddl

    began = time.perf_counter()
    data = FLOORS[source.kind](source)
    parsed = time.perf_counter()
    db = apsw.Connection(str(target))
    db.execute(
        "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-65536; PRAGMA locking_mode=EXCLUSIVE"
    )
    db.execute("BEGIN")
    db.execute(ddl.create_table(PERSONAS) + ddl.create_table(MEMORIES))
    db.executemany(_insert("personas", PERSONA), (_bound(one, PERSONA) for one in data["personas"]))
    db.executemany(
        _insert("memory_entities", MEMORY),
        (_bound({**one, "searchId": number}, MEMORY) for number, one in enumerate(data["memories"], 1)),
    )
    inserted = time.perf_counter()
    for table in (PERSONAS, MEMORIES):
        for name, columns in table.indexes:
            db.execute(f"CREATE INDEX {name} ON {table.name} ({columns})")
    db.execute("CREATE UNIQUE INDEX s ON memory_entities (search_id)")
    indexed = time.perf_counter()
    db.execute(ddl.search_indexes(MODEL))
    db.execute("INSERT INTO memory_fts (memory_fts, rank) VALUES ('hashsize', 67108864)")
    db.execute("INSERT INTO memory_fts (memory_fts) VALUES ('rebuild')")
    db.execute("COMMIT")
    db.close()
    done = time.perf_counter()
    return {
        "parse": parsed - began,
        "insert": inserted - parsed,
        "indexes": indexed - inserted,
        "search index": done - indexed,
        "whole": done - began,
    }


def _insert(table: str, names: tuple[str, ...]) -> str:
    columns = ", ".join(re.sub("[A-Z]", lambda match: f"_{match[0].lower()}", name) for name in names)
    return f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * len(names))})"


def _bound(record: dict[str, Any], names: tuple[str, ...]) -> list[Any]:
    values = [record.get(name) for name in names]
    return [json.dumps(value) if isinstance(value, dict | list) else value for value in values]


def ours(source: Source, target: Path) -> Figures:
    """The migration as a user runs it: backup, proof and all."""
    import pjais

    began = time.perf_counter()
    report = pjais.migrate(target.parent / "data", source.paths, target)
    whole = time.perf_counter() - began
    assert report.proof is not None and report.proof.passed and not report.total.quarantined
    return {**dict(report.phases), "whole": whole, "records": report.total.read}


def one_core(source: Source, target: Path) -> Figures:
    """The same where only one core may be used."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    return ours(source, target)


SIDES: dict[str, Callable[[Source, Path], Figures]] = {"floor": floor, "ours": ours, "one core": one_core}


def measure(what: str, source: Source) -> Figures:
    """One side in a fresh process and a fresh folder: seconds by phase, and what `measured` says."""
    with tempfile.TemporaryDirectory(prefix="pjais-bench-") as folder:
        arguments = [what, source.kind, str(Path(folder) / "target.sqlite"), str(source.records)]
        command = [sys.executable, __file__, "--side", *arguments, *map(str, source.paths)]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        return {str(name): float(value) for name, value in json.loads(output).items()}


def json_source(work: Path, count: int) -> Source:
    """A data.json."""
    path = work / f"{count}.json"
    if not path.exists():
        data_json(path, count)
    return Source("JSON", (path,), path, path.stat().st_size)


def rxdb_source(work: Path, count: int) -> Source | None:
    """A profile that real RxDB wrote in real Chromium, and a JSON file with its persona."""
    if not rxdb.can_prepare():
        return None
    folder = work / "rxdb" / str(count)
    rxdb.prepare(folder, count)
    memories = json.loads((folder / "documents.json").read_text("utf-8"))
    named = sorted({one["personaId"] for one in memories})
    personas = {"personas": [{"id": one, "name": one} for one in named]}
    (folder / "personas.json").write_text(json.dumps(personas))
    records = folder / "records.json"
    records.write_text(json.dumps({**personas, "memories": memories}))
    profile = folder / "profile"
    database = sum(one.stat().st_size for one in profile.rglob("*.indexeddb.*/*") if one.is_file())
    return Source("RxDB profile", (profile, folder / "personas.json"), records, database)


def livestore_source(work: Path, count: int) -> Source:
    """A LiveStore event log with the records of the data.json."""
    folder = work / f"livestore-{count}"
    records = json_source(work, count).records
    if not folder.exists():
        livestore_log(records, folder)
    return Source("LiveStore", (folder,), records, sum(one.stat().st_size for one in folder.iterdir()))


KINDS: dict[str, Callable[[Path, int], Source | None]] = {
    "JSON": json_source,
    "RxDB profile": rxdb_source,
    "LiveStore": livestore_source,
}


class Row(NamedTuple):
    """The least figures of each side for one source."""

    memories: int
    source: Source
    floor: Figures
    ours: Figures
    one_core: Figures


def rows(work: Path, counts: list[int], kinds: list[str], rounds: int) -> Iterator[Row | str]:
    """Every source of every size, both sides by turns."""
    for kind in kinds:
        for count in counts:
            source = KINDS[kind](work, count)
            if source is None:
                yield f"{kind}: no real RxDB to write a profile: run scripts/install_oracles"
                break
            sides: dict[str, list[Figures]] = {what: [] for what in SIDES}
            for _ in range(rounds):
                for what, found in sides.items():
                    found.append(measure(what, source))
                if sides["ours"][-1]["whole"] > PATIENCE:
                    break
            least = {
                what: {name: min(one[name] for one in found) for name in found[0]} for what, found in sides.items()
            }
            yield Row(count, source, least["floor"], least["ours"], least["one core"])


def show(row: Row) -> str:
    """One line of the table."""
    phases = " ".join(f"{row.ours[name]:{len(name)}.2f}" for name in PHASES)
    whole, least = row.ours["whole"], row.floor["whole"]
    cpu, least_cpu, alone = row.ours["cpu"], row.floor["cpu"], row.one_core["whole"]
    return (
        f"{row.source.kind:13}{row.memories:>10,} {row.source.size / 1e6:6.0f} {least:7.2f} {phases} {whole:7.2f} "
        f"{whole / least:6.2f} {alone / least:8.2f} {least_cpu:9.2f} {cpu:6.2f} {cpu / least_cpu:6.2f} "
        f"{row.ours['records'] / whole:9,.0f} {row.ours['own']:7.0f} {row.floor['own']:9.0f}"
    )


HEAD = (
    f"{'source':13}{'memories':>10} {'MB':>6} {'floor s':>7} {' '.join(PHASES)} {'whole s':>7} {'ratio':>6} "
    f"{'one core':>8} {'floor CPU':>9} {'CPU s':>6} {'ratio':>6} {'records/s':>9} {'own MB':>7} {'(floor’s)':>9}"
)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", nargs="+", help="measure one side in this process (used by the bench itself)")
    parser.add_argument("--memories", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--large", action="store_true", help=f"also {LARGE:,} memories")
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=list(KINDS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", type=Path, help="where sources are kept for the next run; else they are thrown away")
    arguments = parser.parse_args()
    if arguments.side:
        what, kind, target, records, *paths = arguments.side
        with measured() as cost:
            figures = SIDES[what](Source(kind, tuple(map(Path, paths)), Path(records), 0), Path(target))
        print(json.dumps({**figures, **cost}))
        return
    counts = arguments.memories + ([LARGE] if arguments.large else [])
    with tempfile.TemporaryDirectory(prefix="pjais-bench-") as scratch:
        work = arguments.work.absolute() if arguments.work else Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        print(f"\n{HEAD}", flush=True)
        for row in rows(work, counts, arguments.kinds, arguments.rounds):
            print(row if isinstance(row, str) else show(row), flush=True)


if __name__ == "__main__":
    main()
