"""Attachments: a record each, their bytes once by hash, on every way that data takes."""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import pjais
from pjais import models
from pjais.assembly.assemble import readings
from pjais.assembly.normalise import Choices, Reading
from pjais.core import own_files
from pjais.core.document import Document
from pjais.core.snapshot import Snapshot
from pjais.errors import StoreFailed, UsageError, VerificationFailed
from pjais.exchange.export import as_text
from pjais.migration import quarantine
from pjais.models.persona.records import Attachment
from pjais.workspace import resolve_workspace
from world import migrated, persona, rows, write_json

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
TEXT = b"Wuyi oolong, 30 g\n"


def name_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def attachment(data: bytes, name: str | None = "a.png", media_type: str | None = "image/png", **more: Any) -> Any:
    """An attachment as our export has it, with its bytes."""
    sha256 = name_of(data)
    held: dict[str, Any] = {"id": sha256, "name": name, "mediaType": media_type, "size": len(data), "extra": {}}
    return {**held, "blobs": {sha256: base64.b64encode(data).decode()}, **more}


def write(folder: Path, *attachments: Any, name: str = "data.pjais.json", **lists: Any) -> Path:
    """An export of ours with attachments."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    body = {"format": "pjais-export", "version": 1, "attachments": list(attachments), **lists}
    path.write_text(json.dumps(body), "utf-8")
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with two attachments in a store."""
    folder = tmp_path / "data"
    write(folder, attachment(PICTURE), attachment(TEXT, "tea.txt", "text/plain"))
    assert migrated(folder).total.migrated == 2
    return folder


def checks(folder: Path) -> dict[str, tuple[bool, str]]:
    return {name: (passed, about) for name, passed, about in pjais.verify(folder).checks}


def test_they_are_read_from_an_open_store(data: Path) -> None:
    with pjais.open(data) as store:
        found = {one.id: one for one in store.attachments.all()}
        assert found[name_of(TEXT)] == Attachment(name_of(TEXT), "tea.txt", "text/plain", len(TEXT), {})
        assert store.attachments.get(name_of(PICTURE)) == found[name_of(PICTURE)]
        assert store.attachments.read(name_of(PICTURE)) == PICTURE
        assert (len(store.attachments), list(found)) == (2, sorted(found))
        assert store.attachments.get("0" * 64) is None
        with pytest.raises(UsageError, match="not found"):
            store.attachments.read("0" * 64)
    assert rows(data / "pjais.sqlite", "SELECT count(*) FROM _blobs") == [(2,)]
    assert checks(data)["blobs"] == (True, "all 2 have their hash")


def test_a_store_without_any_has_no_table_of_bytes(tmp_path: Path) -> None:
    write_json(tmp_path, personas=[persona()])
    migrated(tmp_path)
    assert rows(tmp_path / "pjais.sqlite", "SELECT 1 FROM sqlite_schema WHERE name = '_blobs'") == []
    assert "blobs" not in checks(tmp_path)
    with pjais.open(tmp_path) as store:
        assert list(store.attachments.all()) == []


def test_the_bytes_are_there_once_whoever_names_them(tmp_path: Path) -> None:
    write(tmp_path, attachment(TEXT, "one.txt"), name="one.pjais.json")
    write(tmp_path, attachment(TEXT, "two.txt"), name="two.pjais.json")
    report = migrated(tmp_path)
    assert (report.total.migrated, report.total.superseded) == (1, 1)
    assert rows(tmp_path / "pjais.sqlite", "SELECT count(*) FROM _blobs") == [(1,)]


def test_a_reader_gives_the_bytes_beside_the_document() -> None:
    """What readers of other formats yield: the dialect of our export, and the bytes in `Document.blobs`."""
    sha256 = name_of(TEXT)
    value = {"id": sha256, "name": "tea.txt", "mediaType": "text/plain", "size": len(TEXT)}
    piece = Document("attachments", sha256, "file tea.txt", value, blobs={sha256: TEXT})
    snapshot = Snapshot("json", own_files.EXPORT, "x", "x", Path("x"), (), Path("x"))
    model = models.extended(models.named(), ())
    (found,) = readings(model, snapshot, Choices(), [piece])
    assert isinstance(found, Reading)
    assert found.record == Attachment(sha256, "tea.txt", "text/plain", len(TEXT), {"$pjais": {"$absent": ["extra"]}})
    assert model.rebuild(own_files.EXPORT, "attachments", found.record) == value
    (bare,) = readings(model, snapshot, Choices(), [piece._replace(blobs={})])
    assert (bare.record, [problem[1] for problem in bare.problems]) == (None, ["bytes-missing"])
    (short,) = readings(model, snapshot, Choices(), [piece._replace(value={**value, "size": 1})])
    assert (short.record, [problem[1] for problem in short.problems]) == (None, ["size-differs"])


