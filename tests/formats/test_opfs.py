"""Carving LiveStore's files out of OPFS: the golden profiles, the header, and every way in which a pool can be hurt."""

from __future__ import annotations

import json
import shutil
import sqlite3
import struct
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from leveldb_writer import Op, batch, flipped, folder, log, table

from pjais.errors import SourceDamaged
from pjais.formats.opfs import extract, listing, path_index, pool
from pjais.formats.opfs.extract import Carved, PoolStore, Spoiled
from strategies import examples

GOLDEN = Path(__file__).parents[1] / "golden" / "livestore"
PROFILES = sorted(one for one in GOLDEN.glob("*opfs-*") if one.name.startswith(("opfs-", "given-opfs-")))
HOTTEST = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"  # a journal's magic


# -- a writer of pools and of Chromium's books, from the descriptions alone


def imul(one: int, two: int) -> int:
    """JavaScript's Math.imul: signed 32 bits."""
    found = one * two & 0xFFFFFFFF
    return found - (1 << 32) if found >> 31 else found


def shifted(number: int, by: int) -> int:
    """JavaScript's >>>."""
    return (number & 0xFFFFFFFF) >> by


def digest(corpus: bytes) -> bytes:
    """As the JavaScript has it, with signed numbers."""
    if corpus[0] == 0:
        return bytes.fromhex("805fccfe 37c0ceac")
    h1, h2 = 0xDEADBEEF, 0x41C6CE57
    for value in corpus:
        h1, h2 = imul(h1 ^ value, 2654435761), imul(h2 ^ value, 1597334677)
    h1 = imul(h1 ^ shifted(h1, 16), 2246822507) ^ imul(h2 ^ shifted(h2, 13), 3266489909)
    h2 = imul(h2 ^ shifted(h2, 16), 2246822507) ^ imul(h1 ^ shifted(h1, 13), 3266489909)
    return struct.pack("<II", h1 & 0xFFFFFFFF, h2 & 0xFFFFFFFF)


def header(path: bytes, flags: int = 0x106) -> bytes:
    corpus = path.ljust(512, b"\0") + struct.pack(">I", flags)
    return (corpus + digest(corpus)).ljust(4096, b"\0")


def slot(path: str, payload: bytes = b"", flags: int = 0x106) -> bytes:
    return header(path.encode(), flags) + payload


UNUSED = header(b"", 0)


def pickle(parent: int, data: str, name: str) -> bytes:
    def text(value: str) -> bytes:
        raw = value.encode()
        return struct.pack("<i", len(raw)) + raw + bytes(-len(raw) % 4)

    body = struct.pack("<q", parent) + text(data) + text(name) + struct.pack("<q", 13361716800000000)
    return struct.pack("<I", len(body)) + body


def number(file: int) -> str:
    return f"{file % 10000 // 100:02}/{file:08}"


Tree = Mapping[str, Mapping[int, bytes]]
"""Directory -> the numbers of its files, and their bytes."""


def entries(tree: Tree) -> list[Op]:
    """What Paths says of a tree.  Directories get the ids 1, 2, ...; files those from 1000 on."""
    ops: list[Op] = [(b"0", pickle(0, "", ""))]
    ids = {"": 0}
    for path in tree:
        parts = path.split("/")
        for depth in range(1, len(parts) + 1):
            whole, above = "/".join(parts[:depth]), "/".join(parts[: depth - 1])
            if whole not in ids:
                ids[whole] = len(ids)
                ops.append((b"%d" % ids[whole], pickle(ids[above], "", parts[depth - 1])))
                ops.append((f"CHILD_OF:{ids[above]}:{parts[depth - 1]}".encode(), b"%d" % ids[whole]))
        for file in tree[path]:
            name = f"{file}-{'archived.db' if path.endswith('archive') else 'random'}"
            ops.append((b"%d" % (1000 + file), pickle(ids[path], number(file), name)))
            ops.append((f"CHILD_OF:{ids[path]}:{name}".encode(), b"%d" % (1000 + file)))
    return [*ops, (b"LAST_FILE_ID", b"9999"), (b"LAST_INTEGER", b"9999")]


