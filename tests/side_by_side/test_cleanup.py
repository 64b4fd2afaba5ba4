"""The clean-up of old data: by name, proved, closed, asked; nothing goes that was not migrated or not backed up."""

from __future__ import annotations

import json
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import pjais
from pjais import files
from pjais.cli import run
from pjais.errors import NoSourceFound, SourceInUse, UsageError, VerificationFailed
from pjais.migration import backups
from pjais.side_by_side import cleanup, follow, switch
from pjais.workspace import Workspace, resolve_workspace
from world import memory, persona, rows, write_json

GOLDEN = Path(__file__).parents[1] / "golden"
FORGE = runpy.run_path(str(Path(__file__).parents[1] / "hostile" / "leveldb_forge.py"))
HOLD = "import sys; f = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"


def profile(folder: Path, item: str = "rxdb/v17-clean") -> Workspace:
    """A data folder with a golden profile or store in it, migrated."""
    shutil.copytree(GOLDEN / item, folder, ignore=shutil.ignore_patterns("expected*"), dirs_exist_ok=True)
    here = resolve_workspace(folder)
    pjais.migrate(folder, on_invalid="quarantine")
    return here


def left(folder: Path) -> set[str]:
    """What is left in a data folder besides our own files."""
    ours = ("backups", "logs", ".pjais.lock", "pjais.sqlite", "pjais.sqlite-wal", "pjais.sqlite-shm")
    found = (path.relative_to(folder) for path in folder.rglob("*"))
    return {path.as_posix() for path in found if path.parts[0] not in ours}


def clean(here: Workspace, *names: str) -> int:
    """Judge and remove; the bytes freed."""
    return cleanup.remove(here, cleanup.judge(here, names).items)


def add_database(leveldb: Path, name: str) -> None:
    """Another program's IndexedDB database in an origin's LevelDB, with one object store."""

    def counted(text: str) -> bytes:
        return bytes([len(text)]) + text.encode("utf-16-be")

    origin = "http_localhost_8717@1"
    FORGE["put"](
        leveldb,
        (b"\x00\x00\x00\x00\xc9" + counted(origin) + counted(name), bytes([99])),
        (b"\x00\x63\x00\x00\x32\x01\x00", "photos".encode("utf-16-be")),
    )


@pytest.mark.parametrize(
    ("item", "stays"),
    [
        ("rxdb/v17-clean", set()),
        ("rxdb/v17-blobs", set()),
        ("rxdb/v17-sqlite", set()),
        ("rxdb/firefox-v17", {".metadata-v2"}),
        ("livestore/node-0.4.0-app", set()),
        ("livestore/opfs-0.4.0-app", {"CURRENT", "QuotaManager"}),
    ],
)
def test_a_migrated_profile_or_store_goes_with_its_folders(tmp_path: Path, item: str, stays: set[str]) -> None:
    """What is freed is what it weighed; verify still proves all; the backup puts it back."""
    here = profile(tmp_path, item)
    weight = cleanup.judge(here).size
    assert clean(here) == weight > 0
    names = {Path(path).name for path in left(tmp_path) if (tmp_path / path).is_file()}
    assert stays <= names
    assert bool(left(tmp_path)) == bool(stays)
    assert not [path for path in left(tmp_path) if ".indexeddb." in path]
    assert not (tmp_path / cleanup.BEGUN).exists()
    assert pjais.verify(tmp_path).passed
    assert clean(here) == 0, "there is nothing more"
    restored = tmp_path / "restored"
    assert pjais.migrate(restored, [*_restore(here, restored)], on_invalid="quarantine").total.read > 0


def _restore(here: Workspace, to: Path) -> list[Path]:
    from pjais.sources import backup

    backup.restore(backups.folder_of(here, backups.listed(here)[0].id), to)
    return [to]


