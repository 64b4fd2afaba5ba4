"""`make bench`: every document out of a browser profile, against what else can read the same bytes.

The profile is written by real RxDB in real Chromium (scripts/golden_rxdb; run scripts/install_oracles first).
Beside our reader stand Python's own `json` with the same documents in one file, dfindexeddb where it is
installed, and Chromium's own getAll(), timed in the page.  Each side runs in a process of its own; the figures are the
best of several rounds, and the peak memory of the process.
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


def _node(what: str, work: Path, count: int = 0) -> str:
    done = subprocess.run(
        ["node", str(SCRIPTS / "many.mjs"), what],
        env={**os.environ, "OUT": str(work), "COUNT": str(count)},
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


def ours(work: Path) -> Figures:
    """Our reader, document by document; the snapshot is not counted."""
    with _documents(work) as documents:
        began = time.perf_counter()
        count = sum(1 for _ in documents)
        return {"documents": count, "seconds": time.perf_counter() - began}


def plain_json(work: Path) -> Figures:
    """The same documents by `json.load`."""
    began = time.perf_counter()
    with (work / "documents.json").open(encoding="utf-8") as file:
        count = len(json.load(file))
    return {"documents": count, "seconds": time.perf_counter() - began}


def dfindexeddb(work: Path) -> Figures:
    """All records in the files that are in use, decoded; what RxDB changed in them stays changed."""
    chromium: Any = importlib.import_module("dfindexeddb.indexeddb.chromium.record")

    (source,) = (work / "profile" / "Default" / "IndexedDB").glob("*.leveldb")
    with tempfile.TemporaryDirectory(prefix="pjais-bench-") as scratch:
        folder = Path(shutil.copytree(source, Path(scratch) / source.name))
        folder.with_suffix(".blob").mkdir()  # it wants one, with or without blobs
        began = time.perf_counter()
        records = chromium.FolderReader(folder).GetRecords(use_manifest=True)
        count = sum(1 for one in records if isinstance(one.key, chromium.ObjectStoreDataKey))
        return {"documents": count, "seconds": time.perf_counter() - began}


SIDES: dict[str, Callable[[Path], Figures]] = {"pjais": ours, "json.load": plain_json, "dfindexeddb": dfindexeddb}


def measure(what: str, work: Path, python: str) -> Figures:
    """One side in a fresh process: documents, seconds, and `peak` in MB."""
    command = [python, __file__, "--side", what, "--work", str(work)]
    errors = subprocess.DEVNULL if what == "dfindexeddb" else None  # it prints every record that it cannot read
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=errors, text=True).stdout
    return {str(name): float(value) for name, value in json.loads(output).items()}


def chromium(work: Path) -> Figures:
    """Chromium's own getAll() over the `docs` stores, best of three fresh browsers, as the page's clock tells it."""
    told = json.loads(_node("time", work))
    return {"documents": float(told["rows"]), "seconds": float(told["ms"]) / 1000}


def has_dfindexeddb(python: str) -> bool:
    """Whether an interpreter has the package."""
    if python == sys.executable:
        return importlib.util.find_spec("dfindexeddb") is not None
    return subprocess.run([python, "-c", "import dfindexeddb"], capture_output=True, check=False).returncode == 0


def compare(work: Path, count: int, rounds: int, python: str) -> None:
    """Measure every side and print one table."""
    prepare(work, count)
    best: dict[str, Figures] = {}
    for what in SIDES:
        interpreter = python if what == "dfindexeddb" else sys.executable
        if what == "dfindexeddb" and not has_dfindexeddb(interpreter):
            continue
        times = 1 if what == "dfindexeddb" else rounds
        runs = [measure(what, work, interpreter) for _ in range(times)]
        best[what] = min(runs, key=lambda run: run["seconds"])
    best["Chromium"] = chromium(work)
    _print(best, (work / "documents.json").stat().st_size)
    if "dfindexeddb" not in best:
        print("  dfindexeddb is not installed (--dfindexeddb names a Python that has it)")


def _print(best: dict[str, Figures], size: int) -> None:
    count = best["pjais"]["documents"]
    print(f"\n{count:,.0f} RxDB documents, {size / 1e6:.0f} MB as JSON")
    for what, figures in best.items():
        if figures["documents"] < count:
            print(f"  {what:11}  {figures['seconds']:7.2f} s   reads {figures['documents']:,.0f} of them")
            continue
        peak = f"peak {figures['peak']:4.0f} MB" if "peak" in figures else "in the page "
        speed = figures["documents"] / figures["seconds"]
        ratio = best["pjais"]["seconds"] / figures["seconds"]
        mine = f"pjais takes {ratio:6.2f} x"
        print(f"  {what:11}  {figures['seconds']:7.2f} s   {peak}   {speed:9,.0f} documents/s   {mine}")


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
    parser.add_argument("--dfindexeddb", default=sys.executable, metavar="PYTHON", help="an interpreter that has it")
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
        compare(work, arguments.documents, arguments.rounds, arguments.dfindexeddb)


if __name__ == "__main__":
    main()
