"""Where things lie: odd folders and names, links, targets that are not ours, and several runs at once."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from box import ROWS_SQL, Box, document, environment, fingerprint, memory, persona


def sound(box: Box, name: str = "data.json") -> Path:
    """A sound source."""
    return box.write(name, document(memories=[memory()]))


@pytest.mark.parametrize("name", ["a b'c\"d", "100%20?x#y", "ünï 日本", "line\nbreak", "file:x?mode=rw", "-rf"])
def test_folders_of_every_name(tmp_path: Path, name: str) -> None:
    """Names are names: nothing in them is read as a URI, an option or a pattern."""
    box = Box(tmp_path / name)
    sound(box)
    box.sqlite(ROWS_SQL)
    done = box.migrate()
    assert (done.exit_code, done.total["read"]) == (0, 4)
    assert box.verify().exit_code == 0
    assert box.migrate().code == "already_migrated"
    assert os.listdir(tmp_path) == [name]  # noqa: PTH208 - the bare names


def test_a_named_source_elsewhere_that_is_read_only(box: Box, tmp_path: Path) -> None:
    """A source may lie anywhere; it stays as it was, and nothing appears beside it."""
    other = Box(tmp_path / "else where")
    source = sound(other)
    source.chmod(0o400)
    assert box.migrate(source).exit_code == 0
    assert [path.name for path in other.folder.iterdir()] == ["data.json"]
    assert box.contents() == {"m1": "healthy"}
    assert box.verify().exit_code == 0


def test_a_target_elsewhere(box: Box, tmp_path: Path) -> None:
    """`--target` may lie outside the data folder."""
    sound(box)
    target = tmp_path / "elsewhere.sqlite"
    assert box.migrate("--target", target).exit_code == 0
    assert box.cli("verify", "--target", target).exit_code == 0
    assert box.migrate("--target", target).code == "already_migrated"
    assert not box.target.exists()


@pytest.mark.parametrize("content", [b"", b"somebody's notes", None])
def test_a_target_that_is_not_ours(box: Box, content: bytes | None) -> None:
    """An empty file, a text, a foreign database: none is touched."""
    sound(box)
    if content is None:
        box.sqlite("CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1);", "pjais.sqlite")
    else:
        box.write("pjais.sqlite", content)
    before = fingerprint(box.target)
    done = box.migrate()
    assert (done.exit_code, done.code) == (17, "MIGRATION_007")
    assert "pjais.sqlite" in " ".join(done.body["where"])
    assert fingerprint(box.target) == before


def test_a_target_that_is_a_folder(box: Box) -> None:
    """A folder in the target's place is not ours."""
    sound(box)
    box.target.mkdir()
    assert box.migrate().exit_code == 17


@pytest.mark.parametrize("command", ["migrate", "verify", "status", "plan", "rollback"])
def test_a_target_of_a_newer_program(box: Box, command: str) -> None:
    """Nothing is done with a store that a newer program wrote."""
    sound(box)
    box.migrate()
    box.sql("PRAGMA user_version = 99")
    before = box.target.read_bytes()
    assert box.cli(command).exit_code == 17
    assert box.target.read_bytes() == before


