"""What a search says: which stores are RxDB's or LiveStore's, and every other one by its name, size and reason."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import pjais
from pjais.cli import run as run_inside
from pjais.core.source import Passed
from pjais.formats.opfs import extract
from pjais.sources import detect, identify, registry
from pjais.sources.contract import File
from pjais.sources.found import Found
from pjais.sources.json_files import recognise
from world import documents, hashes, memory, migrated, persona, rows, write_json, write_livestore

sys.path.append(str(Path(__file__).parents[1] / "formats"))

from indexeddb_writer import described, key, v8
from leveldb_writer import batch, counted, folder, log, table

GOLDEN = Path(__file__).parents[1] / "golden"
RXDB = GOLDEN / "rxdb" / "v17-clean"


class Said(NamedTuple):
    """What a command said, on both streams, and how it ended."""

    exit_code: int
    output: str


def run(*words: str | Path) -> Said:
    """A command, in this process."""
    both = io.StringIO()
    with contextlib.redirect_stdout(both), contextlib.redirect_stderr(both):
        code = run_inside([str(word) for word in words])
    return Said(code, both.getvalue())


def look(place: Path, *, named: bool = False) -> Found:
    """A search that remembers nothing."""
    return detect.detect([place], named=named)


def reasons(found: Found) -> dict[str, str]:
    """What is not migrated: the name of its file, and why."""
    return {one.path.name: one.reason for one in found.passed}


def indexeddb(place: Path, *databases: tuple[str, tuple[str, ...]]) -> Path:
    """An origin's IndexedDB with these databases, in a log as a small app leaves it."""
    ops = []
    for number, (name, stores) in enumerate(databases, 1):
        ops += described(number, name, stores)
        ops.append((key("a", database=number), b"\x01" + v8("text")))
    return folder(place / "IndexedDB" / "https_app.example_0.indexeddb.leveldb", {"000003.log": log([batch(1, ops)])})


# --- RxDB is known by its own store


def databases(*words: str | Path) -> list[dict[str, Any]]:
    """What `detect --json` says of the databases of every source."""
    told = json.loads(run("detect", *words, "--json").output)
    return [database for one in told["sources"] for database in one["databases"]]


def test_a_dexie_database_that_is_only_called_dexie_is_taken_as_what_it_is(tmp_path: Path) -> None:
    """Found, counted by collection, migrated, proved; and not RxDB's."""
    profile = GOLDEN / "any-app" / "named-dexie" / "profile"
    before = hashes(profile)
    shown = run("detect", profile, "--data-dir", tmp_path)
    assert shown.exit_code == 0
    assert "my-dexie-notes" in shown.output and "probably Dexie" in shown.output and "notes (10)" in shown.output
    (one,) = databases(profile)
    assert (one["origin"], one["database"], one["made_by"]) == (
        "http://localhost:8841",
        "my-dexie-notes",
        "probably Dexie",
    )
    assert (one["collections"], one["documents"], one["size"] > 6000) == (
        [{"name": "notes", "documents": 10}],
        10,
        True,
    )
    for command in ("plan", "migrate"):
        assert run(command, profile, "--data-dir", tmp_path).exit_code == 0
    assert [table for table, _, _ in documents(tmp_path / "pjais.sqlite")] == ["notes"] * 10
    assert pjais.verify(tmp_path).passed
    assert hashes(profile) == before


