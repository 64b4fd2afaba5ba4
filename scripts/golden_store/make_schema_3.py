"""Writes two data folders whose stores have schema 3, which no release has: golden data for the step to schema 4.

Run it with the package as it was before that step (commit 1cccefb):
`PYTHONPATH=src python scripts/golden_store/make_schema_3.py tests/golden/store/schema-3`.  `records`: two runs, the
second in place, conversations whose messages are of every shape, documents of another app, an edit.  `documents`: a
store that holds another app's documents alone.
"""

from __future__ import annotations

import json
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import pjais

MESSAGES: list[Any] = [
    {"id": "m1", "role": "user", "content": "Where does the oolong grow?", "timestamp": 1740823200000},
    {"id": "m2", "role": "assistant", "content": "In Wuyi, and on Taiwan.", "timestamp": "2025-03-01T10:00:05Z"},
    {"id": "m3", "role": "system", "content": "be brief", "metadata": {"hidden": True}},
    {"role": "user", "content": [{"type": "text", "text": "a list of parts"}]},
    "no object",
    None,
    {"content": None},
]


def main(folder: Path) -> None:
    """Make both folders and pack them."""
    for name, write in (("records", _records), ("documents", _documents)):
        with tempfile.TemporaryDirectory() as scratch:
            data = Path(scratch) / "data"
            data.mkdir()
            write(data)
            assert pjais.verify(data).passed
            folder.mkdir(parents=True, exist_ok=True)
            with tarfile.open(folder / f"{name}.tar.xz", "w:xz") as packed:
                packed.add(data, "data", filter=_anonymous)


def _records(data: Path) -> None:
    personas = [{"id": "p1", "name": "Mira", "updatedAt": "2025-03-01T00:00:00.000Z"}]
    conversations = [
        {"id": "c1", "personaId": "p1", "title": "Tea", "messages": MESSAGES, "updatedAt": "2025-03-01T00:00:00.000Z"}
    ]
    notes = [{"id": "n1", "text": "of another app"}]
    _write(data / "first.json", personas=personas, conversations=conversations, notes=notes)
    pjais.migrate(data)
    conversations[0]["messages"] = [*MESSAGES, {"id": "m8", "role": "user", "content": "And white tea?"}]
    conversations[0]["updatedAt"] = "2025-03-02T00:00:00.000Z"
    memories = [{"id": "e1", "personaId": "p1", "type": "fact", "content": "likes oolong"}]
    _write(data / "first.json", personas=personas, memories=memories, conversations=conversations, notes=notes)
    pjais.migrate(data)
    with pjais.open(data) as store:
        store.conversations.add_message("c1", "assistant", "That one too.", timestamp=1740909600000)


def _documents(data: Path) -> None:
    notes = [{"id": "n1", "text": "of another app"}, {"id": "n2", "text": "more"}]
    dump = {"name": "app", "instanceToken": "x", "collections": [{"name": "notes", "schemaHash": "x", "docs": notes}]}
    (data / "rxdb-dump.json").write_text(json.dumps(dump), "utf-8")
    pjais.migrate(data)


def _write(path: Path, **lists: list[Any]) -> None:
    path.write_text(json.dumps(lists), "utf-8")


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """No owner, and no lock."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return None if member.name.endswith(".lock") else member


if __name__ == "__main__":
    main(Path(sys.argv[1]))
