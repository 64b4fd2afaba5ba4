"""The same memories into a database by other tools, and by us with backup, account and proof: one table.

    python bench/peers.py --memories 100000 --python PYTHON    # an interpreter that has duckdb, dlt and sqlite-utils

sqlite-utils inserts and indexes the text; better-sqlite3 does it as guide A's app does, each record checked by zod;
DuckDB and dlt load the records, without a search index.  None of them keeps a backup or proves anything.  Each runs in
a process of its own, by turns; the figures are the least of several rounds.  What is not installed is left out.
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from generate import data_json
from measured import measured

Figures = dict[str, float]
ORACLES = Path(__file__).parents[1] / "tests" / "oracle" / "node_modules"


def floor(source: Path, scratch: Path) -> None:
    """What SQLite alone needs."""
    import migrate  # here, as the interpreter of the others has no pjais

    migrate.floor(migrate.Source("JSON", (source,), source, 0), scratch / "floor.sqlite")


def ours(source: Path, scratch: Path) -> None:
    """The whole migration."""
    import migrate

    migrate.ours(migrate.Source("JSON", (source,), source, 0), scratch / "pjais.sqlite")


def sqlite_utils(source: Path, scratch: Path) -> None:
    """Insert, and index the text."""
    library: Any = importlib.import_module("sqlite_utils")
    table = library.Database(scratch / "utils.sqlite")["memories"]
    table.insert_all(json.loads(source.read_bytes())["memories"], pk="id")
    table.enable_fts(["name", "content", "summary", "tags"])


def duckdb(source: Path, scratch: Path) -> None:
    """Read the JSON and keep its records as a table."""
    library: Any = importlib.import_module("duckdb")
    db = library.connect(str(scratch / "records.duckdb"))
    size = source.stat().st_size + 1
    read = f"read_json('{source}', maximum_object_size = {size})"
    db.execute(f"CREATE TABLE memories AS SELECT unnest(memories, recursive := true) FROM {read}")
    db.close()


def dlt(source: Path, scratch: Path) -> None:
    """Load the records with a pipeline into DuckDB."""
    library: Any = importlib.import_module("dlt")
    target = library.destinations.duckdb(str(scratch / "dlt.duckdb"))
    pipeline = library.pipeline("bench", pipelines_dir=str(scratch / "pipelines"), destination=target)
    pipeline.run(json.loads(source.read_bytes())["memories"], table_name="memories", primary_key="id")


def better_sqlite3(source: Path, scratch: Path) -> None:
    """Check each record with zod and insert it, as guide A's app does; then index the text."""
    script = Path(__file__).with_name("peers.mjs")
    subprocess.run(["node", script, ORACLES, source, scratch / "better.sqlite"], check=True)


SIDES: dict[str, Callable[[Path, Path], None]] = {
    "floor": floor,
    "pjais": ours,
    "better-sqlite3 and zod": better_sqlite3,
    "sqlite-utils": sqlite_utils,
    "DuckDB": duckdb,
    "dlt": dlt,
}


def measure(what: str, source: Path, python: str) -> Figures | str:
    """Measure one side in a process of its own; return why it could not."""
    with tempfile.TemporaryDirectory(prefix="pjais-bench-") as scratch:
        interpreter = sys.executable if what in ("floor", "pjais") else python
        command = [interpreter, __file__, "--side", what, str(source), scratch]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return done.stderr.strip().splitlines()[-1][:90]
    found: Figures = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", nargs=3, help="measure one side in this process (used by the bench itself)")
    parser.add_argument("--memories", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--python", default=sys.executable, help="an interpreter that has the others")
    arguments = parser.parse_args()
    if arguments.side:
        what, source, scratch = arguments.side
        with measured() as cost:
            SIDES[what](Path(source), Path(scratch))
        print(json.dumps(cost))
        return
    with tempfile.TemporaryDirectory(prefix="pjais-bench-") as folder:
        path = data_json(Path(folder) / "memories.json", arguments.memories)
        found: dict[str, list[Figures | str]] = {what: [] for what in SIDES}
        for _ in range(arguments.rounds):
            for what, rounds in found.items():
                rounds.append(measure(what, path, arguments.python))
    print(f"{arguments.memories:,} memories{'CPU s':>22}{'to floor':>10}{'wall s':>8}{'own MB':>8}")
    least: dict[str, Figures] = {}
    for what, rounds in found.items():
        figures = [one for one in rounds if not isinstance(one, str)]
        if not figures:
            print(f"{what:30} left out: {rounds[0]}")
            continue
        one = least[what] = {name: min(each[name] for each in figures) for name in figures[0]}
        print(
            f"{what:30}{one['cpu']:9.2f}{one['cpu'] / least['floor']['cpu']:10.2f}{one['wall']:8.2f}{one['own']:8.0f}"
        )


if __name__ == "__main__":
    main()
