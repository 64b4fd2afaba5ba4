"""`make bench`: the page of `pjais ui` over 100,000 memories: first content, and search as you type.

A real server in a process of its own, asked over HTTP; ms per request, beside the same call of the library in the
same run.  The aims are 200 ms to the first content and 100 ms for each further letter.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote
from urllib.request import Request, urlopen

import pjais
import store as made

VIEWS = (
    "/",
    "/migrate",
    "/personas",
    "/memories",
    "/memories?persona=p03&tier=hot",
    "/memory?id=m0000042",
    "/conversations",
    "/time",
    "/pictures",
    "/sides",
    "/quarantine",
    "/backups",
)


def timed(call: Callable[[], object], times: int) -> list[float]:
    """How long each of so many calls took, in ms."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        took.append((time.perf_counter() - began) * 1000)
    return took


def each(call: Callable[[str], object], given: list[str]) -> list[float]:
    """How long each call took, the best of three, in ms."""
    return [min(timed(lambda one=one: call(one), 3)) for one in given]  # type: ignore[misc]


def line(name: str, took: list[float]) -> None:
    """One row of the table."""
    print(f"{name:44} {statistics.median(took):9.1f} {sorted(took)[int(len(took) * 0.95)]:9.1f}")


def main() -> None:
    """Make the store, serve it, ask."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--memories", type=int, default=100_000)
    options.add_argument("--times", type=int, default=20)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        texts = made.prepare(Path(folder), given.memories)["two words"][:5]
        typed = [text[:count] for text in texts for count in range(1, len(text) + 1)]
        data = Path(folder) / "data"
        command = [sys.executable, "-m", "pjais", "--data-dir", str(data), "ui", "--no-open", "--json"]
        began = time.perf_counter()
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            told = json.loads("".join(iter(server.stdout.readline, "}\n")) + "}")  # type: ignore[union-attr]
            base, token = told["url"].partition("/?token=")[0], told["token"]

            def ask(path: str) -> bytes:
                request = Request(base + path, headers={"authorization": f"Bearer {token}", "accept": "text/html"})
                with urlopen(request) as answer:
                    return bytes(answer.read())

            ask("/")
            print(f"from the command to the first page: {time.perf_counter() - began:.2f} s\n")
            print(f"{given.memories:,} memories, ms per request{'median':>26} {'p95':>9}")
            for path in VIEWS:
                line(path, timed(lambda path=path: ask(path), given.times))  # type: ignore[misc]
            line("search, letter by letter", each(lambda text: ask(f"/memories?q={quote(text)}"), typed))
            with pjais.open(data) as store:
                found = each(lambda text: store.memories.search_page(text, prefix=len(text.split()[-1]) > 2), typed)
                line("the library's own search, letter by letter", found)
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
