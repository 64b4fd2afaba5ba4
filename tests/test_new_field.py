"""A field is one line and one upgrade step: shown on a copy of the package, by its commands and its library."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pjais
from pjais.models.persona.model import MODEL
from world import memory, persona, rows, write_json

FIELD = "    mood: Annotated[str | None, a.text()] = None\n"
STEP = (
    f'    Upgrade({MODEL.schema_version + 1}, "add a mood to each memory", '
    '"ALTER TABLE memory_entities ADD COLUMN mood TEXT"),\n'
)
EDITS = {
    "models/persona/records.py": (r"(class Memory\(NamedTuple\):.*?\n    extra: [^\n]*\n)", FIELD),
    "models/persona/upgrades.py": (r"(UPGRADES = \(.*)(?=\n\)\n)", "\n" + STEP.rstrip()),
}
"""One line in the declaration of memories, and one step."""

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with one more field, as a folder for `PYTHONPATH`."""
    folder = tmp_path_factory.mktemp("changed")
    shutil.copytree(Path(pjais.__file__).parent, folder / "pjais", ignore=shutil.ignore_patterns("__pycache__"))
    for name, (place, added) in EDITS.items():
        path = folder / "pjais" / name
        before = path.read_text("utf-8")
        found = re.search(place, before, re.S)
        assert found is not None
        path.write_text(before[: found.end()] + added + before[found.end() :], "utf-8")
        assert len(path.read_text("utf-8").splitlines()) == len(before.splitlines()) + 1
    return folder


@pytest.fixture
def run(changed: Path) -> Run:
    """Run a command of the copy, or a program with it; return the JSON that it prints."""

    def run(*arguments: object, code: int = 0) -> Any:
        call = ["-m", "pjais", *map(str, arguments), "--json"] if len(arguments) > 1 else ["-c", str(arguments[0])]
        done = subprocess.run(
            [sys.executable, *call],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(changed), "PJAIS_UI_BROWSER": ""},
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout) if done.stdout.strip().startswith(("{", "[")) else done.stdout

    return run


def source(folder: Path) -> None:
    folder.mkdir()
    write_json(
        folder,
        personas=[persona("p1", isActive=True)],
        memories=[memory("m1", "p1", mood="calm"), memory("m2", "p1"), memory("m3", "p1", mood=None)],
    )


def moods(data: Path) -> list[Any]:
    return rows(data / "pjais.sqlite", "SELECT id, mood, extra FROM memory_entities ORDER BY id")


def test_the_change_is_one_line_and_one_step() -> None:
    assert len(EDITS) == 2
    assert FIELD.count("\n") == STEP.count("\n") == 1


def test_a_document_with_the_field_lands_in_its_column(run: Run, tmp_path: Path) -> None:
    data = tmp_path / "data"
    source(data)
    run("migrate", "--data-dir", data)
    assert [one[:2] for one in moods(data)] == [("m1", "calm"), ("m2", None), ("m3", None)]
    assert not any("calm" in one[2] for one in moods(data))
    assert run("verify", "--data-dir", data)["code"] == "done"
    shown = {one["id"]: one for one in run("memories", "--data-dir", data)["records"]}
    assert [shown[name]["mood"] for name in ("m1", "m2", "m3")] == ["calm", None, None]
    run("memories", "update", "m2", "--set", "mood=merry", "--data-dir", data)
    assert moods(data)[1][1] == "merry"
    assert run("verify", "--data-dir", data)["code"] == "done"


def test_an_older_store_is_upgraded_and_verifies(run: Run, tmp_path: Path) -> None:
    """What the older program read of the field stays where it put it, until its document comes again."""
    data = tmp_path / "data"
    source(data)
    pjais.migrate(data)
    with pjais.open(data) as store:
        store.memories.update("m2", name="edited before")
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    run(f"import pjais; pjais.open({str(fresh)!r}).close()")
    told = run("verify", "--data-dir", data)
    assert (told["code"], told["edited_since"]) == ("done", 1)
    run(f"import pjais; pjais.open({str(data)!r}).close()")
    assert [one[:2] for one in moods(data)] == [("m1", None), ("m2", None), ("m3", None)]
    schema = "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT GLOB '*_fts_*' ORDER BY 1, 2"
    assert rows(data / "pjais.sqlite", schema) == rows(fresh / "pjais.sqlite", schema)
    assert run("verify", "--data-dir", data)["code"] == "done"
    assert run("migrate", "--data-dir", data)["code"] == "already_migrated"
    write_json(data, personas=[persona("p1", isActive=True)], memories=[memory("m1", "p1", mood="calm", content="new")])
    run("migrate", "--data-dir", data)
    assert moods(data)[0][:2] == ("m1", "calm")
    assert run("verify", "--data-dir", data)["code"] == "done"


def test_an_export_has_it_and_comes_back_as_it_was(run: Run, tmp_path: Path) -> None:
    data, again = tmp_path / "data", tmp_path / "again"
    source(data)
    again.mkdir()
    run("migrate", "--data-dir", data)
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    run("export", "--data-dir", data, "-o", first)
    memories = {one["id"]: one for one in json.loads(first.read_text("utf-8"))["memories"]}
    assert memories["m1"]["mood"] == "calm"
    run("import", first, "--data-dir", again)
    run("export", "--data-dir", again, "-o", second)
    assert second.read_bytes() == first.read_bytes()
    assert run("verify", "--data-dir", again)["code"] == "done"


def test_an_export_of_before_comes_in_as_it_is(run: Run, tmp_path: Path) -> None:
    """Its records have no such field, which leaves no trace; what the older program kept in `extra` stays there."""
    old, new = tmp_path / "old", tmp_path / "new"
    source(old)
    new.mkdir()
    pjais.migrate(old)
    export = tmp_path / "old.json"
    pjais.export(old, output=export)
    run("import", export, "--data-dir", new)
    assert [(one[1], "mood" in one[2]) for one in moods(new)] == [(None, True), (None, False), (None, True)]
    assert run("verify", "--data-dir", new)["code"] == "done"


def test_livestore_has_it_and_its_replay_gives_the_same(run: Run, tmp_path: Path) -> None:
    data = tmp_path / "data"
    source(data)
    run("migrate", "--data-dir", data, "--to", "livestore")
    assert run("verify", "--data-dir", data)["code"] == "done"
    log = rows(data / "livestore" / "pjais" / "eventlog@6.db", "SELECT argsJson FROM eventlog")
    assert [one for (one,) in log if '"mood":"calm"' in one]
    assert "mood: mayText" in run("from pjais.models.persona.typescript import schema_ts; print(schema_ts())")


def test_the_page_knows_it(run: Run, tmp_path: Path) -> None:
    data = tmp_path / "data"
    source(data)
    run("migrate", "--data-dir", data)
    program = f"""
import json, pjais
from pjais.core.table import camel
from pjais.models.persona.model import MODEL
from pjais.web import actions, rendering, schemas
with pjais.open({str(data)!r}) as store:
    held = store.memories.need("m1")
    shown = schemas.Memory(**MODEL.as_document(held))
    form = str(rendering._environment().get_template("parts.html").module.added("memories", shown))
print(json.dumps([shown.mood, form, "mood" in schemas.Memory.model_json_schema()["properties"],
                  "mood" in actions._EDITABLE["memories"][1]]))
"""
    mood, form, described, editable = run(program)
    assert (mood, described, editable) == ("calm", True, True)
    assert 'name="mood"' in form and ">\ncalm</textarea>" in form