def profile(root: Path, tree: Tree, place: str = "000/t", origins: Mapping[str, str] | None = None) -> Path:
    """A "File System" folder."""
    storage = root / place
    for files in tree.values():
        for file, data in files.items():
            (storage / number(file)).parent.mkdir(parents=True, exist_ok=True)
            (storage / number(file)).write_bytes(data)
    folder(storage / "Paths", {"000003.log": log([batch(1, entries(tree))])})
    known = origins or {"http_localhost_41739": "000"}
    ops: list[Op] = [(f"ORIGIN:{one}".encode(), where.encode()) for one, where in known.items()]
    folder(root / "Origins", {"000003.log": log([batch(1, [*ops, (b"LAST_PATH", b"001")])])})
    return root


def database(tmp_path: Path, value: str = "x") -> bytes:
    """A small SQLite file of two pages and more."""
    path = tmp_path / "made.db"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE t(v)")
        db.executemany("INSERT INTO t VALUES(?)", [(value * 50,)] * 200)
        db.commit()
    return path.read_bytes()


def values(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return {row[0] for row in db.execute("SELECT v FROM t")}


def taken(root: Path) -> dict[str, Carved]:
    return {one.name: one for one in extract.carve(root) if isinstance(one, Carved)}


def spoiled(root: Path) -> list[Spoiled]:
    return [one for one in extract.carve(root) if isinstance(one, Spoiled)]


def only(root: Path) -> Spoiled:
    """The one piece that is found, which is spoiled."""
    (found,) = extract.carve(root)
    assert isinstance(found, Spoiled), found
    return found


POOL = "livestore-pjais@6"


def injured(tmp_path: Path, data: bytes) -> Path:
    """A pool with an unused slot and one file that is to be looked at."""
    return profile(tmp_path / "File System", {POOL: {0: data, 1: UNUSED}})


# -- golden profiles


def system(golden: Path) -> Path:
    """The "File System" folder of a profile, Chromium's or Electron's."""
    (found,) = golden.rglob("File System")
    return found


def rows(path: Path, name: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute(f'SELECT * FROM "{name}" ORDER BY id')]


def stores_of(golden: Path, expected: dict[str, Any]) -> list[PoolStore]:
    """The pools of LiveStore that belong to the store that was written."""
    stores = extract.sets(extract.carve(system(golden)))
    return [one for one in stores if one.store_id == expected.get("storeId", one.store_id) and one.files]


@pytest.mark.parametrize("golden", PROFILES, ids=lambda one: one.name)
def test_golden_profiles(golden: Path, tmp_path: Path) -> None:
    """Sound databases, whose rows are those that the browser showed."""
    expected = json.loads((golden / "expected.json").read_text("utf-8"))
    stores = stores_of(golden, expected)
    assert stores
    states: list[Path] = []
    for store in stores:
        assert store.origin == expected.get("origin", store.origin)
        assert store.format is not None and store.directory is not None
        assert any(name in store.files for name in ("/eventlog.db", "/mutationlog.db"))
        for name in store.files:
            if name.endswith(".db"):
                path = extract.write_database(store, name, tmp_path / f"{len(states)}{name.replace('/', '-')}")
                with closing(sqlite3.connect(path)) as db:
                    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                states += [path] if name.startswith(("/state", "/app")) else []
    if any("raw" in one for one in expected.get("tables", {}).values()):
        assert any(
            all(rows(path, name) == sorted(one["raw"], key=lambda row: row["id"]) for name, one in tables.items())
            for tables in [expected["tables"]]
            for path in states
        )


@pytest.mark.parametrize("golden", PROFILES, ids=lambda one: one.name)
def test_golden_headers(golden: Path) -> None:
    """Every file of a pool carries the digest that we compute, and the one that the JavaScript does."""
    heads = [one.read_bytes()[:524] for one in sorted(system(golden).glob("*/t/[0-9][0-9]/*"))]
    pools = [head for head in heads if head[:1] in (b"/", b"\0")]
    assert pools
    for head in pools:
        assert struct.pack("<II", *extract.digest(head)) == head[516:524] == digest(head[:516])


@pytest.mark.parametrize("golden", PROFILES, ids=lambda one: one.name)
def test_golden_profiles_without_books(golden: Path, tmp_path: Path) -> None:
    """The data alone do for the same bytes; what cannot be told is None, and said."""
    copy = tmp_path / "File System"
    shutil.copytree(system(golden), copy)
    before = {one.file.relative_to(system(golden)): one for one in extract.carve(system(golden)) if one.size}
    for books in [copy / "Origins", *copy.glob("*/*/Paths")]:
        shutil.rmtree(books)
    after = {one.file.relative_to(copy): one for one in extract.carve(copy)}
    lost = {one.file.name: one for one in after.values() if isinstance(one, Spoiled)}
    assert lost["Paths"].raw() == lost["Origins"].raw() == b"" and lost["Origins"].group == extract.BOOKS
    for file, one in before.items():
        assert (after[file].origin, after[file].directory) == (None, None)
        assert after[file].group == f"{file.parent.parent.as_posix()}/?"
        assert after[file].size == one.size


def test_what_was_written_for_us(tmp_path: Path) -> None:
    """The given profile, to the letter."""
    root = system(GOLDEN / "given-opfs-0.4.0")
    (store,) = extract.sets(extract.carve(root))
    assert store[:5] == ("http://localhost:41739", POOL, "000/t/1", "pjais", 6)
    assert store.spoiled == () and sorted(store.files) == ["/eventlog.db", "/state129391784031.db"]
    log_file = store.files["/eventlog.db"]
    assert log_file[4:] == (root / "000/t/00/00000001", 0x106, 4096, 106496, False)
    out = extract.write_out(log_file, tmp_path / "eventlog.db")
    assert out.read_bytes() == log_file.file.read_bytes()[4096:]
    assert out.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["eventlog.db"]


# -- the header


def test_the_digest_of_an_unused_slot() -> None:
    """The values of the facts; any path that begins with NUL is unused."""
    assert (
        extract.digest(bytes(516))
        == extract.digest(b"\0eventlog.db")
        == extract.digest(b"")
        == (0xFECC5F80, 0xACCEC037)
    )


@given(st.binary(max_size=600))
def test_the_digest_is_that_of_the_javascript(corpus: bytes) -> None:
    """Signed arithmetic or unsigned; 516 bytes count, short ones as if zeros followed."""
    whole = corpus[:516].ljust(516, b"\0")
    assert struct.pack("<II", *extract.digest(corpus)) == digest(whole)


@settings(deadline=None)
@given(st.text(st.characters(blacklist_characters="\0", codec="utf-8"), min_size=1, max_size=120), st.binary())
def test_headers_there_and_back(tmp_path_factory: pytest.TempPathFactory, path: str, payload: bytes) -> None:
    """Any path that LiveStore could write, as a journal, whose payload may be anything."""
    root = injured(tmp_path_factory.mktemp("pool"), slot("/" + path, payload, 0x806))
    (found,) = extract.carve(root)
    assert isinstance(found, Carved)
    assert (found.name, found.flags, found.size) == ("/" + path, 0x806, len(payload))
    assert extract.write_out(found, root / "out").read_bytes() == payload


def test_every_flipped_bit_of_a_header_shows(tmp_path: Path) -> None:
    """None of 524 bytes goes unnoticed, and the payload stays at hand."""
    data = database(tmp_path)
    root = injured(tmp_path, slot("/eventlog.db", data))
    file = root / "000/t/00/00000000"
    for at in [*range(16), 100, 511, *range(512, 524)]:
        for bit in range(8):
            flipped(file, at, bit)
            found = only(root)
            assert found.readable and found.directory == POOL and "digest" in found.reason
            flipped(file, at, bit)
    assert taken(root)["/eventlog.db"].size == len(data)
    flipped(file, 600)  # nobody looks at what follows the digest
    assert extract.write_out(taken(root)["/eventlog.db"], tmp_path / "out").read_bytes() == data


@pytest.mark.parametrize(
    ("data", "reason", "name"),
    [
        (slot("/eventlog.db")[:3000], "cut off within its header, after 3000 bytes", "/eventlog.db"),
        (slot("/eventlog.db")[:520], "cut off within its header, after 520 bytes", "/eventlog.db"),
        (slot("/eventlog.db")[:5], "cut off within its header, after 5 bytes", None),
        (slot("/eventlog.db", b"not SQLite at all"), "does not begin as a SQLite file", "/eventlog.db"),
        (slot("/eventlog.db", bytes(8192)), "does not begin as a SQLite file", "/eventlog.db"),
        (slot("/eventlog.db", b"SQLite format 3\0"), "cut off within SQLite's header, after 16", "/eventlog.db"),
        (header(b"/event\xfflog.db"), "not UTF-8", "/event�log.db"),
        (header(b"/" + b"x" * 511), "does not end", None),
        (slot("/eventlog.db", flags=0x6), "flags 0x6 are those of a scratch file", "/eventlog.db"),
        (slot("/eventlog.db", flags=0x10E), "flags 0x10e are those of a scratch file", "/eventlog.db"),
        (slot("/x.db-journal")[:516] + UNUSED[516:], "digest is that of an unused slot", "/x.db-journal"),
        (UNUSED[:516] + slot("/x.db")[516:], "names no path", None),
        (bytes(4096) + b"SQLite format 3\0", "blank", None),
        (bytes(9000), "blank", None),
        (b"SQLite format 3\0".ljust(9000, b"\0"), "a plain SQLite file where a pool's file must be", None),
        (b"just some text, in a pool's directory", "cut off within its header", None),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, data: bytes, reason: str, name: str | None) -> None:
    found = only(injured(tmp_path, data))
    assert reason in found.reason and found.name == name
    assert found[:3] == ("http://localhost:41739", POOL, "000/t/1")
    payload = extract.write_out(found, tmp_path / "out").read_bytes()
    assert payload.startswith(b"SQLite format 3\0") == found.readable
    assert found.raw(100) == data[:100]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(100),
        bytes(4096),
        UNUSED,
        UNUSED[:524],
        UNUSED + b"what a journal leaves that was just given up",
        slot("0.k2j4h5", b"sorted rows", flags=0x101E),
        slot("0.k2j4h5", b"SQLite format 3\0", flags=0x41E),
    ],
)
def test_what_holds_nothing_is_left_out(tmp_path: Path, data: bytes) -> None:
    """Unused slots in all states in which a crash may leave them, and SQLite's scratch files."""
    assert extract.carve(injured(tmp_path, data)) == []


