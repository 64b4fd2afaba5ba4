"""Measure recall: how well the right memories are found, and what searching by meaning costs.

    python bench/recall.py             the labelled set: recall@5, recall@10 and MRR of words, meaning, and both
    python bench/recall.py 100000      so many memories of 85 words: embedding, memory, and times of a query

The labelled set (tests/golden/recall) is made up and small: it tells ways of searching apart, no more.  Times are CPU
of the process, since the machine may be shared.
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import generate
from measured import measured

import pjais
from pjais.persona import local_model, semantic, vector_file
from pjais.persona.store import Store

LABELLED = Path(__file__).parents[1] / "tests" / "golden" / "recall" / "labelled.json"
SORTS = ("words", "synonyms", "paraphrases", "all")
Ranked = Callable[[str], list[str]]


def labelled(store: Store) -> dict[str, Any]:
    """Add the labelled memories to a store; return the set."""
    found: dict[str, Any] = json.loads(LABELLED.read_text("utf-8"))
    with store.transaction():
        for key, text in found["memories"].items():
            store.memories.create(id=key, content=text)
    return found


def ways(store: Store) -> dict[str, Ranked]:
    """Return the ways of searching: each gives the ids of at most ten memories for a text."""

    def meaning(text: str, threshold: float | None) -> list[str]:
        return [one.memory.id for one in store.memories.similar(text, limit=10, threshold=threshold)]

    def both(text: str, any: bool, threshold: float | None = None) -> list[str]:
        return [one.memory.id for one in store.memories.hybrid(text, any=any, limit=10, threshold=threshold)]

    return {
        "words, all of them": lambda text: [one.memory.id for one in store.memories.search(text, limit=10)],
        "words, any": lambda text: [one.memory.id for one in store.memories.search(text, any=True, limit=10)],
        f"meaning, from {semantic.LOCAL_THRESHOLD}": lambda text: meaning(text, None),
        "meaning, from .2": lambda text: meaning(text, 0.2),
        "meaning, from .3": lambda text: meaning(text, 0.3),
        "both, all words (`hybrid`)": lambda text: both(text, False),
        "both, any word": lambda text: both(text, True),
    }


def figures(ranked: Ranked, queries: list[dict[str, Any]]) -> dict[str, tuple[float, float, float]]:
    """Return recall@5, recall@10 and MRR of a way of searching, for each sort of query and for all."""
    each: dict[str, list[tuple[float, float, float]]] = {sort: [] for sort in SORTS}
    for query in queries:
        found, answers = ranked(query["text"]), set(query["answers"])
        at5, at10 = (len(answers & set(found[:most])) / len(answers) for most in (5, 10))
        first = next((place for place, key in enumerate(found, 1) if key in answers), None)
        for sort in (query["sort"], "all"):
            each[sort].append((at5, at10, 0.0 if first is None else 1 / first))
    return {sort: tuple(map(statistics.fmean, zip(*rows, strict=True))) for sort, rows in each.items()}  # type: ignore[misc]


def quality() -> None:
    """Print the table of recall."""
    with tempfile.TemporaryDirectory(prefix="pjais-bench-") as folder, pjais.open(folder) as store:
        found = labelled(store)
        print(f"{len(found['memories'])} memories, {len(found['queries'])} queries; recall@5 / recall@10 / MRR\n")
        print(f"| | {' | '.join(SORTS)} |\n|---|{'---|' * len(SORTS)}")
        for name, ranked in ways(store).items():
            of = figures(ranked, found["queries"])
            print(f"| {name} | " + " | ".join(" / ".join(f"{one:.2f}" for one in of[sort]) for sort in SORTS) + " |")


def timed(call: Callable[[str], Any], texts: list[str]) -> str:
    """Return median and p95 of the CPU of a call, in ms."""
    took = []
    for text in texts:
        begun = time.process_time()
        call(text)
        took.append(1000 * (time.process_time() - begun))
    return f"{statistics.median(took):.1f} / {statistics.quantiles(took, n=20)[-1]:.1f} ms"


def made(folder: Path, count: int) -> Path:
    """Write so many memories of 85 words: five sentences of the labelled set and twenty words that are rare."""
    rng = random.Random(7)
    sentences = list(json.loads(LABELLED.read_text("utf-8"))["memories"].values())
    path = generate.data_json(folder / "data.json", count, words=20)
    found = json.loads(path.read_text("utf-8"))
    for one in found["memories"]:
        one["content"] = " ".join((*rng.sample(sentences, 5), one["content"]))
    path.write_text(json.dumps(found), "utf-8")
    return path


def scale(count: int) -> None:
    """Print what so many memories cost: embedding, memory, and queries (median / p95 of CPU)."""
    rng = random.Random(8)
    with tempfile.TemporaryDirectory(prefix="pjais-bench-") as name:
        folder = Path(name)
        subprocess.run([sys.executable, __file__, "--migrate", str(count), name], check=True)
        with pjais.open(folder) as store:
            with measured() as before:
                store.memories.search("tea")
            with measured() as loading:
                local_model.need()
            with measured() as embedding:
                done = store.memories.embed_missing()
            size = vector_file.path_of(store.path).stat().st_size / 1e6
            model, vectors = loading["own"] - before["own"], embedding["own"] - loading["own"]
            print(f"loading the model: {loading['cpu']:.2f} s CPU, {model:.0f} MB")
            print(f"embedding {done.made:,}: {embedding['cpu']:.1f} s CPU, {embedding['wall']:.1f} s wall")
            print(f"all vectors: {vectors:.0f} MB in memory, {size:.1f} MB in the file")
        with pjais.open(folder) as store:
            with measured() as first:
                store.memories.similar("tea")
            print(f"first query of a process: {first['cpu']:.2f} s CPU")
            texts = [one["text"] for one in json.loads(LABELLED.read_text("utf-8"))["queries"]]
            for _ in range(100):
                content = store.memories.need(f"memory_{rng.randrange(count):08}").content
                texts.append(" ".join(rng.sample(content.split()[-20:], 2)))
            how: dict[str, Any] = {"limit": 20}
            one = {**how, "persona": "persona_0003"}
            print("search by words:", timed(lambda text: store.memories.search(text, **how), texts))
            print("similar:", timed(lambda text: store.memories.similar(text, **how), texts))
            print("hybrid:", timed(lambda text: store.memories.hybrid(text, **how), texts))
            print("hybrid, of one persona in 20:", timed(lambda text: store.memories.hybrid(text, **one), texts))
            none = {**how, "type": "none"}
            print("hybrid, filters exclude all:", timed(lambda text: store.memories.hybrid(text, **none), texts[:60]))

            def edited(text: str) -> None:
                store.memories.update("memory_00000005", content=text)
                store.memories.hybrid(text, **how)

            print("an edit and hybrid:", timed(edited, texts[:60]))


def main(arguments: list[str]) -> None:
    """Do what the command line asks for."""
    if arguments[:1] == ["--migrate"]:
        folder = Path(arguments[2])
        pjais.migrate(folder, [made(folder, int(arguments[1]))])
    elif arguments:
        scale(int(arguments[0]))
    else:
        quality()


if __name__ == "__main__":
    main(sys.argv[1:])
