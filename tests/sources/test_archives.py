"""An archive that its owner names is searched like the folder that it holds; a hostile one is refused."""

from __future__ import annotations

import shutil
import stat
import zipfile
from pathlib import Path

import pytest

import pjais
from pjais.errors import NoSourceFound
from pjais.sources import detect, unpacked
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


def test_an_archive_without_data_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as file:
        file.writestr("a.jpg", b"\xff\xd8")
    found = detect.detect([tmp_path / "photos.zip"], named=True)
    assert found.sources == () and "no data" in found.passed[0].reason
