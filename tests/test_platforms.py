"""Windows and macOS, as far as they can be simulated here: folders, names, and files that somebody has open.

No test of ours has run on either system; docs/platforms.md says so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.resources import files as packaged
from pathlib import Path

import pytest

import pjais
import windows_world
import world
from pjais import files, journal, paths
from pjais.errors import BackupFailed, FileFailed, SourceInUse
from pjais.models.persona.records import Attachment
from pjais.persona import attachments
from windows_world import Windows, violation

HOME = {"HOME": "/home/ada"}
FORBIDDEN = set('<>:"|?*\\')


# Folders


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", HOME, ["/home/ada/.config", "/home/ada/.local/share"]),
        ("linux", {**HOME, "XDG_CONFIG_HOME": "/c", "XDG_DATA_HOME": "/d"}, ["/c", "/d"]),
        ("darwin", {"HOME": "/Users/ada"}, ["/Users/ada/Library/Application Support"]),
        ("win32", {"USERPROFILE": "/Users/ada", "APPDATA": "/Roaming"}, ["/Roaming"]),
        ("win32", {"USERPROFILE": "/Users/ada"}, ["/Users/ada/AppData/Roaming"]),
    ],
)
def test_data_is_looked_for_where_each_system_keeps_it(
    platform: str, environment: dict[str, str], expected: list[str]
) -> None:
    wanted = [Path(base) / name for base in expected for name in ("PJai's", "PJais", "pjais")]
    assert list(paths.data_roots(environment, platform)) == wanted
    assert paths.default_data_dir(environment, platform) == Path(expected[-1]) / "PJais"


def test_the_log_is_where_each_system_keeps_logs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("XDG_DATA_HOME", "/d")
    monkeypatch.setenv("APPDATA", "/Roaming")
    assert paths.log_dir(tmp_path, named=False, platform="linux") == Path("/d/PJais/logs")
    assert paths.log_dir(tmp_path, named=False, platform="darwin") == Path("/home/ada/Library/Logs/PJais")
    assert paths.log_dir(tmp_path, named=False, platform="win32") == Path("/Roaming/PJais/logs")
    assert paths.log_dir(tmp_path, named=True, platform="win32") == tmp_path / "logs"


_TWO_NAMES = """
import sys
from pathlib import Path
from pjais.workspace import _distinct
one, other = Path(sys.argv[1]), Path(sys.argv[2])
assert one.resolve() != other.resolve()
print(len(_distinct([one, other])))
"""


def test_a_folder_that_two_names_lead_to_is_searched_once(tmp_path: Path) -> None:
    """macOS and Windows: `PJais` and `pjais` are one folder though their paths differ.  Here: a bind mount."""
    names = tmp_path / "PJais", tmp_path / "pjais"
    for name in names:
        name.mkdir()
    script = 'mount --bind "$1" "$2" && exec "$3" -c "$4" "$1" "$2"'
    command: list[str] = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        script,
        "sh",
        *map(str, names),
        sys.executable,
    ]
    if shutil.which("unshare") is None or subprocess.run([*command, "pass"], capture_output=True).returncode != 0:
        pytest.skip("this system allows no mounts in a namespace of one's own")
    done = subprocess.run([*command, _TWO_NAMES], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"


# Names


@pytest.mark.parametrize("name", ["CON", "nul.txt", "Aux.tar.gz", "com1", "LPT9.png"])
def test_no_attachment_is_saved_under_the_name_of_a_device(name: str) -> None:
    """Windows would write it to the device.  Notes and character cards ask the same function."""
    assert files.is_device(name)
    assert attachments._file_name(Attachment("0" * 64, name, None, 0, {})).name == f"_{name}"


@pytest.mark.parametrize("name", ["CONSOLE", "console.txt", "com", "com10", "null", "my con"])
def test_other_names_stay_as_they_are(name: str) -> None:
    assert not files.is_device(name)


# Files that somebody has open


@windows_world.available
@pytest.mark.parametrize("to", ["sqlite", "livestore"])
def test_nothing_that_we_have_open_is_renamed_or_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: str
) -> None:
    """Two runs, proofs, backups, an export and rollbacks; and each name that was written is one on Windows, too."""
    data = tmp_path / "PJais"
    shutil.copytree(str(packaged("pjais.demo") / "sample"), data)
    before = {path.relative_to(data) for path in data.rglob("*")}
    windows = Windows(monkeypatch)
    pjais.migrate(data, to=to)
    world.write_json(data, "late.json", memories=[world.memory("late", "persona-ada")])
    pjais.migrate(data, to=to)
    assert pjais.verify(data).passed
    pjais.backup.create(data)
    pjais.backup.prune(data, 1)
    pjais.export(data, output=tmp_path / "export.json")
    pjais.rollback(data)
    pjais.migrate(data, to=to)
    assert pjais.verify(data).passed
    pjais.rollback(data)
    assert windows.refused == []
    written = {path.relative_to(data) for path in data.rglob("*")} - before
    assert len({str(path).casefold() for path in written}) == len(written)
    for path in written:
        assert len(str(path)) < 150, path
        for name in path.parts:
            assert not FORBIDDEN & {*name} and not name.endswith((".", " ")) and not files.is_device(name), path


def test_a_source_that_its_app_keeps_for_itself_is_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sharing violation is no damage: the answer is to close the app (MIGRATION_005)."""
    source = world.write_json(tmp_path, personas=[world.persona()])

    def refused(path: Path, *_: object, **__: object) -> tuple[int, str]:
        raise violation(str(path))

    monkeypatch.setattr(files, "copy_hashed", refused)
    with pytest.raises(SourceInUse) as raised:
        pjais.migrate(tmp_path)
    assert raised.value.code == "MIGRATION_005" and str(source) in raised.value.where
    assert not (tmp_path / "pjais.sqlite").exists()


