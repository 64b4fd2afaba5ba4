"""RxDB in browser profiles under attack: a mutation fuzzer, and named cases through the command line."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from box import Box, Result
from leveldb_forge import BLINK, V8, compact, fragments, masked_crc, put, row_key, v8, varint, wire
from mutations import ITEMS, Verdict, account, copied, judge, primary, sha256_tree

from pjais.formats.leveldb import table

soak = partial(pytest.param, marks=pytest.mark.soak)
ORPHAN = "mem-orphan"
PASSWORD = "correct horse battery staple ß🐎"
LINKED = 13
"""The exit code of a sound golden profile: a memory of theirs belongs to nobody, so the default is to stop."""


# --- the fuzzer -----------------------------------------------------------------------------------------------


def fuzz(folder: Path, seeds: range) -> list[Verdict]:
    """Judge one damaged profile for each seed, the golden ones in turn."""
    return [judge(ITEMS[seed % len(ITEMS)], folder / str(seed), seed) for seed in seeds]


def test_damaged_profiles_never_crash_hang_or_lie(tmp_path: Path) -> None:
    """150 mutations."""
    verdicts = fuzz(tmp_path, range(150))
    assert [fault for one in verdicts for fault in one.faults] == []
    assert sum(bool(one.unreadable) for one in verdicts) > 50


@pytest.mark.soak
def test_ten_thousand_damaged_profiles(tmp_path: Path) -> None:
    """The same at length; prints what it saw."""
    verdicts = fuzz(tmp_path, range(1000, 11_000))
    faults = Counter(fault.split(": ", 1)[1].split(": ")[0] for one in verdicts for fault in one.faults[:1])
    silent = sum(bool(one.missing) for one in verdicts)
    print(f"{len(verdicts)} mutations, {silent} lost documents silently, faults: {faults}")  # noqa: T201 - figures
    print(f"slowest {max(one.seconds for one in verdicts):.2f} s")  # noqa: T201
    assert not faults


@pytest.mark.parametrize(("item", "seed"), [("v17-compacted", 1210)])
def test_seeds_that_once_broke_it(item: str, seed: int, tmp_path: Path) -> None:
    """What the long run found."""
    assert judge(item, tmp_path / "one", seed).faults == ()


# --- helpers of the named cases -------------------------------------------------------------------------------


class Profile:
    """A golden profile in a data folder."""

    def __init__(self, box: Box, item: str) -> None:
        self.box, self.item = box, item
        copied(item, box.folder)
        self.leveldb = next(iter(sorted(box.folder.rglob("*.indexeddb.leveldb"))), box.folder)
        self.password: list[str | Path] = []
        if "password" in account(item):
            secret = box.folder.parent / "secret"
            secret.write_text(account(item)["password"], "utf-8")
            self.password = ["--password-file", secret]

    def file(self, pattern: str) -> Path:
        """The one file of a name."""
        return next(iter(sorted(self.box.folder.rglob(pattern))))

    def live(self) -> set[str]:
        """The ids of all live documents that can go in."""
        return {primary(one) for all_of in account(self.item)["collections"].values() for one in all_of["docs"]} - {
            ORPHAN
        }

    def saved(self) -> set[str]:
        """The ids of the personas and memories in the target."""
        found = self.box.sql(
            "SELECT id FROM personas WHERE deleted_at IS NULL UNION SELECT id FROM memory_entities"
            if "deleted_at" in {row[1] for row in self.box.sql("PRAGMA table_info(personas)")}
            else "SELECT id FROM personas UNION SELECT id FROM memory_entities"
        )
        return {str(row[0]) for row in found}

    def tree(self) -> dict[str, str]:
        """The hashes of the profile's own files."""
        ours = ("backups/", "logs/", "pjais.sqlite", ".pjais")
        return {name: digest for name, digest in sha256_tree(self.box.folder).items() if not name.startswith(ours)}

    def survives(self, exit_code: int, *named: str, lost: set[str] | None = None, quarantined: int = 2) -> Result:
        """Refused with its code and places; saved with quarantine; proved; done when called again.

        `lost` are the live documents that the damage hit; None if it cannot be said which.
        """
        before = self.tree()
        shown = self.box.cli("detect")
        assert [one["kind"] for one in shown.body["sources"]] == ["rxdb-profile"]
        stopped = self.box.migrate(*self.password, process=True)
        assert stopped.exit_code == exit_code, stopped.body
        assert not self.box.target.exists()
        for one in named:
            assert one in " ".join(stopped.body["where"]), stopped.body["where"]
        done = self.box.quarantine(*self.password)
        assert (done.exit_code, done.code) == (1, "quarantined"), done.body
        assert done.total["quarantined"] == quarantined
        if lost is not None:
            assert self.saved() == self.live() - lost
        assert self.box.cli("verify", *self.password).exit_code == 0
        again = self.box.quarantine(*self.password)
        assert (again.exit_code, again.code) == (0, "already_migrated")
        assert self.tree() == before
        return done


