"""`make bench`: a large export of ChatGPT, from the zip to a proved store, against a floor and public importers.

The export is written by this script: shards of 25 MB of made-up conversations, half of them with a second branch, in
one zip.  The floor is what any program has to do with the same file: read each shard as a whole, follow the branch that
was on screen, insert one row a conversation and one a message.  It has no backup, no proof, no attachments, and keeps
nothing else of the conversations.  Two importers of others, convoviz and llm-conversation-parser, read one unpacked
shard after the other where they are installed (`--peers` names an interpreter that has them): they store nothing.  Each
side runs in a process of its own.  Memory is that of our process and of the one that reads beside it, together.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from measured import measured
from migrate import PHASES

import pjais

Figures = dict[str, float]
SHARD = 25_000_000
"""Bytes of one shard, about what the service writes."""
WORDS = ("anchor", "bridge", "candle", "delta", "ember", "fern", "gravel", "harbour", "island", "juniper", "lamp")

PEERS = {
    "convoviz": """
from convoviz.models import ConversationSet
read = lambda path: len(ConversationSet.from_json(path).array)
""",
    "llm-conversation-parser": """
from llm_conversation_parser import LLMConversationParser
read = lambda path: len(LLMConversationParser().parse_file(str(path), "gpt"))
""",
}
MEASURED = """
import pathlib, resource, sys, time
began, cpu = time.perf_counter(), time.process_time()
count = sum(read(path) for path in sorted(pathlib.Path(sys.argv[1]).glob("conversations*.json")))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(count, time.perf_counter() - began, time.process_time() - cpu, peak)
"""


def conversations(megabytes: int) -> Iterator[str]:
    """Yield made-up conversations as JSON texts until they are as large as asked."""
    chance = random.Random(11)
    size, number = 0, 0
    while size < megabytes * 1_000_000:
        text = json.dumps(_conversation(chance, number), ensure_ascii=False)
        size += len(text)
        number += 1
        yield text


def _conversation(chance: random.Random, number: int) -> dict[str, Any]:
    own = str(uuid.UUID(int=chance.getrandbits(128), version=4))
    began = 1_700_000_000 + number * 60
    root: dict[str, Any] = {"id": "client-created-root", "message": None, "parent": None, "children": []}
    nodes: dict[str, Any] = {"client-created-root": root}
    above = "client-created-root"
    for turn in range(chance.randrange(4, 24)):
        for branch in range(2 if turn == 3 and number % 2 else 1):
            name = str(uuid.UUID(int=chance.getrandbits(128), version=4))
            words = " ".join(chance.choices(WORDS, k=chance.randrange(10, 160)))
            role = ("user", "assistant")[turn % 2]
            message = {
                "id": name,
                "author": {"role": role, "name": None, "metadata": {}},
                "create_time": began + turn + branch / 8,
                "content": {"content_type": "text", "parts": [words]},
                "status": "finished_successfully",
                "end_turn": role == "assistant" or None,
                "weight": 1.0,
                "metadata": {"model_slug": "gpt-4o"} if role == "assistant" else {},
                "recipient": "all",
            }
            nodes[name] = {"id": name, "message": message, "parent": above, "children": []}
            nodes[above]["children"].append(name)
        above = name
    title = " ".join(chance.choices(WORDS, k=4))
    rest: dict[str, Any] = {"moderation_results": [], "plugin_ids": None, "conversation_template_id": None}
    told = {"title": title, **rest, "create_time": float(began), "update_time": began + 24.5, "mapping": nodes}
    return {**told, "current_node": above, "conversation_id": own, "id": own, "is_archived": False}


def prepare(work: Path, megabytes: int) -> Path:
    """Write the export, unless it is there."""
    archive = work / "export.zip"
    if archive.exists():
        return archive
    beside = archive.with_suffix(".part")
    with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        shard, shards, size = list[str](), 0, 0
        for text in [*conversations(megabytes), ""]:
            if text:
                shard.append(text)
                size += len(text)
            if shard and (size >= SHARD or not text):
                packed.writestr(f"conversations-{shards:03}.json", f"[{', '.join(shard)}]")
                shard, shards, size = [], shards + 1, 0
        packed.writestr("user.json", '{"id": "user-made-up"}')
    beside.rename(archive)
    return archive


def ours(work: Path) -> Figures:
    """Migrate the export; return the documents, the size of the store in MB, and the seconds of each phase."""
    with tempfile.TemporaryDirectory(prefix="pjais-bench-") as scratch:
        began = time.perf_counter()
        phases: dict[str, float] = {}
        last: list[Any] = ["", began]

        def follow(phase: str, _done: int, _total: int | None) -> None:
            now = time.perf_counter()
            if phase != last[0]:
                phases[last[0]] = phases.get(last[0], 0.0) + now - last[1]
                last[:] = [phase, now]

        report = pjais.migrate(scratch, [work / "export.zip"], progress=follow)
        size = (Path(scratch) / "pjais.sqlite").stat().st_size / 1e6
        return {"documents": report.total.read, "store": size, **phases}


def floor(work: Path) -> Figures:
    """Do what any program has to do with the same file, and nothing else."""
    with tempfile.TemporaryDirectory(prefix="pjais-bench-") as scratch:
        count = 0
        db = sqlite3.connect(Path(scratch) / "floor.sqlite")
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("PRAGMA synchronous = OFF")
        db.execute("CREATE TABLE conversations (id TEXT PRIMARY KEY, title TEXT, created REAL, updated REAL)")
        db.execute("CREATE TABLE messages (id TEXT, conversation TEXT, role TEXT, at REAL, content TEXT)")
        with zipfile.ZipFile(work / "export.zip") as packed:
            for name in sorted(one for one in packed.namelist() if one.startswith("conversations")):
                for one in json.loads(packed.read(name)):
                    count += 1
                    told = (one["id"], one["title"], one["create_time"], one["update_time"])
                    db.execute("INSERT INTO conversations VALUES (?, ?, ?, ?)", told)
                    db.executemany("INSERT INTO messages VALUES (?, ?, ?, ?, ?)", _branch(one))
        db.commit()
        db.close()
        return {"documents": count}


def _branch(one: dict[str, Any]) -> list[tuple[Any, ...]]:
    rows, at = [], one["current_node"]
    while at is not None:
        node = one["mapping"][at]
        if (said := node["message"]) is not None:
            text = "\n\n".join(said["content"]["parts"])
            rows.append((at, one["id"], said["author"]["role"], said["create_time"], text))
        at = node["parent"]
    return rows[::-1]


SIDES: dict[str, Callable[[Path], Figures]] = {"pjais": ours, "floor": floor}


def measure(what: str, work: Path) -> Figures:
    """One side in a fresh process: what it returns, and what `measured` says."""
    command = [sys.executable, __file__, "--side", what, "--work", str(work)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return {str(name): float(value) for name, value in json.loads(output).items()}


def peer(name: str, work: Path, python: str) -> str:
    """Return a line about an importer, or why there is no figure."""
    module = name.replace("-", "_")
    with tempfile.TemporaryDirectory(prefix="pjais-bench-") as scratch:
        home = Path(scratch) / "home"  # convoviz looks for an archive there as soon as it is imported
        (home / "Downloads").mkdir(parents=True)
        (home / "Downloads" / "export.zip").touch()
        with zipfile.ZipFile(work / "export.zip") as packed:
            packed.extractall(scratch)
        call = [python, "-c", PEERS[name] + MEASURED, scratch]
        done = subprocess.run(call, capture_output=True, text=True, check=False, env={**os.environ, "HOME": str(home)})
    said = done.stderr.strip().splitlines() or [""]
    if f"No module named '{module}'" in said[-1]:
        return f"{name} is not installed (--peers names a Python that has it)"
    if done.returncode:
        return f"{name} fails on the export: {said[-1]}"
    count, seconds, cpu, most = map(float, done.stdout.split()[-4:])
    speed = f"{count / seconds:,.0f} a second"
    return f"{name} reads {count:,.0f} of them in {seconds:.1f} s, CPU {cpu:.1f} s, {speed}, peak {most:,.0f} MB"


def compare(work: Path, megabytes: int, python: str) -> None:
    """Measure every side and print one table."""
    archive = prepare(work, megabytes)
    found = {what: measure(what, work) for what in SIDES}
    print(f"\nan export of ChatGPT, {megabytes} MB of JSON, {archive.stat().st_size / 1e6:.0f} MB packed")
    print(f"{'':12}{'wall s':>8}{'CPU s':>8}{'documents':>11}{'documents/s':>13}{'own MB':>9}")
    for what, one in found.items():
        speed = one["documents"] / one["wall"]
        print(f"{what:12}{one['wall']:8.1f}{one['cpu']:8.1f}{one['documents']:11,.0f}{speed:13,.0f}{one['own']:9.0f}")
    phases = ", ".join(f"{name} {found['pjais'].get(name, 0):.1f}" for name in PHASES)
    print(f"of pjais: {phases}; store of {found['pjais']['store']:.0f} MB")
    for name in PEERS:
        print(peer(name, work, python))


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", choices=SIDES, help="measure one side in this process (used by the bench itself)")
    parser.add_argument("--work", type=Path, help="where the export is kept for the next run; else it is thrown away")
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--peers", default=sys.executable, metavar="PYTHON", help="an interpreter that has the others")
    arguments = parser.parse_args()
    if arguments.side:
        with measured() as cost:
            figures = SIDES[arguments.side](arguments.work)
        print(json.dumps({**figures, **cost}))
        return
    with tempfile.TemporaryDirectory(prefix="pjais-bench-") as scratch:
        work = arguments.work.absolute() / str(arguments.megabytes) if arguments.work else Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        compare(work, arguments.megabytes, arguments.peers)


if __name__ == "__main__":
    main()
