"""What a later run costs beside the first one: CPU of all its processes, and disk, after a change of 0, 1, 1 % and all.

python bench/increment.py             # 100,000 records
python bench/increment.py 20000
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "src")]

from generate import data_json  # noqa: E402 - found by the path above

RUN = "import pjais, sys; pjais.migrate(sys.argv[1])"


def cpu(folder: Path) -> float:
    """The CPU seconds of a migration, those of its own processes included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", RUN, str(folder)], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def disk(folder: Path) -> int:
    """The bytes that a folder takes on disk; what is linked twice counts once."""
    blocks = {}
    for path in folder.rglob("*"):
        status = os.lstat(path)
        blocks[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(blocks.values())


def changed(path: Path, step: int) -> None:
    """Change the content and the date of every `step`-th memory of a source."""
    body = json.loads(path.read_bytes())
    for one in body["memories"][::step]:
        one["content"] = f"changed {one['content']}"
        one["updatedAt"] = "2026-06-01T00:00:00.000Z"
    path.write_text(json.dumps(body), "utf-8")


def main() -> None:
    """Measure and print one table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "data"
        folder.mkdir()
        source = folder / "data.json"
        data_json(source, count)
        source.write_text(json.dumps(json.loads(source.read_bytes())), "utf-8")  # as the changes are written
        first, start = cpu(folder), source.stat().st_size
        held = disk(folder)
        print(
            f"{count:,} records, source {start / 1e6:.0f} MB; first run {first:.1f} s CPU, {held / 1e6:.0f} MB in all"
        )
        print(f"{'changed':>10} {'CPU s':>7} {'of first':>9} {'disk MB':>8} {'of it the source':>17}")
        for name, step in (("nothing", 0), ("1", 10**9), ("1 %", 100), ("all", 1)):
            if step:
                changed(source, step)
            took, now = cpu(folder), disk(folder)
            size = source.stat().st_size / 1e6
            print(f"{name:>10} {took:7.2f} {took / first:9.0%} {(now - held) / 1e6:8.1f} {size:17.1f}")
            held = now


if __name__ == "__main__":
    main()