@pytest.fixture
def profile(box: Box) -> Callable[[str], Profile]:
    """Golden profiles by name."""
    return lambda item: Profile(box, item)


Make = Callable[[str], Profile]


def overwrite(path: Path, at: int, content: bytes) -> None:
    """Change bytes of a file."""
    data = bytearray(path.read_bytes())
    data[at : at + len(content)] = content
    path.write_bytes(data)


def memory_row(**more: Any) -> dict[str, Any]:
    """The memory mem-0001, sound, as RxDB stores it."""
    row = {
        "id": "mem-0001",
        "personaId": "persona-unicode",
        "type": "text",
        "content": "x",
        "tags": [],
        "createdAt": "2024-01-01T00:00:00.000Z",
        "updatedAt": "2024-01-01T00:00:00.000Z",
        "_deleted": "0",
        "_rev": "9-abcdefghij",
        "_meta": {"lwt": 5},
        "_attachments": {},
    }
    return {**row, **more}


def rewrite(profile: Profile, value: bytes) -> int:
    """Give the memory mem-0001 another value; returns where in the log that is."""
    return put(profile.leveldb, (row_key(profile.leveldb, "mem-0001"), value))


# --- LevelDB: files missing or damaged ------------------------------------------------------------------------


@pytest.mark.parametrize("name", [soak("CURRENT"), "MANIFEST-000001"])
def test_a_missing_manifest_or_current(profile: Make, name: str) -> None:
    """All tables and logs are read, and it is told that removed rows may show."""
    one = profile("v17-compacted")
    one.file(name).unlink()
    one.survives(16, name, "byte 0", lost=set())


def test_an_empty_manifest(profile: Make) -> None:
    """A MANIFEST without a single edit is damage."""
    one = profile("v17-compacted")
    one.file("MANIFEST-000001").write_bytes(b"")
    one.survives(16, "MANIFEST-000001", lost=set())


def test_a_manifest_cut_at_an_edit(profile: Make) -> None:
    """A table with a number that the MANIFEST has not given out yet says that it was cut."""
    one = profile("v17-compacted")
    path = one.file("MANIFEST-000001")
    path.write_bytes(path.read_bytes()[: 7 + struct.unpack_from("<H", path.read_bytes(), 4)[0]])
    assert one.box.migrate(process=True).exit_code == 16


@pytest.mark.parametrize("how", ["removed", soak("emptied")])
def test_a_missing_table(profile: Make, how: str) -> None:
    """The table is named; never 'no earlier data was found'."""
    one = profile("v17-compacted")
    one.file("000015.ldb").unlink()
    if how == "emptied":
        (one.leveldb / "000015.ldb").write_bytes(b"")
    stopped = one.box.migrate(process=True)
    assert stopped.exit_code == 16
    assert "000015.ldb" in " ".join(stopped.body["where"])


def test_a_missing_log(profile: Make) -> None:
    """The MANIFEST says which log the newest rows are in."""
    one = profile("v17-compacted")
    one.file("000013.log").unlink()
    stopped = one.box.migrate(process=True)
    assert stopped.exit_code == 16
    assert "000013.log" in " ".join(stopped.body["where"])


@pytest.mark.parametrize("host", ["localhost", "mydb.test", "rx.tester"])
def test_a_compacted_profile_is_found_whatever_its_origin_is_called(profile: Make, host: str) -> None:
    """RxDB's names lie in compressed blocks: the bytes of a table need not show them."""
    one = profile("v17-killed")
    compact(one.leveldb, "localhost", host)
    one.survives(LINKED, ORPHAN, lost=set(), quarantined=1)