@pytest.mark.parametrize(
    ("name", "stores", "maker"),
    [
        ("_pouch_todoapp-rxdb-0-todos", ("attach-store", "by-sequence", "document-store"), "PouchDB (RxDB up to 11)"),
        ("_pouch_notes", ("docs", "meta"), "PouchDB"),
        ("rxdb-dexie", ("table",), "probably Dexie"),
        ("rxdb-dexie-mine--0--notes", ("notes",), "probably Dexie"),
        ("rxdb", ("changes", "docs"), "probably Dexie"),
        ("storageToken", ("instanceToken",), "probably Dexie"),
    ],
)
def test_the_letters_rxdb_in_a_name_say_nothing(tmp_path: Path, name: str, stores: tuple[str, ...], maker: str) -> None:
    indexeddb(tmp_path, (name, stores))
    assert [ref.kind for ref in look(tmp_path).sources] == ["indexeddb"]
    (one,) = databases("--data-dir", tmp_path)
    assert (one["database"], one["made_by"], one["collections"]) == (
        name,
        maker,
        [{"name": store, "documents": int(number == 0)} for number, store in enumerate(stores)],
    )
    assert run("migrate", "--data-dir", tmp_path).exit_code == 0


def test_rxdb_whose_internal_store_is_lost_is_still_rxdb(tmp_path: Path) -> None:
    indexeddb(tmp_path, ("rxdb-dexie-app--0--notes", ("attachments", "changes", "docs")))
    assert [ref.kind for ref in look(tmp_path).sources] == ["rxdb-profile"]


def with_another_database(place: Path) -> Path:
    """A profile of RxDB's with another library's database, `their-notes`, in the same LevelDB."""
    shutil.copytree(RXDB / "IndexedDB", place / "IndexedDB")
    (leveldb,) = (place / "IndexedDB").glob("*.leveldb")
    (main_log,) = leveldb.glob("*.log")
    ops = [(one, value) for one, value in described(200, "their-notes") if one[:1] == b"\0"]
    ops.append((key("a", database=200), b"\x01" + v8("x")))
    number = max(int(one.stem) for one in leveldb.glob("*.log"))
    assert number == int(main_log.stem)
    (leveldb / f"{number + 1:06}.log").write_bytes(log([batch(1 << 40, ops)]))
    return leveldb


def test_another_database_beside_rxdb_in_one_leveldb_is_a_source_of_its_own(tmp_path: Path) -> None:
    """Each document is read once, by the kind that knows it; the backup holds the bytes once."""
    leveldb = with_another_database(tmp_path)
    alone = pjais.migrate(tmp_path / "alone", [RXDB / "IndexedDB"], on_invalid="quarantine").total.read
    found = look(tmp_path)
    assert [(ref.kind, ref.path) for ref in found.sources] == [("rxdb-profile", leveldb), ("indexeddb", leveldb)]
    told = {one["database"]: (one["made_by"], one["documents"]) for one in databases("--data-dir", tmp_path)}
    assert told["their-notes"] == ("probably Dexie", 1)
    assert not any(name.startswith("rxdb-dexie-") for name in told)
    report = migrated(tmp_path, on_invalid="quarantine")
    assert [one["read"] for one in report.sources] == [alone, 1]
    assert report.backup is not None
    logs = [path.stat().st_ino for path in report.backup.rglob("*.log")]
    assert len(logs) == 2 * len(set(logs))
    assert pjais.verify(tmp_path).passed


def test_every_database_of_an_origin_with_what_made_it() -> None:
    told = [(one["database"], one["made_by"], one["documents"]) for one in databases(GOLDEN / "any-app" / "kv")]
    assert told == [
        ("custom-db", None, 1),
        ("keyval-store", "idb-keyval", 4),
        ("localforage", "localForage", 8),
        ("myApp", "localForage", 40),
        ("localStorage", None, 2),
    ]


def test_a_database_in_a_sqlite_file_is_a_source_too(tmp_path: Path) -> None:
    """Chromium's coming backend: one SQLite file a database."""
    place = tmp_path / "IndexedDB" / "https_app.example_0"
    place.mkdir(parents=True)
    with closing(sqlite3.connect(place / ("A" * 52))) as db:
        db.executescript("CREATE TABLE indexed_db_metadata (name, version); CREATE TABLE object_stores (id, name);")
        db.execute("INSERT INTO indexed_db_metadata VALUES (?, 3)", ("my-rxdb-dexie-".encode("utf-16-le"),))
        db.execute("INSERT INTO object_stores VALUES (1, ?)", ("notes".encode("utf-16-le"),))
        db.commit()
    found = look(tmp_path)
    assert [(ref.kind, ref.dialect, ref.path) for ref in found.sources] == [("indexeddb", "indexeddb-sqlite", place)]