def test_an_empty_database_is_one(tmp_path: Path) -> None:
    """So LiveStore resets a store, and so SQLite begins one."""
    assert taken(injured(tmp_path, slot("/eventlog.db")))["/eventlog.db"].size == 0


def test_a_cut_off_database(tmp_path: Path) -> None:
    """It is named, and can be had; a longer one is no fault, nor one whose number of pages does not count."""
    data = database(tmp_path)
    found = only(injured(tmp_path, slot("/eventlog.db", data[:-1])))
    assert found.readable and f"{len(data) - 1} of {len(data)} bytes" in found.reason
    for other in (data + bytes(4096), data[:24] + b"\0\0\0\0" + data[28:-4096]):
        assert "/eventlog.db" in taken(injured(tmp_path, slot("/eventlog.db", other)))


# -- journals


def interrupted(tmp_path: Path) -> tuple[bytes, bytes]:
    """A database in the middle of a transaction, and its journal, as a kill leaves them."""
    path = tmp_path / "live.db"
    path.write_bytes(database(tmp_path, "before"))
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA cache_size = 1")
        db.execute("BEGIN")
        db.execute("UPDATE t SET v = v || 'after'")
        found = path.read_bytes(), Path(f"{path}-journal").read_bytes()
        db.execute("ROLLBACK")
    return found