def test_a_wrong_checksum_in_a_table(profile: Make) -> None:
    """One block is lost: file and offset are told, all else is saved."""
    one = profile("v17-compacted")
    overwrite(one.file("000015.ldb"), 20_000, b"\xff")
    one.survives(16, "000015.ldb", "byte 18730")


def test_a_log_that_ends_too_early(profile: Make) -> None:
    """What came before the cut goes in, as the browser would read it, and a note says where it ends."""
    one = profile("v17-killed")
    log = one.file("000003.log")
    log.write_bytes(log.read_bytes()[:100_000])
    done = one.box.migrate()
    assert (done.exit_code, done.code, done.body["rules"]["note:torn-tail:"]) == (0, "done", 1)
    assert "000003.log byte 99668" in str(done.body["findings"])
    one.box.settled()


def test_a_torn_record_in_the_middle(profile: Make) -> None:
    """What lies before and after is saved."""
    one = profile("v17-killed")
    overwrite(one.file("000003.log"), 90_000, b"\xff")
    one.survives(16, "000003.log", "byte 88424")


@pytest.mark.parametrize(("number", "at"), [("2", "byte 166152"), soak("a", "byte 269151")])
def test_a_missing_blob(profile: Make, number: str, at: str) -> None:
    """A value that lies in a blob, and an attachment."""
    one = profile("v17-blobs")
    next(path for path in one.box.folder.rglob(number) if ".blob" in str(path)).unlink()
    one.survives(16, "pjais-rxdb/memoryEntities", "000003.log", at)


def test_a_row_that_cannot_be_read_is_told_by_its_key(profile: Make) -> None:
    """IndexedDB's key is the document's id."""
    one = profile("v17-killed")
    rewrite(one, varint(1) + BLINK + V8 + b"\x01")
    assert "mem-0001" in " ".join(one.box.migrate(process=True).body["where"])


# --- values ----------------------------------------------------------------------------------------------------


BROKEN = {
    "unknown tag": varint(1) + BLINK + V8 + b"\x01",
    "unknown version": varint(1) + BLINK + b"\xff\x63" + v8({"id": "a"}),
    "8 GiB of Snappy": varint(1) + b"\xff\x11\x02" + varint(1 << 33) + bytes(100),
    "8 EiB of Snappy": varint(1) + b"\xff\x11\x02" + varint(1 << 63) + bytes(100),
    "sparse array": varint(1) + BLINK + V8 + b"a\xff\xff\xff\xff\x0f@\x00\xff\xff\xff\xff\x0f",
    "dense array": varint(1) + BLINK + V8 + b"A\xff\xff\xff\xff\x0f",
    "nothing": b"",
}


@pytest.mark.parametrize("names", [list(BROKEN), *[soak([one]) for one in BROKEN]], ids=str)
def test_rows_that_cannot_be_read(profile: Make, names: list[str]) -> None:
    """Those rows are quarantined, all others are saved, and no memory is spent on what they claim."""
    one = profile("v17-killed")
    ids = [key for key in sorted(one.live()) if key.startswith("mem-000")][: len(names)]
    put(one.leveldb, *[(row_key(one.leveldb, key), BROKEN[name]) for key, name in zip(ids, names, strict=True)])
    lost = set(ids)
    one.survives(16, "pjais-rxdb/memoryEntities", "000003.log", lost=lost, quarantined=1 + len(lost))


def test_a_table_block_that_claims_gigabytes(profile: Make) -> None:
    """With a right checksum, the claim alone gives it away."""
    one = profile("v17-compacted")
    path = one.file("000015.ldb")
    data = path.read_bytes()
    handle = table.handles(data)[5]
    overwrite(path, handle.offset, varint(1 << 31))
    data = path.read_bytes()
    end = handle.offset + handle.size
    overwrite(path, end + 1, struct.pack("<I", masked_crc(data[handle.offset : end + 1])))
    one.survives(16, "000015.ldb", f"byte {handle.offset}")


