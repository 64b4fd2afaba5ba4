"""`make bench`: a LiveStore log written, read and replayed, beside the real LiveStore in the same run.

Each side runs in a process of its own; figures are events per second, and the CPU and the peak memory of the whole
process.  The real LiveStore boots the same log without a state, if that is no more than a few minutes' work, and
commits one event after the other, each waited for until it is on the disk (run scripts/install_oracles first; without
it both lines are left out).
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import generate

HARNESS = Path(__file__).parents[1] / "tests" / "oracle" / "livestore"
BOOTED = 20_000
"""Events above which the real LiveStore is not asked to boot: 400 a second."""
Figures = dict[str, float]


def prepare(work: Path, count: int) -> None:
    """A store of ours with so many memories."""
    (work / "data").mkdir(parents=True)
    generate.data_json(work / "data" / "data.json", count, words=30)
    subprocess.run(
        [sys.executable, "-m", "pjais", "--data-dir", work / "data", "migrate", "--json"],
        capture_output=True,
        check=True,
    )


def write(work: Path) -> Figures:
    """Every record of the store as an event in a new log."""
    from pjais import models, sqlite
    from pjais.targets.livestore import writer

    log = work / "eventlog@6.db"
    log.unlink(missing_ok=True)
    began = time.perf_counter()
    writer.create_log(log, 6)
    with closing(sqlite.open_frozen(work / "data" / "pjais.sqlite")) as db:
        count = writer.append(log, writer.imports(db, models.in_store(models.named(), db), {}), synced=False)
    return {"events": count, "seconds": time.perf_counter() - began}


def read(work: Path) -> Figures:
    """Every event, its arguments parsed."""
    from pjais import sqlite
    from pjais.sources.livestore import log

    began = time.perf_counter()
    with closing(sqlite.open_frozen(work / "eventlog@6.db")) as db:
        count = sum(1 for _ in log.read_events(db))
    return {"events": count, "seconds": time.perf_counter() - began}


def replay(work: Path) -> Figures:
    """Every event read and applied to a state in a scratch file."""
    from pjais import sqlite
    from pjais.models.persona import events
    from pjais.sources.livestore import log
    from pjais.sources.livestore.replay import Replay

    count = 0
    with tempfile.TemporaryDirectory() as folder, closing(Replay(Path(folder) / "state.db")) as state:
        began = time.perf_counter()
        with closing(sqlite.open_frozen(work / "eventlog@6.db")) as db:
            for event in log.read_events(db):
                assert isinstance(event, log.Event)
                state.apply(events.SCHEMA.decode(event.name, event.args))
                count += 1
        state.counts()
        return {"events": count, "seconds": time.perf_counter() - began}


def migrate(work: Path) -> Figures:
    """The whole way from the log to a proved store in SQLite."""
    import pjais

    store = work / "store"
    store.mkdir(exist_ok=True)
    (store / "eventlog@6.db").unlink(missing_ok=True)
    (store / "eventlog@6.db").hardlink_to(work / "eventlog@6.db")
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        report = pjais.migrate(folder, sources=[store])
        return {"events": report.total.read, "seconds": time.perf_counter() - began}


def real_boots(work: Path) -> Figures:
    """The real LiveStore 0.4.0: a boot of the same log into a new state, less that of an empty store."""
    with tempfile.TemporaryDirectory(dir=work) as folder:
        nothing = _boot(Path(folder))
        store = Path(folder) / "bench"
        for one in store.iterdir():
            one.unlink()
        shutil.copyfile(work / "eventlog@6.db", store / "eventlog@6.db")
        seconds = _boot(Path(folder)) - nothing
    with closing(sqlite3.connect(work / "eventlog@6.db")) as db:
        (count,) = db.execute("SELECT count(*) FROM eventlog").fetchone()
    return {"events": count, "seconds": seconds}


def real(work: Path, count: int = 300) -> Figures:
    """The real LiveStore 0.4.0: so many commits, each waited for until it is on the disk."""
    with tempfile.TemporaryDirectory(dir=work) as folder:
        commit = [
            {"event": "v1.MemoryEntityCreated", "args": {"id": f"m{number}", "type": "fact", "content": {"n": number}}}
            for number in range(count)
        ]
        alone = _boot(Path(folder))
        return {"events": count, "seconds": _boot(Path(folder), commit) - alone}


def _boot(folder: Path, commit: Sequence[dict[str, Any]] = ()) -> float:
    """Return the seconds in which real LiveStore boots the store `bench` in a folder, and commits events."""
    from pjais.models.persona.typescript import schema_ts

    (folder / "schema.ts").write_text(schema_ts(), "utf-8")
    asked = {"schema": f"{folder}/schema.ts", "directory": str(folder), "storeId": "bench", "output": f"{folder}/out"}
    began = time.perf_counter()
    subprocess.run(
        ["node", str(HARNESS / "boot.mjs"), "0.4.0"],
        input=json.dumps({**asked, "commit": [*commit]}),
        text=True,
        capture_output=True,
        check=True,
    )
    return time.perf_counter() - began


SIDES: dict[str, Callable[[Path], Figures]] = {
    "pjais writes": write,
    "pjais reads": read,
    "pjais replays": replay,
    "pjais migrates to SQLite": migrate,
    "LiveStore 0.4.0 boots": real_boots,
    "LiveStore 0.4.0 commits": real,
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--side", choices=SIDES)
    parser.add_argument("--work", type=Path)
    given = parser.parse_args()
    if given.side:
        figures = SIDES[given.side](given.work)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        cpu = sum(one.ru_utime + one.ru_stime for one in usages)
        print(json.dumps({**figures, "peak": peak, "cpu": cpu}))
        return
    with tempfile.TemporaryDirectory(prefix="pjais-bench-") as folder:
        work = Path(folder)
        prepare(work, given.count)
        print(f"{'':26} {'events':>9} {'seconds':>8} {'CPU s':>7} {'events/s':>10} {'peak MB':>8}")
        for side in SIDES:
            if "LiveStore 0" in side and not (HARNESS / "v0.4.0" / "node_modules").is_dir():
                continue
            if SIDES[side] is real_boots and given.count > BOOTED:
                continue
            done = subprocess.run(
                [sys.executable, __file__, "--side", side, "--work", str(work)],
                capture_output=True,
                text=True,
                check=True,
            )
            told = json.loads(done.stdout)
            rate = told["events"] / told["seconds"]
            shown = f"{told['events']:>9,.0f} {told['seconds']:>8.2f} {told['cpu']:>7.2f} {rate:>10,.0f}"
            print(f"{side:26} {shown} {told['peak']:>8.0f}", flush=True)


if __name__ == "__main__":
    main()
