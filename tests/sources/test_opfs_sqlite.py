"""SQLite in OPFS and IndexedDB as a source: every row that the page selected, and every way in which it can be hurt."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import golden_opfs
import pjais
from golden_opfs import NAMES, ORIGIN, Tables, expected, profile, shown
from pjais.core.document import Document, Piece, Remark, Unreadable
from pjais.core.source import SourceRef
from pjais.formats.opfs import listing
from pjais.sources import backup, detect, registry

ITEMS = ("pools", "files", "indexeddb", "indexeddb-sqlite", "killed", "ahead")
POOL = ".opfs-sahpool/notes.db"


def sources(place: Path) -> list[SourceRef]:
    return [one for one in detect.detect([place], named=True).sources if one.kind == "opfs-sqlite"]


def pieces(place: Path, scratch: Path) -> list[Piece]:
    """Everything that the sources of a profile hold."""
    found: list[Piece] = []
    for number, ref in enumerate(sources(place)):
        (snapshot,) = backup.snapshot_all(scratch / str(number), [ref], at_ms=0)
        found += registry.read(snapshot)
    return found


def tables(found: list[Piece]) -> dict[str, Tables]:
    """Return the documents as the page told its rows."""
    told: dict[str, Tables] = {}
    for one in found:
        if isinstance(one, Document):
            row = {name: shown(value) for name, value in one.value.items()}
            told.setdefault(str(one.database), {}).setdefault(one.collection, []).append(row)
    return told


def lost(found: list[Piece]) -> dict[str, str]:
    """Return what cannot be read: its place, and why."""
    return {one.place: one.reason for one in found if isinstance(one, Unreadable)}


def in_pool(place: Path, path: str = POOL) -> Path:
    """Return the data file of a database."""
    (one,) = [one for one in listing.files(place / "Default" / "File System") if one.path == path]
    return one.file


def change(file: Path, at: int, new: bytes) -> None:
    content = bytearray(file.read_bytes())
    content[at : at + len(new)] = new
    file.write_bytes(content)


@pytest.mark.parametrize("name", ITEMS)
def test_every_row_is_the_one_that_the_page_selected(tmp_path: Path, name: str) -> None:
    place = profile(name, tmp_path / "profile")
    found = pieces(place, tmp_path / "copies")
    assert tables(found) == expected(name)
    assert lost(found) == {}
    assert {one.origin for one in found if isinstance(one, Document)} == {ORIGIN}


@pytest.mark.parametrize("path", [POOL, NAMES["wa-coop"]])
def test_the_journal_of_a_killed_browser_is_needed(tmp_path: Path, path: str) -> None:
    place = profile("killed", tmp_path / "profile")
    (one,) = [one for one in listing.files(place / "Default" / "File System") if one.path == path]
    assert [suffix for suffix, side in one.sides if side.size] == ["-journal"]
    assert b"never committed" in b"".join(one.chunks())


def test_detect_names_each_database_with_its_tables_its_size_and_its_library(tmp_path: Path) -> None:
    (ref,) = sources(profile("pools", tmp_path))
    assert ref.path == tmp_path / "Default" / "File System" / "000"
    assert ref.notes == (
        f"{ORIGIN}: .opfs-sahpool/notes.db, 1.5 KiB, sqlite-wasm (opfs-sahpool), tables notes, tags",
        f"{ORIGIN}: wa-pool-2/notes.db, 1.5 KiB, wa-sqlite, tables notes, tags",
    )


def test_a_file_that_is_no_database_is_named_with_its_size(tmp_path: Path) -> None:
    found = detect.detect([profile("files", tmp_path)], named=True)
    (one,) = [one for one in found.passed if one.kind == "opfs"]
    assert (one.reason, one.size, one.origin) == ("a file in OPFS (drafts/letter.txt)", 14, ORIGIN)


@pytest.mark.parametrize("name", ["pools", "indexeddb"])
def test_the_collections_are_known_without_reading(tmp_path: Path, name: str) -> None:
    place = profile(name, tmp_path / "profile")
    (ref,) = sources(place)
    (snapshot,) = backup.snapshot_all(tmp_path / "copy", [ref], at_ms=0)
    with registry.opened(snapshot) as opened:
        known = {(one.database, one.name): one for one in opened.collections}
    assert known.keys() == {(path, table) for path, its in expected(name).items() for table in its}
    for one in known.values():
        assert (one.origin, one.is_empty) == (ORIGIN, False)
        assert one.key_path == (("id",) if one.name == "notes" else ("note", "tag"))
        assert str(one.schema).startswith("CREATE TABLE")
        assert one.made_by


def test_it_is_migrated_and_proved(tmp_path: Path) -> None:
    place = profile("pools", tmp_path)
    assert pjais.migrate(place).code == "done"
    assert pjais.verify(place).passed


def test_livestores_pools_are_of_their_own_kind(tmp_path: Path) -> None:
    """Beside another library's pool, each is taken by its own kind, and nothing by both."""
    place = profile("pools", tmp_path / "profile")
    theirs = tmp_path / "profile" / "Default" / "File System" / "001"
    golden = golden_opfs.GOLDEN.parent / "livestore" / "opfs-0.4.0-app" / "Default" / "File System"
    shutil.copytree(golden / "000", theirs)
    found = {ref.path.name: ref for ref in detect.detect([place], named=True).sources}
    assert {name: ref.kind for name, ref in found.items()} == {"000": "opfs-sqlite", "001": "livestore-opfs"}
    assert not set(found["000"].files) & set(found["001"].files) - set(
        (tmp_path / "profile" / "Default" / "File System" / "Origins").iterdir()
    )


