"""`make bench`: the open store under use, beside sqlite-utils and better-sqlite3 on copies of the same file.

Words are drawn as a language has them: the n-th commonest of 30,000 occurs n times as rarely as the commonest,
which is in every memory.  "word" takes the 50th to 5,000th commonest; "every memory" the commonest.  The others
run the query that docs/store.md gives, since neither has a search that knows this index; what they write goes
through the same triggers, so everything is in the history.  Each side in a process of its own, ms per call.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

NODE = Path(__file__).with_name("store.mjs")
ORACLE = Path(__file__).parents[1] / "tests" / "oracle" / "node_modules" / "better-sqlite3"
SYLLABLES = (
    "ka",
    "ri",
    "to",
    "mel",
    "an",
    "do",
    "se",
    "vo",
    "lu",
    "pir",
    "tha",
    "ne",
    "os",
    "bri",
    "cu",
    "dal",
    "em",
    "fo",
    "gar",
    "hi",
)
Table = dict[str, list[float]]


def vocabulary(rng: random.Random) -> list[str]:
    """30,000 words, the commonest first."""
    found: dict[str, None] = {}
    while len(found) < 30_000:
        found["".join(rng.choices(SYLLABLES, k=rng.choice((2, 3, 3, 4))))] = None
    return list(found)


def prepare(work: Path, count: int) -> dict[str, list[str]]:
    """A migrated store of so many memories of 85 words; the queries to ask it."""
    rng = random.Random(count)
    words = vocabulary(rng)
    weights = list(itertools.accumulate(1 / (place + 1) for place in range(len(words))))
    phrases = []
    memories = []
    for number in range(count):
        text = rng.choices(words, cum_weights=weights, k=85)
        at = rng.randrange(80)
        phrases.append(f"{text[at]} {text[at + 1]}")
        memories.append(
            {
                "id": f"m{number:07}",
                "personaId": f"p{int(20 * rng.random() ** 2):02}",
                "importance": number % 101,
                "type": rng.choice(("text", "fact", "event")),
                "name": " ".join(text[:4]),
                "content": " ".join(text[4:75]),
                "summary": " ".join(text[75:]),
                "tags": rng.sample(words[:200], 2),
                "createdAt": 10**12 + number * 10**6,
                "memoryTier": rng.choice(("hot", "warm", "cold")),
                "lastAccessed": 10**12 + number * 10**6,
            }
        )
    personas = [{"id": f"p{number:02}", "name": f"Persona {number}", "isActive": number == 0} for number in range(20)]
    (work / "data").mkdir()
    (work / "data" / "data.json").write_text(json.dumps({"personas": personas, "memories": memories}), "utf-8")
    subprocess.run(
        [sys.executable, "-m", "pjais", "--data-dir", work / "data", "migrate", "--json"],
        capture_output=True,
        check=True,
    )
    (work / "data" / "data.json").unlink()
    middling = words[50:5000]
    return {
        "word": rng.sample(middling, 100),
        "two words": [f"{rng.choice(words[20:500])} {rng.choice(middling)}" for _ in range(100)],
        "phrase": rng.sample(phrases, 100),
        "beginning, 4 letters": [word[:4] for word in rng.sample(middling, 100)],
        "word, one persona": rng.sample(middling, 100),
        "every memory": [words[0]] * 20,
        "every memory, one persona": [words[0]] * 20,
    }


def _typed(what: str, words: str) -> str:
    """The words as FTS5's syntax, for those who do not have it made."""
    if what == "phrase":
        return f'"{words}"'
    if what.startswith("beginning"):
        return f'"{words}" *'
    return " ".join(f'"{word}"' for word in words.split())


def _timed(call: Callable[[Any], object], given: list[Any]) -> list[float]:
    call(given[0])
    took = []
    for one in given:
        began = time.perf_counter()
        call(one)
        took.append((time.perf_counter() - began) * 1000)
    return took


def ours(folder: Path, queries: dict[str, list[str]]) -> Table:
    """This library."""
    os.environ["SKIP_MIGRATION"] = "true"
    import pjais

    table: Table = {}
    with pjais.open(folder) as store:
        memories = store.memories
        for what, given in queries.items():
            persona = "p05" if "persona" in what else None
            text = [_typed(what, one).replace(" *", "*") for one in given]
            table[what] = _timed(lambda one, persona=persona: memories.search(one, persona=persona), text)  # type: ignore[misc]
        table["list of 50"] = _timed(lambda one: memories.list(persona=one, limit=50), _personas())
        table["activate"] = _timed(store.personas.activate, _personas())
        content = " ".join(queries["word"][:80])
        table["remember"] = _timed(lambda one: memories.remember(content, persona=one, name="bench"), _personas())
        table["access"] = _timed(memories.access, _ids())
    return table


