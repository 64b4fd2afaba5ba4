"""LiveStore in a browser profile under attack: pool files, the browser's books, several pools, flipped bits."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import live_forge as forge
import pytest
from box import Box, Result, crash_writer
from leveldb_forge import put
from live_mutations import POOLS, fuzz

from pjais.formats.opfs import extract
from pjais.formats.opfs.extract import Carved
from pjais.formats.opfs.pool import digest
from world import documents

HEADER = 4096


class Profile(Box):
    """A data folder with a golden profile: LiveStore 0.4.0, five personas and 24 memories."""

    def __init__(self, folder: Path, item: str = "opfs-0.4.0-app") -> None:
        super().__init__(folder)
        shutil.copytree(forge.GOLDEN / item / "Default", folder / "Default")
        self.files = folder / "Default" / "File System"
        self.storage = self.files / "000" / "t"

    def pool(self, name: str) -> Path:
        """The pool's file that holds a database; by the beginning of its name."""
        found = [one for one in extract.carve(self.files) if isinstance(one, Carved) and one.name.startswith(name)]
        assert len(found) == 1
        return found[0].file

    def pool_names(self) -> list[str | None]:
        """The directories of all pools."""
        return [one.directory for one in extract.sets(extract.carve(self.files))]

    def unused(self) -> Path:
        """A slot of the pool that holds nothing."""
        return next(
            path
            for path in sorted(self.storage.glob("00/*"))
            if path.stat().st_size == HEADER and not path.read_bytes()[0]
        )

    def bytes(self) -> dict[str, bytes]:
        """Every file of the profile."""
        return {str(path): path.read_bytes() for path in (self.folder / "Default").rglob("*") if path.is_file()}

    def settles(self, *named: str, memories: int = 22, quarantined: int = 0) -> Result:
        """Saved with quarantine; everything named; the profile stays; proved, and done when called again."""
        before = self.bytes()
        done = self.quarantine()
        assert (done.exit_code, done.code) == (1, "quarantined"), done.body
        for one in named:
            assert one in done.out, done.body
        assert len(self.contents()) >= memories, len(self.contents())
        assert done.total["quarantined"] - quarantined in (1, 2), done.total
        assert self.verify().exit_code == 0
        assert self.quarantine().code == "already_migrated"
        assert self.bytes() == before
        return done


ORPHANS = 2
"""Records of the golden store that refer to nobody; they are quarantined in every case."""


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    """A sound profile."""
    folder = tmp_path / "data"
    folder.mkdir()
    return Profile(folder)


def change(path: Path, at: int, content: bytes) -> None:
    """Change bytes of a file."""
    data = bytearray(path.read_bytes())
    data[at : at + len(content)] = content
    path.write_bytes(data)


def header(path: bytes, flags: int = 0x106) -> bytes:
    """A sound header for a path."""
    corpus = path.ljust(512, b"\0") + flags.to_bytes(4, "big")
    one, two = digest(corpus)
    return (corpus + one.to_bytes(4, "little") + two.to_bytes(4, "little")).ljust(HEADER, b"\0")


def test_a_sound_profile(profile: Profile) -> None:
    """All goes in but what belongs to nobody."""
    done = profile.settles()
    assert done.total["quarantined"] == ORPHANS


# --- pool files -----------------------------------------------------------------------------------------------------

HARM: dict[str, Callable[[Path], object]] = {
    "a bad digest": lambda path: change(path, 516, b"\xff\xff\xff\xff"),
    "a damaged path": lambda path: change(path, 2, b"\xfe"),
    "no path": lambda path: change(path, 0, b"\0"),
    "a path that is not UTF-8": lambda path: change(path, 0, header(b"/\xff\xfe.db")),
    "a path without an end": lambda path: change(path, 0, header(b"/" + b"x" * 511)),
    "the flags of a scratch file": lambda path: change(path, 0, header(b"/eventlog.db", 0x8)),
    "a blank header": lambda path: change(path, 0, bytes(HEADER)),
    "no header": lambda path: path.write_bytes(path.read_bytes()[HEADER:]),
    "a payload of zeros": lambda path: change(path, HEADER, bytes(40_000)),
    "half a header": lambda path: path.write_bytes(path.read_bytes()[:2000]),
}