def test_a_leveldb_that_other_databases_share_stays_as_it_is(tmp_path: Path) -> None:
    """Named with the reason; and it does not keep the rest from going."""
    shutil.copytree(GOLDEN / "rxdb" / "v17-clean" / "IndexedDB", tmp_path / "IndexedDB")
    leveldb = next(tmp_path.rglob("*.leveldb"))
    add_database(leveldb, "holiday-photos")
    write_json(tmp_path, personas=[persona("p1")], memories=[])
    pjais.migrate(tmp_path, on_invalid="quarantine")
    here = resolve_workspace(tmp_path)
    before = {path: path.read_bytes() for path in leveldb.iterdir()}
    judged = cleanup.judge(here)
    assert [one.name for one in judged.items] == ["data.json"]
    assert [(one.path, "holiday-photos" in one.reason) for one in judged.stays] == [(leveldb, True)]
    with pytest.raises(UsageError, match="cannot be removed"):
        cleanup.judge(here, ["pjais-rxdb"])
    cleanup.remove(here, judged.items)
    assert {path: path.read_bytes() for path in leveldb.iterdir()} == before
    assert not (tmp_path / "data.json").exists()


def test_a_damaged_leveldb_stays(tmp_path: Path) -> None:
    """What else it holds is not known."""
    here = profile(tmp_path, "rxdb/v17-torn-log")
    judged = cleanup.judge(here)
    assert (judged.items, "damaged" in judged.stays[0].reason) == ((), True)


def test_an_origin_with_files_of_other_programs_stays(tmp_path: Path) -> None:
    """A file that the browser's books do not give to a LiveStore pool."""
    shutil.copytree(GOLDEN / "livestore" / "opfs-0.4.0-app" / "Default", tmp_path / "Default")
    other = tmp_path / "Default" / "File System" / "000" / "t" / "00" / "00000099"
    other.write_bytes(b"somebody else's file")
    pjais.migrate(tmp_path, on_invalid="quarantine")
    judged = cleanup.judge(resolve_workspace(tmp_path))
    assert (judged.items, "not LiveStore's" in judged.stays[0].reason) == ((), True)
    assert other.exists()


def test_names_limit_what_goes(tmp_path: Path) -> None:
    """A file's name, a kind, a database's name; an unknown one, or one of a part, is refused."""
    shutil.copytree(GOLDEN / "rxdb" / "v17-clean" / "IndexedDB", tmp_path / "IndexedDB")
    write_json(tmp_path, personas=[persona("p1")], memories=[memory("m1")])
    pjais.migrate(tmp_path, on_invalid="quarantine")
    here = resolve_workspace(tmp_path)
    for wrong in ("nothing", "rxdb-dexie-pjais-rxdb--0--personas"):
        with pytest.raises(UsageError):
            cleanup.judge(here, [wrong])
    for name in ("data.json", "json", str(tmp_path / "data.json")):
        assert [one.name for one in cleanup.judge(here, [name]).items] == ["data.json"]
    for name in ("pjais-rxdb", "rxdb-profile", "http_localhost_8717.indexeddb.leveldb"):
        assert [one.kind for one in cleanup.judge(here, [name]).items] == ["rxdb-profile"]
    assert clean(here, "pjais-rxdb") > 0
    assert left(tmp_path) == {"data.json"}


def test_one_of_two_databases_in_files_of_their_own(tmp_path: Path) -> None:
    """Firefox keeps each in a file: another program's stays, RxDB's goes."""
    shutil.copytree(
        GOLDEN / "rxdb" / "firefox-v17", tmp_path, ignore=shutil.ignore_patterns("expected*"), dirs_exist_ok=True
    )
    idb = next(tmp_path.rglob("idb"))
    main = sorted(idb.glob("*.sqlite"))[0]
    other = idb / "1otherss.sqlite"
    shutil.copyfile(main, other)
    if main.with_name(f"{main.name}-wal").exists():
        shutil.copyfile(main.with_name(f"{main.name}-wal"), idb / "1otherss.sqlite-wal")
    rows(other, "UPDATE database SET name = 'photos'")
    here = resolve_workspace(tmp_path)
    pjais.migrate(tmp_path, on_invalid="quarantine")
    judged = cleanup.judge(here)
    assert [one.name.rpartition(": ")[2] for one in judged.items] == ["pjais-rxdb"]
    assert [(one.path, "photos" in one.reason) for one in judged.stays] == [(other, True)]
    cleanup.remove(here, judged.items)
    assert {path.name for path in idb.iterdir() if path.suffix == ".sqlite"} == {other.name}


