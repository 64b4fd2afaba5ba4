"""`make bench`: every document out of a browser profile, against what else can read the same bytes.

The profile is written by real RxDB in real Chromium (scripts/golden_rxdb; run scripts/install_oracles first).
Beside our reader stand Python's own `json` with the same documents in one file, dfindexeddb and ccl_chromium_reader
where they are installed, and Chromium's own getAll(), timed in the page.  Each side runs in a process of its own, all
by turns; the figures are the best of several rounds, wall and CPU seconds apart, and the peak memory of the process.
"""

from __future__ import annotations

import argparse
import cProfile
import importlib.util
import json
import os
import pstats
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pjais.core.document import Document

SCRIPTS = Path(__file__).parents[1] / "scripts" / "golden_rxdb"
Figures = dict[str, float]
TABLE_END = bytes.fromhex("57fb808b247547db")
"""How every table of a LevelDB ends."""


def _node(what: str, work: Path, count: int = 0) -> str:
    done = subprocess.run(
        ["node", str(SCRIPTS / "many.mjs"), what],
        env={**os.environ, "OUT": str(work), "COUNT": str(count), "ROUNDS": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def can_prepare() -> bool:
    """Whether node and the real RxDB are here."""
    return shutil.which("node") is not None and (SCRIPTS / "node_modules").is_dir()


def prepare(work: Path, count: int) -> None:
    """The profile, and the same documents as one JSON file; what is there is kept."""
    work.mkdir(parents=True, exist_ok=True)
    if not (work / "profile").is_dir():
        _node("write", work, count)
    if not (work / "documents.json").is_file():
        with _documents(work) as documents:
            text = json.dumps([one.value for one in documents], ensure_ascii=False)
        unfinished = work / "documents.unfinished"
        unfinished.write_text(text, "utf-8", "surrogatepass")
        unfinished.rename(work / "documents.json")


@contextmanager
def _documents(work: Path) -> Iterator[Iterator[Document]]:
    """All documents of the profile's only source, read from a snapshot that is taken before."""
    from pjais.core.document import Document
    from pjais.sources import backup, detect
    from pjais.sources.registry import read

    with tempfile.TemporaryDirectory(prefix="pjais-bench-") as folder:
        sources = detect.detect([work / "profile"], named=True).sources
        (snapshot,) = backup.snapshot_all(Path(folder), sources, at_ms=0)
        yield (piece for piece in read(snapshot) if isinstance(piece, Document))


@contextmanager
def _timed(found: Figures) -> Iterator[None]:
    """Add the seconds of a step, and the CPU seconds of the process in it."""
    began, cpu = time.perf_counter(), time.process_time()
    yield
    found |= {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu}


def ours(work: Path) -> Figures:
    """Our reader, document by document; the snapshot is not counted."""
    found: Figures = {}
    with _documents(work) as documents, _timed(found):
        found["documents"] = sum(1 for _ in documents)
    return found


def plain_json(work: Path) -> Figures:
    """The same documents by `json.load`."""
    found: Figures = {}
    with _timed(found), (work / "documents.json").open(encoding="utf-8") as file:
        found["documents"] = len(json.load(file))
    return found


@contextmanager
def _copy(work: Path) -> Iterator[Path]:
    """A copy of the LevelDB, without unfinished tables, at which others stop, and with a folder for large values."""
    (source,) = (work / "profile" / "Default" / "IndexedDB").glob("*.leveldb")
    with tempfile.TemporaryDirectory(prefix="pjais-bench-") as scratch:
        folder = Path(shutil.copytree(source, Path(scratch) / source.name))
        folder.with_suffix(".blob").mkdir()
        for one in folder.glob("*.ldb"):
            if not one.read_bytes().endswith(TABLE_END):
                one.unlink()
        yield folder


def dfindexeddb(work: Path) -> Figures:
    """All records in the files that are in use, decoded; what RxDB changed in them stays changed."""
    chromium: Any = importlib.import_module("dfindexeddb.indexeddb.chromium.record")
    found: Figures = {}
    with _copy(work) as folder, _timed(found):
        records = chromium.FolderReader(folder).GetRecords(use_manifest=True)
        found["documents"] = sum(1 for one in records if isinstance(one.key, chromium.ObjectStoreDataKey))
    return found


def ccl_chromium_reader(work: Path) -> Figures:
    """All records of the `docs` stores, decoded, older versions among them; RxDB's changes stay."""
    ccl: Any = importlib.import_module("ccl_chromium_reader.ccl_chromium_indexeddb")
    found: Figures = {"documents": 0}
    with _copy(work) as folder, _timed(found):
        profile = ccl.WrappedIndexDB(folder)
        for database in (profile[one.dbid_no] for one in profile.database_ids):
            for store in database.object_store_names:
                for _ in database[store].iterate_records(bad_deserializer_data_handler=lambda *_: None):
                    found["documents"] += store == "docs"
    return found


def chromium(work: Path) -> Figures:
    """Chromium's own getAll() over the `docs` stores in a fresh browser, as the page's clock tells it."""
    told = json.loads(_node("time", work))
    return {"documents": float(told["rows"]), "seconds": float(told["ms"]) / 1000}


SIDES: dict[str, Callable[[Path], Figures]] = {
    "pjais": ours,
    "json.load": plain_json,
    "Chromium": chromium,
    "dfindexeddb": dfindexeddb,
    "ccl_chromium_reader": ccl_chromium_reader,
}
PEERS = ("dfindexeddb", "ccl_chromium_reader")


def measure(what: str, work: Path, python: str) -> Figures:
    """One side in a fresh process: documents, seconds, CPU seconds, and `peak` in MB; of Chromium the first two."""
    if what == "Chromium":
        return chromium(work)
    command = [python, __file__, "--side", what, "--work", str(work)]
    errors = subprocess.DEVNULL if what in PEERS else None  # they print every record that they cannot read
    done = subprocess.run(command, check=what not in PEERS, stdout=subprocess.PIPE, stderr=errors, text=True)
    if done.returncode:
        return {"documents": 0, "seconds": 0, "cpu": 0, "peak": 0}
    return {str(name): float(value) for name, value in json.loads(done.stdout.splitlines()[-1]).items()}


def has(package: str, python: str) -> bool:
    """Whether an interpreter has a package."""
    if python == sys.executable:
        return importlib.util.find_spec(package) is not None
    return subprocess.run([python, "-c", f"import {package}"], capture_output=True, check=False).returncode == 0


def has_dfindexeddb(python: str) -> bool:
    """Whether an interpreter has dfindexeddb."""
    return has("dfindexeddb", python)


def compare(work: Path, count: int, rounds: int, python: str) -> None:
    """Measure every side by turns and print one table."""
    prepare(work, count)
    sides = [one for one in SIDES if one not in PEERS or has(one, python)]
    found: dict[str, list[Figures]] = {what: [] for what in sides}
    for number in range(rounds):
        for what, runs in found.items():
            if what in PEERS and number:
                continue  # they take minutes
            runs.append(measure(what, work, python if what in PEERS else sys.executable))
    best = {what: {name: min(run[name] for run in runs) for name in runs[0]} for what, runs in found.items()}
    _print(best, (work / "documents.json").stat().st_size)
    for what in PEERS:
        if what not in best:
            print(f"  {what} is not installed (--peers names a Python that has it)")


def _print(best: dict[str, Figures], size: int) -> None:
    count = best["pjais"]["documents"]
    print(f"\n{count:,.0f} RxDB documents, {size / 1e6:.0f} MB as JSON")
    print(f"{'':22}{'wall s':>8}{'CPU s':>8}{'documents/s':>13}{'peak MB':>9}{'to Chromium':>13}")
    theirs = best["Chromium"]["documents"] / best["Chromium"]["seconds"]
    for what, one in best.items():
        if one["documents"] < count:
            print(f"  {what:20}  reads {one['documents']:,.0f} of them")
            continue
        cpu, peak = (
            f"{one[name]:{width}}" if name in one else "-" for name, width in (("cpu", ".2f"), ("peak", ".0f"))
        )
        speed = count / one["seconds"]
        print(f"  {what:20}{one['seconds']:8.2f}{cpu:>8}{speed:13,.0f}{peak:>9}{speed / theirs:13.2f}")


def profile(work: Path) -> None:
    """Print where our time goes."""
    with cProfile.Profile() as profiler:
        ours(work)
    pstats.Stats(profiler).sort_stats("tottime").print_stats(25)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", choices=SIDES, help="measure one side in this process (used by the bench itself)")
    parser.add_argument(
        "--work", type=Path, help="where the profile is kept for the next run; otherwise it is thrown away"
    )
    parser.add_argument("--documents", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", action="store_true", help="show where our reader's time goes instead")
    parser.add_argument("--peers", default=sys.executable, metavar="PYTHON", help="an interpreter that has the others")
    arguments = parser.parse_args()
    if arguments.side:
        figures = SIDES[arguments.side](arguments.work)
        figures["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(figures))
        return
    if not can_prepare():
        print("no real RxDB to write a profile: run scripts/install_oracles")
        return
    with tempfile.TemporaryDirectory(prefix="pjais-bench-") as scratch:
        work = arguments.work.absolute() / str(arguments.documents) if arguments.work else Path(scratch)
        if arguments.profile:
            prepare(work, arguments.documents)
            profile(work)
            return
        compare(work, arguments.documents, arguments.rounds, arguments.peers)


if __name__ == "__main__":
    main()
