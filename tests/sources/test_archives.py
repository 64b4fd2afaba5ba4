"""An archive that its owner names is searched like the folder that it holds; a hostile one is refused."""

from __future__ import annotations

import errno
import shutil
import stat
import tempfile
import zipfile
from pathlib import Path

import pytest

import pjais
from pjais.errors import NoSourceFound, SourceDamaged
from pjais.sources import detect, inventory, unpacked
from world import documents, hashes

PROFILE = Path(__file__).parents[1] / "golden" / "any-app" / "kv" / "profile"


def packed(folder: Path) -> Path:
    """A profile as somebody sends it."""
    return Path(shutil.make_archive(str(folder / "profile"), "zip", PROFILE))


def test_a_profile_in_an_archive_is_what_the_profile_is(tmp_path: Path) -> None:
    archive = packed(tmp_path)
    before = hashes(archive.parent)
    found = detect.detect([archive], named=True)
    assert {one.kind for one in found.sources} == {"indexeddb", "web-storage"}
    assert all(one.name.startswith("profile.zip/Default/") for one in found.sources)
    told = (one.as_dict()["path"] for one in inventory.take(found).sources)
    assert {*told, *(str(one.path) for one in found.passed)} == {
        str(archive / "Default" / name)
        for name in ("IndexedDB/http_localhost_8804.indexeddb.leveldb", "Local Storage/leveldb", "Session Storage")
    }
    report = pjais.migrate(tmp_path / "data", [archive])
    assert report.code == "done" and pjais.verify(tmp_path / "data").passed
    pjais.migrate(tmp_path / "folder", [PROFILE])
    assert documents(tmp_path / "data" / "pjais.sqlite") == documents(tmp_path / "folder" / "pjais.sqlite")
    assert pjais.migrate(tmp_path / "data", [archive]).code == "already_migrated"
    shutil.rmtree(tmp_path / "data")
    shutil.rmtree(tmp_path / "folder")
    assert hashes(archive.parent) == before


def test_a_profile_in_an_archive_is_read_from_python(tmp_path: Path) -> None:
    with pjais.profile(packed(tmp_path)) as profile:
        keys = [
            one.key for one in profile.origin("http://localhost:8804").database("keyval-store").collection("keyval")
        ]
    assert 5 in keys and len(keys) == 4


def test_what_is_unpacked_is_private(tmp_path: Path) -> None:
    folder = unpacked.folder_of(packed(tmp_path))
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["../out", "a/../../out", "/out", "C:/out", "..\\out"])
def test_a_member_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as file:
        file.writestr(name, "x")
    found = detect.detect([tmp_path / "bad.zip"], named=True)
    assert found.sources == () and "leads out" in found.passed[0].reason
    assert not (tmp_path / "out").exists()


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("zeros", bytes(100 << 20))
    with pytest.raises(NoSourceFound):
        pjais.migrate(tmp_path / "data", [tmp_path / "bomb.zip"])


def test_a_cut_archive_is_named_as_damaged(tmp_path: Path) -> None:
    archive = packed(tmp_path)
    archive.write_bytes(archive.read_bytes()[:-200])
    with pytest.raises(NoSourceFound):
        pjais.migrate(tmp_path / "data", [archive])


def broken(archive: Path, kind: str) -> None:
    """An archive whose list of members is whole, and whose last member is not."""
    if kind == "two of a name":
        with zipfile.ZipFile(archive, "a") as file, pytest.warns(UserWarning, match="Duplicate name"):
            file.writestr(file.infolist()[-1].filename, "another")
        return
    with zipfile.ZipFile(archive) as file:
        last = [one for one in file.infolist() if one.compress_size > 100][-1]
    data = bytearray(archive.read_bytes())
    at = last.header_offset + 30 + len(last.filename.encode())
    data[at + 20 : at + 60] = b"\xff" * 40
    archive.write_bytes(data)


@pytest.mark.parametrize("kind", ["damaged", "two of a name"])
def test_an_archive_that_was_unpacked_in_part_is_refused_every_time(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The part that was unpacked first is not taken for the whole, and does not stay behind."""
    archive = packed(tmp_path)
    broken(archive, kind)
    (tmp_path / "temp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temp"))
    for _ in range(2):
        with pytest.raises(SourceDamaged):
            unpacked.folder_of(archive)
        assert not [path for path in (tmp_path / "temp").rglob("*") if path.is_file()]
    found = detect.detect([archive], named=True)
    assert found.sources == () and found.passed[0].reason.startswith("archive not read; ")


def test_an_archive_for_which_there_is_no_space_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    archive = packed(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(unpacked, "_copied", full)
        assert "No space left" in detect.detect([archive], named=True).passed[0].reason
    assert len(detect.detect([archive], named=True).sources) == 2


def test_an_archive_without_data_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as file:
        file.writestr("a.jpg", b"\xff\xd8")
    found = detect.detect([tmp_path / "photos.zip"], named=True)
    assert found.sources == () and "without known data" in found.passed[0].reason