DEEP = {
    "itself": b"^\x00",
    "600 lists": b"A\x01" * 600 + b"0" + b"$\x00\x01" * 600,
    "20,000 objects": b'o"\x01a' * 20_000 + b"0" + b"{\x01" * 20_000,
}


@pytest.mark.parametrize("content", DEEP.values(), ids=DEEP)
def test_a_value_that_is_too_deep(profile: Make, content: bytes) -> None:
    """One row that is nested without sense does not keep the others."""
    one = profile("v17-killed")
    rewrite(one, wire(memory_row(content=content)))
    stopped = one.box.migrate(process=True)
    assert stopped.exit_code == 16
    one.survives(16, "pjais-rxdb/memoryEntities", lost={"mem-0001"})


ODD = {
    "a Map": b";I\x02I\x04:\x02",
    "a Set": b"'I\x02,\x01",
    "a Date": b"D" + bytes(8),
    "no Date": b"D\0\0\0\0\0\0\xf8\x7f",
    "a RegExp": b'R"\x01a\x00',
    "a BigInt": b"Z\x10" + b"\xff" * 8,
    "NaN": b"N\0\0\0\0\0\0\xf8\x7f",
    "a buffer": b"B\x03abc",
    "a Number": b"n" + bytes(8),
    "a Blob that is not there": b"\\i\x07",
    "half a character": b"c\x02\x00\xd8",
    "unset": b"_",
}


@pytest.mark.parametrize("field", ["content", "id", soak("tags"), soak("_attachments"), soak("_deleted")])
@pytest.mark.parametrize("names", [list(ODD), *[soak([one]) for one in ODD]], ids=str)
def test_values_that_json_does_not_have(profile: Make, names: list[str], field: str) -> None:
    """Whatever documents hold: they are saved or quarantined, never a crash, and the proof holds."""
    one = profile("v17-compacted")
    ids = [key for key in sorted(one.live()) if key.startswith("mem-")][: len(names)]
    rows = [memory_row(**{"id": key, field: ODD[name]}) for key, name in zip(ids, names, strict=True)]
    put(one.leveldb, *[(row_key(one.leveldb, key), wire(row)) for key, row in zip(ids, rows, strict=True)])
    done = one.box.quarantine()
    assert done.exit_code == 1, done.body
    assert one.saved() >= one.live() - set(ids)
    assert one.box.verify().exit_code == 0
    assert one.box.migrate().code == "already_migrated"


def test_a_version_of_rxdb_that_is_no_number(profile: Make) -> None:
    """The token row may say anything."""
    one = profile("v17-keycompression")
    row = {
        "id": "storage-token|storageToken",
        "key": "storageToken",
        "context": "storage-token",
        "_deleted": "0",
        "data": {"rxdbVersion": "next", "token": "a", "instanceToken": "b"},
    }
    put(one.leveldb, (row_key(one.leveldb, "storage-token|storageToken"), wire(row)))
    assert one.box.quarantine(process=True).exit_code in (0, 1)


# --- what RxDB itself keeps ------------------------------------------------------------------------------------


def break_row(profile: Profile, marker: str) -> None:
    """Make one row unreadable, with a right checksum."""
    put(profile.leveldb, (row_key(profile.leveldb, marker), varint(1) + BLINK + V8 + b"\x01"))


def test_a_lost_schema_does_not_turn_ciphertext_into_memories(profile: Make) -> None:
    """What cannot be decrypted is not migrated as if it were the memory."""
    one = profile("v17-encrypted")
    break_row(one, "collection|memoryEntities-")
    done = one.box.quarantine(*one.password)
    assert not any("U2FsdGVkX1" in str(content) for content in one.box.contents().values()), done.total


def test_a_lost_schema_is_told(profile: Make) -> None:
    """All rows of the collection lose their names then, so that is damage."""
    one = profile("v17-keycompression")
    break_row(one, "collection|memoryEntities-")
    assert one.box.migrate(process=True).exit_code == 16


def test_a_lost_token_does_not_let_a_wrong_password_in(profile: Make) -> None:
    """A password with which nothing at all decrypts is wrong: MIGRATION_009."""
    one = profile("v17-encrypted")
    break_row(one, "storage-token|storageToken")
    (one.box.folder.parent / "wrong").write_text("not this one", "utf-8")
    done = one.box.quarantine("--password-file", one.box.folder.parent / "wrong")
    assert done.exit_code == 19, done.total