def test_sqlite_rolls_back(tmp_path: Path) -> None:
    """A database beside its journal is as it was before the transaction that was cut short."""
    data, journal = interrupted(tmp_path)
    assert journal.startswith(HOTTEST) and b"after" in data
    files = {0: slot("/eventlog.db", data), 1: slot("/eventlog.db-journal", journal, 0x806), 2: UNUSED}
    (store,) = extract.sets(extract.carve(profile(tmp_path / "File System", {POOL: files})))
    assert list(store.sides("/eventlog.db")) == ["-journal"] and store.sides("/eventlog.db-journal") == {}
    assert values(extract.write_database(store, "/eventlog.db", tmp_path / "whole.db")) == {"before" * 50}
    assert not (tmp_path / "whole.db-journal").exists()


def test_a_database_in_the_making_beside_a_journal(tmp_path: Path) -> None:
    """While there is something to roll back, neither length nor first page count; a spent journal changes nothing."""
    data = database(tmp_path)
    for payload in (bytes(8192), data[:-5000]):
        files = {0: slot("/x.db", payload), 1: slot("/x.db-journal", HOTTEST + bytes(600), 0x806)}
        assert sorted(taken(profile(tmp_path / "hot", {POOL: files}))) == ["/x.db", "/x.db-journal"]
        files[1] = slot("/x.db-journal", bytes(600), 0x806)
        root = profile(tmp_path / "spent", {POOL: files})
        assert list(taken(root)) == ["/x.db-journal"] and [one.name for one in spoiled(root)] == ["/x.db"]


