"""Reading in a second process gives what reading here gives, whatever becomes of that process."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import pjais
from pjais import cores, sqlite
from pjais.assembly import reader_process
from pjais.assembly.assemble import Item, items
from pjais.assembly.ids import Ids
from pjais.assembly.normalise import Choices
from pjais.core.snapshot import Snapshot
from pjais.models.persona.model import MODEL
from world import write_json

COUNT = 3000


def _document(number: int) -> dict[str, object]:
    memory: dict[str, object] = {"id": f"m{number}", "personaId": "p1", "type": "text", "content": f"tea {number} 茶"}
    if number % 50 == 0:
        memory["id"] = None  # cannot go in
    if number % 70 == 0:
        memory["importance"] = "12"  # a repair
    if number % 90 == 0:
        memory["unknown"] = [1.5, 2**70, {"deep": [None, True]}]
    return memory


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    path = write_json(tmp_path, personas=[{"id": "p1", "name": "P"}], memories=[_document(n) for n in range(COUNT)])
    return Snapshot("json", "json", "data.json", str(path), path, (), tmp_path)


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[reader_process.Reader]:
    monkeypatch.setattr(reader_process, "WORTH", 0)
    monkeypatch.setattr(cores, "second_is_free", lambda: True)
    with reader_process.reader(()) as made:
        yield made


def _process(reader: reader_process.Reader) -> int:
    process = reader._process
    assert process is not None
    return process.pid


def test_it_gives_the_same_items_again_and_again(snapshot: Snapshot, reader: reader_process.Reader) -> None:
    """One process serves several snapshots."""
    here = list(items(MODEL, snapshot, Choices()))
    process = _process(reader)
    assert list(reader.items(MODEL, snapshot, Choices())) == here
    assert list(reader.items(MODEL, snapshot, Choices())) == here
    assert _process(reader) == process


@pytest.mark.parametrize("after", [0, 1, 250, COUNT])
def test_killed_at_any_moment_nothing_is_lost_and_nothing_comes_twice(
    snapshot: Snapshot, reader: reader_process.Reader, after: int
) -> None:
    """What is missing is read here, from where the process stopped."""
    found: list[Item] = []
    process = _process(reader)
    if after == 0:
        os.kill(process, signal.SIGKILL)
    for item in reader.items(MODEL, snapshot, Choices()):
        found.append(item)
        if len(found) == after:
            os.kill(process, signal.SIGKILL)
    assert found == list(items(MODEL, snapshot, Choices()))


def test_who_stops_asking_is_not_kept_waiting(snapshot: Snapshot, reader: reader_process.Reader) -> None:
    """An error while writing leaves the reading where it is."""
    asking = reader.items(MODEL, snapshot, Choices())
    next(asking)
    asking.close()  # type: ignore[attr-defined]  # it is a generator
    assert list(reader.items(MODEL, snapshot, Choices())) == list(items(MODEL, snapshot, Choices()))


def test_new_ids_are_made_here(snapshot: Snapshot, reader: reader_process.Reader) -> None:
    """The map of ids is this process's."""
    choices = Choices(Ids(new=True))
    assert list(reader.items(MODEL, snapshot, choices)) == list(items(MODEL, snapshot, Choices(Ids(new=True))))
    assert len(choices.ids.map) > COUNT / 2


def test_where_no_process_can_be_started_it_is_read_here(snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frozen program, or an interpreter that is gone."""
    monkeypatch.setattr(reader_process, "WORTH", 0)
    monkeypatch.setattr(cores, "second_is_free", lambda: True)
    for executable in ("", "/nowhere/python"):
        monkeypatch.setattr(sys, "executable", executable)
        with reader_process.reader(()) as reader:
            assert reader._process is None
            assert list(reader.items(MODEL, snapshot, Choices())) == list(items(MODEL, snapshot, Choices()))


def _content(store: Path) -> list[object]:
    with closing(sqlite.open_reader(store)) as db:
        return [sqlite.fetch(db, f"SELECT * FROM {table} ORDER BY 1") for table in ("personas", "memory_entities")] + [
            sqlite.fetch(
                db,
                "SELECT seq, collection, native_id, place, record_id, digest, outcome FROM "
                "migration_records ORDER BY seq",
            ),
            sqlite.fetch(db, "SELECT rowid FROM memory_fts WHERE memory_fts MATCH 'tea' ORDER BY rowid"),
        ]


def test_a_migration_comes_to_the_same(snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same records, the same account, the same search index."""
    from pjais.migration import run
    from pjais.workspace import resolve_workspace

    found = []
    for name, worth in (("here", 1 << 60), ("beside", 0)):
        monkeypatch.setattr(reader_process, "WORTH", worth)
        monkeypatch.setattr(cores, "second_is_free", lambda: True)
        where = resolve_workspace(tmp_path / name, None, [snapshot.path])
        report = run.migrate(where, run.Options(on_invalid="quarantine"))
        assert report.total.quarantined == COUNT / 50
        assert report.total.repaired > 0
        found.append(_content(where.store))
    assert found[0] == found[1]
    assert pjais.verify(tmp_path / "beside").passed


def test_no_process_is_started_where_the_cores_are_shared(snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_process, "WORTH", 0)
    monkeypatch.setattr(cores, "second_is_free", lambda: False)
    with reader_process.reader(()) as made:
        assert made._process is None
        assert list(made.items(MODEL, snapshot, Choices())) == list(items(MODEL, snapshot, Choices()))


def test_a_core_is_free_if_two_pieces_of_work_take_as_long_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    one_at_a_time = threading.Lock()

    def alone(_: bytes) -> None:
        time.sleep(0.02)

    def shared(_: bytes) -> None:
        with one_at_a_time:
            time.sleep(0.02)

    monkeypatch.setattr(cores, "sha256", alone)
    assert cores.second_is_free()
    monkeypatch.setattr(cores, "sha256", shared)
    assert not cores.second_is_free()
