"""Web storage as a source: every item a document, the browser's own left out, found wherever it is."""

from __future__ import annotations

import gzip
import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import pjais
from pjais import tagged
from pjais.core.document import Document, Piece, Remark, Unreadable
from pjais.errors import SourceDamaged, UsageError
from pjais.exchange.documents import export_documents
from pjais.sources import backup, detect, registry
from pjais.sources.contract import Opened
from pjais.sources.found import Found
from pjais.workspace import resolve_workspace
from world import hashes

sys.path.append(str(Path(__file__).parents[1] / "formats"))

from leveldb_writer import batch, counted, flipped, folder, log

ANY = Path(__file__).parents[1] / "golden" / "any-app"
LATTICE = ANY / "lattice"
EXTENSION = "abcdefghijklmnopabcdefghijklmnop"


def look(place: Path, *, named: bool = True) -> Found:
    return detect.detect([place], named=named)


@contextmanager
def opened(place: Path, copy: Path) -> Iterator[Opened]:
    """The only web storage at a place."""
    (ref,) = [one for one in look(place).sources if one.kind == "web-storage"]
    (snapshot,) = backup.snapshot_all(copy, [ref], at_ms=0)
    with registry.opened(snapshot) as found:
        yield found


def pieces(place: Path, copy: Path) -> list[Piece]:
    with opened(place, copy) as found:
        return list(found.read())


def written(place: Path, *entries: tuple[bytes, bytes]) -> Path:
    """A LevelDB ordered by bytes with these entries, in a write each."""
    writes = log([batch(number, [one]) for number, one in enumerate(entries, 1)])
    manifest = log([b"\1" + counted(b"leveldb.BytewiseComparator") + b"\2\0\3\x09\4\x07"])
    return folder(place, {"000003.log": writes, "MANIFEST-000001": manifest})


def local(origin: str, name: str, value: str) -> tuple[bytes, bytes]:
    """An item of localStorage."""
    return b"_" + origin.encode() + b"\0\1" + name.encode("latin-1"), b"\1" + value.encode("latin-1")


def lines(place: Path) -> list[dict[str, Any]]:
    found: list[str] = []
    export_documents(resolve_workspace(place.parent / "no data"), place, found.append)
    return [json.loads(line) for line in found]


@pytest.mark.parametrize(("area", "place"), [("localStorage", "Local Storage"), ("sessionStorage", "Session Storage")])
def test_every_item_is_exported_as_the_page_saw_it(area: str, place: str) -> None:
    before = hashes(LATTICE)
    with gzip.open(LATTICE / "told.json.gz") as file:
        wanted = sorted(json.load(file)["storage"][area], key=json.dumps)
    found = lines(LATTICE / place)
    assert {(one["origin"], one["database"], one["collection"]) for one in found} == {
        ("http://localhost:8731", area, area)
    }
    assert sorted(([one["key"], one["document"]] for one in found), key=json.dumps) == wanted
    assert hashes(LATTICE) == before


def test_an_extensions_storage_has_json_values_and_says_which_area_it_is(tmp_path: Path) -> None:
    for area, value in (("Local", b'{"$tabs":[1.5]}'), ("Sync", b"null")):
        written(tmp_path / "Default" / f"{area} Extension Settings" / EXTENSION, (b"state", value))
    found = lines(tmp_path)
    assert [(one["origin"], one["database"], one["key"], one["document"]) for one in found] == [
        (f"chrome-extension://{EXTENSION}", "chrome.storage.local", "state", {"$$tabs": [1.5]}),
        (f"chrome-extension://{EXTENSION}", "chrome.storage.sync", "state", None),
    ]
    assert tagged.untag(found[0]["document"]) == {"$tabs": [1.5]}


