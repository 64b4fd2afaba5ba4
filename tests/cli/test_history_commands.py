"""A SQLite store through time on the command line: history, at, diff, restore-record, undo, redo."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import another
import pjais
from pjais.cli import run
from world import memory, persona, write_json


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Any:
    """A command in this process, with --json: its exit code and what it printed."""

    def asked(*arguments: str | Path) -> tuple[int, Any]:
        capsys.readouterr()
        code = run([*map(str, arguments), "--json"])
        return code, json.loads(capsys.readouterr().out)

    return asked


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A migrated folder: two changes by us, and one by another program in between."""
    folder = tmp_path / "data"
    folder.mkdir()
    write_json(folder, personas=[persona("p1", name="Ada")], memories=[memory("m1"), memory("m2")])
    pjais.migrate(folder)
    with closing(pjais.open(folder)) as store:
        store.memories.update("m1", importance=90)
        foreign(folder, "UPDATE personas SET name = 'Bea' WHERE id = 'p1'")
        store.memories.remove("m2")
    return folder


def foreign(folder: Path, sql: str) -> None:
    another.sql(folder / "pjais.sqlite", sql)


def test_history_needs_no_store_argument(folder: Path, ask: Any) -> None:
    """The data folder's store, or the file by its path; whoever wrote."""
    code, told = ask("--data-dir", folder, "history", "m1")
    assert (code, told["count"]) == (0, 1)
    assert {change["field"] for change in told["steps"][0]["changes"]} == {"importance", "updated_at"}
    _, told = ask("history", folder / "pjais.sqlite", "p1")
    assert [(one["event"], one["op"], one["changes"][0]["after"]) for one in told["steps"]] == [(2, "update", "Bea")]
    assert ask("--data-dir", folder, "history", "nobody")[0] == 2
    assert ask("--data-dir", folder, "history", "a", "b", "c")[0] == 2
    assert ask("--data-dir", folder, "history", "m1", "--table", "nothing")[0] == 2


def test_the_store_stands_as_it_did(folder: Path, ask: Any, tmp_path: Path) -> None:
    """By change and by time; the whole, one record, a file that `import` takes."""
    call = ("--data-dir", folder, "at")
    assert ask(*call, "--event", "0")[1]["counts"] == {"personas": 1, "memories": 2}
    assert ask(*call, "--event", "3")[1]["counts"] == {"personas": 1, "memories": 1}
    assert ask(*call, "--event", "0", "--id", "m1")[1]["records"][0]["importance"] == 50
    assert ask("at", folder / "pjais.sqlite", "--time", "2099-01-01")[1]["event"] == 3
    assert ask(*call, "--time", "1999-01-01")[1]["event"] == 0
    for wrong in (("--event", "4"), ("--event", "x"), ("--time", "soon"), ()):
        assert ask(*call, *wrong)[0] == 2
    assert ask(*call, "--event", "3", "--id", "m2")[0] == 2
    code, told = ask(*call, "--event", "0", "-o", tmp_path / "then.pjais.json")
    assert (code, told["records"]) == (0, 3)
    assert ask("--data-dir", tmp_path / "other", "import", tmp_path / "then.pjais.json")[0] == 0
    assert pjais.verify(tmp_path / "other").records == 3


def test_moments_are_compared(folder: Path, ask: Any) -> None:
    """Both ways round; a record that one side lacks is named as a whole."""
    _, told = ask("--data-dir", folder, "diff", "0", "now")
    found = {(one["id"], one["field"]): (one["before"], one["after"]) for one in told["changes"]}
    assert found["m1", "importance"] == (50, 90)
    assert found["p1", "name"] == ("Ada", "Bea")
    assert found["m2", None][1] is None
    _, back = ask("diff", folder / "pjais.sqlite", "now", "0")
    assert {(one["id"], one["field"]): (one["after"], one["before"]) for one in back["changes"]} == found


def test_a_record_and_one_field_come_back(folder: Path, ask: Any) -> None:
    """By the name that either face gives to a field."""
    call = ("--data-dir", folder, "restore-record")
    code, told = ask(*call, "m2", "--event", "0")
    assert (code, told["table"], told["event"]) == (0, "memory_entities", 4)
    _, told = ask(*call, "p1", "--event", "0", "--field", "name")
    assert told["fields"] == ["name"]
    assert ask(*call, "p1", "--event", "0", "--field", "name")[1]["event"] is None
    assert ask(*call, "m1", "--event", "0", "--field", "memoryTier")[1]["event"] is None
    assert ask(*call, "m1", "--event", "0", "--field", "none")[0] == 2
    assert pjais.verify(folder).passed


def test_undo_and_redo(folder: Path, ask: Any) -> None:
    """What another program did is not ours to take back."""
    call = ("--data-dir", folder)
    _, listed = ask(*call, "undo", "--list")
    assert [one["label"] for one in listed["undoable"]] == ["delete memory_entities m2", "update memory_entities m1"]
    code, told = ask(*call, "undo", "2")
    assert (code, told["count"]) == (0, 2)
    assert ask(*call, "diff", "0", "now")[1]["count"] == 1, "the other program's"
    assert ask(*call, "redo", "--list")[1]["count"] == 2
    assert ask(*call, "redo")[1]["redone"][0]["label"] == "update memory_entities m1"
    assert ask(*call, "undo", "9")[0] == 2
    foreign(folder, "UPDATE memory_entities SET summary = 'mine' WHERE id = 'm1'")
    code, told = ask(*call, "undo")
    assert (code, told["code"]) == (2, "PJAIS_USAGE")
    assert any("memory_entities m1" in line for line in told["where"])
    assert pjais.verify(folder).passed


def test_people_get_tables(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same on a terminal."""
    for call, wanted in (
        (("history", "m1"), "importance: 50 -> 90"),
        (("at", "--event", "0"), "as migrated"),
        (("diff", "0", "now"), "- memory_entities m2"),
        (("undo", "--list"), "delete memory_entities m2"),
        (("redo", "--list"), "nothing to redo"),
        (("undo",), "undone"),
        (("restore-record", "m1", "--event", "0"), "restored by event 5"),
    ):
        assert run(["--data-dir", str(folder), *call]) == 0
        assert wanted in capsys.readouterr().out, call


def test_a_livestore_folder_is_still_understood(tmp_path: Path, ask: Any) -> None:
    """Without STORE, the data folder's LiveStore store where that is its target; nothing is undone there."""
    write_json(tmp_path, personas=[persona("p1")], memories=[memory("m1")])
    pjais.migrate(tmp_path, to="livestore")
    assert ask("--data-dir", tmp_path, "history", "m1")[1]["steps"][0]["name"] == "v1.MemoryEntityImported"
    assert ask("--data-dir", tmp_path, "at", "--event", "2")[1]["counts"] == {"personas": 1}
    assert ask("--data-dir", tmp_path, "diff", "2", "now")[1]["count"] == 1
    assert ask("--data-dir", tmp_path, "undo")[0] == 2
    assert ask("--data-dir", tmp_path / "nothing", "history", "m1")[0] == 11