def test_a_payload_that_is_no_sqlite_beside_a_journal(tmp_path: Path) -> None:
    """A journal excuses a page that is not written yet, not another content."""
    files = {0: slot("/x.db", b"garbage" * 99), 1: slot("/x.db-journal", HOTTEST + bytes(600), 0x806)}
    assert list(taken(profile(tmp_path / "fs", {POOL: files}))) == ["/x.db-journal"]


# -- which pool


def test_several_pools_and_origins(tmp_path: Path) -> None:
    """Two formats of a store side by side, a directory of the app's own, another origin, another kind of storage."""
    data = database(tmp_path)
    root = tmp_path / "File System"
    known = {"http_localhost_41739": "000", "https_x.example_0": "001"}
    profile(root, {"livestore-a@4": {0: slot("/eventlog.db", data)}, POOL: {1: slot("/eventlog.db", data)}}, "000/t")
    profile(root, {"mine@6": {0: slot("/eventlog.db", data)}, "plain": {7: UNUSED}}, "001/p", known)
    stores = extract.sets(extract.carve(root))
    assert [(one.origin, one.directory, one.store_id, one.format, one.group) for one in stores] == [
        ("http://localhost:41739", "livestore-a@4", "a", 4, "000/t/1"),
        ("http://localhost:41739", POOL, "pjais", 6, "000/t/2"),
        ("https://x.example", "mine@6", "mine", 6, "001/p/1"),
    ]
    assert all(list(one.files) == ["/eventlog.db"] and not one.spoiled for one in stores)


@pytest.mark.parametrize(
    ("directory", "store_id", "number"),
    [
        ("livestore-default@4", "default", 4),
        ("livestore-a@b@6", "a@b", 6),
        ("mine@6", "mine", 6),
        ("mine", "mine", None),
        ("a/livestore-x@2", "x", 2),
        ("", "", None),
        (None, None, None),
    ],
)
def test_store_ids(directory: str | None, store_id: str | None, number: int | None) -> None:
    one = Carved(None, directory, "g", "/x.db", Path("x"), 0x106, 4096, 0, False)
    assert extract.sets([one])[0][3:5] == (store_id, number)


def test_other_programs_files_are_not_ours(tmp_path: Path) -> None:
    """Whatever they are; also beside a pool, and in a storage without any."""
    others = {5: b"text", 6: bytes(9000), 7: database(tmp_path), 8: b""}
    assert extract.carve(profile(tmp_path / "none", {"theirs": others, "archive": {9: b"x"}})) == []
    root = profile(tmp_path / "beside", {"theirs": others, POOL: {0: slot("/eventlog.db")}})
    assert [one.name for one in extract.carve(root)] == ["/eventlog.db"]
    shutil.rmtree(root / "000/t/Paths")  # now any of them may be a file that was torn
    assert sorted(one.file.name for one in spoiled(root)) == ["00000005", "00000006", "00000007", "Paths"]
    shutil.rmtree(tmp_path / "none/000/t/Paths")
    assert extract.carve(tmp_path / "none") == []


def test_a_bucket_has_no_origins(tmp_path: Path) -> None:
    """WebStorage/<bucket>/FileSystem/t: the kind of storage lies at the top, and nothing is missing."""
    root = profile(tmp_path / "WebStorage/7/FileSystem", {POOL: {0: slot("/eventlog.db")}}, "t")
    shutil.rmtree(root / "Origins")
    (found,) = extract.carve(root)
    assert found[:4] == (None, POOL, "t/1", "/eventlog.db")


def test_a_removed_directory_is_not_raised_from_the_dead(tmp_path: Path) -> None:
    """What a sound Paths does not name was removed: it is told, and can be had, but is not taken."""
    tree = {POOL: {0: slot("/eventlog.db", database(tmp_path)), 1: UNUSED}, "livestore-b@6": {2: slot("/eventlog.db")}}
    root = profile(tmp_path / "File System", tree)
    gone = [(key, None) for key in (b"1", b"CHILD_OF:0:livestore-pjais@6")]
    files = [(key, None) for key in (b"1000", b"1001", b"CHILD_OF:1:0-random", b"CHILD_OF:1:1-random")]
    for removed, group in ((gone, "000/t/1"), ([*gone, *files], "000/t/?")):
        folder(root / "000/t/Paths", {"000003.log": log([batch(1, entries(tree)), batch(500, removed)])})
        assert taken(root)["/eventlog.db"].directory == "livestore-b@6"
        (found,) = spoiled(root)
        assert "removed" in found.reason and found.readable and found.name == "/eventlog.db"
        assert (found.directory, found.group) == (None, group)


