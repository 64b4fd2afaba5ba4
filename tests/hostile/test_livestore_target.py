"""LiveStore as a target under attack: whose store it is, what the app did to it, kills, and a changed log."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import live_forge as forge
import pytest
from box import LATER, Box, Result, crash_writer, document, environment, memory
from live_forge import LOG, STATE, WHEN

from pjais import files
from world import hashes

TO = ("--to", "livestore")
YEARS_LATER = 1_790_000_000_000


class Store(Box):
    """A data folder whose store is LiveStore's; `target` is its account."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.live = folder / "livestore" / "pjais"
        self.log = self.live / LOG
        self.target = self.live / "pjais-account.sqlite"

    def source(self, *memories: dict[str, Any]) -> Path:
        """The source: a data.json with these memories."""
        return self.write("data.json", document(memories=memories))

    def run(self, *arguments: str | Path, process: bool = False) -> Result:
        """`pjais migrate --to livestore`."""
        return self.migrate(*TO, *arguments, process=process)

    def replayed(self) -> dict[str, str]:
        """Memory id -> content as the log alone tells it, through another store made of a copy."""
        other = Box(self.folder.parent / f"replayed{len(list(self.folder.parent.iterdir()))}")
        other.folder.mkdir()
        shutil.copytree(self.live, other.folder / "s", ignore=shutil.ignore_patterns("*.sqlite*", ".*"))
        assert other.quarantine().exit_code in (0, 1)
        return other.contents()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A LiveStore store with three memories that a migration made."""
    folder = tmp_path / "data"
    folder.mkdir()
    made = Store(folder)
    made.source(memory("m1"), memory("m2"), memory("m3"))
    assert made.run().exit_code == 0
    return made


def healthy(*keys: str) -> dict[str, str]:
    return dict.fromkeys(keys, "healthy")


# --- names and places -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["x" * 255, "日本 ☃", "-rf", "a b", "%41", "~", "$HOME", "a?b#c", "a\nb", "'; --", "con"]
)
def test_store_ids_of_every_kind_are_names_of_folders(tmp_path: Path, name: str) -> None:
    """Nothing in them is read as a pattern, a URI, an option or a home folder."""
    box = Box(tmp_path / "data")
    box.write("data.json", document(memories=[memory()]))
    assert box.migrate(*TO, f"--store-id={name}").exit_code == 0
    assert [path.name for path in (box.folder / "livestore").iterdir()] == [name]
    assert box.verify().exit_code == 0
    assert box.migrate(*TO, f"--store-id={name}").code == "already_migrated"


@pytest.mark.parametrize("name", ["x" * 256, "ä" * 200, "a/b", "../evil", "/evil", "", ".", "..", "a\0b", "a\\b"])
def test_store_ids_that_are_no_names_are_refused(tmp_path: Path, name: str) -> None:
    """A path, nothing, or more than a file system takes: usage, and nothing is written."""
    box = Box(tmp_path / "data")
    box.write("data.json", document())
    assert box.migrate(*TO, f"--store-id={name}").exit_code == 2
    assert [path.name for path in tmp_path.rglob("*")] == ["data", "data.json"]


@pytest.mark.parametrize("name", ["file", "d/eventlog@6.db"])
def test_a_target_that_is_a_file(tmp_path: Path, name: str) -> None:
    """A text in the place of the folder or of the log stays what it is."""
    box = Box(tmp_path / "data")
    box.write("data.json", document())
    mine = box.write(name, "mine")
    assert box.migrate(*TO, "--target", mine).exit_code in (2, 17)
    assert mine.read_text() == "mine"


def test_a_store_that_pjais_did_not_write(tmp_path: Path) -> None:
    """MIGRATION_007 for a log, for a state alone, and for any database; not a byte is changed."""
    makers: list[Callable[[Path], Path]] = [
        lambda folder: forge.log(folder, *forge.SOUND),
        forge.state,
        lambda folder: forge.execute(folder / "notes.db", "CREATE TABLE t (v)"),
    ]
    for number, make in enumerate(makers):
        box = Box(tmp_path / str(number))
        box.write("data.json", document())
        make(box.folder / "livestore" / "pjais")
        before = hashes(box.folder)
        for command in ("migrate", "plan"):
            refused = box.cli(command, *TO)
            assert (refused.exit_code, refused.code) == (17, "MIGRATION_007")
            assert "livestore/pjais/" in " ".join(refused.body["where"])
        assert hashes(box.folder) == before


def test_state_files_are_gone_after_a_switch_and_nothing_else_is(store: Store) -> None:
    """LiveStore must make its state anew; what somebody else keeps in the folder is not ours to remove."""
    for name in (STATE, "state-5@6.db", f"{STATE}-wal", "statefixed@6.db"):
        (store.live / name).write_bytes(b"old")
    (store.live / "notes.db").write_bytes(b"mine")
    store.source(memory("m1"), memory("m2"), memory("m3"), memory("m4"))
    assert store.run().exit_code == 0
    assert sorted(path.name for path in store.live.iterdir()) == [LOG, "notes.db", "pjais-account.sqlite"]
    assert store.verify().exit_code == 0


def test_a_store_behind_a_link(store: Store) -> None:
    """The folder may lie elsewhere; the link stays."""
    real = store.folder.parent / "real"
    store.live.rename(real)
    store.live.symlink_to(real)
    store.source(memory("m1"), memory("m4"))
    assert store.run().exit_code == 0
    assert store.live.is_symlink() and store.verify().exit_code == 0
    assert store.contents() == healthy("m1", "m2", "m3", "m4")


# --- a store that is open, or was left in the middle ------------------------------------------------------------


@contextmanager
def held_open(path: Path) -> Iterator[int]:
    """Another process has a file open; its id."""
    program = "import sys, time; f = open(sys.argv[1], 'rb'); print('ok', flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            process.kill()


def test_a_store_that_is_open_is_not_written_to(store: Store) -> None:
    """LiveStore takes no locks, so open files are looked for; refused, named, and not a byte is changed."""
    store.source(memory("m1"), memory("m4"))
    before = hashes(store.live)
    with held_open(store.log) as process:
        for words in (("migrate", *TO), ("rollback", "--discard-later")):
            refused = store.cli(*words, process=True)
            assert (refused.exit_code, refused.code) == (14, "MIGRATION_004")
            assert f"process {process}" in refused.body["where"]
            assert hashes(store.live) == before
        assert store.verify().exit_code == 0
    assert store.run().exit_code == 0
    assert store.verify().exit_code == 0


def test_a_log_in_wal_mode(store: Store) -> None:
    """Whatever program set it so: its events count, and the new log is one plain file."""
    row = forge.event_row(forge.memory("app"), 7)
    crash_writer(store.log, "INSERT INTO eventlog VALUES " + repr(row))
    store.source(memory("m1"), memory("m4"))
    assert store.run().exit_code == 0
    assert store.contents() == healthy("m1", "m2", "m3", "m4", "app") == store.replayed()
    assert sorted(path.name for path in store.live.iterdir()) == [LOG, "pjais-account.sqlite"]
    assert store.verify().exit_code == 0


def test_a_log_with_a_hot_journal(store: Store) -> None:
    """An app that died while it wrote: what it had not committed is rolled back."""
    program = (
        "import os, sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "db.execute('PRAGMA cache_size = 2')\n"
        "db.execute('BEGIN')\n"
        "db.execute('UPDATE eventlog SET argsJson = hex(randomblob(99999))')\n"
        "os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(store.log)], check=False)
    assert Path(f"{store.log}-journal").stat().st_size > 0
    assert store.verify().exit_code == 0
    store.source(memory("m1"), memory("m4"))
    assert store.run().exit_code == 0
    assert store.replayed() == healthy("m1", "m2", "m3", "m4")
    assert sorted(path.name for path in store.live.iterdir()) == [LOG, "pjais-account.sqlite"]
    assert store.verify().exit_code == 0


# --- a store that somebody damaged ------------------------------------------------------------------------------


def test_a_store_whose_account_was_deleted(store: Store) -> None:
    """Without it nothing says that the log is ours: refused, byte-equal."""
    store.target.unlink()
    before = hashes(store.live)
    assert store.run().code == "MIGRATION_007"
    assert hashes(store.live) == before


def test_a_store_whose_log_was_deleted(store: Store) -> None:
    """Refused and named; its account stays."""
    store.log.unlink()
    for words in (("migrate", *TO), ("verify",)):
        refused = store.cli(*words)
        assert refused.code == "MIGRATION_007" and any(LOG in line for line in refused.body["where"])
    assert store.contents() == healthy("m1", "m2", "m3")


def cut_bytes(log: Path) -> None:
    log.write_bytes(log.read_bytes()[: log.stat().st_size // 2])


def text(log: Path) -> None:
    log.write_bytes(b"text")


def nothing(log: Path) -> None:
    log.write_bytes(b"")


def cut_events(log: Path) -> None:
    forge.execute(log, "DELETE FROM eventlog WHERE seqNumGlobal > 3")


def no_table(log: Path) -> None:
    forge.execute(log, "DROP TABLE eventlog")


def shorter(log: Path) -> None:
    log.unlink()
    forge.log(log.parent, *forge.SOUND)


def equally_long(log: Path) -> None:
    last = forge.rows(log, "SELECT max(seqNumGlobal) FROM eventlog")[0][0]
    log.unlink()
    forge.log(log.parent, *(forge.persona(f"p{number}") for number in range(last)))


@pytest.mark.parametrize("damage", [cut_bytes, text, nothing, cut_events, no_table, shorter, equally_long])
def test_a_log_that_was_cut_or_replaced_is_red(store: Store, damage: Callable[[Path], None]) -> None:
    """verify says so with MIGRATION_008; a run that would build on it changes nothing."""
    damage(store.log)
    proof = store.verify()
    assert (proof.exit_code, proof.code) == (18, "MIGRATION_008") and proof.body["where"]
    before = store.log.read_bytes()
    store.source(memory("m1"), memory("m4"))
    refused = store.run()
    assert refused.exit_code in (14, 18), refused.body
    assert store.log.read_bytes() == before
    assert store.contents() == healthy("m1", "m2", "m3")


def test_a_rollback_keeps_the_log_as_it_was(store: Store) -> None:
    """Also one that somebody put in the place of ours: nothing that was there is gone for good."""
    equally_long(store.log)
    theirs = store.log.read_bytes()
    assert store.cli("rollback").exit_code == 14
    assert store.cli("rollback", "--discard-later").exit_code == 0
    assert theirs in [path.read_bytes() for path in store.folder.glob("backups/*/*.eventlog.db")]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("argsJson = replace(argsJson, 'healthy', 'healthx')", "memory_entities m2, content"),
        ("argsJson = replace(argsJson, '2024-01', '2024-02')", None),
        ("argsJson = substr(argsJson, 2)", "event 4"),
        ("argsJson = CAST(x'ff' AS TEXT)", "event 4"),
        ("name = 'v1.MemoryEntityDeleted'", "event 4"),
        ("name = 'v1.Unknown'", "memory_entities"),
        ("argsJson = replace(argsJson, '\"m2\"', '\"mx\"')", "mx"),
    ],
)
def test_one_changed_byte_of_an_event_is_red(store: Store, change: str, named: str | None) -> None:
    """verify names the record and the field, or the event."""
    before = store.log.read_bytes()
    forge.execute(store.log, f"UPDATE eventlog SET {change} WHERE seqNumGlobal = 4")
    proof = store.verify()
    if named is None:
        assert proof.exit_code == 0 and before.count(b"2024-01") == 0  # dates are numbers there
        return
    assert (proof.exit_code, proof.code) == (18, "MIGRATION_008")
    assert any(named in line for line in proof.body["where"]), proof.body["where"]


def test_flipped_bits_in_the_log_are_red_or_harmless(store: Store) -> None:
    """Bits all over the file: verify is red, or the log still tells the same."""
    whole = store.log.read_bytes()
    chance = random.Random(11)
    used = [place for place, byte in enumerate(whole) if byte]
    red = 0
    for _ in range(40):
        flipped = bytearray(whole)
        flipped[chance.choice(used)] ^= 1 << chance.randrange(8)
        store.log.write_bytes(flipped)
        code = store.verify().exit_code
        assert code in (0, 14, 17, 18)
        red += code != 0
        if code == 0:
            assert store.replayed() == healthy("m1", "m2", "m3")
    assert red
    store.log.write_bytes(whole)
    assert store.verify().exit_code == 0


# --- what the app does between two runs -------------------------------------------------------------------------


def test_what_the_app_did_is_told_and_kept(store: Store) -> None:
    """Edited, removed, added: verify is green and counts them; the next run builds on them."""
    forge.append(
        store.log,
        forge.updated("m1", at=YEARS_LATER, content="edited"),
        ("v1.MemoryEntityRemoved", {"id": "m2"}),
        forge.memory("app", content="new"),
    )
    proof = store.verify()
    assert (proof.exit_code, proof.body["edited_since"], proof.body["removed_since"]) == (0, 1, 1)
    store.source(memory("m1"), memory("m2"), memory("m3"), memory("m4"))
    assert store.run().exit_code == 0
    wanted = {"m1": "edited", "m3": "healthy", "app": "new", "m4": "healthy"}
    assert store.contents() == wanted == store.replayed()
    assert store.verify().exit_code == 0
    assert store.run().code == "already_migrated"


@pytest.mark.parametrize(("at", "live"), [(YEARS_LATER, "edited"), (WHEN, "changed")])
def test_a_record_changed_on_both_sides(store: Store, at: int, live: str) -> None:
    """The later one is live, in the account and in the log; the other is kept and told of."""
    forge.append(store.log, forge.updated("m1", at=at, content="edited"))
    store.source(memory("m1", content="changed", updatedAt=LATER), memory("m2"), memory("m3"))
    done = store.run()
    assert done.exit_code == 0
    assert store.contents()["m1"] == live == store.replayed()["m1"]
    if live == "edited":
        assert done.total["superseded"] == 1
    else:
        assert "note:edit-superseded:" in done.body["rules"]
        assert store.sql("SELECT count(*) FROM changes WHERE record_id = 'm1' AND before LIKE '%edited%'") != [(0,)]
    assert store.verify().exit_code == 0


def test_the_app_removes_a_persona_that_memories_refer_to(store: Store) -> None:
    """It is the app's right: told as removed; the memories stay; new ones of that persona are refused and named."""
    forge.append(store.log, ("v1.PersonaRemoved", {"id": "p1"}))
    proof = store.verify()
    assert (proof.exit_code, proof.body["removed_since"]) == (0, 1)
    assert store.contents() == healthy("m1", "m2", "m3")
    store.source(memory("m1"), memory("m2"), memory("m3"), memory("m4"))
    refused = store.run()
    assert refused.exit_code == 13 and "m4" in " ".join(refused.body["where"])
    assert store.run("--on-invalid", "quarantine").exit_code == 1
    assert store.verify().exit_code == 0
    assert store.replayed() == {}  # orphans, to a new store


