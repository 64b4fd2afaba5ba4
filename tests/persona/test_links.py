"""The same persona in two apps: noted on likeness, linked on request, never merged."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

import pjais
from pjais.cli import run
from pjais.core.results import Finding
from pjais.errors import UsageError
from world import JSON, memory, migrated, persona, write_json


def _dump(folder: Path, *personas: JSON) -> None:
    told = {"name": "app", "collections": [{"name": "personas", "docs": list(personas)}]}
    (folder / "dump.json").write_text(json.dumps(told), "utf-8")


def _twins(folder: Path) -> list[Finding]:
    return [one for one in migrated(folder).findings if one.rule == "likely-twins"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with `Luna` of one app and ` LUNA! ` of another."""
    write_json(tmp_path, personas=[persona("p1", name="Luna"), persona("p2", name="Bo")], memories=[memory()])
    _dump(tmp_path, persona("it's 2", name="\u3000ＬＵＮＡ! "))
    return tmp_path


@pytest.fixture
def say(folder: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """A command on that folder: its exit code and what it printed."""

    def said(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        code = run([*arguments, "--data-dir", str(folder)])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return code, captured.out or captured.err

    return said


def test_the_note_names_ids_sources_and_a_command_that_links(folder: Path, say: Any) -> None:
    """The command is pasted as it is; a later run says nothing about what is linked."""
    (note,) = _twins(folder)
    assert note.level == "note" and note.collection == "personas"
    about, _, command = note.message.partition("; to link them: ")
    assert about == "likely the same persona: it's 2 (rxdb-dump dump.json), p1 (json data.json); nothing is merged"
    _, *words = shlex.split(command)
    assert say(*words) == (0, "it's 2 and p1: linked\n")
    write_json(folder, "more.json", personas=[persona("p9", name="Cleo")])
    assert _twins(folder) == []
    assert len(pjais.open(folder).personas) == 4


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("Luna", "luna", True),
        ("Luna", " Luna ", True),
        ("Luna", "«Luna».", True),
        ("Ｌｕｎａ", "Luna", True),
        ("Straße", "STRASSE", True),
        ("Luna  the cat", "luna the CAT", True),
        ("Luna", "Luna 2", False),
        ("Lu-na", "Luna", False),
        ("Élan", "Elan", False),
        ("...", "!!", False),
        ("", "", False),
        ("C++", "C", False),
    ],
)
def test_names_are_compared_without_case_width_and_what_is_around_them(
    tmp_path: Path, one: str, other: str, alike: bool
) -> None:
    write_json(tmp_path, personas=[persona("a", name=one), persona("b", name=other)])
    migrated(tmp_path)
    with pjais.open(tmp_path) as store:
        assert store.personas.likely_same() == ([["a", "b"]] if alike else [])


def test_a_link_is_a_relationship_written_once(folder: Path) -> None:
    """In either direction; it is in the history, and undo takes it back."""
    migrated(folder)
    with pjais.open(folder) as store:
        assert store.personas.likely_same() == [["it's 2", "p1"]]
        link = store.personas.link("p1", "it's 2")
        assert (link.from_id, link.to_id, link.type) == ("p1", "it's 2", "same_as")
        assert store.personas.link("it's 2", "p1") == link == store.personas.linked("it's 2", "p1")
        assert len(store.relationships) == 1 and len(store.personas) == 3
        assert [one.op for one in store.history(link.id)] == ["insert"]
        assert [one.id for one in store.personas.same_as("p1")] == ["it's 2"]
        assert store.personas.likely_same() == []
        with store.at(0) as past:
            assert past.personas.same_as("p1") == []
        store.undo()
        assert store.personas.linked("p1", "it's 2") is None
        store.redo()
        assert store.personas.unlink("p1", "it's 2") and not store.personas.unlink("p1", "it's 2")
        assert store.personas.same_as("p1") == [] and store.personas.likely_same() == [["it's 2", "p1"]]
    assert pjais.verify(folder).passed


def test_wrong_links_are_refused(folder: Path) -> None:
    """With itself, with a memory, with nobody."""
    migrated(folder)
    with pjais.open(folder) as store:
        for pair in (("p1", "p1"), ("p1", "m1"), ("p1", "wat")):
            with pytest.raises(UsageError):
                store.personas.link(*pair)
        with pytest.raises(UsageError):
            store.personas.unlink("p1", "wat")
        assert len(store.relationships) == 0