@windows_world.available
def test_a_store_that_another_program_opens_at_the_last_moment_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rename is refused, nothing is half done, and the same call works later."""
    monkeypatch.setattr(files, "_PAUSES", (0.0,))
    world.write_json(tmp_path, personas=[world.persona()], memories=[world.memory()])
    pjais.migrate(tmp_path)
    with monkeypatch.context() as patch:
        windows = Windows(patch, [tmp_path / "pjais.sqlite"])
        world.write_json(tmp_path, "more.json", memories=[world.memory("m2")])
        pjais.migrate(tmp_path)  # a transaction in the store: nothing is renamed
        assert windows.refused == []
        with pytest.raises(FileFailed, match="another program has a file open"):
            pjais.rollback(tmp_path)
        assert windows.refused != []
    assert pjais.verify(tmp_path).records == 3
    pjais.rollback(tmp_path)
    assert pjais.verify(tmp_path).records == 2


def test_a_rename_waits_for_a_virus_scanner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has every new file open for a moment."""
    tries: list[str] = []
    rename = Path.replace

    def refused_twice(self: Path, target: Path) -> Path:
        tries.append(self.name)
        if len(tries) < 3:
            raise violation(str(self), 5)
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", refused_twice)
    monkeypatch.setattr(files, "_PAUSES", (0.0, 0.0, 0.0))
    files.write_atomically(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new" and len(tries) == 3


@pytest.mark.parametrize("number", [None, 5, 32])
def test_a_rename_that_stays_refused_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int | None
) -> None:
    """Without a number of Windows it is not tried again."""
    (tmp_path / "a").write_bytes(b"old")
    tries: list[Path] = []

    def refused(self: Path, target: Path) -> Path:
        tries.append(target)
        raise violation(str(self), number) if number else PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "replace", refused)
    monkeypatch.setattr(files, "_PAUSES", (0.0, 0.0))
    with pytest.raises(PermissionError) as raised:
        files.write_atomically(tmp_path / "a", b"new")
    assert len(tries) == (3 if number else 1)
    assert [path.name for path in tmp_path.iterdir()] == ["a"] and (tmp_path / "a").read_bytes() == b"old"
    assert ("another program" in str(files.explained(raised.value))) == (number == 32)


# What a system does not have


def test_folders_are_not_synced_where_they_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(os, "open", lambda *_: pytest.fail("a folder was opened"))
    files.sync_folder(tmp_path)


def test_our_files_are_written_as_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without O_BINARY Windows would write two bytes for each line end, and no line of a journal would be whole."""
    binary = 1 << 30
    flags: list[int] = []
    plain = os.open

    def opened(path: str, given: int, *more: int) -> int:
        flags.append(given)
        return plain(path, given & ~binary, *more)

    monkeypatch.setattr(files, "_BINARY", binary)
    monkeypatch.setattr(os, "open", opened)
    journal.record(tmp_path, "started")
    files.append(tmp_path / "log", "line\n")
    files.write_hint(tmp_path / "hint", b"a\nb")
    writes = [one for one in flags if one & (os.O_WRONLY | os.O_RDWR)]
    assert len(writes) == 3 and all(one & binary for one in writes)


def test_a_path_that_is_too_long_for_windows_is_told_as_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows calls it a file that is not there; it is not the source that has vanished."""
    world.write_json(tmp_path, personas=[world.persona()])
    plain = os.open

    def opened(path: str, *more: int) -> int:
        if os.fspath(path).endswith("data.json"):
            raise FileNotFoundError(2, "The system cannot find the path specified", os.fspath(path))
        return plain(path, *more)

    monkeypatch.setattr(os, "open", opened)
    with pytest.raises(BackupFailed) as raised:
        pjais.migrate(tmp_path)
    assert raised.value.where[0].startswith(str(tmp_path / "backups"))


_WITHOUT = """
import os, shutil, sys
usage = shutil.disk_usage("/")
shutil.disk_usage = lambda path: usage  # Windows has one without statvfs
for name in ("fcntl", "pwd", "grp", "resource", "termios"):
    sys.modules[name] = None
for name in ("geteuid", "getuid", "statvfs", "sched_getaffinity"):
    if hasattr(os, name):
        delattr(os, name)
def no_links(*_, **__):
    raise OSError(1, "this disk has no links")
os.link = no_links
import warnings
warnings.simplefilter("ignore")  # filelock tells that it has nothing better than a file
import pjais
from pjais.cli import run
assert run(["migrate", "--data-dir", sys.argv[1]]) == 0
assert run(["migrate", "--data-dir", sys.argv[1]]) == 0
assert run(["backup", "create", "--data-dir", sys.argv[1]]) == 0
assert run(["verify", "--data-dir", sys.argv[1]]) == 0
assert run(["status", "--json", "--data-dir", sys.argv[1]]) == 0
assert run(["rollback", "--data-dir", sys.argv[1]]) == 0
"""


def test_what_only_posix_has_is_not_needed(tmp_path: Path) -> None:
    """No fcntl, no users, no statvfs, no hard links: migrate, verify, status and rollback work without them."""
    world.write_json(tmp_path, personas=[world.persona()], memories=[world.memory()])
    done = subprocess.run([sys.executable, "-c", _WITHOUT, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout[done.stdout.index("{\n") : done.stdout.rindex("}\n") + 1])["code"]
