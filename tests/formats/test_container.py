"""A file, a folder and an archive as names and streams: hostile, damaged and cut ones too."""

from __future__ import annotations

import io
import random
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pjais.formats import container
from pjais.formats.container import ContainerDamaged

NOISE = random.Random(3).randbytes(3000)
TEXT = b"".join(b"line %d of a text that compresses\n" % number for number in range(4000))


def packed(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


class Unseekable(io.RawIOBase):
    """Where a program writes an archive as a stream: the size of a member then follows its data."""

    def __init__(self) -> None:
        self.data = b""

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.data += bytes(data)
        return len(data)


def everything(found: container.Container) -> dict[str, bytes]:
    return {name: found.read(name) for name in found.names}


def test_a_file_a_folder_and_an_archive_are_seen_alike(tmp_path: Path) -> None:
    members = {"a.txt": b"alpha", "deep/b.txt": TEXT}
    for name, data in members.items():
        path = tmp_path / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    with container.of(tmp_path / "folder") as folder:
        assert (everything(folder), folder.top) == (members, ("a.txt",))
    with container.of(packed(tmp_path / "all.zip", members)) as archive:
        assert (everything(archive), archive.top, archive.cut) == (members, ("a.txt",), None)
        assert archive.called("B.TXT") == ("deep/b.txt",)
        assert archive.head("deep/b.txt") == TEXT[: container.HEAD]
    with container.of(tmp_path / "folder" / "a.txt") as file:
        assert everything(file) == {"a.txt": b"alpha"}


def test_an_archive_inside_of_an_archive_and_after_a_picture_is_read(tmp_path: Path) -> None:
    inner = packed(tmp_path / "inner.zip", {"a": b"alpha"})
    outer = packed(tmp_path / "outer.zip", {"inner.zip": inner.read_bytes()})
    with container.of(outer) as opened, container.inside(opened, "inner.zip") as found:
        assert everything(found) == {"a": b"alpha"}
    after = tmp_path / "picture.jpg"
    after.write_bytes(b"\xff\xd8\xff\xe0 a picture" + inner.read_bytes())
    with container.zip_of(after) as found:
        assert everything(found) == {"a": b"alpha"}


def test_a_member_that_leads_out_is_named_and_never_read(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    path = packed(
        tmp_path / "slip.zip", {"../out": b"1", "/abs": b"2", "C:\\x": b"3", "in/../../out": b"4", "ok": b"5"}
    )
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning):
        archive.writestr(link, "/etc/passwd")
        archive.writestr("ok", b"a second one of this name")
        archive.writestr("__MACOSX/._ok", b"junk")
    with container.of(path) as found:
        assert everything(found) == {"ok": b"5"}
        assert sorted(found.unsafe) == [
            "../out",
            "/abs",
            "C:/x" if "C:/x" in found.unsafe else "C:\\x",
            "in/../../out",
            "link",
            "ok",
        ]


def test_an_archive_that_would_unpack_to_far_more_is_refused(tmp_path: Path) -> None:
    path = packed(tmp_path / "bomb.zip", {"zeros": bytes(100 << 20)})
    with pytest.raises(ContainerDamaged, match="would unpack to 104,857,600 bytes"):
        container.of(path)


def test_an_encrypted_member_is_told(tmp_path: Path) -> None:
    path = packed(tmp_path / "locked.zip", {"a": b"alpha"})
    data = bytearray(path.read_bytes())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + at] |= 1
    path.write_bytes(data)
    with container.of(path) as found, pytest.raises(ContainerDamaged, match="a: it is encrypted; unpack"):
        found.read("a")


def test_a_name_that_is_not_utf_8_is_not_called_a_cut(tmp_path: Path) -> None:
    """It was said that the archive is cut off, and to be fetched again."""
    path = packed(tmp_path / "names.zip", {"a.json": b"{}", "\u00fc.json": b"[]"})
    path.write_bytes(path.read_bytes().replace("\u00fc".encode(), b"\xff\xfe"))
    with container.of(path) as found:
        assert found.read("a.json") == b"{}"
        assert found.cut is not None
        assert "list of its members" in found.cut


def test_a_wrong_checksum_is_told_after_what_can_be_read(tmp_path: Path) -> None:
    path = packed(tmp_path / "bad.zip", {"a": NOISE}, zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    with container.of(path) as found, found.open("a") as file:
        assert len(file.read(5000)) == len(NOISE)
        with pytest.raises(ContainerDamaged, match="checksum"):
            file.read(1)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_of_a_cut_archive_everything_before_the_cut_is_read(tmp_path: Path, method: int) -> None:
    whole = packed(tmp_path / "whole.zip", {"a": TEXT, "b": NOISE, "c": TEXT[::-1]}, method).read_bytes()
    directory = whole.index(b"PK\x01\x02")
    path = tmp_path / "cut.zip"
    path.write_bytes(whole[: directory + 20])
    with container.of(path) as found:
        assert everything(found) == {"a": TEXT, "b": NOISE, "c": TEXT[::-1]}
        assert found.cut is not None
    path.write_bytes(whole[: directory - 40])
    with container.of(path) as found, found.open("c") as file:
        assert (found.read("a"), found.read("b")) == (TEXT, NOISE)
        begun = file.read(len(TEXT) - 1)
        assert TEXT[::-1].startswith(begun)


def test_of_a_cut_archive_that_was_written_as_a_stream_members_are_found_by_their_data(tmp_path: Path) -> None:
    sink = Unseekable()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", TEXT)
        archive.writestr("b", NOISE)
    path = tmp_path / "cut.zip"
    path.write_bytes(sink.data[: sink.data.index(b"PK\x01\x02")])
    with container.of(path) as found:
        assert everything(found) == {"a": TEXT, "b": NOISE}


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_a_damaged_archive_is_never_a_traceback(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    whole = bytearray(packed(folder / "whole.zip", {"a": TEXT[:3000], "b/c": NOISE}).read_bytes())
    for _ in range(data.draw(st.integers(0, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = folder / "damaged.zip"
    path.write_bytes(whole[: data.draw(st.integers(4, len(whole)))])
    try:
        with container.of(path) as found:
            for name in found.names:
                found.head(name)
                try:
                    found.read(name)
                except ContainerDamaged:
                    continue
    except ContainerDamaged:
        pass