@pytest.mark.parametrize("wrong", ["missing", "of another", "no base64", "no object"])
def test_without_its_bytes_it_goes_to_quarantine_and_comes_in_with_them(tmp_path: Path, wrong: str) -> None:
    sha256 = name_of(TEXT)
    bad = {
        "missing": {},
        "of another": {sha256: base64.b64encode(PICTURE).decode()},
        "no base64": {sha256: "%"},
        "no object": [sha256],
    }[wrong]
    write(tmp_path, attachment(PICTURE), attachment(TEXT, blobs=bad))
    report = migrated(tmp_path, on_invalid="quarantine")
    assert (report.total.migrated, report.total.quarantined) == (1, 1)
    here = resolve_workspace(tmp_path)
    (kept,) = quarantine.listed(here)
    assert kept.reasons[0]["rule"] == "bytes-missing"
    (still,) = quarantine.replay(here, [kept.id])
    assert still.record_id is None
    (done,) = quarantine.replay(here, [kept.id], attachment(TEXT))
    assert done.record_id == sha256
    with pjais.open(tmp_path) as store:
        assert store.attachments.read(sha256) == TEXT
    assert pjais.verify(tmp_path).passed


def test_one_of_another_size_keeps_its_bytes_in_quarantine(tmp_path: Path) -> None:
    write(tmp_path, attachment(TEXT, size=3))
    assert migrated(tmp_path, on_invalid="quarantine").total.quarantined == 1
    here = resolve_workspace(tmp_path)
    (kept,) = quarantine.listed(here)
    (done,) = quarantine.replay(here, [kept.id], {**kept.document, "size": len(TEXT)})
    assert done.record_id == name_of(TEXT)
    assert pjais.verify(tmp_path).passed


TAMPERED = {
    "altered": ("UPDATE _blobs SET data = x'00' WHERE sha256 = ?", "not what was migrated: {}"),
    "one byte": (
        "UPDATE _blobs SET data = CAST(replace(CAST(data AS TEXT), 'oolong', 'oolonG') AS BLOB) WHERE sha256 = ?",
        "not what was migrated: {}",
    ),
    "missing": ("DELETE FROM _blobs WHERE sha256 = ?", "missing: attachments {}"),
    "no table": ("DROP TABLE _blobs -- ?", "missing: attachments "),
}


@pytest.mark.parametrize("change", TAMPERED)
def test_changed_bytes_are_red_and_named(data: Path, change: str) -> None:
    sql, told = TAMPERED[change]
    with closing(sqlite3.connect(data / "pjais.sqlite")) as db:
        db.execute(sql, (name_of(TEXT),) if "= ?" in sql else ())
        db.commit()
    with pytest.raises(VerificationFailed) as failed:
        pjais.verify(data)
    assert any(f"blobs: {told.format(name_of(TEXT))}" in line for line in failed.value.where)
    with pjais.open(data) as store, pytest.raises(StoreFailed, match=r"missing|changed"):
        store.attachments.read(name_of(TEXT))


def test_a_second_run_changes_nothing_and_puts_lost_bytes_back(data: Path) -> None:
    assert pjais.migrate(data).code == "already_migrated"
    with closing(sqlite3.connect(data / "pjais.sqlite")) as db:
        db.execute("DELETE FROM _blobs WHERE sha256 = ?", (name_of(TEXT),))
        db.commit()
    write(data, attachment(PICTURE), attachment(TEXT, "tea.txt", "text/plain"), attachment(b""))
    assert pjais.migrate(data).code == "done"
    assert pjais.verify(data).passed
    assert checks(data)["blobs"] == (True, "all 3 have their hash")


def test_the_export_has_the_bytes_and_an_import_takes_them_back(data: Path, tmp_path: Path) -> None:
    exported = as_text(resolve_workspace(data), None).text
    assert exported is not None and base64.b64encode(PICTURE).decode() in exported
    again = tmp_path / "again"
    again.mkdir()
    (again / "export.pjais.json").write_text(exported, "utf-8")
    migrated(again)
    with pjais.open(again) as store:
        assert store.attachments.read(name_of(PICTURE)) == PICTURE
    assert as_text(resolve_workspace(again), None).text == exported