def test_the_same_name_in_two_tabs_is_two_documents(tmp_path: Path) -> None:
    tab = "0000000{}_0000_0000_0000_000000000000"
    namespace = [(f"namespace-{tab.format(n)}-https://app.example/".encode(), b"%d" % n) for n in (1, 2)]
    items = [(b"map-%d-draft" % n, f"text {n}".encode("utf-16-le")) for n in (1, 2)]
    written(tmp_path / "Session Storage", *namespace, *items, (b"map-2-only", "x".encode("utf-16-le")))
    found = [one for one in pieces(tmp_path, tmp_path / "copy") if isinstance(one, Document)]
    tabs = [tab.format(n).replace("_", "-") for n in (1, 2)]
    assert [(one.key or one.native_id, one.value) for one in found] == [
        (["draft", tabs[0]], "text 1"),
        (["draft", tabs[1]], "text 2"),
        ("only", "x"),
    ]
    assert len({one.native_id for one in found}) == 3


def test_the_browsers_own_pages_are_named_and_not_read(tmp_path: Path) -> None:
    place = tmp_path / "Local Storage" / "leveldb"
    written(place, local("devtools://devtools", "panel", "console"), local("https://a", "k", "v"))
    (ref,) = look(tmp_path).sources
    assert ref.path == place
    assert [(one.reason, one.origin) for one in look(tmp_path).passed] == [
        ("1 item of localStorage, of the browser's own pages", "devtools://devtools")
    ]
    assert [one.native_id for one in pieces(tmp_path, tmp_path / "copy") if isinstance(one, Document)] == ["k"]


def test_a_storage_without_items_of_an_app_is_no_source_but_named(tmp_path: Path) -> None:
    written(tmp_path / "a" / "Local Storage" / "leveldb", (b"VERSION", b"1"))
    written(tmp_path / "b" / "Local Storage" / "leveldb", local("chrome://settings", "k", "v"))
    found = look(tmp_path)
    assert found.sources == ()
    assert sorted(one.reason for one in found.passed) == [
        "1 item of localStorage, of the browser's own pages",
        "localStorage without any item",
    ]


@pytest.mark.parametrize("name", ["Local Storage/leveldb", "leveldb.bak", "recovered"])
def test_it_is_known_by_its_content_also_without_a_manifest(tmp_path: Path, name: str) -> None:
    shutil.copytree(LATTICE / "Local Storage" / "leveldb", tmp_path / "d" / name)
    for one in ("CURRENT", "MANIFEST-000001"):
        (tmp_path / "d" / name / one).unlink()
    found = pieces(tmp_path / "d", tmp_path / "copy")
    assert sum(isinstance(one, Document) for one in found) == 10
    assert [one.reason for one in found if isinstance(one, Unreadable)] == [
        "No such file or directory; all tables and logs are read instead, deleted rows may show"
    ]
    (ref,) = look(tmp_path / "d" / name).sources
    assert ref.kind == "web-storage"
    (again,) = look(tmp_path / "d" / name / "000003.log").sources
    assert again.path == ref.path


def test_a_renamed_copy_of_a_session_or_of_an_extension_is_known_too(tmp_path: Path) -> None:
    shutil.copytree(LATTICE / "Session Storage", tmp_path / "s" / "Session Storage - Copy")
    written(tmp_path / "e" / f"{EXTENSION}.bak", (b"state", b"[1]"))
    assert {one.collection for one in pieces(tmp_path / "s", tmp_path / "1")} == {"sessionStorage"}
    (item,) = pieces(tmp_path / "e", tmp_path / "2")
    assert isinstance(item, Document)
    assert (item.collection, item.origin) == ("chrome.storage", f"chrome-extension://{EXTENSION}")


def test_a_copy_beside_the_profiles_own_is_named_and_not_taken(tmp_path: Path) -> None:
    shutil.copytree(LATTICE / "Local Storage", tmp_path / "Local Storage")
    shutil.copytree(LATTICE / "Local Storage" / "leveldb", tmp_path / "old")
    found = look(tmp_path)
    assert [one.path for one in found.sources] == [tmp_path / "Local Storage" / "leveldb"]
    assert [(one.path, one.kind) for one in found.passed] == [(tmp_path / "old", "web-storage")]


