"""A folder of very many files of one app is one source; a few are a source each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from app_files import GOLDEN, migrated

import pjais
from pjais.sources import detect


def chats(folder: Path, count: int, first: int = 0) -> Path:
    folder.mkdir(exist_ok=True)
    (native,) = json.loads((GOLDEN / "chatgpt" / "conversations.json").read_text("utf-8"))
    for number in range(first, first + count):
        one: dict[str, Any] = {
            **native,
            "id": (own := f"8b58496d-441a-532a-93fc-9d9da3a5{number:04}"),
            "title": own[-4:],
        }
        one["conversation_id"] = own
        (folder / f"chat {number}.json").write_text(json.dumps([one]), "utf-8")
    return folder


def test_a_few_are_a_source_each_and_many_are_one(tmp_path: Path) -> None:
    few, many = chats(tmp_path / "few", 3), chats(tmp_path / "many", 60)
    found = detect.detect([few, many], named=True).sources
    assert [(one.kind, one.path.name, len(one.files)) for one in found] == [
        *(("chatgpt", f"chat {number}.json", 1) for number in range(3)),
        ("chatgpt", "many", 60),
    ]


def test_one_that_comes_later_is_all_that_is_new_and_a_damaged_one_costs_no_other(tmp_path: Path) -> None:
    folder, data = chats(tmp_path / "many", 60), tmp_path / "data"
    with migrated(data, folder) as store:
        assert len(store.conversations.list()) == 60
    chats(folder, 1, first=60)
    (folder / "notes.txt").write_text("nobody's")
    report = pjais.migrate(data, [folder])
    assert (report.total.migrated, report.total.unchanged) == (61, 60)
    with (folder / "chat 7.json").open("r+") as file:
        file.truncate(50)
    report = pjais.migrate(data, [folder], on_invalid="quarantine")
    assert report.total.quarantined == 0  # it is no longer what it was, and was not taken
    with pjais.open(data) as store:
        assert len(store.conversations.list()) == 61
    assert pjais.verify(data).passed
