"""What looking costs: opening a store beside other programs' data, and `detect` on a large tree, against `find`.

    python bench/looking.py            # the program beside which this file lies
    python bench/looking.py --files 200000 --mb 200 --json-mb 43

CPU seconds of child processes (user and system), the least of three; the second call of each, so that what is
remembered counts as it does for somebody who opens a store every day; the first call stands beside it, and what opening
takes in a process that has it loaded.  Bytecode is kept, as it is where the program is installed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "tests" / "formats"), str(Path(__file__).parents[1] / "src")]

from indexeddb_writer import described, key, v8  # noqa: E402 - found by the path above
from leveldb_writer import folder, table  # noqa: E402

OPEN = "import pjais, sys; pjais.open(sys.argv[1]).close()"
AGAIN = (
    "import pjais, sys, time\nleast = 9.9\nfor _ in range(9):\n    began = time.process_time()\n"
    "    pjais.open(sys.argv[1]).close()\n    least = min(least, time.process_time() - began)\nprint(least)"
)
MODULES = "\nimport sys; sys.stderr.write(str(len(sys.modules)))"

BYTECODE = tempfile.TemporaryDirectory(prefix="pjais-bytecode-")
INSTALLED = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
INSTALLED["PYTHONPYCACHEPREFIX"] = BYTECODE.name
INSTALLED["PYTHONPATH"] = str(Path(__file__).parents[1] / "src")


def cpu(*words: str | Path) -> float:
    """The CPU seconds of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [str(one) for one in words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, env=INSTALLED
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def opened(data: Path) -> tuple[float, float, float]:
    """CPU of opening a data folder's store: the first time, the least of three later ones, and without the imports."""
    first = cpu(sys.executable, "-c", OPEN, data)
    again = subprocess.run([sys.executable, "-c", AGAIN, data], check=True, env=INSTALLED, capture_output=True)
    return first, min(cpu(sys.executable, "-c", OPEN, data) for _ in range(3)), float(again.stdout)


def loaded(program: str, *words: str | Path) -> int:
    """The number of modules that a program has loaded at its end."""
    ended = f"try:\n    exec({program!r})\nexcept SystemExit:\n    pass{MODULES}"
    done = subprocess.run(
        [sys.executable, "-c", ended, *words], check=True, env=INSTALLED, capture_output=True, text=True
    )
    return int(done.stderr.split()[-1])


def pjais(*words: str | Path) -> float:
    """CPU of a command of ours."""
    return cpu(sys.executable, "-m", "pjais", *words)


def store(data: Path) -> None:
    """A migrated data folder of one persona and one memory."""
    data.mkdir()
    lists = {
        "personas": [{"id": "p1", "name": "Ann"}],
        "memories": [{"id": "m1", "personaId": "p1", "type": "fact", "content": "x"}],
    }
    (data / "data.json").write_text(json.dumps(lists))
    pjais("migrate", "--data-dir", data)


def foreign_indexeddb(place: Path, megabytes: int) -> None:
    """Another app's tables, which hold values that do not compress; all but the first are one table again."""
    about = sorted((one, n + 1, value) for n, (one, value) in enumerate(described()))
    rows = [(key(f"{n:05}"), 1000 + n, b"\x01" + v8(os.urandom(32 << 10).hex())) for n in range(64)]
    files = {"000005.ldb": table(about, snappy=False)}
    content = table(rows, snappy=False)
    for number in range(megabytes // 4):
        files[f"{number + 6:06}.ldb"] = content
    folder(place / "IndexedDB" / "https_app.example_0.indexeddb.leveldb", files, [int(name[:6]) for name in files])


def foreign_json(path: Path, megabytes: int) -> None:
    """Another program's cache."""
    with path.open("w") as file:
        file.write('{"version":1,"entries":{')
        number = 0
        while file.tell() < megabytes << 20:
            file.write(f'"k{number}":{{"a":[1,2,3],"b":"text of a cache entry {number}"}},')
            number += 1
        file.write('"end":0}}')


def tree(root: Path, count: int) -> None:
    """Very many files of other programs in folders of a thousand; one in four is JSON."""
    for number in range(count // 1000):
        place = root / f"d{number // 20}" / f"e{number}"
        place.mkdir(parents=True)
        for n in range(1000):
            (place / f"f{n}.{'txt' if n % 4 else 'json'}").write_text('{"a": 1}')


def main() -> None:
    """Print the tables."""
    words = argparse.ArgumentParser()
    for name, value in (("--files", 200_000), ("--mb", 200), ("--json-mb", 43)):
        words.add_argument(name, type=int, default=value)
    given = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="pjais-looking-") as scratch:
        base = Path(scratch)
        print("opening a store (pjais.open), CPU seconds")
        print(f"{'beside':<46}{'first':>8}{'later':>8}{'loaded':>8}")
        for label, make in (
            ("nothing", Path.exists),
            (f"{given.mb} MB of another app's IndexedDB", lambda data: foreign_indexeddb(data, given.mb)),
            (
                f"{given.json_mb} MB of another program's JSON",
                lambda data: foreign_json(data / "cache.json", given.json_mb),
            ),
        ):
            data = base / label.replace("/", "").replace(" ", "-")
            store(data)
            make(data)
            first, later, again = opened(data)
            print(f"{label:<46}{first:>8.3f}{later:>8.3f}{again:>8.4f}")
        tree(base / "tree", given.files)
        cpu("find", base / "tree")  # names and programs come from the disk the first time
        pjais("detect", base / "tree")
        plain = min(cpu("find", base / "tree") for _ in range(3))
        start = min(pjais("--version") for _ in range(3))
        ours = min(pjais("detect", base / "tree") for _ in range(3))
        print(f"\n{given.files:,} files, CPU seconds")
        print(f"{'find':<46}{plain:>8.2f}")
        print(f"{'pjais --version (what starting costs)':<46}{start:>8.2f}")
        print(f"{'pjais detect':<46}{ours:>8.2f}{ours / plain:>8.1f} times")


if __name__ == "__main__":
    main()
