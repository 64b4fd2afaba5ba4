"""Life with the data on the command line: lists in every form, one record at a time, and clear refusals."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

import pjais
from pjais.cli import run
from world import memory, persona, write_json


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Any:
    """A command in this process: its exit code, what it printed, what it complained."""

    def said(*arguments: str | Path) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run([*map(str, arguments)])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return code, captured.out, captured.err

    return said


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A migrated folder with two personas and three memories."""
    write_json(
        tmp_path,
        personas=[persona("p1", name="Ada"), persona("p2", name="Bo|b")],
        memories=[memory("m1", content="the kettle sings"), memory("m2", importance=90), memory("m3", "p2")],
    )
    pjais.migrate(tmp_path)
    return tmp_path


def test_lists_come_as_table_json_csv_ndjson_and_markdown(folder: Path, say: Any) -> None:
    """The same records in every form."""
    call = ("--data-dir", folder, "personas")
    assert "Ada" in say(*call)[1]
    told = json.loads(say(*call, "--json")[1])
    assert [one["id"] for one in told["records"]] == ["p1", "p2"]
    assert [row["id"] for row in csv.DictReader(io.StringIO(say(*call, "--format", "csv")[1]))] == ["p1", "p2"]
    lines = say(*call, "--format", "ndjson")[1].splitlines()
    assert [json.loads(line)["name"] for line in lines] == ["Ada", "Bo|b"]
    assert "Bo\\|b" in say(*call, "--format", "markdown")[1]
    assert "1 of 2" in say(*call, "--limit", "1")[1]
    assert json.loads(say(*call, "--order", "-name", "--limit", "1", "--json")[1])["records"][0]["id"] == "p2"


def test_a_persona_is_made_changed_activated_and_removed(folder: Path, say: Any) -> None:
    """Exactly one is active; one that memories refer to stays."""
    call = ("--data-dir", folder)
    made = json.loads(say(*call, "personas", "create", "Cleo", "--set", 'settings={"autoLearn":true}', "--json")[1])
    key = made["record"]["id"]
    assert made["record"]["settings"] == {"autoLearn": True}
    for one in ("p1", key):
        assert say(*call, "activate", one)[0] == 0
    told = json.loads(say(*call, "personas", "--json")[1])["records"]
    assert [one["id"] for one in told if one["isActive"]] == [key]
    assert say(*call, "personas", "update", key, "--set", "created_at=2024-01-01")[0] == 0
    assert json.loads(say(*call, "personas", "show", key, "--json")[1])["record"]["createdAt"].startswith("2024-01-01")
    assert say(*call, "personas", "remove", "p1")[0] == 2
    assert say(*call, "personas", "remove", key)[0] == 0
    assert say(*call, "personas", "stats", "p1")[0] == 0
    assert pjais.verify(folder).passed


def test_a_memory_is_remembered_found_deleted_and_restored(folder: Path, say: Any) -> None:
    """Without --persona it is the active one's."""
    call = ("--data-dir", folder)
    say(*call, "activate", "p2")
    told = json.loads(say(*call, "remember", "a zyzzyva", "--tag", "beetle", "--importance", "12.5", "--json")[1])
    record = told["record"]
    assert (record["personaId"], record["tags"], record["importance"]) == ("p2", ["beetle"], 12.5)
    assert json.loads(say(*call, "search", "zyzzyva", "--json")[1])["count"] == 1
    assert say(*call, "memories", "delete", record["id"])[0] == 0
    assert json.loads(say(*call, "search", "zyzzyva", "--json")[1])["count"] == 0
    assert json.loads(say(*call, "memories", "--deleted", "--json")[1])["count"] == 1
    assert say(*call, "memories", "restore", record["id"])[0] == 0
    assert say(*call, "memories", "update", "m1", "--set", "memory_tier=cold")[0] == 0
    assert json.loads(say(*call, "memories", "--tier", "cold", "--json")[1])["count"] == 1
    assert json.loads(say(*call, "memories", "--json")[1])["records"][0]["id"] == "m2"
    assert pjais.verify(folder).passed


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("activate", "nobody"), 2),
        (("remember", "x", "--persona", "nobody"), 2),
        (("memories", "show", "nothing"), 2),
        (("memories", "update", "m1", "--set", "importance=high"), 13),
        (("memories", "update", "m1", "--set", "colour=red"), 2),
        (("memories", "update", "m1", "--set", "deleted_at=soon"), 2),
        (("personas", "--order", "colour"), 2),
        (("conversations", "show", "nothing"), 2),
        (("plugins", "enable", "nothing"), 2),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    folder: Path, say: Any, arguments: tuple[str, ...], code: int
) -> None:
    """With the field or the id named."""
    before = pjais.verify(folder)
    got, _, complaint = say("--data-dir", folder, *arguments)
    assert got == code
    assert complaint
    assert pjais.verify(folder) == before


def test_the_verification_of_the_app_leaves_no_trace(folder: Path, say: Any) -> None:
    """Everything is tried out on a copy."""
    code, out, _ = say("--data-dir", folder, "verify-app", "--json")
    told = json.loads(out)
    assert (code, told["passed"]) == (0, True)
    assert {one["check"] for one in told["checks"]} >= {"integrity", "backups", "health", "performance", "plugins"}
    proof = pjais.verify(folder)
    assert (proof.added_since, proof.edited_since, proof.removed_since) == (0, 0, 0)