@pytest.mark.parametrize(
    ("place", "origin"),
    [
        ("Default/IndexedDB/https_app.example_0.indexeddb.leveldb", "https://app.example"),
        ("Profile 2/IndexedDB/chrome-extension_abcdefghijklmnop_0.indexeddb.leveldb", None),
        ("Partitions/work/IndexedDB/file__0.indexeddb.leveldb", "file://"),
        ("Default/WebStorage/3/IndexedDB/indexeddb.leveldb", None),
    ],
)
def test_a_database_is_taken_wherever_a_browser_keeps_it(tmp_path: Path, place: str, origin: str | None) -> None:
    made = indexeddb(tmp_path / "made", ("notes", ("notes",)))
    (tmp_path / "d" / place).parent.mkdir(parents=True)
    made.rename(tmp_path / "d" / place)
    (ref,) = look(tmp_path / "d").sources
    assert ref.path == tmp_path / "d" / place
    if origin is not None:
        assert [one["origin"] for one in databases("--data-dir", tmp_path / "d")] == [origin]


# --- pools of other libraries


def wasm_header(path: bytes, flags: int) -> bytes:
    """A header as sqlite-wasm's opfs-sahpool writes it."""
    body = path.ljust(512, b"\0") + struct.pack(">I", flags)
    one, two = 0xDEADBEEF, 1103547991
    for byte in body if flags & 0x80 else b"":
        one = (one ^ byte) * 2654435761 % 2**32
        two = (two ^ byte) * 104729 % 2**32
    told = struct.pack("<II", one, two) if flags & 0x80 else bytes(8)
    return (body + told).ljust(4096, b"\0")


def cyrb53(path: bytes, flags: int) -> bytes:
    """A header as wa-sqlite writes it."""
    body = path.ljust(512, b"\0") + struct.pack(">I", flags)
    one, two = 0xDEADBEEF, 0x41C6CE57
    for byte in body:
        one, two = (one ^ byte) * 2654435761 % 2**32, (two ^ byte) * 1597334677 % 2**32
    one = ((one ^ one >> 16) * 2246822507 ^ (two ^ two >> 13) * 3266489909) % 2**32
    two = ((two ^ two >> 16) * 2246822507 ^ (one ^ one >> 13) * 3266489909) % 2**32
    return (body + struct.pack("<II", one, two)).ljust(4096, b"\0")


@pytest.mark.parametrize("books", [True, False])
@pytest.mark.parametrize(
    ("header", "flags", "maker"),
    [
        (wasm_header, 0x106 | 0x80, "sqlite-wasm (opfs-sahpool)"),
        (wasm_header, 0x106, "sqlite-wasm (opfs-sahpool)"),
        (cyrb53, 0x106, "wa-sqlite"),
    ],
    ids=["sahpool", "sahpool-1", "wa-sqlite"],
)
def test_a_pool_of_another_library_is_neither_livestore_nor_damaged(
    tmp_path: Path, header: Callable[[bytes, int], bytes], flags: int, maker: str, books: bool
) -> None:
    """Its digest is another one, or its paths are: a source of its own kind, and nothing of it is called damaged."""
    with closing(sqlite3.connect(tmp_path / "made.db")) as db:
        db.executescript("CREATE TABLE t (v); INSERT INTO t VALUES ('theirs');")
    content = (tmp_path / "made.db").read_bytes()
    (tmp_path / "made.db").unlink()
    storage = tmp_path / "File System" / "000" / "t"
    (storage / "00").mkdir(parents=True)
    (storage / "00" / "00000000").write_bytes(header(b"/notes.sqlite3", flags) + content)
    (storage / "00" / "00000001").write_bytes(bytes(4096))
    if books:
        names = [(0, "", ".pool"), (1, "00/00000000", "a"), (1, "00/00000001", "b")]
        ops = [(b"%d" % (number + 1), _info(*one)) for number, one in enumerate(names)]
        folder(storage / "Paths", {"000003.log": log([batch(1, [(b"0", _info(0, "", "")), *ops])])})
    assert extract.carve(tmp_path / "File System") == []
    found = look(tmp_path)
    (ref,) = found.sources
    assert (ref.kind, ref.path, found.passed) == ("opfs-sqlite", tmp_path / "File System" / "000", ())
    directory = ".pool" if books else "?"
    assert ref.notes == (f"unknown origin: {directory}/notes.sqlite3, 8.0 KiB, {maker}, tables t",)


