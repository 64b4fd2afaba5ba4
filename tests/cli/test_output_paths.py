"""Every option that takes an output path, in every place where nothing can be written: a refusal, never a bug."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

import pjais
from pjais.cli import run
from pjais.errors import FileFailed, PjaisError, UsageError
from world import hashes, memory, persona, write_json

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pipes and /dev are of POSIX")

PLACES = (
    "missing folder",
    "below a file",
    "a folder",
    "a long name",
    "empty",
    "NUL",
    "dangling link",
    "circle of links",
    "a device",
    "a pipe",
    "a URL",
    "/proc",
    "a read-only folder",
)
FILES = {
    "export": ("export", "{data}/pjais.sqlite", "-o"),
    "export of documents": ("export", "{data}/data.json", "--documents", "-o"),
    "export for guide B": ("export", "{data}/pjais.sqlite", "--format", "rxdb-export", "-o"),
    "livestore schema": ("livestore", "schema", "-o"),
    "at": ("at", "{data}/pjais.sqlite", "--event", "0", "-o"),
    "rollback --keep-later": ("rollback", "--keep-later"),
}
"""Options whose file needs a folder that is there."""
STORES = {
    "livestore upgrade": ("livestore", "upgrade", "{log}", "--to", "4", "-o"),
    "backup restore --to": ("backup", "restore", "{run}", "--to"),
    "support-bundle": ("support-bundle", "-o"),
    "demo --keep": ("demo", "-q", "--keep"),
    "migrate --target": ("migrate", "{data}/data.json", "--target"),
    "migrate --to livestore": ("migrate", "{data}/data.json", "--to", "livestore", "--target"),
    "import --target": ("import", "{data}/data.json", "--target"),
    "follow --target": ("follow", "{data}/data.json", "--once", "--target"),
    "switch --target": ("switch", "{data}/data.json", "--target"),
    "status --target": ("status", "--target"),
    "verify --target": ("verify", "--target"),
    "memories --target": ("memories", "--target"),
    "remember --target": ("remember", "a text", "--target"),
    "search --target": ("search", "text", "--target"),
    "quarantine list --target": ("quarantine", "list", "--target"),
    "undo --target": ("undo", "--target"),
    "checklist --target": ("checklist", "pre", "--target"),
    "ui --target": ("ui", "--no-open", "--target"),
    "replay --document": ("quarantine", "replay", "1", "--document"),
    "--password-file": ("plan", "--password-file"),
    "migrate --data-dir": ("migrate", "{data}/data.json", "--data-dir"),
    "status --data-dir": ("status", "--data-dir"),
}
"""Options whose missing folders are made, or that only read."""


@pytest.fixture(scope="module")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated folder, and beside it a LiveStore store."""
    folder = tmp_path_factory.mktemp("seed")
    data = folder / "data"
    data.mkdir()
    write_json(data, personas=[persona()], memories=[memory()])
    pjais.migrate(data)
    pjais.migrate(folder / "live", [data / "data.json"], to="livestore")
    return folder


@pytest.fixture
def folder(seed: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(seed, tmp_path / "copy"))


def place(kind: str, folder: Path) -> str:
    """A path of this kind at which nothing can be written."""
    (folder / "file").write_text("a file")
    if kind == "a pipe":
        os.mkfifo(folder / "pipe")
    if kind == "a read-only folder":
        (folder / "locked").mkdir(mode=0o500)
    (folder / "dangling").symlink_to(folder / "nowhere" / "x")
    (folder / "circle").symlink_to(folder / "circle")
    return {
        "missing folder": f"{folder}/missing/x",
        "below a file": f"{folder}/file/x",
        "a folder": str(folder),
        "a long name": f"{folder}/{'n' * 300}",
        "empty": "",
        "NUL": f"{folder}/a\0b",
        "dangling link": f"{folder}/dangling",
        "circle of links": f"{folder}/circle",
        "a device": "/dev/full",
        "a pipe": f"{folder}/pipe",
        "a URL": "postgresql://user:secret@host/db",
        "/proc": "/proc/x",
        "a read-only folder": f"{folder}/locked/x",
    }[kind]


def kept(folder: Path) -> dict[str, str]:
    """Every file of a folder, less the side files that a reader of the store makes."""
    return {name: digest for name, digest in hashes(folder).items() if not name.endswith(("-wal", "-shm"))}


def called(call: tuple[str, ...], where: str, folder: Path) -> int:
    """The exit code of a call with this path."""
    backup = min((folder / "data" / "backups").iterdir()).name
    log = next((folder / "live").rglob("eventlog@6.db")).parent
    words = [one.format(data=folder / "data", run=backup, log=log) for one in call]
    more = [] if "--data-dir" in call else ["--data-dir", str(folder / "data")]
    return run([*words, where, *more])


@pytest.mark.parametrize("kind", PLACES)
@pytest.mark.parametrize("call", FILES)
def test_a_file_that_cannot_be_written_is_named_before_any_work(
    folder: Path, call: str, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if kind == "a read-only folder" and os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    if kind == "/proc" and call == "rollback --keep-later":
        pytest.skip("nothing was written since: no file is made")
    where = place(kind, folder)
    before = kept(folder)
    code = called(FILES[call], where, folder)
    said = capsys.readouterr()
    assert code in (UsageError.exit_code, FileFailed.exit_code), (code, said)
    assert "PJAIS_USAGE" in said.err or "PJAIS_FILE" in said.err
    assert "Next: pjais" in said.err or "Next: sudo" in said.err
    assert "secret" not in said.err + said.out
    assert kept(folder) == before


@pytest.mark.parametrize("kind", PLACES)
@pytest.mark.parametrize("call", STORES)
def test_no_place_for_a_store_or_a_folder_is_a_bug(
    folder: Path, call: str, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Missing folders are made, and what only reads finds nothing: but nothing ends as a fault of this program."""
    where = place(kind, folder)
    if call == "ui --target" and kind not in ("below a file", "a long name", "empty", "NUL", "a URL"):
        pytest.skip("it would be served")
    if call in ("replay --document", "--password-file") and kind == "a pipe":
        pytest.skip("a pipe can be read")
    code = called(STORES[call], where, folder)
    said = capsys.readouterr()
    assert code != 70 and "PJAIS_BUG" not in said.err + said.out, said
    assert "Traceback" not in said.err and "secret" not in said.err + said.out
    if code not in (0, 1):
        assert "Next: " in said.err, said
    if kind in ("a long name", "empty", "NUL", "a URL"):
        assert code == UsageError.exit_code, said


def test_a_link_is_followed_and_stays(folder: Path) -> None:
    """The file behind it is written; the folder behind it is there."""
    link = folder / "link.json"
    link.symlink_to(folder / "behind.json")
    assert run(["export", "--data-dir", str(folder / "data"), "-o", str(link)]) == 0
    assert link.is_symlink() and (folder / "behind.json").is_file()


def test_a_name_of_255_bytes_is_written(folder: Path) -> None:
    """What is written beside it first has a shorter name."""
    path = folder / ("n" * 255)
    assert run(["export", "--data-dir", str(folder / "data"), "-o", str(path)]) == 0
    assert path.read_text().startswith('{"format":"pjais-export"')


def test_the_errors_of_ours_know_their_codes() -> None:
    """One of the file system is none of this program."""
    assert (FileFailed.code, FileFailed.exit_code) == ("PJAIS_FILE", 74)
    assert issubclass(FileFailed, PjaisError)