# -- damage


def _digest(file: Path) -> None:
    change(file, 516, b"\x01\x02\x03\x04")


def _path(file: Path) -> None:
    change(file, 1, b"X")


def _flags(file: Path) -> None:
    change(file, 512, bytes(4))


@pytest.mark.parametrize("path", [POOL, NAMES["wa-pool-2"]])
@pytest.mark.parametrize("damage", [_digest, _path, _flags])
def test_a_damaged_header_is_named_and_nothing_of_the_file_is_guessed(
    tmp_path: Path, path: str, damage: Callable[[Path], None]
) -> None:
    place = profile("pools", tmp_path / "profile")
    damage(in_pool(place, path))
    found = pieces(place, tmp_path / "copies")
    whole = expected("pools")
    del whole[path]
    assert tables(found) == whole
    (reason,) = lost(found).values()
    assert "its header's digest is wrong" in reason or "its flags" in reason
    (bad,) = [one for one in found if isinstance(one, Unreadable)]
    assert b"SQLite format 3" in bad.raw
    assert any(reason in note for ref in sources(place) for note in ref.notes)


@pytest.mark.parametrize("size", [1, 100, 520, 3000])
def test_a_pool_file_that_is_cut_within_its_header_is_named(tmp_path: Path, size: int) -> None:
    place = profile("pools", tmp_path / "profile")
    file = in_pool(place)
    file.write_bytes(file.read_bytes()[:size])
    found = pieces(place, tmp_path / "copies")
    assert tables(found).keys() == {NAMES["wa-pool-2"]}
    (reason,) = lost(found).values()
    assert reason == f"it is cut off within its header, after {size} bytes"


@pytest.mark.parametrize("item", ["pools", "files"])
def test_of_a_database_that_is_cut_the_rest_is_read_and_the_cut_is_named(tmp_path: Path, item: str) -> None:
    place = profile(item, tmp_path / "profile")
    path = POOL if item == "pools" else NAMES["opfs"]
    file = in_pool(place, path)
    file.write_bytes(file.read_bytes()[:-512])
    found = pieces(place, tmp_path / "copies")
    whole = expected(item)
    assert tables(found)[path]["notes"] == whole[path]["notes"]
    assert "tags" not in tables(found)[path]
    assert lost(found)[path] == "it is cut off: 1024 of 1536 bytes of the database are there"
    for other in whole.keys() - {path}:
        assert tables(found)[other] == whole[other]