def _info(parent: int, data: str, name: str) -> bytes:
    """What Paths says of a file."""

    def text(value: str) -> bytes:
        raw = value.encode()
        return struct.pack("<i", len(raw)) + raw + bytes(-len(raw) % 4)

    body = struct.pack("<q", parent) + text(data) + text(name) + struct.pack("<q", 13361716800000000)
    return struct.pack("<I", len(body)) + body


# --- files


def store(place: Path) -> Path:
    """A data folder with a store of one memory."""
    place.mkdir(exist_ok=True)
    write_json(place, personas=[persona()], memories=[memory()])
    migrated(place)
    return place / "pjais.sqlite"


def test_a_conflicted_copy_of_the_store_is_named_and_is_taken_if_it_is_named(tmp_path: Path) -> None:
    """A sync client's copy may hold what is nowhere else."""
    data = tmp_path / "d"
    copy = data / "pjais (Ann's conflicted copy 2026-01-02).sqlite"
    shutil.copy(store(data), copy)
    rows(copy, "INSERT INTO memory_entities (id, type, content, persona_id) VALUES ('only-there', 'fact', 'x', 'p1')")
    found = look(data)
    assert [one.kind for one in found.passed if one.path == copy] == ["pjais"]
    for command in ("detect", "plan", "migrate"):
        assert "conflicted" in run(command, "--data-dir", data).output, command
    assert run("migrate", copy, "--data-dir", data).exit_code == 0
    assert rows(data / "pjais.sqlite", "SELECT id FROM memory_entities ORDER BY id") == [("m1",), ("only-there",)]
    assert pjais.verify(data).passed


def test_a_sqlite_file_and_json_of_other_programs_are_named_with_their_size(tmp_path: Path) -> None:
    for name in ("theirs.db", "theirs", "theirs.sqlite3"):
        with closing(sqlite3.connect(tmp_path / name)) as db:
            db.execute("CREATE TABLE notes (x)")
    (tmp_path / "config.json").write_text('{"theme": "dark"}')
    (tmp_path / "broken.json").write_bytes(b"\x00\x01")
    (tmp_path / "readme.txt").write_text("hello")
    found = look(tmp_path)
    unknown = "SQLite, but no table that pjais knows"
    assert reasons(found) == {
        "theirs.db": unknown,
        "theirs": unknown,
        "theirs.sqlite3": unknown,
        "config.json": "JSON, but nothing that pjais knows",
        "broken.json": "named as JSON, but it is none",
    }
    assert {one.path.name: one.size for one in found.passed}["config.json"] == 17


def test_a_browsers_own_databases_need_no_word(tmp_path: Path) -> None:
    profile = tmp_path / "Default"
    for name in ("Cookies", "History", "Web Data"):
        profile.mkdir(exist_ok=True)
        with closing(sqlite3.connect(profile / name)) as db:
            db.executescript("CREATE TABLE meta (key, value); INSERT INTO meta VALUES ('last_compatible_version', 1);")
    (profile / "Preferences").write_text("{}")
    by_bytes = log([b"\1" + counted(b"leveldb.BytewiseComparator") + b"\2\0\3\x09\4\x07"])
    own = {"000003.log": log([batch(1, [(b"x", b"y")])]), "MANIFEST-000001": by_bytes}
    folder(profile / "Site Characteristics Database", own)
    folder(profile / "Local Storage" / "leveldb", {"000003.log": log([batch(1, [(b"VERSION", b"1")])])})
    (profile / "SingletonLock").symlink_to("somewhere-that-is-not")
    found = look(tmp_path)
    assert found.sources == ()
    assert [one.reason for one in found.passed] == ["localStorage without any item"]