def test_a_store_is_a_source_of_them(data: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    again.mkdir()
    pjais.migrate(again, sources=[data / "pjais.sqlite"])
    assert pjais.verify(again).passed
    with pjais.open(again) as store:
        assert [store.attachments.read(one.id) for one in store.attachments.all()] == [
            held for _, held in sorted((name_of(one), one) for one in (PICTURE, TEXT))
        ]


def test_ids_stay_where_all_others_get_new_ones(tmp_path: Path) -> None:
    write(tmp_path, attachment(TEXT), personas=[persona()])
    pjais.migrate(tmp_path, ids="new")
    assert pjais.verify(tmp_path).passed
    assert rows(tmp_path / "pjais.sqlite", "SELECT id FROM attachments") == [(name_of(TEXT),)]
    assert rows(tmp_path / "pjais.sqlite", "SELECT id FROM personas") != [("p1",)]


def test_a_rollback_of_a_later_run_removes_its_bytes_alone(data: Path) -> None:
    before = as_text(resolve_workspace(data), None).text
    run = write(data, attachment(b"later", "later.txt"), attachment(b"more"), name="more.pjais.json")
    assert migrated(data).total.unchanged == 2
    assert rows(data / "pjais.sqlite", "SELECT count(*) FROM _blobs") == [(4,)]
    run.unlink()
    pjais.rollback(data)
    assert rows(data / "pjais.sqlite", "SELECT count(*) FROM _blobs") == [(2,)]
    assert as_text(resolve_workspace(data), None).text == before
    assert pjais.verify(data).passed


def test_a_rollback_of_the_run_that_brought_the_first_ones_leaves_no_table(tmp_path: Path) -> None:
    write_json(tmp_path, personas=[persona()])
    migrated(tmp_path)
    write(tmp_path, attachment(TEXT), name="more.pjais.json")
    migrated(tmp_path)
    pjais.rollback(tmp_path)
    assert rows(tmp_path / "pjais.sqlite", "SELECT 1 FROM sqlite_schema WHERE name = '_blobs'") == []
    assert pjais.verify(tmp_path).passed


def blob(data: bytes) -> Any:
    """A document of an app with a Blob, as our export has it."""
    told = {"sha256": name_of(data), "type": "text/plain", "size": len(data)}
    return {
        "collection": "files",
        "table": "files",
        "id": "f1",
        "key": "f1",
        "database": "app",
        "origin": None,
        "document": {"id": "f1", "file": {"$blob": told}},
        "blobs": {name_of(data): base64.b64encode(data).decode()},
    }


@pytest.mark.parametrize("first", ["document", "attachment"])
def test_bytes_that_a_document_has_too_stay_when_the_other_goes(tmp_path: Path, first: str) -> None:
    lists: dict[str, Any] = {"document": {"others": [blob(TEXT)]}, "attachment": {"attachments": [attachment(TEXT)]}}
    second = "attachment" if first == "document" else "document"
    for number, name in enumerate((first, second)):
        body = {"format": "pjais-export", "version": 1, **lists[name]}
        (tmp_path / f"{number}.pjais.json").write_text(json.dumps(body), "utf-8")
        migrated(tmp_path)
    assert rows(tmp_path / "pjais.sqlite", "SELECT sha256 FROM _blobs") == [(name_of(TEXT),)]
    pjais.rollback(tmp_path)
    assert rows(tmp_path / "pjais.sqlite", "SELECT sha256 FROM _blobs") == [(name_of(TEXT),)]
    assert pjais.verify(tmp_path).passed


def test_a_removed_one_is_restored_with_its_bytes(data: Path) -> None:
    with closing(sqlite3.connect(data / "pjais.sqlite")) as db:
        db.execute("DELETE FROM attachments WHERE id = ?", (name_of(TEXT),))
        db.commit()
    assert pjais.verify(data).passed
    with pjais.open(data) as store:
        assert store.attachments.get(name_of(TEXT)) is None
        store.restore_record("attachments", name_of(TEXT), 0)
        assert store.attachments.read(name_of(TEXT)) == TEXT
        assert store.at(0).get("attachments", name_of(TEXT)) is not None
    assert pjais.verify(data).passed


def test_a_livestore_target_has_the_record_whole_and_gives_it_back(tmp_path: Path) -> None:
    data = tmp_path / "data"
    write(data, attachment(PICTURE), attachment(TEXT, "tea.txt", "text/plain"), personas=[persona()])
    pjais.migrate(data, to="livestore")
    (log,) = (data / "livestore").rglob("eventlog@6.db")
    assert pjais.verify(data, target=log.parent).passed
    write(data, attachment(b"later", "later.txt"), name="more.pjais.json")
    pjais.migrate(data, to="livestore")
    assert pjais.verify(data, target=log.parent).passed
    names = rows(log, "SELECT name, argsJson ->> '$.collection' FROM eventlog WHERE argsJson LIKE '%blobs%'")
    assert names == [("v1.OtherRecordImported", "pjais:attachments")] * 3
    back = tmp_path / "back"
    back.mkdir()
    pjais.migrate(back, sources=[log.parent])
    assert pjais.verify(back).passed
    with pjais.open(back) as store:
        read = {one.name: store.attachments.read(one.id) for one in store.attachments.all()}
        assert store.collections == []
    assert read == {"a.png": PICTURE, "tea.txt": TEXT, "later.txt": b"later"}
    pjais.rollback(data, target=log.parent)
    assert pjais.verify(data, target=log.parent).passed
    assert rows(log, "SELECT count(*) FROM eventlog WHERE argsJson LIKE '%blobs%'") == [(2,)]