def test_a_store_that_another_program_has_open(box: Box) -> None:
    """A later run is one transaction: a reader keeps what it sees, and the run goes in beside it."""
    sound(box)
    box.migrate()
    box.write("data.json", document(memories=[memory(), memory("m2")]))
    with contextlib.closing(sqlite3.connect(box.target, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM personas").fetchall()
        assert box.migrate(process=True).code == "done"
        assert reader.execute("SELECT id FROM memory_entities").fetchall() == [("m1",)]
    assert set(box.contents()) == {"m1", "m2"}
    assert box.verify().exit_code == 0


def test_nothing_here(box: Box) -> None:
    """An empty folder and a folder that does not exist."""
    assert box.migrate().exit_code == 11
    shutil.rmtree(box.folder)
    assert box.migrate().exit_code == 11
    assert not box.folder.exists()


def test_a_file_in_place_of_the_data_folder(tmp_path: Path) -> None:
    """That is no data folder, and not touched."""
    (tmp_path / "file").write_text("mine")
    assert Box(tmp_path / "file").migrate().exit_code == 2
    assert (tmp_path / "file").read_text() == "mine"


def test_a_link_that_leaves_the_folder(box: Box, tmp_path: Path) -> None:
    """It is not followed; named, it is."""
    outside = tmp_path / "outside.json"
    outside.write_text(document([persona("p9")], []))
    (box.folder / "data.json").symlink_to(outside)
    done = box.migrate()
    assert done.exit_code == 11
    assert "link that leaves the folder" in " ".join(done.body["where"])
    assert box.migrate(box.folder / "data.json").exit_code == 0
    assert box.sql("SELECT id FROM personas") == [("p9",)]


def test_three_runs_at_once(box: Box) -> None:
    """One does it; the others say that it is at work, or that it is done."""
    box.write("data.json", document(memories=[memory(f"m{number}") for number in range(3000)]))
    call = [sys.executable, "-m", "pjais", "migrate", "--data-dir", str(box.folder), "--json", "-q"]
    runs = [subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()) for _ in "abc"]
    errors = [run.communicate()[1] for run in runs]
    assert {run.returncode for run in runs} <= {0, 21} and 0 in {run.returncode for run in runs}
    assert errors == [b"", b"", b""]
    assert len(box.contents()) == 3000
    assert box.verify().exit_code == 0


@pytest.mark.parametrize("wait_for", ["begun", "backed-up", "built"])
def test_killed_in_the_middle(box: Box, wait_for: str) -> None:
    """After kill -9 the store is the old one or the new one, and the next run ends the job."""
    box.write("data.json", document(memories=[memory(f"m{number}") for number in range(3000)]))
    call = [sys.executable, "-m", "pjais", "migrate", "--data-dir", str(box.folder), "--json"]
    run = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
    while run.poll() is None:
        journals = [path.read_text() for path in box.folder.glob("backups/*/journal.jsonl")]
        if any(f'"{wait_for}"' in text for text in journals):
            run.kill()
        time.sleep(0.002)
    run.communicate()
    assert box.migrate().exit_code == 0
    assert len(box.contents()) == 3000
    assert box.verify().exit_code == 0


def test_a_file_that_vanishes_and_comes_back(box: Box) -> None:
    """Without its sources a store stays, is proved, and has nothing to do."""
    source = sound(box)
    box.migrate()
    text = source.read_bytes()
    source.unlink()
    assert box.migrate().code == "already_migrated"
    assert box.verify().exit_code == 0
    source.write_bytes(text)
    assert box.migrate().code == "already_migrated"


def test_no_space(box: Box, tmp_path: Path) -> None:
    """Checked before anything is written."""
    sound(box)
    faked = tmp_path / "faked"
    faked.mkdir()
    (faked / "sitecustomize.py").write_text(
        "import collections, shutil\n"
        "shutil.disk_usage = lambda path: collections.namedtuple('U', 'total used free')(1, 1, 1000)\n"
    )
    call = [sys.executable, "-m", "pjais", "migrate", "--data-dir", str(box.folder), "--json"]
    done = subprocess.run(call, capture_output=True, check=False, env={**environment(), "PYTHONPATH": str(faked)})
    assert done.returncode == 20 and b"MIGRATION_010" in done.stdout
    assert {path.name for path in box.folder.iterdir()} <= {"data.json", ".pjais.lock", "logs"}


# --- found by trying to break it


@pytest.mark.parametrize("name", ["personas/x.json", "livestore.db"])
def test_what_is_passed_over_is_named_in_the_report(box: Box, tmp_path: Path, name: str) -> None:
    sound(box)
    outside = tmp_path / "outside.json"
    outside.write_text("{}")
    (box.folder / name).parent.mkdir(exist_ok=True)
    (box.folder / name).symlink_to(outside)
    assert name in box.migrate().out


def test_a_named_source_that_is_not_taken_is_named(box: Box) -> None:
    good, unknown = sound(box), box.write("s/unknown.bin", b"junk")
    done = box.migrate(good, unknown)
    assert done.exit_code != 0 or "unknown.bin" in done.out


def test_a_link_to_itself(box: Box) -> None:
    (box.folder / "livestore.db").symlink_to(box.folder / "livestore.db")
    sound(box)
    box.quarantine()
    assert box.contents() == {"m1": "healthy"}


def test_a_dangling_link(box: Box) -> None:
    (box.folder / "livestore.db").symlink_to(box.folder / "nowhere.db")
    sound(box)
    box.quarantine()
    assert box.contents() == {"m1": "healthy"}


def test_a_link_to_a_pipe(box: Box) -> None:
    os.mkfifo(box.folder / "pipe")
    (box.folder / "data.json").symlink_to("pipe")
    assert box.cli("migrate", process=True).exit_code == 11


@pytest.mark.parametrize("name", ["d\udcff/data.json"])
def test_file_names_that_are_not_utf8(tmp_path: Path, name: str) -> None:
    box = Box(tmp_path / Path(name).parts[0])
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text(document() if path.name == "data.json" else '{"id": "p1", "name": "Ada"}')
    assert box.migrate().exit_code == 2  # SQLite cannot open such a path, and the answer says so


def test_a_target_below_a_file(box: Box) -> None:
    sound(box)
    file = box.write("file", "x")
    assert box.migrate("--target", file / "x.sqlite").exit_code == 2


def test_a_locked_store_is_not_foreign(box: Box) -> None:
    sound(box)
    box.migrate()
    with contextlib.closing(sqlite3.connect(box.target, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        assert box.cli("verify", process=True).exit_code not in (0, 17)