def test_damaged_books_cost_names_not_files(tmp_path: Path) -> None:
    """A flipped bit in Paths: the file that it named stands alone, the rest has its place; the damage is told."""
    tree = {POOL: {0: slot("/eventlog.db", database(tmp_path)), 1: slot("/state1.db"), 2: UNUSED}}
    root = profile(tmp_path / "File System", tree)
    paths = folder(
        root / "000/t/Paths", {"000003.log": log([batch(n * 9, [op]) for n, op in enumerate(entries(tree))])}
    )
    flipped(paths / "000003.log", (paths / "000003.log").read_bytes().index(b"00/00000000"))
    assert {one.name: one.group for one in taken(root).values()} == {"/eventlog.db": "000/t/?", "/state1.db": "000/t/1"}
    assert [one.group for one in spoiled(root)] == ["000/t"]
    assert [(one.group, len(one.files), len(one.spoiled)) for one in extract.sets(extract.carve(root))] == [
        ("000/t", 0, 1),
        ("000/t/1", 1, 0),
        ("000/t/?", 1, 0),
    ]


def test_garbled_entries(tmp_path: Path) -> None:
    """A value that is no pickle, a directory that is in itself, a backslash as Windows writes it."""
    tree = {POOL: {0: slot("/eventlog.db"), 1: slot("/state1.db")}}
    ops = dict(entries(tree))
    ops[b"1000"] = pickle(1, "00\\00000000", "random")
    ops[b"1001"] = b"\xff\xff\xff\xff"
    root = profile(tmp_path / "File System", tree)
    folder(root / "000/t/Paths", {"000003.log": log([batch(1, ops.items())])})
    assert taken(root)["/eventlog.db"].directory == POOL and taken(root)["/state1.db"].directory is None
    assert ["the entry 1001 is garbled" in one.reason for one in spoiled(root)] == [True]
    ops[b"1"] = pickle(1, "", "round and round")
    folder(root / "000/t/Paths", {"000003.log": log([batch(1, ops.items())])})
    assert {(one.directory, one.group) for one in taken(root).values()} == {(None, "000/t/1"), (None, "000/t/?")}


def test_empty_books_of_a_storage_without_files_are_no_loss(tmp_path: Path) -> None:
    """A page that opens its file system and puts nothing into it leaves Paths empty."""
    root = profile(tmp_path / "File System", {})
    folder(root / "000/t/Paths", {"000003.log": b""})
    assert listing.problems(root) == []


def test_empty_books_are_not_believed(tmp_path: Path) -> None:
    """After damage Chromium may begin Paths anew: that it names nothing does not mean that all was removed."""
    root = profile(tmp_path / "File System", {POOL: {0: slot("/eventlog.db")}})
    folder(root / "000/t/Paths", {"000003.log": b""})
    assert taken(root)["/eventlog.db"].group == "000/t/?"
    assert ["empty" in one.reason for one in spoiled(root)] == [True]


def test_paths_in_tables(tmp_path: Path) -> None:
    """A large tree: sorted tables with Snappy, and what came later in the log."""
    tree: dict[str, dict[int, bytes]] = {f"other{n}": {n + 100: b"x"} for n in range(300)}
    tree[POOL] = {12345: slot("/eventlog.db", database(tmp_path)), 3: UNUSED}
    root = profile(tmp_path / "File System", tree)
    assert (root / "000/t/23/00012345").is_file()
    rows = sorted((key, n + 1, value) for n, (key, value) in enumerate(entries(tree)))
    later = log([batch(5000, [(b"301", pickle(0, "", "livestore-renamed@6"))])])
    shutil.rmtree(root / "000/t/Paths")
    folder(root / "000/t/Paths", {"000005.ldb": table(rows), "000006.log": later}, tables=[5])
    assert {one.directory for one in extract.carve(root)} == {"livestore-renamed@6"}