def test_sqlite_without_its_internal_database(profile: Make) -> None:
    """34 documents are there to be read."""
    one = profile("v17-sqlite")
    one.file("VANGA5*").unlink()
    assert one.box.migrate(process=True).code not in ("done", "empty")


def test_sqlite_without_a_collection(profile: Make) -> None:
    """The schema of memoryEntities is there, its rows are not."""
    one = profile("v17-sqlite")
    one.file("VRIV2U*").unlink()
    assert one.box.migrate(process=True).code != "done"


def test_sqlite_with_a_damaged_page(profile: Make) -> None:
    """`PRAGMA integrity_check` says that the file is malformed."""
    one = profile("v17-sqlite")
    overwrite(one.file("VRIV2U*"), 12_196, bytes(118))
    assert one.box.migrate(process=True).code != "done"


def test_sqlite_with_a_damaged_wal(profile: Make) -> None:
    """The checksum of a frame fails in the middle, so what follows is lost and that can be told."""
    one = profile("v17-sqlite-killed")
    wal = one.file("VRIV2U*-wal")
    overwrite(wal, 150_000, bytes([wal.read_bytes()[150_000] ^ 1]))
    stopped = one.box.migrate(process=True)
    assert stopped.exit_code == 16


def test_firefox_without_its_internal_database(profile: Make) -> None:
    """The other databases name RxDB."""
    one = profile("firefox-v17")
    one.file("1850925004*.sqlite").unlink()
    assert one.box.migrate(process=True).code not in ("done", "empty")


# --- in use ----------------------------------------------------------------------------------------------------


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process holds the lock that Chromium takes."""
    program = (
        "import fcntl, sys; f = open(sys.argv[1], 'r+'); fcntl.lockf(f, fcntl.LOCK_EX); print(1, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.communicate(b"\n")


def test_a_lock_that_a_browser_holds(profile: Make) -> None:
    """It is seen, never taken, and the profile can be read all the same."""
    one = profile("v17-killed")
    with locked(one.file("LOCK")):
        assert one.box.cli("detect").body["sources"][0]["in_use"] is True
        one.survives(LINKED, ORPHAN, lost=set(), quarantined=1)


def test_a_profile_that_grows_while_it_is_copied(profile: Make) -> None:
    """Rows are appended all the time: what was there before is saved, whatever of the new is."""
    one = profile("v17-killed")
    log, key = one.file("000003.log"), row_key(one.leveldb, "mem-0001")
    put(one.leveldb, (key, wire(memory_row())))
    stop = threading.Event()

    def append() -> None:
        size, sequence = log.stat().st_size, 1 << 40
        with log.open("ab", buffering=0) as file:
            while not stop.is_set():
                value = wire(memory_row(content=f"n{sequence}" * 500))
                payload = struct.pack("<QI", sequence, 1) + b"\x01" + varint(len(key)) + key
                record = fragments(payload + varint(len(value)) + value, size)
                for part in (record[: len(record) // 2], record[len(record) // 2 :]):
                    file.write(part)
                    time.sleep(0.0005)
                size, sequence = size + len(record), sequence + 1

    writer = threading.Thread(target=append)
    writer.start()
    try:
        done = one.box.quarantine(process=True)
    finally:
        stop.set()
        writer.join()
    assert done.exit_code == 1, done.body
    assert one.saved() == one.live()
    assert one.box.verify().exit_code == 0


# --- passwords -------------------------------------------------------------------------------------------------


def test_no_password_and_a_wrong_one(profile: Make) -> None:
    """MIGRATION_009, no target, nothing changed."""
    one = profile("v17-encrypted")
    before = one.tree()
    wrong = one.box.folder.parent / "wrong"
    wrong.write_text("not this one", "utf-8")
    given: list[str | Path] = ["--password-file", wrong]
    for words in ([], given, [*given, "--on-invalid", "quarantine"]):
        stopped = one.box.migrate(*words, process=not words)
        assert (stopped.exit_code, stopped.code) == (19, "MIGRATION_009")
    assert not one.box.target.exists()
    assert one.tree() == before


@pytest.mark.parametrize(
    ("item", "ending"),
    [
        ("v17-encrypted", "\n"),
        soak("v17-encrypted", ""),
        soak("v17-encrypted", "\r\n"),
        soak("v17-encrypted", "env"),
        soak("v12-encrypted", "env"),
        soak("v12-encrypted", "\n"),
        soak("v16-encrypted-keycompression", "\r\n"),
    ],
)
def test_the_password_and_where_it_never_appears(
    profile: Make, item: str, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a file as an editor writes it, or the environment; into no file that we leave."""
    one = profile(item)
    if ending == "env":
        monkeypatch.setenv("PJAIS_PASSWORD", PASSWORD)
        one.password = []
    else:
        Path(one.password[1]).write_bytes((PASSWORD + ending).encode())
    one.survives(LINKED, ORPHAN, lost=set(), quarantined=1)
    for path in one.box.folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert PASSWORD.encode() not in content, path
            assert PASSWORD.encode("utf-16-le") not in content, path
            assert json.dumps(PASSWORD).encode() not in content, path