def test_two_files_of_one_name_are_both_named_and_neither_is_taken(tmp_path: Path) -> None:
    place = profile("pools", tmp_path / "profile")
    file = in_pool(place)
    slot = file.with_name("00000002")
    assert not any(slot.read_bytes())
    shutil.copy(file, slot)
    found = pieces(place, tmp_path / "copies")
    assert tables(found).keys() == {NAMES["wa-pool-2"]}
    unreadable = [one for one in found if isinstance(one, Unreadable)]
    assert [(one.place, one.reason) for one in unreadable] == [(POOL, "several files claim this path")] * 2


def test_a_file_that_the_browser_names_and_that_is_not_there_is_named(tmp_path: Path) -> None:
    place = profile("pools", tmp_path / "profile")
    in_pool(place).unlink()
    found = pieces(place, tmp_path / "copies")
    assert tables(found).keys() == {NAMES["wa-pool-2"]}
    assert list(lost(found).values()) == ["the browser's index names it, but it is not there"]


def test_a_journal_without_its_database_is_named(tmp_path: Path) -> None:
    place = profile("killed", tmp_path / "profile")
    in_pool(place).write_bytes(bytes(4096))
    found = pieces(place, tmp_path / "copies")
    assert lost(found) == {f"{POOL}-journal": "its database is not there"}


def test_a_damaged_journal_costs_its_database(tmp_path: Path) -> None:
    """It may have been needed: the rows that the database shows without it were never committed."""
    place = profile("killed", tmp_path / "profile")
    (one,) = [one for one in listing.files(place / "Default" / "File System") if one.path == POOL]
    change(one.sides[0][1].file, 516, b"\x01\x02\x03\x04")
    found = pieces(place, tmp_path / "copies")
    assert POOL not in tables(found)
    assert "its header's digest is wrong" in lost(found)[POOL]


def test_without_the_browsers_index_the_pools_are_read_and_the_loss_is_named(tmp_path: Path) -> None:
    """Which directory they are in is not known, so two databases of one name cannot be told apart."""
    place = profile("pools", tmp_path / "profile")
    shutil.rmtree(place / "Default" / "File System" / "000" / "t" / "Paths")
    found = pieces(place, tmp_path / "copies")
    assert "several files claim this path" in lost(found).values()
    assert any("missing" in reason for reason in lost(found).values())
    assert tables(found) == {}


def test_without_the_browsers_index_every_other_file_is_named_all_the_same(tmp_path: Path) -> None:
    place = profile("ahead", tmp_path)
    (place / "Default" / "File System" / "000" / "t" / "Paths" / "000003.log").write_bytes(b"")
    found = detect.detect([place], named=True)
    reasons = [one.reason for one in found.passed if one.kind == "opfs"]
    assert any("which directory a file belongs to may not be known" in one for one in reasons)
    assert any(one.startswith("a file in OPFS (?/") for one in reasons)


def test_a_file_that_the_index_does_not_name_any_more_was_removed(tmp_path: Path) -> None:
    """Data are not raised from the dead."""
    place = profile("pools", tmp_path / "profile")
    file = in_pool(place)
    shutil.copy(file, file.with_name("00000099"))
    found = pieces(place, tmp_path / "copies")
    assert tables(found) == expected("pools")
    (reason,) = lost(found).values()
    assert reason.startswith("Paths does not name it any more")


def test_pages_out_of_order_are_named_and_not_read(tmp_path: Path) -> None:
    """OPFSPermutedVFS: SQLite would open the file, and show rows of long ago."""
    place = profile("permuted", tmp_path / "profile")
    found = pieces(place, tmp_path / "copies")
    assert tables(found) == {}
    assert "OPFSPermutedVFS" in lost(found)[NAMES["wa-permuted"]]