def test_what_is_open_changed_or_not_proved_stays(tmp_path: Path) -> None:
    """The app is running; it wrote meanwhile; the store lost a record."""
    here = profile(tmp_path)
    log = next((tmp_path / "IndexedDB").rglob("*.log"))
    app = subprocess.Popen([sys.executable, "-c", HOLD, log], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert app.stdout is not None
    app.stdout.readline()
    with pytest.raises(SourceInUse, match="open in another program"):
        cleanup.judge(here)
    app.communicate()
    items = cleanup.judge(here).items
    whole = log.read_bytes()
    log.write_bytes(whole + b"\0")
    with pytest.raises(SourceInUse, match="has changed"):
        cleanup.judge(here)
    with pytest.raises(SourceInUse, match="has changed"):
        cleanup.remove(here, items)
    log.write_bytes(whole)
    new = log.with_name("000099.log")
    new.write_bytes(b"")
    with pytest.raises(SourceInUse, match="has changed"):
        cleanup.judge(here)
    new.unlink()
    shutil.rmtree(here.backups / backups.listed(here)[0].id)
    with pytest.raises(VerificationFailed):
        cleanup.judge(here)
    assert log.read_bytes() == whole


def test_only_what_a_sound_backup_holds_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the reason is that it holds it no more."""
    write_json(tmp_path, personas=[persona("p1")], memories=[])
    pjais.migrate(tmp_path)
    monkeypatch.setattr(cleanup, "_held", lambda *_: [])
    judged = cleanup.judge(resolve_workspace(tmp_path))
    assert (judged.items, "not in any valid backup" in judged.stays[0].reason) == ((), True)


def test_while_the_old_side_is_live_nothing_goes(tmp_path: Path) -> None:
    """During follow, and after a switch was taken back; after the switch it goes, and the way back says so."""
    here = resolve_workspace(tmp_path)
    write_json(tmp_path, personas=[persona("p1")], memories=[memory("m1")])
    follow.increment(here)
    write_json(tmp_path, personas=[persona("p1")], memories=[memory("m1"), memory("m2")])
    follow.increment(here)
    with pytest.raises(UsageError, match="the source is active"):
        cleanup.judge(here)
    switch.go(here)
    switch.back(here)
    with pytest.raises(UsageError, match="the source is active"):
        cleanup.judge(here)
    switch.go(here)
    assert clean(here) > 0
    with pytest.raises(NoSourceFound) as caught:
        switch.back(here)
    assert "backup restore" in caught.value.next_command
    assert switch.live(here).side == "new"


def test_a_store_of_ours_is_never_removed(tmp_path: Path) -> None:
    """Not the target, and not the LiveStore store that was migrated on from."""
    write_json(tmp_path, personas=[persona("p1")], memories=[memory("m1")])
    pjais.migrate(tmp_path, to="livestore")
    store = tmp_path / "livestore" / "pjais"
    pjais.migrate(tmp_path, [store], target=tmp_path / "pjais.sqlite")
    judged = cleanup.judge(resolve_workspace(tmp_path))
    assert judged.items == ()
    assert [(one.path, "written by pjais" in one.reason) for one in judged.stays] == [(store, True)]
    here = resolve_workspace(tmp_path, to="livestore")
    assert [one.name for one in cleanup.judge(here).items] == ["data.json"]


def test_a_removal_that_was_cut_off_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After any file; half a LevelDB tells nothing any more, what was begun is on record."""
    for cut in (0, 1, 3, 6):
        folder = tmp_path / str(cut)
        here = profile(folder)
        removed: list[Path] = []
        real = files.remove

        def stop(path: Path, cut: int = cut, removed: list[Path] = removed, real: Any = real) -> None:
            if "indexeddb" in str(path):
                if len(removed) == cut:
                    raise KeyboardInterrupt
                removed.append(path)
            real(path)

        monkeypatch.setattr(files, "remove", stop)
        with pytest.raises(KeyboardInterrupt):
            clean(here)
        monkeypatch.setattr(files, "remove", real)
        assert (folder / cleanup.BEGUN).exists()
        assert clean(here) > 0
        assert left(folder) == set()
        assert pjais.verify(folder).passed


def test_the_command_asks_tells_what_was_freed_and_what_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without --yes and a terminal nothing is removed; leftovers with private text are listed."""
    here = profile(tmp_path)
    (tmp_path / "Local Storage").mkdir()
    (tmp_path / "Local Storage" / "x.log").write_bytes(b"12345")
    (tmp_path / "shadow.jsonl").write_text("{}\n")
    (tmp_path / "since-switch-1.pjais.json").write_text("{}")
    (tmp_path / "eventlog@6.db.before-upgrade").write_text("x")
    capsys.readouterr()
    assert run(["cleanup", "--data-dir", str(tmp_path), "--json"]) == 3
    assert "--yes" in json.loads(capsys.readouterr().out)["what"]
    assert next((tmp_path / "IndexedDB").rglob("*.leveldb")).is_dir()
    assert run(["cleanup", "pjais-rxdb", "--yes", "--data-dir", str(tmp_path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["freed"] == sum(one["size"] for one in told["items"]) > 0
    assert told["items"][0]["databases"]
    private = {Path(one["path"]).name: one["size"] for one in told["private"]}
    assert {"backups", "shadow.jsonl", "since-switch-1.pjais.json", "eventlog@6.db.before-upgrade"} <= private.keys()
    assert private["Local Storage"] == 5
    assert any(name.startswith("rxdb-backup-") for name in private)
    assert run(["cleanup", "--yes", "--data-dir", str(tmp_path)]) == 0
    assert "removed 0 files" in capsys.readouterr().out
    assert here.store.exists()


def test_a_copied_data_folder_does_not_remove_what_belongs_to_the_first(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    write_json(first, personas=[persona("p1")], memories=[memory("m1")])
    pjais.migrate(first)
    shutil.copytree(first, second)
    judged = cleanup.judge(resolve_workspace(second))
    assert judged.items == ()
    assert [(one.path, one.reason) for one in judged.stays] == [
        (first / "data.json", "belongs to the data folder that this one was copied from")
    ]
    assert [one.path for one in cleanup.judge(resolve_workspace(first)).items] == [first / "data.json"]
    pjais.migrate(second)  # once it is migrated where it lies now, it may go
    assert [one.path for one in cleanup.judge(resolve_workspace(second)).items] == [second / "data.json"]
    pjais.verify(second)


@pytest.mark.parametrize("how", ["migrate", "import", "a link to a file", "a link to a folder", "a profile"])
def test_nothing_outside_of_the_data_folder_is_removed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    """What was only given to us to read stays, and is listed with the reason; what lies inside still goes."""
    data, outside = tmp_path / "data", tmp_path / "outside"
    data.mkdir()
    outside.mkdir()
    write_json(data, personas=[persona("p1")], memories=[memory("m1")])
    other = write_json(outside, "other.json", personas=[persona("p2")], memories=[memory("m2", "p2")])
    named: list[Path] = [other] if how in ("migrate", "import") else []
    if how == "a link to a file":
        (data / "database.json").symlink_to(other)
        named = [data / "database.json"]
    elif how == "a link to a folder":
        (data / "linked").symlink_to(outside)
        named = [data / "linked" / "other.json"]
    elif how == "a profile":
        shutil.copytree(GOLDEN / "rxdb" / "v17-clean" / "IndexedDB", outside / "IndexedDB")
        named = [outside / "IndexedDB"]
    command = "import" if how == "import" else "migrate"
    assert run(["migrate", "--data-dir", str(data), "-q"]) == 0
    assert run([command, *map(str, named), "--data-dir", str(data), "--on-invalid", "quarantine", "-q"]) in (0, 1)
    before = {path: path.read_bytes() for path in outside.rglob("*") if path.is_file()}
    capsys.readouterr()
    assert run(["cleanup", "--yes", "--data-dir", str(data)]) == 0
    assert "outside the data folder" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in outside.rglob("*") if path.is_file()} == before
    assert not (data / "data.json").exists()
    assert run(["verify", "--data-dir", str(data)]) == 0


def test_what_was_moved_outside_after_it_was_judged_stays(tmp_path: Path) -> None:
    """A folder that became a link between the look and the removal."""
    data, outside = tmp_path / "data", tmp_path / "outside"
    (data / "old").mkdir(parents=True)
    write_json(data / "old", "export.json", personas=[persona("p1")], memories=[memory("m1")])
    pjais.migrate(data, [data / "old" / "export.json"])
    items = cleanup.judge(resolve_workspace(data)).items
    assert [one.path.name for one in items] == ["export.json"]
    (data / "old").rename(outside)
    (data / "old").symlink_to(outside)
    with pytest.raises(UsageError, match="outside the data folder"):
        cleanup.remove(resolve_workspace(data), items)
    assert (outside / "export.json").exists()
    assert pjais.verify(data).passed