def test_many_files_of_one_kind_are_one_line(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"{number:02}.json").write_text("{}")
    (one,) = look(tmp_path).passed
    assert one == Passed(tmp_path, "30 files, 00.json among them: JSON, but nothing that pjais knows", 60, "json")


def test_more_files_than_are_looked_into_are_counted_and_ours_is_found_by_its_name(tmp_path: Path) -> None:
    for number in range(1100):
        (tmp_path / f"{number:04}.json").write_text("{}")
    write_json(tmp_path, personas=[persona()])
    found = look(tmp_path)
    assert [ref.path.name for ref in found.sources] == ["data.json"]
    assert sorted(one.reason.split()[0] for one in found.passed) == ["500", "600"]


def test_a_store_deep_in_a_folder_is_named_and_not_taken(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b" / "c" / "d"
    deep.mkdir(parents=True)
    write_json(deep, personas=[persona()])
    found = look(tmp_path)
    assert found.sources == ()
    assert [(one.path, one.kind) for one in found.passed] == [(deep / "data.json", "json")]


def test_an_archive_is_told_to_be_unpacked(tmp_path: Path) -> None:
    shutil.make_archive(str(tmp_path / "old"), "zip", GOLDEN / "any-app" / "kv")
    assert reasons(look(tmp_path)) == {"old.zip": "an archive; name it to have it unpacked, or unpack it"}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"cache": {%s}, "personas": []}', "json"),
        ('{"cache": {%s, "personas": []}}', None),
        ('{"cache": {%s}, "note": "\\"personas\\": []"}', None),
        ('{"cache": {%s}, "x": {"memories": {}}, "memories" : []}', "json"),
        ('{"cache": {%s}}', None),
    ],
)
def test_a_large_json_is_known_by_its_top_level_alone(tmp_path: Path, text: str, kind: str | None) -> None:
    """Also where its beginning does not tell: names below the top and inside of texts do not count."""
    path = tmp_path / "large.json"
    path.write_text(text % ", ".join(f'"k{number}": "}}{{[\\\\\\"{number}"' for number in range(9000)))
    size = path.stat().st_size
    assert size > 2 * identify.HEAD
    members = recognise.members(File(path, path.read_bytes()[: identify.HEAD], size, named=False), familiar=False)
    assert next((one.kind for one in registry.SOURCES if one.is_json(members)), None) == kind
    assert [ref.kind for ref in look(tmp_path).sources] == ([kind] if kind else [])


# --- copies


@pytest.mark.parametrize("name", ["IndexedDB.bak.20260609-112916", "IndexedDB - Copy", "old"])
def test_a_copy_of_a_profile_is_named_and_can_be_named(tmp_path: Path, name: str) -> None:
    """An app's update put it aside: not taken by itself, since what it holds may have been removed since."""
    data = tmp_path / "d"
    shutil.copytree(RXDB / "IndexedDB", data / name)
    done = run("detect", "--data-dir", data)
    assert done.exit_code == 11
    assert name in done.output and "not migrated" in done.output
    assert run("migrate", data / name, "--data-dir", data, "--on-invalid", "quarantine").exit_code == 1
    assert pjais.verify(data).passed
    assert rows(data / "pjais.sqlite", "SELECT count(*) > 10 FROM memory_entities") == [(1,)]