def test_paths_by_the_real_library(tmp_path: Path) -> None:
    """LevelDB itself writes tables and compacts them."""
    plyvel = pytest.importorskip("plyvel")
    tree: dict[str, dict[int, bytes]] = {f"other{n:04}": {n + 100: b"x"} for n in range(2000)}
    tree[POOL] = {0: slot("/eventlog.db"), 1: UNUSED}
    root = profile(tmp_path / "File System", tree)
    shutil.rmtree(root / "000/t/Paths")
    written = plyvel.DB(str(root / "000/t/Paths"), create_if_missing=True, write_buffer_size=60_000)
    for key, value in entries(tree):
        written.put(key, value)
    written.close()
    assert list((root / "000/t/Paths").glob("*.ldb"))
    (found,) = extract.carve(root)
    assert isinstance(found, Carved) and found.directory == POOL


def test_one_path_twice(tmp_path: Path) -> None:
    """None is taken, nor a journal that would be played back into who knows which; the rest of the pool is."""
    old, new = database(tmp_path), database(tmp_path, "new")
    new = new[:24] + b"\0\0\0\x63" + new[28:92] + b"\0\0\0\x63" + new[96:]
    tree = {
        POOL: {
            0: slot("/eventlog.db", old),
            1: slot("/eventlog.db", new),
            2: slot("/eventlog.db-journal", HOTTEST, 0x806),
            3: slot("/state1.db", old),
        }
    }
    root = profile(tmp_path / "File System", tree)
    (store,) = extract.sets(extract.carve(root))
    assert list(store.files) == ["/state1.db"]
    assert [one.readable for one in store.spoiled] == [True, True, False]
    assert "change counter is 99" in store.spoiled[1].reason and "the path it belongs to" in store.spoiled[2].reason
    assert values(extract.write_out(store.spoiled[1], tmp_path / "out.db")) == {"new" * 50}


def test_two_pools_without_books_are_not_mixed(tmp_path: Path) -> None:
    """Where Paths is gone, two stores of one origin claim the same names: whose state is whose cannot be told."""
    data = database(tmp_path)
    tree = {
        "livestore-a@4": {0: slot("/eventlog.db", data), 1: slot("/state4.db", data)},
        "livestore-a@6": {2: slot("/eventlog.db", data), 3: slot("/state6.db", data)},
    }
    root = profile(tmp_path / "File System", tree)
    assert len(extract.sets(extract.carve(root))) == 2
    shutil.rmtree(root / "000/t/Paths")
    assert sorted(taken(root)) == ["/state4.db", "/state6.db"]
    assert [one.name for one in spoiled(root) if one.readable] == ["/eventlog.db", "/eventlog.db"]


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    """Paths names it in a pool; also when all of the pool is gone, since its name is LiveStore's."""
    root = injured(tmp_path, slot("/eventlog.db"))
    (root / "000/t/00/00000000").unlink()
    assert only(root).reason == "Paths names this file (0-random), but it is not there"
    assert only(root).raw() == b""
    (root / "000/t/00/00000001").unlink()
    assert [one.directory for one in spoiled(root)] == [POOL, POOL]


def test_the_archive(tmp_path: Path) -> None:
    """Old states without a header belong to the store; a copy that was not finished does not count."""
    data = database(tmp_path)
    archive = {5: data, 6: data[:-1], 7: b"", 8: data}
    tree = {POOL: {0: slot("/eventlog.db", data)}, f"{POOL}/archive": archive}
    root = profile(tmp_path / "File System", tree)
    ops = dict(entries(tree))
    ops[b"1008"] = pickle(2, number(8), "8-state.db.crswap")
    folder(root / "000/t/Paths", {"000003.log": log([batch(1, ops.items())])})
    (store,) = extract.sets(extract.carve(root))
    assert list(store.files) == ["/eventlog.db", "archive/5-archived.db"]
    old = store.files["archive/5-archived.db"]
    assert (old.archived, old.flags, old.offset, old.directory, old.group) == (True, 0, 0, POOL, "000/t/1")
    assert values(extract.write_out(old, tmp_path / "old.db")) == {"x" * 50}
    assert [(one.name, one.readable) for one in store.spoiled] == [
        ("archive/6-archived.db", True),
        ("archive/7-archived.db", False),
        ("archive/8-state.db.crswap", True),
    ]
    assert store.spoiled[2].reason == "a copy for the archive that the browser did not finish"
    shutil.rmtree(root / "000/t/Paths")
    assert {one.name for one in spoiled(root) if one.readable} == {None}  # where they lay is not known any more


# -- origins, pickles, folders