@pytest.mark.parametrize("harm", HARM)
@pytest.mark.parametrize("name", ["/eventlog", "/state"])
def test_a_damaged_pool_file(profile: Profile, name: str, harm: str) -> None:
    """Refused as damage, the file named; with quarantine the other side gives what it holds."""
    path = profile.pool(name)
    HARM[harm](path)
    refused = profile.migrate()
    assert refused.exit_code == 16, refused.body
    assert path.name in refused.out or "eventlog" in refused.out or "state" in refused.out
    done = profile.settles("unreadable", quarantined=ORPHANS)
    assert done.total["migrated"] >= 28


@pytest.mark.parametrize("name", ["/eventlog", "/state"])
def test_a_database_cut_off_in_its_payload(profile: Profile, name: str) -> None:
    """Named with its size; the other side is read."""
    path = profile.pool(name)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.6)])
    assert profile.migrate().exit_code == 16
    profile.settles("cut off", quarantined=ORPHANS)


@pytest.mark.parametrize("name", ["/eventlog", "/state"])
def test_a_pool_file_that_is_gone(profile: Profile, name: str) -> None:
    """Paths names it, so its loss is named."""
    path = profile.pool(name)
    path.unlink()
    assert profile.migrate().exit_code == 16
    profile.settles("is not there", quarantined=ORPHANS)


def test_two_files_that_claim_one_path(profile: Profile) -> None:
    """Which one LiveStore would take is chance: none is taken, both are named, the state is read."""
    profile.unused().write_bytes(profile.pool("/eventlog").read_bytes())
    assert profile.migrate().exit_code == 16
    done = profile.quarantine()
    assert done.total["quarantined"] == ORPHANS + 2
    assert "several files claim this path" in done.out
    assert profile.verify().exit_code == 0


def test_a_foreign_database_in_a_slot(profile: Profile, tmp_path: Path) -> None:
    """A database of another name in the pool is kept whole."""
    made = forge.execute(tmp_path / "x.db", "CREATE TABLE t (id, v); INSERT INTO t VALUES ('a', 'precious')")
    profile.unused().write_bytes(header(b"/other.db") + made.read_bytes())
    done = profile.settles()
    assert done.total["quarantined"] == ORPHANS
    assert "precious" in repr(documents(profile.target))


@pytest.mark.parametrize("name", ["/../../evil.db", "//abs.db", "/a/b/c.db", "/x\ny.db", "/eventlog.db/../x.db"])
def test_names_that_lead_elsewhere(profile: Profile, tmp_path: Path, name: str) -> None:
    """A pool's names are no places to write to."""
    made = forge.execute(tmp_path / "x.db", "CREATE TABLE t (id, v); INSERT INTO t VALUES ('a', 'precious')")
    before = sorted(str(path) for path in tmp_path.iterdir())
    profile.unused().write_bytes(header(name.encode()) + made.read_bytes())
    profile.settles()
    assert sorted(str(path) for path in tmp_path.iterdir()) == before