@pytest.mark.parametrize("name", ["x.indexeddb.leveldb.bak", "x.indexeddb.leveldb - Copy", "recovered"])
def test_a_folder_of_leveldb_files_can_be_named_whatever_it_is_called(tmp_path: Path, name: str) -> None:
    """Also without its CURRENT and MANIFEST, as recovery tools leave it."""
    (leveldb,) = (RXDB / "IndexedDB").glob("*.leveldb")
    shutil.copytree(leveldb, tmp_path / name)
    (whole,) = look(tmp_path / name, named=True).sources
    assert whole.kind == "rxdb-profile"
    for one in [*(tmp_path / name).glob("MANIFEST*"), tmp_path / name / "CURRENT"]:
        one.unlink()
    (loose,) = look(tmp_path / name, named=True).sources
    assert loose.path == tmp_path / name
    (file,) = (tmp_path / name).glob("*.log")
    assert look(file, named=True).sources == (loose,)


# --- looking again


def searched(place: Path) -> Found:
    """A search as every command makes it."""
    from pjais.workspace import resolve_workspace

    return resolve_workspace(place).find()


def test_looking_again_opens_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has the same stamps is not read: a foreign IndexedDB, a foreign JSON, our own source."""
    store(tmp_path)
    indexeddb(tmp_path, ("notes", ("notes",)))
    (tmp_path / "cache.json").write_text(json.dumps({"entries": {str(n): "x" * 50 for n in range(3000)}}))
    first = searched(tmp_path)
    assert [one.path.name for one in first.passed] == ["cache.json"]
    assert {one.path.name for one in first.sources} == {"data.json", "https_app.example_0.indexeddb.leveldb"}
    opened: list[str] = []
    real = Path.open

    def watched(self: Path, *given: Any, **named: Any) -> Any:
        opened.append(self.name)
        return real(self, *given, **named)

    monkeypatch.setattr(Path, "open", watched)
    assert searched(tmp_path) == first
    assert set(opened) <= {".seen.json"}


def test_what_has_changed_is_looked_at_again_also_with_the_same_size_and_time(tmp_path: Path) -> None:
    store(tmp_path)
    other = tmp_path / "other.json"
    other.write_text('{"personaz": [], "x": 1}')
    assert [one.path.name for one in searched(tmp_path).passed] == ["other.json"]
    before = other.stat()
    other.write_text('{"personas": [], "x": 1}')
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert other.stat().st_size == before.st_size
    assert {ref.path.name for ref in searched(tmp_path).sources} == {"data.json", "other.json"}


@pytest.mark.parametrize("damage", [b"", b"{}", b"00000000 {}", None])
def test_what_was_seen_may_be_lost_or_torn(tmp_path: Path, damage: bytes | None) -> None:
    store(tmp_path)
    first = searched(tmp_path)
    seen = tmp_path / "backups" / ".seen.json"
    assert seen.exists()
    if damage is None:
        seen.unlink()
    else:
        seen.write_bytes(damage)
    assert searched(tmp_path) == first


def test_no_trace_is_left_where_there_is_no_store(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN / "any-app" / "kv" / "profile", tmp_path / "d")
    before = hashes(tmp_path)
    assert run("detect", "--data-dir", tmp_path / "d").exit_code == 0
    assert hashes(tmp_path) == before


def test_only_the_blocks_of_metadata_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of databases come out of a table without its rows; sizes out of its index."""
    from pjais.formats.indexeddb import metadata
    from pjais.formats.leveldb import table as leveldb_table

    ops = [op for number, name in ((1, "one"), (2, "two")) for op in described(number, name)]
    ops += [(key(f"{n:06}", database=d), b"\x01" + v8("x" * 300)) for d in (1, 2) for n in range(2000)]
    entries = [(one, n + 1, value) for n, (one, value) in enumerate(sorted(ops))]
    place = folder(tmp_path / "x.indexeddb.leveldb", {"000005.ldb": table(entries, snappy=False)}, [5])
    read: list[int] = []
    real = leveldb_table.block

    def watched(data: Any, handle: leveldb_table.Handle, *, check: bool = True) -> bytes:
        read.append(handle.size)
        return real(data, handle, check=check)

    monkeypatch.setattr(leveldb_table, "block", watched)
    found = metadata.leveldb(place)
    assert [(one.name, one.size > 50_000) for one in found.databases] == [("one", True), ("two", True)]
    assert found.doubt == ""
    assert len(read) < 10