LONG = "9" * 400
ODD: dict[str, tuple[forge.Event, int]] = {
    "unknown": (("v1.App", {"x": 1}), 0),
    "broken": (("v1.MemoryEntityUpdated", "{"), 18),
    "undecodable": (("v1.MemoryEntityUpdated", {"id": "m1", "updates": 3}), 18),
    "NUL": (forge.memory("a\0b", content="x\0y"), 0),
    "a surrogate in a text": (forge.memory("app", content="\ud83d"), 0),
    "a surrogate in an id": (forge.memory("a\ud83d"), 18),
    "an empty id": (forge.memory(""), 18),
    "a huge number": (("v1.MemoryEntityImported", f'{{"id":"app","type":"t","importance":{LONG}}}'), 18),
    "infinity": (("v1.MemoryEntityImported", '{"id":"app","type":"t","importance":1e400}'), 0),
    "a date of no calendar": (forge.updated("m1", at=10**18, content="x"), 0),
    "nobody's": (forge.memory("app", personaId="nobody"), 0),
    "deep": (("v1.MemoryEntityImported", f'{{"id":"app","type":"t","content":{"[" * 900}{"]" * 900}}}'), 0),
    "an end that says nothing": (("v1.MigrationCompleted", {"upTo": "x"}), 0),
    "an end that is a list": (("v1.MigrationCompleted", [1]), 18),
    "an end that is no JSON": (("v1.MigrationCompleted", "{"), 18),
    "a key of no form": (("v1.OtherRecordRemoved", {"key": "no JSON"}), 0),
    "a change to nothing": (forge.updated("nobody", content="x"), 0),
    "a gap": ((*forge.memory("app"), 900), 0),
    "a number that is taken": ((*forge.memory("app"), (6, 0, 1)), 18),
    "client only": ((*forge.memory("app"), (6, 1, 0)), 18),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_events_of_the_app(store: Store, name: str) -> None:
    """Taken, or named by a red verify; never a traceback, and the store's own records stay what they are."""
    event, code = ODD[name]
    forge.append(store.log, event)
    proof = store.verify()
    assert proof.exit_code == code, proof.body
    before = store.log.read_bytes()
    store.source(memory("m1"), memory("m2"), memory("m3"), memory("m4"))
    done = store.run()
    assert done.exit_code == code, done.body
    assert {"m1", "m2", "m3"} <= store.contents().keys()
    if code:
        assert store.log.read_bytes() == before and "m4" not in store.contents()
    else:
        assert "m4" in store.contents() and store.verify().exit_code == 0


# --- kills --------------------------------------------------------------------------------------------------------


def many(count: int, *more: dict[str, Any]) -> list[dict[str, Any]]:
    return [*(memory(f"k{number}", content=f"content {number}") for number in range(count)), *more]


def command(folder: Path) -> list[str]:
    return [sys.executable, "-m", "pjais", "migrate", *TO, "--data-dir", str(folder), "--json", "-q"]


def killed(store: Store, seconds: float, event: str | None) -> None:
    """Start a run in a process and kill it, after a while or just after an entry of its journal."""
    with subprocess.Popen(
        command(store.folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment()
    ) as run:
        while event is not None and run.poll() is None:
            last = [path.read_text() for path in store.folder.glob("backups/*/journal.jsonl")][-1:]
            if any(f'"{event}"' in one for one in last):
                break
            time.sleep(0.001)
        time.sleep(seconds)
        run.kill()


def told(log: Path) -> set[str]:
    """The ids of the memories in a log: by the standard library, from a copy."""
    if not log.exists():
        return set()
    with closing(sqlite3.connect(f"file:{log}?mode=ro&immutable=1", uri=True)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = db.execute("SELECT name, argsJson FROM eventlog WHERE name LIKE 'v1.MemoryEntity%'").fetchall()
    return {json.loads(args)["id"] for _, args in rows}


SIDES = {"pjais-account.sqlite-wal", "pjais-account.sqlite-shm"}
"""What a reader of the account may leave."""


def kill_at_random(store: Store, old: set[str], new: set[str], kills: int, seed: int) -> int:
    """Kill runs, each from the same start, and let the next one end the job; returns how many left the old log."""
    pristine = store.folder.with_name("pristine")
    shutil.copytree(store.folder, pristine)
    began = time.monotonic()
    subprocess.run(command(store.folder), check=True, stdout=subprocess.DEVNULL, env=environment())
    seconds = time.monotonic() - began
    chance = random.Random(seed)
    halfway = 0
    for number in range(kills):
        shutil.rmtree(store.folder)
        shutil.copytree(pristine, store.folder)
        sources = hashes(store.folder)["data.json"]
        event = [None, "verified", None, "built"][number % 4]
        killed(store, chance.uniform(0.1, 0.95) * seconds if event is None else chance.random() * 0.03, event)
        assert told(store.log) in (old, new)
        halfway += told(store.log) == old
        done = store.run()
        assert done.exit_code == 0, done.body
        assert told(store.log) == new == set(store.contents())
        assert store.verify().exit_code == 0
        assert store.run().code == "already_migrated"
        assert hashes(store.folder)["data.json"] == sources
        assert {path.name for path in store.live.iterdir()} - SIDES == {LOG, "pjais-account.sqlite"}
    return halfway


def test_killed_first_runs(tmp_path: Path) -> None:
    """Six kills: no store or the whole one, and the next run ends the job."""
    store = Store(tmp_path / "data")
    store.write("data.json", document(memories=many(300)))
    assert kill_at_random(store, set(), {f"k{number}" for number in range(300)}, 6, seed=1)


def test_killed_second_runs(store: Store) -> None:
    """Six kills of a run over a store with states and the app's own events: the old log or the new one."""
    forge.append(store.log, forge.memory("app"))
    (store.live / STATE).write_bytes(b"old")
    store.source(*many(300, memory("m1"), memory("m2"), memory("m3")))
    old = {"m1", "m2", "m3", "app"}
    assert kill_at_random(store, old, old | {f"k{number}" for number in range(300)}, 6, seed=2)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10, 15))
def test_a_hundred_kills(store: Store, seed: int) -> None:
    """The same at length."""
    store.source(*many(2000, memory("m1"), memory("m2"), memory("m3")))
    old = {"m1", "m2", "m3"}
    kill_at_random(store, old, old | {f"k{number}" for number in range(2000)}, 20, seed=seed)


# --- a full disk --------------------------------------------------------------------------------------------------


@contextmanager
def disk(folder: Path, mebibytes: int) -> Iterator[Path]:
    """A small disk of its own.  Skips where this user may not mount one."""
    folder.mkdir()
    try:
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=0700", "tmpfs", str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        pytest.skip(f"a small disk cannot be mounted here: {error}")
    if made.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("phase", ["back up", "read and write", "write the log", "verify", "cut over"])
def test_a_disk_that_fills_up(tmp_path: Path, phase: str) -> None:
    """From the start of a phase not a byte is free: the old store or the new one, and the next run ends the job."""
    import pjais
    from pjais.errors import PjaisError

    with disk(tmp_path / "disk", 30) as small:
        (small / "data").mkdir()
        store = Store(small / "data")
        store.source(memory("m1"))
        assert store.run().exit_code == 0
        store.source(*many(300, memory("m1")))
        new = {"m1", *(f"k{number}" for number in range(300))}
        filler = small / "filler"

        def watch(name: str, done: int, total: int | None) -> None:
            if name == phase and not filler.exists():
                with filler.open("wb") as file:
                    file.truncate(0)
                    file.write(bytes(max(files.free_space(small) - 8192, 0)))

        code = "done"
        try:
            pjais.migrate(store.folder, to="livestore", progress=watch)
        except PjaisError as error:
            code = error.code
        assert code in ("done", "MIGRATION_002", "MIGRATION_004", "MIGRATION_010")
        assert told(store.log) == (new if code == "done" else {"m1"})
        filler.unlink(missing_ok=True)
        assert store.run().exit_code == 0
        assert told(store.log) == new == set(store.contents())
        assert store.verify().exit_code == 0