def test_a_journal_in_the_pool(profile: Profile, tmp_path: Path) -> None:
    """A hot journal beside the log: what was not committed is rolled back in the copy."""
    log = profile.pool("/eventlog")
    made = tmp_path / "log.db"
    made.write_bytes(log.read_bytes()[HEADER:])
    program = (
        "import os, sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "db.execute('PRAGMA cache_size = 2')\n"
        "db.execute('BEGIN')\n"
        "db.execute('UPDATE eventlog SET argsJson = hex(randomblob(99999))')\n"
        "os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(made)], check=False)
    log.write_bytes(header(b"/eventlog.db") + made.read_bytes())
    profile.unused().write_bytes(header(b"/eventlog.db-journal", 0x806) + Path(f"{made}-journal").read_bytes())
    done = profile.settles()
    assert done.total["quarantined"] == ORPHANS


def test_a_log_in_wal_mode_in_the_pool(profile: Profile, tmp_path: Path) -> None:
    """A WAL in another slot belongs to its database."""
    log = profile.pool("/eventlog")
    made = tmp_path / "log.db"
    made.write_bytes(log.read_bytes()[HEADER:])
    row = forge.event_row(forge.memory("in-the-wal", personaId=None), 9000)
    crash_writer(made, "INSERT INTO eventlog VALUES " + repr(row))
    log.write_bytes(header(b"/eventlog.db") + made.read_bytes())
    profile.unused().write_bytes(header(b"/eventlog.db-wal", 0x80006) + Path(f"{made}-wal").read_bytes())
    profile.settles()
    assert "in-the-wal" in profile.contents()


# --- the browser's books ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("book", ["000/t/Paths", "Origins"])
@pytest.mark.parametrize("harm", ["missing", "empty", "noise", "no log"])
def test_books_that_are_lost(profile: Profile, book: str, harm: str) -> None:
    """They cost names, not files; and they are named where a file may have lost its place."""
    folder = profile.files / book
    if harm == "missing":
        shutil.rmtree(folder)
    for path in sorted(folder.glob("*")):
        if harm == "empty":
            path.write_bytes(b"")
        elif harm == "noise":
            path.write_bytes(b"\xa5" * path.stat().st_size)
        elif harm == "no log" and path.suffix == ".log":
            path.unlink()
    refused = profile.migrate()
    assert refused.exit_code in (13, 16), refused.body
    done = profile.quarantine()
    assert done.exit_code == 1 and len(profile.contents()) >= 22
    assert "Paths" not in book or done.total["quarantined"] > ORPHANS
    assert profile.verify().exit_code == 0


def entry(parent: int, data: str, name: str) -> bytes:
    """A value of `Paths`, as Chromium writes it."""
    texts = b""
    for one in (data.encode(), name.encode()):
        texts += len(one).to_bytes(4, "little") + one + bytes(-len(one) % 4)
    body = parent.to_bytes(8, "little") + texts + bytes(8)
    return len(body).to_bytes(4, "little") + body


def second_pool(profile: Profile, directory: str, databases: dict[str, bytes]) -> None:
    """Another pool of the same origin, in the files and in the books."""
    rows = [(b"500", entry(0, "", directory)), (f"CHILD_OF:0:{directory}".encode(), b"500")]
    for number, (name, content) in enumerate(databases.items(), 501):
        data = f"00/00000{number}"
        (profile.storage / data).write_bytes(header(name.encode()) + content)
        rows += [(b"%d" % number, entry(500, data, f"n{number}")), (b"CHILD_OF:500:n%d" % number, b"%d" % number)]
    put(profile.storage / "Paths", *rows)


@pytest.mark.parametrize("directory", ["livestore-second@6", "livestore-a b'c@6", "livestore-日本 ☃\n@4", "chosen"])
def test_two_pools_of_one_origin(profile: Profile, tmp_path: Path, directory: str) -> None:
    """Each is a store of its own, whatever it is called; of a record in both one copy is superseded."""
    log = forge.log(tmp_path / "made", *forge.SOUND)
    second_pool(profile, directory, {"/eventlog.db": log.read_bytes()})
    assert profile.pool_names() == ["livestore-pjais@6", directory]
    done = profile.settles()
    assert done.total["quarantined"] == ORPHANS and len(profile.cli("detect").body["sources"]) == 1
    assert profile.contents()["m1"] == "healthy" and "memory-hives" in profile.contents()


def test_damage_in_one_pool_costs_the_other_nothing(profile: Profile, tmp_path: Path) -> None:
    """The place that is named tells which pool it was."""
    log = forge.log(tmp_path / "made", *forge.SOUND)
    second_pool(profile, "livestore-second@6", {"/eventlog.db": log.read_bytes()})
    change(profile.storage / "00" / "00000501", 516, b"\xff\xff")
    done = profile.settles("livestore-second@6", quarantined=ORPHANS)
    assert "m1" not in profile.contents() and done.total["migrated"] >= 30


def test_two_origins(profile: Profile) -> None:
    """Two sources; the same record is taken once, the other copies are superseded."""
    shutil.copytree(profile.files / "000", profile.files / "001")
    assert len(profile.cli("detect").body["sources"]) == 2
    done = profile.quarantine()
    assert done.total["superseded"] >= 28 and len(profile.contents()) >= 22
    assert profile.verify().exit_code == 0


def test_two_pools_without_books_are_not_mixed(tmp_path: Path) -> None:
    """Without Paths nothing tells which state goes with which log: whatever is taken, verify holds, all is named."""
    box = Profile(tmp_path / "data")
    other = Profile(tmp_path / "other", "opfs-0.3.1")
    for number, path in enumerate(sorted(other.storage.glob("00/*"))):
        shutil.copy(path, box.storage / "00" / f"000000{90 + number}")
    shutil.rmtree(box.storage / "Paths")
    refused = box.migrate()
    assert refused.exit_code == 16 and "several files claim this path" in refused.out
    assert box.quarantine().exit_code == 1
    assert box.verify().exit_code == 0


# --- places -----------------------------------------------------------------------------------------------------------


def test_a_profile_that_is_a_link(profile: Profile, tmp_path: Path) -> None:
    """It leaves the folder: not followed, but named; named by the owner, it is read."""
    real = tmp_path / "real"
    (profile.folder / "Default").rename(real)
    (profile.folder / "Default").symlink_to(real)
    refused = profile.migrate()
    assert refused.exit_code == 11
    assert profile.quarantine(profile.folder / "Default").exit_code == 1
    assert len(profile.contents()) >= 22


def test_a_profile_that_is_open(profile: Profile) -> None:
    """Named as in use; reading works, or says that no consistent snapshot is possible."""
    program = "import sys, time; f = open(sys.argv[1], 'r+b'); print('ok', flush=True); time.sleep(600)"
    words = [sys.executable, "-c", program, str(profile.pool("/eventlog"))]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as browser:
        assert browser.stdout is not None
        browser.stdout.readline()
        assert [one["in_use"] for one in profile.cli("detect", process=True).body["sources"]] == [True]
        assert profile.quarantine(process=True).exit_code in (1, 15)
        browser.kill()


def test_folders_in_the_place_of_files(profile: Profile) -> None:
    """And pipes: nothing hangs."""
    path = profile.unused()
    path.unlink()
    path.mkdir()
    os.mkfifo(profile.storage / "00" / "00000077")
    done = profile.cli("migrate", "--on-invalid", "quarantine", process=True)
    assert done.exit_code == 1 and len(profile.contents()) >= 22


# --- flipped bits -----------------------------------------------------------------------------------------------------


def test_damaged_pools_never_crash_hang_or_lie(tmp_path: Path) -> None:
    """200 mutations of real profiles, each read; what came out wrong without a word is counted."""
    seen = fuzz(tmp_path, POOLS, range(200))
    assert seen.faults == []
    assert seen.told > 100
    assert seen.silent <= 2, seen.examples  # SQLite's pages have no checksum


@pytest.mark.soak
def test_five_thousand_damaged_pools(tmp_path: Path) -> None:
    """The same at length; prints what it saw."""
    seen = fuzz(tmp_path, POOLS, range(1000, 6000))
    print(seen.line())  # noqa: T201 - figures
    assert seen.faults == []


# --- found by trying to break it --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [4210])
def test_seeds_that_once_broke_it(tmp_path: Path, seed: int) -> None:
    """A page number of an overflow chain beyond what a file can be long."""
    assert fuzz(tmp_path, POOLS, range(seed, seed + 1)).faults == []