# --- places ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [soak("IndexedDB"), "IndexedDB/http_localhost_1.indexeddb.leveldb", soak("Default/IndexedDB")]
)
def test_a_folder_with_nothing_in_it(box: Box, name: str) -> None:
    """MIGRATION_001."""
    (box.folder / name).mkdir(parents=True)
    assert box.cli("detect").exit_code in (0, 11)
    assert box.migrate(process=True).code == "MIGRATION_001"
    assert box.migrate(box.folder / name).code == "MIGRATION_001"


def leveldb(folder: Path, *rows: tuple[bytes, bytes]) -> Path:
    """A LevelDB with rows."""
    folder.mkdir(parents=True)
    edit = b"\x01\x08idb_cmp1\x02\x00\x03\x02\x04\x00"
    checked = b"\x01" + edit
    (folder / "MANIFEST-000001").write_bytes(struct.pack("<IH", masked_crc(checked), len(edit)) + checked)
    (folder / "CURRENT").write_bytes(b"MANIFEST-000001\n")
    (folder / "000003.log").write_bytes(b"")
    for key, value in rows:
        put(folder, (key, value))
    return folder


def text16(text: str) -> bytes:
    """A string with its length, as Chromium writes names."""
    return varint(len(text)) + text.encode("utf-16-be")


NOT_RXDB: dict[str, list[tuple[bytes, bytes]]] = {
    "not IndexedDB": [(b"user:1", b"{}"), (b"", b"x"), (b"\xff" * 40, b"y"), (b"\x00", b"")],
    "without RxDB": [
        (b"\x00\x00\x00\x00\xc9" + text16("http_localhost_1") + text16("notes"), b"\x01"),
        (b"\x00\x01\x00\x00\x00", "http_localhost_1".encode("utf-16-be")),
        (b"\x00\x01\x00\x00\x01", "notes".encode("utf-16-be")),
        (b"\x00\x01\x00\x00\x32\x01\x00", "docs".encode("utf-16-be")),
        (b"\x00\x01\x01\x01\x01\x02\x00a\x00b", wire({"id": "a"})),
    ],
}


@pytest.mark.parametrize("rows", NOT_RXDB.values(), ids=NOT_RXDB)
def test_a_leveldb_that_is_not_rxdb(box: Box, rows: list[tuple[bytes, bytes]]) -> None:
    """Another app's database is taken as what it is, anything else is MIGRATION_001; and no crash."""
    folder = leveldb(box.folder / "IndexedDB" / "http_localhost_1.indexeddb.leveldb", *rows)
    assert box.cli("detect").exit_code in (0, 11)
    done = box.migrate(process=True)
    if done.exit_code == 11:
        assert box.migrate(folder).code == "MIGRATION_001"
    else:
        assert (done.code, done.total["migrated"]) == ("done", 1)


def test_a_leveldb_that_only_mentions_rxdb(box: Box) -> None:
    """A value with that word: read, found empty, nothing is made up."""
    leveldb(box.folder / "IndexedDB" / "http_localhost_1.indexeddb.leveldb", (b"user:1", "rxdb".encode("utf-16-be")))
    done = box.migrate(process=True)
    assert done.exit_code in (0, 11, 16)
    assert done.exit_code != 0 or done.total["read"] == 0


