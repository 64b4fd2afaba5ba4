"""Export and import: byte-equal for equal data, whole, and usable by others."""

from __future__ import annotations

import json
import shutil
from importlib.resources import files
from pathlib import Path

import pytest

import pjais
from pjais.cli import run
from pjais.exchange.documents import export_documents
from pjais.exchange.export import as_text
from pjais.workspace import resolve_workspace
from world import memory, migrated, persona, write_json


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """The packaged legacy folder, migrated."""
    folder = tmp_path / "PJais"
    shutil.copytree(str(files("pjais.demo") / "sample"), folder)
    migrated(folder)
    return folder


def export(folder: Path, store: Path | None = None) -> str:
    text = as_text(resolve_workspace(folder), store).text
    assert text is not None
    return text


def test_two_exports_of_equal_data_are_byte_equal(sample: Path, tmp_path: Path) -> None:
    """Also when the data went another way in: another order of sources, another run."""
    other = tmp_path / "other"
    shutil.copytree(str(files("pjais.demo") / "sample"), other)
    migrated(other)
    assert export(sample) == export(sample) == export(other)


def test_export_then_import_into_an_empty_folder_gives_an_equal_export(sample: Path, tmp_path: Path) -> None:
    """Nothing is lost on the way through our own format."""
    text = export(sample)
    file = tmp_path / "mine.pjais.json"
    file.write_text(text, "utf-8")
    report = pjais.migrate(tmp_path / "fresh", [file])
    assert report.total.read == report.total.migrated
    assert pjais.verify(tmp_path / "fresh").passed
    assert export(tmp_path / "fresh") == text


def test_a_store_can_be_a_source(sample: Path, tmp_path: Path) -> None:
    """`pjais migrate old.sqlite` into another folder brings the same records."""
    pjais.migrate(tmp_path / "fresh", [sample / "pjais.sqlite"])
    assert pjais.verify(tmp_path / "fresh").passed
    assert export(tmp_path / "fresh") == export(sample)


def test_a_log_that_was_cut_by_a_kill_gives_what_the_browser_would_and_a_note(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The end of every crash: exit code 0, and one line on stderr."""
    profile = Path(__file__).parents[1] / "golden" / "rxdb" / "v17-torn-log"
    assert run(["export", str(profile), "--documents", "-o", str(tmp_path / "all.ndjson")]) == 0
    assert "000003.log byte 64529: the log ends inside a record" in capsys.readouterr().err


def test_a_damaged_log_gives_its_documents_and_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refused as it is, with the way on; then every other document, each unreadable piece on stderr, exit code 1."""
    profile = Path(__file__).parents[1] / "golden" / "rxdb" / "v17-bitflip-log"
    file = tmp_path / "rescued.ndjson"
    call = ["export", str(profile), "--documents", "-o", str(file)]
    assert run(call) == 16
    assert not file.exists()
    assert "--skip-unreadable" in capsys.readouterr().err
    assert run([*call, "--skip-unreadable"]) == 1
    told = capsys.readouterr()
    assert f"exported {file.read_text('utf-8').count(chr(10))} documents" in told.out
    assert "its checksum does not match" in told.err
    assert "incomplete: 1 item of the source cannot be read" in told.err
    assert run([*call, "--skip-unreadable", "--json"]) == 1
    shown = json.loads(capsys.readouterr().out)
    assert (shown["code"], len(shown["unreadable"])) == ("incomplete", 1)
    assert run([*call[:2], "--skip-unreadable"]) == 2


def test_any_source_can_be_exported_without_migrating_it(sample: Path) -> None:
    """The export of a source is what a migration of it would hold."""
    body = json.loads(export(sample, sample / "livestore.db"))
    assert len(body["personas"]) == 4
    assert len(body["memories"]) == 25


def test_documents_come_out_exactly_as_stored(tmp_path: Path) -> None:
    """NDJSON, ordered by database, collection and id; unknown collections too."""
    write_json(tmp_path, personas=[persona("b"), persona("a")], memories=[memory("m")], strange=[{"id": "x", "n": 1.0}])
    lines: list[str] = []
    export_documents(resolve_workspace(tmp_path), tmp_path / "data.json", lines.append)
    documents = [json.loads(line) for line in lines]
    assert [(one["collection"], one["id"]) for one in documents] == [
        ("memories", "m"),
        ("personas", "a"),
        ("personas", "b"),
        ("strange", "x"),
    ]
    assert documents[0]["document"] == memory("m")
    assert lines[3].endswith('"n":1.0}}\n')
    assert list(documents[0]) == ["source", "origin", "database", "collection", "key", "id", "document"]
    assert [documents[0][name] for name in ("source", "origin", "key")] == ["data.json", None, "m"]


def test_exported_documents_say_whose_they_are(tmp_path: Path) -> None:
    """Two apps that call everything the same are told apart by each line; a moved profile gives the same lines."""
    exports = []
    for name in ("here", "there"):
        shutil.copytree(Path(__file__).parents[1] / "golden" / "origins" / "twoapps", tmp_path / name)
        lines: list[str] = []
        export_documents(resolve_workspace(tmp_path / name), tmp_path / name, lines.append)
        exports.append(lines)
    assert exports[0] == exports[1]
    documents = [json.loads(line) for line in exports[0]]
    names = ("source", "origin", "database", "collection", "key")
    assert len({tuple(one[name] for name in names) for one in documents}) == len(documents)
    assert {(one["source"], one["origin"]) for one in documents} == {
        (f"IndexedDB/http_localhost_{port}.indexeddb.leveldb", f"http://localhost:{port}") for port in (8831, 8832)
    }
    without = {tuple(one[name] for name in names[2:]) for one in documents}
    assert len(without) < len(documents)


def test_a_copy_that_an_earlier_run_took_from_an_export_is_superseded_in_its_own_form(tmp_path: Path) -> None:
    """A kind may have several dialects; the one of each document is kept, not guessed, and verify agrees."""
    other, data = tmp_path / "other", tmp_path / "data"
    other.mkdir()
    data.mkdir()
    write_json(other, personas=[persona("p1", isActive=True)], memories=[memory("m1", tags=["a"])])
    migrated(other)
    export = data / "whole.pjais.json"
    export.write_text(str(as_text(resolve_workspace(other), None).text), "utf-8")
    migrated(data)
    export.unlink()
    later = {"updatedAt": "2026-03-01T00:00:00.000Z"}
    write_json(data, personas=[persona("p1", **later)], memories=[memory("m1", **later)])
    assert migrated(data).total.migrated == 2
