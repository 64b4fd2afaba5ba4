"""Measure what one process of a benchmark costs: CPU and wall seconds, and the memory that is really its own."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PAUSE = 0.02
"""Seconds between two looks at the memory."""


@contextmanager
def measured() -> Iterator[dict[str, float]]:
    """Yield figures that are complete in the end: `cpu` and `wall` in seconds, `own` in MB.

    CPU includes processes that were started and have ended.  `own` is the peak of the pages that only this process has:
    mapped files, which the system may drop at any time, do not count.
    """
    found = {"cpu": _cpu(), "wall": time.perf_counter(), "own": 0.0}
    done = threading.Event()

    def look() -> None:
        while not done.wait(_PAUSE):
            found["own"] = max(found["own"], _own())

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        done.set()
        thread.join()
        found.update(cpu=_cpu() - found["cpu"], wall=time.perf_counter() - found["wall"], own=max(found["own"], _own()))


def _cpu() -> float:
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in usages)


def _own() -> float:
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return sum(int(fields[name].split()[0]) for name in ("RssAnon", "RssShmem")) / 1024