def test_links_go_through_others(tmp_path: Path) -> None:
    """Of three of one name two links suffice; one that comes later is noted with the first of them alone."""
    write_json(tmp_path, personas=[persona(key, name="Luna") for key in "abcd"])
    migrated(tmp_path)
    with pjais.open(tmp_path) as store:
        store.personas.link("b", "c")
        assert store.personas.likely_same() == [["a", "b", "d"]]
        store.personas.link("c", "a")
        assert [one.id for one in store.personas.same_as("b")] == ["a", "c"]
        assert store.personas.likely_same() == [["a", "d"]]
        store.personas.link("d", "c")
        assert store.personas.likely_same() == []


def test_a_removed_persona_leaves_no_link_behind(folder: Path) -> None:
    """Undo brings back both."""
    migrated(folder)
    with pjais.open(folder) as store:
        store.personas.link("p1", "it's 2")
        store.personas.remove("it's 2")
        assert len(store.relationships) == 0
        store.undo()
        assert [one.id for one in store.personas.same_as("p1")] == ["it's 2"]
    assert pjais.verify(folder).passed


def test_a_link_travels_with_an_export(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    migrated(folder)
    with pjais.open(folder) as store:
        store.personas.link("p1", "it's 2")
    other = tmp_path_factory.mktemp("other")
    pjais.export(None, folder / "pjais.sqlite", other / "all.json")
    pjais.import_file(other / "data", other / "all.json")
    with pjais.open(other / "data") as store:
        assert [one.id for one in store.personas.same_as("p1")] == ["it's 2"]


def test_a_livestore_target_is_given_no_command_that_it_refuses(folder: Path) -> None:
    report = pjais.migrate(folder, to="livestore")
    (note,) = [one for one in report.findings if one.rule == "likely-twins"]
    assert note.message.endswith("nothing is merged")


# -- the command line


def test_the_commands_list_link_show_and_unlink(folder: Path, say: Any) -> None:
    """A second link says that it is there already."""
    _, out = say("migrate")
    assert f"pjais personas link --data-dir {folder}" in out
    _, out = say("personas", "link")
    assert f"""  pjais personas link 'it'"'"'s 2' p1 --data-dir {folder}""" in out and "json data.json" in out
    (group,) = json.loads(say("personas", "link", "--json")[1])["likely_same"]
    assert [one["id"] for one in group["personas"]] == ["it's 2", "p1"]
    assert json.loads(say("personas", "link", "p1", "it's 2", "--json")[1]) == {
        "code": "done",
        "id": "p1",
        "linked": ["it's 2"],
    }
    assert say("personas", "link", "it's 2", "p1") == (0, "it's 2 and p1: already linked\n")
    assert "no unlinked personas" in say("personas", "link")[1]
    assert "same_as: \u3000ＬＵＮＡ!  (it's 2, rxdb-dump dump.json)\n" in say("personas", "show", "p1")[1]
    told = json.loads(say("personas", "show", "it's 2", "--json")[1])
    assert told["same_as"] == [{"id": "p1", "name": "Luna", "source": {"kind": "json", "name": "data.json"}}]
    assert json.loads(say("personas", "show", "p2", "--json")[1])["same_as"] == []
    assert json.loads(say("personas", "--source", "rxdb-dump", "--json")[1])["total"] == 1
    assert "personas link" in say("undo", "--list")[1]
    assert say("personas", "link", "p1", "it's 2", "--undo") == (0, "p1 and it's 2: unlinked\n")
    assert say("personas", "link", "p1", "it's 2", "--undo") == (0, "p1 and it's 2: not linked\n")
    assert say("undo")[0] == 0
    assert json.loads(say("personas", "show", "p1", "--json")[1])["same_as"]


def test_wrong_calls_are_usage_errors(folder: Path, say: Any) -> None:
    say("migrate")
    for words in (("p1",), ("p1", "p1"), ("p1", "wat"), ("p1", "p2", "wat"), ("--undo",), ("p1", "wat", "--undo")):
        assert say("personas", "link", *words)[0] == 2, words
    with pjais.open(folder) as store:
        assert len(store.relationships) == 0