def _log(place: Path) -> Path:
    """The log of the golden database of OPFSWriteAheadVFS in which everything is."""
    (one,) = listing.files(place / "Default" / "File System")
    (log,) = [side.file for suffix, side in one.sides if side.size]
    return log


def test_a_log_with_a_damaged_frame_costs_its_database(tmp_path: Path) -> None:
    """What follows the frame was committed, and its library would not show it."""
    place = profile("ahead", tmp_path / "profile")
    change(_log(place), 100, b"\xff")
    found = pieces(place, tmp_path / "copies")
    assert tables(found) == {}
    assert "is damaged at byte 32: committed pages follow" in lost(found)[NAMES["wa-ahead"]]


def test_of_a_log_that_is_cut_the_whole_transactions_count(tmp_path: Path) -> None:
    """As after a crash: the last one, which removed two rows, was not committed."""
    place = profile("ahead", tmp_path / "profile")
    log = _log(place)
    log.write_bytes(log.read_bytes()[:-8])
    found = pieces(place, tmp_path / "copies")
    assert len(tables(found)[NAMES["wa-ahead"]]["notes"]) == 12
    assert lost(found) == {}
    assert [one.rule for one in found if isinstance(one, Remark)] == ["torn-tail"]


def test_a_log_with_a_damaged_header_costs_its_database(tmp_path: Path) -> None:
    place = profile("ahead", tmp_path / "profile")
    change(_log(place), 16, b"\xff\xff")
    found = pieces(place, tmp_path / "copies")
    assert tables(found) == {}
    assert "the header of the log -wa" in lost(found)[NAMES["wa-ahead"]]


def test_garbage_in_a_database_is_named_page_by_page(tmp_path: Path) -> None:
    place = profile("files", tmp_path / "profile")
    change(in_pool(place, NAMES["opfs"]), 512, b"\xff" * 512)
    found = pieces(place, tmp_path / "copies")
    assert "notes" not in tables(found)[NAMES["opfs"]]
    assert tables(found)[NAMES["opfs"]]["tags"] == expected("files")[NAMES["opfs"]]["tags"]
    assert any(one.database == NAMES["opfs"] for one in found if isinstance(one, Unreadable))


def test_a_database_that_is_empty_is_no_loss(tmp_path: Path) -> None:
    place = profile("pools", tmp_path / "profile")
    file = in_pool(place)
    file.write_bytes(file.read_bytes()[:4096])
    found = pieces(place, tmp_path / "copies")
    assert tables(found).keys() == {NAMES["wa-pool-2"]}
    assert lost(found) == {}


def test_nothing_in_the_profile_or_its_copy_is_written_to(tmp_path: Path) -> None:
    place = profile("killed", tmp_path / "profile")
    for ref in sources(place):
        (snapshot,) = backup.snapshot_all(tmp_path / ref.path.name, [ref], at_ms=0)
        before = {path: path.read_bytes() for path in snapshot.folder.rglob("*") if path.is_file()}
        list(registry.read(snapshot))
        assert {path: path.read_bytes() for path in snapshot.folder.rglob("*") if path.is_file()} == before


def test_a_large_database_is_read_whole(tmp_path: Path) -> None:
    """More pages than one chunk of what is copied."""
    made = tmp_path / "made.db"
    with closing(sqlite3.connect(made)) as db:
        db.execute("CREATE TABLE many(id INTEGER PRIMARY KEY, text)")
        db.executemany("INSERT INTO many VALUES (?, ?)", ((number, "x" * 900) for number in range(3000)))
        db.commit()
    place = profile("pools", tmp_path / "profile")
    file = in_pool(place)
    file.write_bytes(file.read_bytes()[:4096] + made.read_bytes())
    found = [one for one in pieces(place, tmp_path / "copies") if isinstance(one, Document) and one.database == POOL]
    assert [one.value["id"] for one in found] == list(range(3000))