@pytest.mark.parametrize("named", ["", soak("Default"), soak("Default/IndexedDB")])
def test_a_profile_below_a_user_data_dir(box: Box, tmp_path: Path, named: str) -> None:
    """The user-data-dir, the profile in it, or its IndexedDB folder."""
    elsewhere = tmp_path / "chromium"
    copied("v17-killed", elsewhere / "Default")
    before = sha256_tree(elsewhere)
    done = box.quarantine(elsewhere / named, process=True)
    assert (done.exit_code, done.total["read"]) == (1, 46)
    assert box.verify().exit_code == 0
    assert sha256_tree(elsewhere) == before


def test_two_origins_in_one_profile(profile: Make) -> None:
    """Both hold personas: nothing is merged, and the one that is chosen is read whole."""
    one = profile("v17-killed")
    other = one.box.folder.parent / "other"
    copied("v16-clean", other)
    for path in (other / "IndexedDB").iterdir():
        shutil.copytree(path, one.box.folder / "IndexedDB" / path.name.replace("http_localhost_", "https_example.org_"))
    before = one.tree()
    refused = one.box.quarantine(process=True)
    assert refused.exit_code == 2 and not one.box.target.exists()
    chosen = next(line for line in str(refused.body).split() if "example.org" in line)
    assert "example.org" in chosen
    done = one.box.quarantine("--origin", "http://localhost:8717", process=True)
    assert (done.exit_code, done.total["read"]) == (1, 46), done.body
    assert one.saved() == one.live()
    assert one.box.verify().exit_code == 0
    assert one.box.migrate("--origin", "http://localhost:8717").code == "already_migrated"
    assert one.tree() == before


def test_a_symlinked_profile_that_is_named(box: Box, tmp_path: Path) -> None:
    """Who names a link means what it leads to."""
    copied("v17-killed", tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "link2").symlink_to(tmp_path / "real" / "IndexedDB" / "http_localhost_8717.indexeddb.leveldb")
    done = box.quarantine(tmp_path / "link", process=True)
    assert (done.exit_code, done.total["read"]) == (1, 46)
    assert box.verify().exit_code == 0


def test_a_symlink_that_is_not_named_is_told(box: Box, tmp_path: Path) -> None:
    """Not followed, and said so, like any other source that is a link."""
    copied("v17-killed", tmp_path / "real")
    (box.folder / "IndexedDB").symlink_to(tmp_path / "real" / "IndexedDB")
    shown = box.cli("detect", process=True)
    assert shown.body["sources"] == []
    assert "IndexedDB" in str(shown.body["passed"])


# --- the ways out ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "item", ["v17-clean", soak("v17-killed"), soak("v17-encrypted"), soak("v17-sqlite"), soak("firefox-v17")]
)
def test_every_export_of_a_profile(profile: Make, item: str) -> None:
    """Straight from a profile: canonical, the guide's form, and every document."""
    one = profile(item)
    before = one.tree()
    out = one.box.folder.parent
    place = one.box.folder
    for number, words in enumerate(([], ["--format", "rxdb-export"], ["--documents"])):
        file = out / f"out{number}"
        done = one.box.cli("export", place, *words, *one.password, "-o", file, process=number < 2)
        assert done.exit_code == (16 if ORPHAN in str(done.body.get("where")) else 0), done.body
        assert file.exists() == (done.exit_code == 0)
    lines = [json.loads(line) for line in (out / "out2").read_text("utf-8").split("\n") if line]
    assert {one["id"] for one in lines if "/" not in one["collection"]} >= one.live()
    assert one.tree() == before


@pytest.mark.parametrize("words", [["--documents"], soak([]), soak(["--format", "rxdb-export"])], ids=str)
def test_an_export_of_a_damaged_profile_is_not_passed_off_as_whole(profile: Make, words: list[str]) -> None:
    """No shortened list with exit 0."""
    one = profile("v17-killed")
    overwrite(one.file("000003.log"), 90_000, b"\xff")
    file = one.box.folder.parent / "out"
    done = one.box.cli("export", one.box.folder, *words, "-o", file, process=True)
    assert done.exit_code == 16, done.body
    assert not file.exists()