def test_a_search_that_finds_nothing_loads_no_sqlite_no_locks_and_no_metadata_of_packages(tmp_path: Path) -> None:
    """Most of what a search costs would be that."""
    for number in range(3):
        (tmp_path / f"notes{number}.txt").write_text("nobody's")
        (tmp_path / f"other{number}.json").write_text('{"a": 1}')
    look = (
        "import sys; from pjais.cli import run; run(['detect', sys.argv[1]]); "
        "print('loaded', *sorted(sys.modules.keys() & set(sys.argv[2:])))"
    )
    heavy = (
        *(
            "apsw",
            "asyncio",
            "email",
            "filelock",
            "hashlib",
            "importlib.metadata",
            "pjais.core.results",
            "pjais.models",
        ),
        *("pydantic", "rich", "socket", "tempfile", "traceback"),
    )
    done = subprocess.run([sys.executable, "-c", look, tmp_path, *heavy], capture_output=True, text=True, check=True)
    assert done.stdout == "loaded\n"


def test_a_store_beside_known_browser_data_is_opened_without_what_reads_it(tmp_path: Path) -> None:
    """What has not changed since is not looked into again, so nothing that could is loaded."""
    write_json(tmp_path, personas=[persona("p1")], memories=[memory("m1", "p1")])
    about = [(one, n + 1, value) for n, (one, value) in enumerate(sorted(described()))]
    folder(
        tmp_path / "IndexedDB" / "https_app.example_0.indexeddb.leveldb",
        {"000005.ldb": table(about, snappy=False)},
        [5],
    )
    item = [(b"VERSION", 1, b"1"), (b"_https://app.example\0\1name", 2, b"\1value")]
    folder(tmp_path / "Local Storage" / "leveldb", {"000005.ldb": table(item, snappy=False)}, [5])
    for _ in range(2):  # the first has no backups folder yet in which to keep what it saw
        pjais.open(tmp_path).close()
    look = (
        "import pjais, sys; pjais.open(sys.argv[1]).close(); "
        "print('loaded', *sorted(sys.modules.keys() & set(sys.argv[2:])))"
    )
    readers = ("cramjam", "google_crc32c", "pjais.formats.indexeddb", "pjais.formats.leveldb", "pydantic")
    done = subprocess.run([sys.executable, "-c", look, tmp_path, *readers], capture_output=True, text=True, check=True)
    assert done.stdout == "loaded\n"


def test_a_file_beside_a_database_belongs_to_it_also_where_it_is_a_link(tmp_path: Path) -> None:
    store = write_livestore(tmp_path / "livestore.db", [{"id": "p1", "name": "Ada"}], [])
    (tmp_path / "apart").write_bytes(b"")
    (tmp_path / "livestore.db-journal").symlink_to("apart")
    (found,) = detect.detect([tmp_path]).sources
    assert found.files == (store, tmp_path / "livestore.db-journal")


def test_rows_of_a_table_without_a_key_that_share_an_id_are_all_there(tmp_path: Path) -> None:
    """A column called `id` need not be one."""
    source = tmp_path / "app.db"
    with closing(sqlite3.connect(source)) as db:
        db.executescript("CREATE TABLE log (id INTEGER, line TEXT); INSERT INTO log VALUES (1,'a'),(1,'b'),(NULL,'c')")
        db.commit()
    report = pjais.migrate(tmp_path / "data", [source])
    assert (report.total.migrated, report.total.superseded) == (3, 0)
    store = tmp_path / "data" / "pjais.sqlite"
    assert rows(store, "SELECT _key, id, line FROM log ORDER BY _key") == [(1, 1, "a"), (2, 1, "b"), (3, None, "c")]
    assert pjais.verify(tmp_path / "data").passed