@pytest.mark.parametrize(
    ("identifier", "origin"),
    [
        ("http_localhost_41739", "http://localhost:41739"),
        ("https_www.google.com_0", "https://www.google.com"),
        ("http_foo_bar_baz.org_0", "http://foo_bar_baz.org"),
        ("http_[__1]_8080", "http://[::1]:8080"),
        ("http_[3ffe_2a00_100_7031__1]_0", "http://[3ffe:2a00:100:7031::1]"),
        ("file__0", "file://"),
        ("app_bundle_0", "app://bundle"),
        ("chrome-extension_abc_0", "chrome-extension://abc"),
        ("__0", "__0"),
        ("http__0", "http__0"),
        ("http_escaped%20fun.com_0", "http_escaped%20fun.com_0"),
        ("http_port_too_big.net_75000", "http_port_too_big.net_75000"),
        ("HtTp_x_0", "HtTp_x_0"),
        ("http_bytes_after_port_0abcd", "http_bytes_after_port_0abcd"),
        ("", ""),
    ],
)
def test_origins(identifier: str, origin: str) -> None:
    """The cases of Chromium's own test (database_identifier_unittest.cc), and what an Electron app may use."""
    assert path_index.origin_of(identifier) == origin


def test_a_pickle_byte_by_byte() -> None:
    """As Chromium 156 wrote it."""
    raw = bytes.fromhex("2c000000 0000000000000000 00000000 11000000") + POOL.encode() + b"\0\0\0@0b\xbae\xbf/\0"
    assert path_index.file_info(raw) == ("0", "", POOL)
    assert path_index.file_info(pickle(1, "00/00000001", "wl9orzdi8c")) == ("1", "00/00000001", "wl9orzdi8c")


@given(st.binary(max_size=80))
def test_any_bytes_make_a_pickle_or_none(raw: bytes) -> None:
    """Nothing raises."""
    path_index.file_info(raw)
    path_index.file_info(struct.pack("<I", max(len(raw) - 4, 0)) + raw)


@settings(deadline=None, max_examples=examples(60))
@given(st.binary(max_size=5000), st.binary(max_size=200))
def test_any_bytes_in_a_pool(tmp_path_factory: pytest.TempPathFactory, head: bytes, payload: bytes) -> None:
    """Nothing raises, and nothing but an empty slot is left out."""
    root = injured(tmp_path_factory.mktemp("pool"), head)
    assert bool(extract.carve(root)) == bool(any(head))
    (root / "000/t/00/00000000").write_bytes(slot("/x.db", payload))
    (found,) = extract.carve(root)
    assert isinstance(found, Carved) == (not payload)


def test_folders_that_cannot_be_read(tmp_path: Path) -> None:
    """A folder that is not there, a file in its place, a link in place of a data file."""
    assert "cannot be read" in only(tmp_path / "nowhere").reason
    assert only(tmp_path / "nowhere").group == extract.BOOKS
    (tmp_path / "file").write_bytes(b"")
    assert "cannot be read" in only(tmp_path / "file").reason
    (tmp_path / "empty").mkdir()
    assert extract.carve(tmp_path / "empty") == []
    root = injured(tmp_path, slot("/eventlog.db"))
    (root / "000/t/00/00000000").unlink()
    (root / "000/t/00/00000000").symlink_to("00000001")
    assert only(root).reason == "it cannot be read: it is not an ordinary file"
    assert only(root).directory == POOL


def test_a_file_that_shrinks_while_it_is_read(tmp_path: Path) -> None:
    """Nothing half is left."""
    found = taken(injured(tmp_path, slot("/eventlog.db", database(tmp_path))))["/eventlog.db"]
    found.file.write_bytes(found.file.read_bytes()[:5000])
    with pytest.raises(SourceDamaged):
        extract.write_out(found, tmp_path / "out.db")
    assert not list(tmp_path.glob("*out.db*"))


def test_a_large_payload_is_streamed(tmp_path: Path) -> None:
    """More than one chunk, to the byte."""
    payload = HOTTEST + b"".join(n.to_bytes(4, "big") for n in range(600_000))
    found = taken(injured(tmp_path, slot("/x.db-journal", payload, 0x806)))["/x.db-journal"]
    assert extract.write_out(found, tmp_path / "out").read_bytes() == payload


def test_the_magic_is_sqlites() -> None:
    """The one that is kept apart from the module that opens SQLite."""
    from pjais import sqlite

    assert pool.MAGIC == sqlite.MAGIC
