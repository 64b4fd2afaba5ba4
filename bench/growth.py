"""Show how cost grows with records, collections, documents, runs and changes: one table from one command.

    python bench/growth.py                      # 10,000 and 100,000 memories, and all the other cases
    python bench/growth.py --large              # 1,000,000, too
    python bench/growth.py --only memories --sizes 1000000

Each line is a process of its own.  CPU is what counts on a machine that others use; `us each` is CPU for each record.
`own MB` is the peak of the memory that is really the process's own.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import increment
from generate import data_json
from measured import measured

import store as living

Figures = dict[str, float]
LARGE = 1_000_000
QUERIES = 60
"""Number of queries of each kind."""


def folder_size(folder: Path) -> float:
    """Return the size of a folder on disk in MB."""
    return increment.disk(folder) / 1e6


def migrate(folder: Path) -> float:
    """Migrate what is new; return the number of records read."""
    import pjais

    report = pjais.migrate(folder, on_invalid="quarantine")
    assert report.proof is None or report.proof.passed
    return report.total.read


def verify(folder: Path) -> float:
    """Prove everything; return the number of records."""
    import pjais

    proof = pjais.verify(folder)
    assert proof.passed
    return proof.records


def opened(folder: Path) -> float:
    """Open the store, with nothing to do."""
    import pjais

    pjais.open(folder).close()
    return 1


def many_runs(folder: Path, count: int = 1000) -> float:
    """Change one record and migrate, so many times."""
    import pjais

    source = folder / "data.json"
    body = json.loads(source.read_bytes())
    for number in range(count):
        one = body["memories"][number % len(body["memories"])]
        one["content"] = f"version {number}"
        one["updatedAt"] = f"2026-{1 + number // 250:02}-{1 + number % 28:02}T{number % 24:02}:00:00.000Z"
        source.write_text(json.dumps(body))
        assert pjais.migrate(folder).code == "done"
    return count


STEPS: dict[str, Callable[[Path], float]] = {
    "migrate": migrate,
    "verify": verify,
    "open": opened,
    "1,000 runs": many_runs,
}


def one_step(step: str, folder: Path) -> None:
    """Do one step in this process and print its figures as JSON."""
    with measured() as found:
        count = STEPS[step](folder)
    print(json.dumps({**found, "count": count}))


def measure(step: str, folder: Path) -> Figures:
    """Do one step in a process of its own."""
    disk = folder_size(folder)
    command = [sys.executable, __file__, "--step", step, str(folder)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found: Figures = json.loads(output.splitlines()[-1])
    return {**found, "disk": folder_size(folder) - disk}


HEAD = f"{'what':44} {'records':>9} {'CPU s':>8} {'wall s':>8} {'us each':>8} {'own MB':>7} {'disk MB':>8}"


def show(what: str, count: float, found: Figures) -> None:
    """Print one line of the table; `count`: of the records that the cost is for."""
    print(
        f"{what:44} {count:>9,.0f} {found['cpu']:8.2f} {found['wall']:8.2f} {found['cpu'] / count * 1e6:8.1f} "
        f"{found['own']:7.0f} {found['disk']:8.1f}",
        flush=True,
    )


def memories(work: Path, sizes: list[int]) -> None:
    """Migrate, prove, search; then later runs with nothing, one record and one percent changed."""
    for count in sizes:
        folder = work / f"memories-{count}"
        folder.mkdir()
        source = folder / "data.json"
        data_json(source, count)
        source.write_text(json.dumps(json.loads(source.read_bytes())))  # as the changes are written
        show("memories: first run", count, first := measure("migrate", folder))
        show("memories: verify", count, measure("verify", folder))
        show("memories: open", 1, measure("open", folder))
        search(folder, count)
        for name, step in (("nothing", 0), ("1 record", 10**9), ("1 %", 100)):
            if step:
                increment.changed(source, step)
            found = measure("migrate", folder)
            show(f"memories: later run, {name} ({found['cpu'] / first['cpu']:.1%} of the first)", count, found)


def search(folder: Path, count: int) -> None:
    """Print p50 and p95 of searches and of one page of the list, in ms."""
    import pjais

    rng = random.Random(count)
    with pjais.open(folder) as store:
        texts = [one.content for one in store.memories.list(limit=400) if isinstance(one.content, str)]
        words = [rng.choice(text.split()) for text in texts]
        pairs = [" ".join(text.split()[3:5]) for text in texts]
        persona = store.personas.list()[0].id
        asked: dict[str, tuple[list[str], Callable[[str], object]]] = {
            "search, a word": (words, store.memories.search_page),
            "search, a phrase of two words": ([f'"{one}"' for one in pairs], store.memories.search_page),
            "search, a prefix of 4 letters": (
                [one[:4] for one in words],
                lambda q: store.memories.search_page(q, prefix=True),
            ),
            "search, a word within a persona": (words, lambda q: store.memories.search_page(q, persona=persona)),
            "page of 50 in the list": (words, lambda _: store.memories.list(limit=50)),
        }
        for what, (given, call) in asked.items():
            took = sorted(_ms(call, one) for one in given[:QUERIES])
            middle, last = took[len(took) // 2], took[int(len(took) * 0.95)]
            print(f"{'memories: ' + what:44} {count:>9,} p50 {middle:.1f} ms, p95 {last:.1f} ms", flush=True)


def _ms(call: Callable[[str], object], given: str) -> float:
    began = time.process_time()
    call(given)
    return (time.process_time() - began) * 1000


def collections(work: Path, _: list[int]) -> None:
    """1,000 collections of 20 documents each, every one with a table of its own."""
    folder = work / "collections"
    folder.mkdir()
    lists = {
        f"things{number:04}": [{"id": one, "what": f"thing {one}", "done": one % 2 == 0} for one in range(20)]
        for number in range(1000)
    }
    (folder / "data.json").write_text(json.dumps({"personas": [{"id": "p1", "name": "P"}], **lists}))
    show("1,000 collections of 20: first run", 20_000, measure("migrate", folder))
    show("1,000 collections of 20: verify", 20_000, measure("verify", folder))
    show("1,000 collections of 20: open", 1, measure("open", folder))


def documents(work: Path, _: list[int]) -> None:
    """100 documents of 5 MB."""
    folder = work / "documents"
    folder.mkdir()
    rng = random.Random(5)
    words = living.vocabulary(rng)
    with (folder / "data.json").open("w") as file:
        file.write('{"memories":[')
        for number in range(100):
            text = " ".join(rng.choices(words, k=700_000))[: 5 << 20]
            file.write(("," if number else "") + json.dumps({"id": f"m{number}", "type": "text", "content": text}))
        file.write("]}")
    show("100 documents of 5 MB: first run", 100, measure("migrate", folder))
    show("100 documents of 5 MB: verify", 100, measure("verify", folder))


def orphans(work: Path, _: list[int]) -> None:
    """Memories of personas that are gone, all of which go to quarantine."""
    for count in (10_000, 20_000):
        folder = work / f"orphans-{count}"
        folder.mkdir()
        lost = [{"id": f"m{n}", "personaId": "gone", "type": "text", "content": "tea " * 100} for n in range(count)]
        (folder / "data.json").write_text(json.dumps({"personas": [{"id": "p1", "name": "P"}], "memories": lost}))
        show("memories without their persona: first run", count, measure("migrate", folder))


def history(work: Path, _: list[int]) -> None:
    """1,000 runs over 100 records."""
    folder = work / "history"
    folder.mkdir()
    data_json(folder / "data.json", 100)
    show("history: first run", 100, measure("migrate", folder))
    show("history: 1,000 runs, one change each", 1000, measure("1,000 runs", folder))
    show("history: verify after them", 100, measure("verify", folder))
    show("history: open after them", 1, measure("open", folder))


CASES: dict[str, Callable[[Path, list[int]], None]] = {
    "memories": memories,
    "collections": collections,
    "documents": documents,
    "orphans": orphans,
    "history": history,
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--step", nargs=2, help="do one step in this process (used by the bench itself)")
    parser.add_argument("--only", nargs="*", choices=CASES, default=list(CASES))
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--large", action="store_true", help=f"also {LARGE:,} memories")
    arguments = parser.parse_args()
    if arguments.step:
        one_step(arguments.step[0], Path(arguments.step[1]))
        return
    sizes = arguments.sizes + ([LARGE] if arguments.large else [])
    print(f"load average {os.getloadavg()[0]:.1f}\n\n{HEAD}", flush=True)
    with tempfile.TemporaryDirectory(prefix="pjais-bench-") as scratch:
        for name in arguments.only:
            CASES[name](Path(scratch), sizes)


if __name__ == "__main__":
    main()