def sqlite_utils(folder: Path, queries: dict[str, list[str]]) -> Table:
    """The same by sqlite-utils."""
    import importlib

    db = importlib.import_module("sqlite_utils").Database(folder / "pjais.sqlite", recursive_triggers=False)
    sql = statements()
    table: Table = {}

    def write(*steps: tuple[str, dict[str, Any]]) -> None:
        with db.conn:
            for name, values in steps:
                db.execute(sql[name], values)

    for what, given in queries.items():
        persona = "p05" if "persona" in what else None
        text = [_typed(what, one) for one in given]
        table[what] = _timed(lambda one, p=persona: list(db.query(sql["search"], {"q": one, "p": p})), text)  # type: ignore[misc]
    table["list of 50"] = _timed(lambda one: list(db.query(sql["list"], {"p": one})), _personas())
    table["activate"] = _timed(lambda one: write(("off", {}), ("on", {"p": one})), _personas())
    content = " ".join(queries["word"][:80])
    numbers = itertools.count()
    table["remember"] = _timed(
        lambda one: write(("remember", {"id": f"bench{next(numbers)}", "p": one, "text": content})), _personas()
    )
    table["access"] = _timed(lambda one: write(("access", {"id": one})), _ids())
    return table


def statements() -> dict[str, str]:
    """What the others run."""
    now = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"
    return {
        "search": "SELECT m.*, snippet(memory_fts, -1, '[', ']', '…', 16) AS snippet FROM memory_fts JOIN "
        "memory_entities AS m ON m.search_id = memory_fts.rowid WHERE memory_fts MATCH :q AND m.deleted_at IS NULL "
        "AND (:p IS NULL OR m.persona_id = :p) ORDER BY rank LIMIT 50",
        "list": "SELECT * FROM memory_entities WHERE persona_id = :p AND deleted_at IS NULL "
        "ORDER BY importance DESC, last_accessed DESC, id LIMIT 50",
        "off": "UPDATE personas SET is_active = 0 WHERE is_active = 1",
        "on": f"UPDATE personas SET is_active = 1, last_used = {now}, usage_count = usage_count + 1 WHERE id = :p",
        "remember": "INSERT INTO memory_entities (id, persona_id, type, name, content) "
        "VALUES (:id, :p, 'text', 'bench', :text)",
        "access": f"UPDATE memory_entities SET access_count = access_count + 1, last_accessed = {now} WHERE id = :id",
    }


def better_sqlite3(folder: Path, queries: dict[str, list[str]]) -> Table:
    """The same by better-sqlite3, in Node."""
    typed = {what: [_typed(what, one) for one in given] for what, given in queries.items()}
    content = " ".join(queries["word"][:80])
    given = {"sql": statements(), "queries": typed, "personas": _personas(), "ids": _ids(), "text": content}
    done = subprocess.run(
        ["node", str(NODE), str(ORACLE), str(folder / "pjais.sqlite")],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=True,
    )
    table: Table = json.loads(done.stdout)
    return table


def _personas() -> list[str]:
    return [f"p{number % 20:02}" for number in range(100)]


def _ids() -> list[str]:
    return [f"m{number * 7:07}" for number in range(100)]


SIDES: dict[str, Callable[[Path, dict[str, list[str]]], Table]] = {
    "pjais": ours,
    "sqlite-utils": sqlite_utils,
    "better-sqlite3": better_sqlite3,
}


def _present(side: str) -> bool:
    import importlib.util

    if side == "sqlite-utils":
        return importlib.util.find_spec("sqlite_utils") is not None
    return side == "pjais" or (ORACLE.is_dir() and shutil.which("node") is not None)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--side", choices=SIDES)
    parser.add_argument("--work", type=Path)
    given = parser.parse_args()
    if given.side:
        queries = json.loads((given.work.parent / "queries.json").read_text("utf-8"))
        print(json.dumps(SIDES[given.side](given.work, queries)))
        return
    with tempfile.TemporaryDirectory(prefix="pjais-bench-") as folder:
        work = Path(folder)
        (work / "queries.json").write_text(json.dumps(prepare(work, given.count)), "utf-8")
        tables: dict[str, Table] = {}
        for side in filter(_present, SIDES):
            copy = shutil.copytree(work / "data", work / "copy")
            done = subprocess.run(
                [sys.executable, __file__, "--side", side, "--work", str(copy)],
                capture_output=True,
                text=True,
                check=True,
            )
            tables[side] = json.loads(done.stdout)
            shutil.rmtree(copy)
        _print(tables, given.count)


def _print(tables: dict[str, Table], count: int) -> None:
    print(f"{f'{count:,} memories, ms (p50 p95)':28}" + "".join(f"{side:>20}" for side in tables))
    for what in tables["pjais"]:
        cells = []
        for table in tables.values():
            took = sorted(table[what])
            p95 = took[min(len(took) - 1, round(0.95 * len(took)))]
            cells.append(f"{statistics.median(took):>11.2f}{p95:>9.2f}")
        print(f"{what:28}" + "".join(cells))


if __name__ == "__main__":
    main()