def test_a_leveldb_of_another_program_is_none(tmp_path: Path) -> None:
    written(tmp_path / "theirs", (b"key", b"value"), (b"map-", b"x"))
    assert look(tmp_path).sources == ()


def test_a_bad_item_and_a_damaged_file_are_named_and_the_rest_is_read(tmp_path: Path) -> None:
    place = tmp_path / "d" / "Local Storage" / "leveldb"
    written(place, local("https://a", "k", "v"), (b"_https://a\0\1odd", b"\7?"), local("https://b", "k", "v" * 50))
    first, bad, last = pieces(tmp_path / "d", tmp_path / "copy")
    assert isinstance(first, Document) and isinstance(last, Document) and isinstance(bad, Unreadable)
    assert (bad.origin, bad.raw) == ("https://a", b"\7?")
    file = place / "000003.log"
    flipped(file, file.stat().st_size - 5)
    found = pieces(tmp_path / "d", tmp_path / "damaged")
    assert [type(one) for one in found] == [Document, Unreadable, Unreadable]
    assert found[-1].collection == "$file"
    with pytest.raises(SourceDamaged):
        lines(tmp_path / "d")


def test_items_of_several_origins_are_told_apart_and_one_origin_can_be_chosen(tmp_path: Path) -> None:
    written(tmp_path / "Local Storage" / "leveldb", *(local(f"https://{one}", "k", one) for one in ("b", "a", "a")))
    with opened(tmp_path, tmp_path / "copy") as found:
        assert [(one.origin, one.database, one.is_empty) for one in found.collections] == [
            ("https://a", "localStorage", False),
            ("https://b", "localStorage", False),
        ]
        assert set(found.sizes) == {("https://a", "localStorage"), ("https://b", "localStorage")}
    with pytest.raises(UsageError, match="no source of the web origin"):
        pjais.migrate(tmp_path / "data", [tmp_path / "Local Storage"], origin="https://c")
    report = pjais.migrate(tmp_path / "data", [tmp_path / "Local Storage"], origin="https://b")
    assert report.total.migrated == 1
    assert pjais.verify(tmp_path / "data").passed


def test_nothing_of_it_is_removed_for_now(tmp_path: Path) -> None:
    (ref,) = look(LATTICE / "Local Storage").sources
    with opened(LATTICE / "Local Storage", tmp_path / "copy") as found:
        held = found.removable(ref)
    assert held.files == () and held.parts is None
    assert [one.path for one in held.stays] == [ref.path]


def test_what_libraries_mean_by_their_items_comes_after_them(tmp_path: Path) -> None:
    read = [one for one in pieces(ANY.parent / "libraries", tmp_path) if isinstance(one, Document)]
    slices = {one.native_id: one.value for one in read if one.collection == "redux-persist/root"}
    assert slices["filter"] == "all" and slices["_persist"] == {"version": 3, "rehydrated": True}
    values = {one.native_id: one for one in read if one.collection == "localforage/lf-text"}
    assert len(values) == 13 and values["lf-text/buffer"].value == {"$bytes": "AAEC+vs=", "type": "ArrayBuffer"}
    assert list(values["lf-text/blob"].blobs) == [values["lf-text/blob"].value["$blob"]["sha256"]]
    assert {one.database for one in read} == {"localStorage"}
    with opened(ANY.parent / "libraries", tmp_path / "again") as found:
        assert {one.collection for one in found.stored() if isinstance(one, Document)} == {"localStorage"}


def test_an_item_that_a_library_never_wrote_is_named_and_stays(tmp_path: Path) -> None:
    where = b"_https://app.example\0\1"
    marked, slices = (where + b"a/b", b"\1__lfsc__:arbf*"), (where + b"persist:x", b'\1{"_persist":"1","b":"{"}')
    found = pieces(written(tmp_path / "Local Storage" / "leveldb", marked, slices), tmp_path / "copy")
    assert [(one.collection, isinstance(one, Remark)) for one in found] == [
        ("localStorage", False),
        ("localforage/a", True),
        ("localStorage", False),
        ("redux-persist/x", False),
        ("redux-persist/x", True),
    ]
