"""`make bench`: the whole migration against SQLite's own floor, in the same run.

The floor is what any program has to do with the same rows: parse the JSON, insert by executemany, make the
indexes, rebuild the search index with the same settings.  Each side runs in a process of its own; the figures
are the best of several rounds, and the peak memory of the process.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from generate import data_json


def floor(source: Path, target: Path) -> dict[str, float]:
    """Parse, insert, index, rebuild the search index; no proof, no backup, no conversion."""
    import apsw

    from pjais.schema import ddl
    from pjais.schema.tables import MEMORIES, PERSONAS

    began = time.perf_counter()
    data = json.loads(source.read_text("utf-8"))
    parsed = time.perf_counter()
    db = apsw.Connection(str(target))
    db.execute(
        "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-65536; PRAGMA locking_mode=EXCLUSIVE"
    )
    db.execute("BEGIN")
    db.execute(ddl.create_table(PERSONAS) + ddl.create_table(MEMORIES))
    db.executemany(
        "INSERT INTO personas (id, name, description, personality, is_active, created_at, updated_at) "
        "VALUES (?,?,?,?,?,?,?)",
        ((p["id"], p["name"], p["description"], json.dumps(p["personality"]), p["isActive"], p["createdAt"],
          p["updatedAt"])
         for p in data["personas"]),
    )  # fmt: skip
    db.executemany(
        "INSERT INTO memory_entities (id, persona_id, type, name, content, summary, tags, importance, memory_tier, "
        "access_count, last_accessed, created_at, updated_at, search_id) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        ((m["id"], m["personaId"], m["type"], m["name"], m["content"], m["summary"], json.dumps(m["tags"]),
          m["importance"], m["memoryTier"], m["accessCount"], m["lastAccessed"], m["createdAt"], m["updatedAt"], n)
         for n, m in enumerate(data["memories"], 1)),
    )  # fmt: skip
    inserted = time.perf_counter()
    for table in (PERSONAS, MEMORIES):
        for name, columns in table.indexes:
            db.execute(f"CREATE INDEX {name} ON {table.name} ({columns})")
    db.execute("CREATE UNIQUE INDEX s ON memory_entities (search_id)")
    indexed = time.perf_counter()
    db.execute(ddl.SEARCH_INDEX)
    db.execute("INSERT INTO memory_fts (memory_fts, rank) VALUES ('hashsize', 67108864)")
    db.execute("INSERT INTO memory_fts (memory_fts) VALUES ('rebuild')")
    db.execute("COMMIT")
    db.close()
    done = time.perf_counter()
    return {
        "parse": parsed - began, "insert": inserted - parsed, "indexes": indexed - inserted,
        "search index": done - indexed, "whole": done - began,
    }  # fmt: skip


def ours(source: Path, target: Path) -> dict[str, float]:
    """The migration as a user runs it: backup, proof and all."""
    import pjais

    began = time.perf_counter()
    report = pjais.migrate(target.parent / "data", [source], target)
    whole = time.perf_counter() - began
    return {**dict(report.phases), "whole": whole}


def measure(what: str, source: Path) -> dict[str, float]:
    """One side in a fresh process and a fresh folder: seconds by phase, and `peak` in MB."""
    with tempfile.TemporaryDirectory(prefix="pjais-bench-") as folder:
        command = [sys.executable, __file__, "--side", what, str(source), str(Path(folder) / "target.sqlite")]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return {str(name): float(value) for name, value in json.loads(output).items()}


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", nargs=3)
    parser.add_argument("--memories", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.side:
        what, source, target = arguments.side
        figures = {"floor": floor, "ours": ours}[what](Path(source), Path(target))
        figures["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(figures))
        return
    work = Path(tempfile.mkdtemp(prefix="pjais-bench-"))
    try:
        for count in arguments.memories:
            source = data_json(work / "data.json", count)
            sides = {what: [measure(what, source) for _ in range(arguments.rounds)] for what in ("floor", "ours")}
            _print(
                count,
                source.stat().st_size,
                {what: min(runs, key=lambda run: run["whole"]) for what, runs in sides.items()},
            )
    finally:
        shutil.rmtree(work)


def _print(count: int, size: int, best: dict[str, dict[str, float]]) -> None:
    print(f"\n{count:,} memories, {size / 1e6:.0f} MB of JSON")
    for what, figures in best.items():
        phases = ", ".join(
            f"{name} {seconds:.2f}" for name, seconds in figures.items() if name not in ("whole", "peak")
        )
        print(f"  {what:5}  {figures['whole']:7.2f} s   peak {figures['peak']:4.0f} MB   ({phases})")
    ratio = best["ours"]["whole"] / best["floor"]["whole"]
    print(f"  ratio  {ratio:7.2f}   ({count / best['ours']['whole']:,.0f} memories/s)")


if __name__ == "__main__":
    main()
