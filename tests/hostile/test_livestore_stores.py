"""LiveStore stores of every kind of damage: logs, states, and what lies around them, through the command line."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import live_forge as forge
import pytest
from box import Box, Result, crash_writer
from live_forge import LOG, SOUND, STATE, WHEN
from live_mutations import NODE, fuzz

from world import documents

CREATED = "v1.MemoryEntityImported"
NAMES = (LOG, STATE)


class Live(Box):
    """A data folder with a LiveStore store in it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.store = folder / "pjais"

    def log(self, *events: forge.Event, **options: Any) -> Path:
        """A log with these events, the sound ones first."""
        return forge.log(self.store, *SOUND, *events, **options)

    def state(self, **options: Any) -> Path:
        """A state of p1, m1, m2 that has seen three events."""
        return forge.state(self.store, **options)

    def change(self, sql: str, name: str = LOG) -> None:
        """Change the log as any other program could."""
        forge.execute(self.store / name, sql)

    def goes(self, *keys: str, others: int = 0, rules: tuple[str, ...] = ()) -> Result:
        """All of it goes in: these memories, with the findings named; the source stays; proved and settled."""
        before = self.bytes()
        done = self.migrate()
        assert (done.exit_code, done.code) == (0, "done"), done.body
        self._looks(done, keys, others, rules, before)
        return done

    def saves(self, exit_code: int, *keys: str, named: str, others: int = 0, quarantined: int = 1) -> Result:
        """Refused with a code, the record or event named; saved with quarantine: these memories."""
        before = self.bytes()
        stopped = self.migrate(process=False)
        assert stopped.exit_code == exit_code, stopped.body
        assert not self.target.exists()
        assert named in " ".join(stopped.body["where"]), stopped.body["where"]
        done = self.quarantine()
        assert (done.exit_code, done.total["quarantined"]) == (1, quarantined), done.body
        self._looks(done, keys, others, (), before)
        return done

    def _looks(self, done: Result, keys: tuple[str, ...], others: int, rules: tuple[str, ...], before: Any) -> None:
        assert set(self.contents()) == set(keys)
        assert len(documents(self.target)) == others
        found = {rule.split(":")[1] for rule in done.body["rules"]}
        assert set(rules) <= found, found
        assert self.verify().exit_code == 0
        again = self.quarantine()
        assert (again.exit_code, again.code) == (0, "already_migrated")
        assert self.bytes() == before

    def bytes(self) -> dict[str, bytes]:
        """Every file of the store."""
        return {str(path): path.read_bytes() for path in self.store.rglob("*") if path.is_file()}


@pytest.fixture
def live(tmp_path: Path) -> Live:
    """A data folder of its own for each test."""
    folder = tmp_path / "data"
    folder.mkdir()
    return Live(folder)


# --- events that cannot be read ---------------------------------------------------------------------------------


def args(text: str) -> str:
    return f'{{"id":"m3","type":"t",{text}}}'


BROKEN: dict[str, forge.Event] = {
    "broken JSON": (CREATED, '{"id": "m3", '),
    "no JSON at all": (CREATED, ""),
    "NaN": (CREATED, args('"importance":NaN')),
    "no id": (CREATED, {"type": "t"}),
    "a number as id": (CREATED, {"id": 5, "type": "t"}),
    "null as id": (CREATED, {"id": None, "type": "t"}),
    "a number as type": (CREATED, {"id": "m3", "type": 5}),
    "a text as date": (CREATED, {"id": "m3", "type": "t", "createdAt": "2024"}),
    "a date of 30 digits": (CREATED, args(f'"createdAt":{"9" * 30}')),
    "a number of 400 digits": (CREATED, args(f'"importance":{"9" * 400}')),
    "a number of 5000 digits": (CREATED, args(f'"importance":{"9" * 5000}')),
    "infinity in JSON": (CREATED, args('"content":{"x":1e400}')),
    "nested 5000 deep": (CREATED, args(f'"content":{"[" * 5000}{"]" * 5000}')),
    "a list": (CREATED, "[1]"),
    "a text": (CREATED, '"x"'),
    "null": (CREATED, "null"),
    "updates that are a list": ("v1.MemoryEntityUpdated", {"id": "m1", "updates": [1]}),
    "a message of infinity": ("v1.MessageAdded", '{"conversationId":"c","message":{"timestamp":1e400}}'),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("seen", [None, 3])
def test_an_event_that_cannot_be_read_is_named(live: Live, name: str, seen: int | None) -> None:
    """With no state, or one that has not seen it: the event is kept raw under its number, the rest is read."""
    live.log(BROKEN[name], forge.memory("m4"))
    if seen:
        live.state(seen=seen)
    live.saves(16, "m1", "m2", "m4", named="eventlog/event 4")


@pytest.mark.parametrize("name", BROKEN)
def test_an_unreadable_event_that_the_state_has_seen(live: Live, name: str) -> None:
    """Nothing is lost: the app shows what it did; the event is noted."""
    live.log(BROKEN[name])
    live.state(seen=4)
    live.goes("m1", "m2", rules=("event-unread",))


ODD: dict[str, forge.Event] = {
    "infinity where a number belongs": (CREATED, args('"importance":1e400')),
    "nested 900 deep": (CREATED, args(f'"content":{"[" * 900}{"]" * 900}')),
    "huge numbers in JSON": (CREATED, args(f'"content":{{"n":{"9" * 400}}}')),
    "keys twice": (CREATED, '{"id":"m0","id":"m3","type":"t"}'),
    "more arguments": forge.memory("m3", surprise={"x": [1]}),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_arguments_that_can_be_read(live: Live, name: str) -> None:
    """They go in, mended where the model needs it."""
    live.log(ODD[name])
    live.goes("m1", "m2", "m3")


@pytest.mark.parametrize("text", ['{"x":"precious"}', '{"x":1e400}', f'{{"x":{"[" * 900}{"]" * 900}}}', "[1]", "7"])
def test_an_unknown_event_is_carried_whole(live: Live, text: str) -> None:
    """Nothing else tells what it did; where the state has seen it, the state does."""
    live.log(("v1.Whatever", text))
    live.goes("m1", "m2", others=1, rules=("unknown-event",))


def test_an_unknown_event_that_the_state_has_seen(live: Live) -> None:
    """Noted, not carried."""
    live.log(("v1.Whatever", {"x": 1}))
    live.state(seen=4)
    live.goes("m1", "m2", rules=("unknown-event",))


@pytest.mark.parametrize("seen", [None, 3, 4])
def test_the_same_key_twice(live: Live, seen: int | None) -> None:
    """The first insertion counts, as in the app; the second is named and kept raw."""
    live.log(forge.memory("m1", content="second"))
    if seen:
        live.state(seen=seen)
    if seen == 4:  # the state holds what came of it
        live.goes("m1", "m2", rules=("event-unread",))
        return
    live.saves(16, "m1", "m2", named="eventlog/memoryEntities m1")
    assert live.contents() == {"m1": "healthy", "m2": "healthy"}


@pytest.mark.parametrize(
    "event",
    [
        ("v1.MessageAdded", {"conversationId": "c", "message": {"content": "precious", "timestamp": 5}}),
        forge.updated("nobody", content="precious"),
    ],
)
@pytest.mark.parametrize("with_state", [False, True])
def test_a_change_to_a_record_that_never_was(live: Live, event: forge.Event, with_state: bool) -> None:
    """What it says would be lost in silence, so the event is kept whole."""
    live.log(event)
    if with_state:
        live.state()
    live.goes("m1", "m2", others=1, rules=("event-misses",))
    assert "precious" in repr(documents(live.target))


def test_a_change_to_a_record_that_was_removed_is_nothing(live: Live) -> None:
    """As in the app."""
    live.log(("v1.MemoryEntityRemoved", {"id": "m1"}), forge.updated("m1", content="x"))
    live.goes("m2")


# --- numbers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, -5, 900, (1 << 63) - 1, (3, 1, 0), (3, 0, 1)])
@pytest.mark.parametrize("with_state", [False, True])
def test_numbers_of_every_kind(live: Live, number: Any, with_state: bool) -> None:
    """Nothing, negative, a gap, the last of all, client only, another rebase generation: each event counts."""
    live.log((*forge.memory("m3"), number))
    if with_state:
        live.state()
    live.goes("m1", "m2", "m3")


def test_a_rebased_event_beside_its_first_form(live: Live) -> None:
    """LiveStore removes the first; where both are there, the one that comes first counts and the other is named."""
    live.log((*forge.memory("m2", content="again"), (3, 0, 1)))
    live.saves(16, "m1", "m2", named="eventlog/memoryEntities m2")


def test_broken_parents(live: Live) -> None:
    """The order is in the numbers."""
    live.log()
    live.change("UPDATE eventlog SET parentSeqNumGlobal = 77, parentSeqNumClient = -3")
    live.goes("m1", "m2")


@pytest.mark.parametrize(
    ("sql", "row"),
    [
        ("UPDATE eventlog SET argsJson = CAST(argsJson AS BLOB) WHERE seqNumGlobal = 3", "event 3"),
        ("UPDATE eventlog SET name = 7.5 WHERE seqNumGlobal = 3", None),
        ("UPDATE eventlog SET seqNumGlobal = 1.5 WHERE seqNumGlobal = 3", "row "),
        ("UPDATE eventlog SET seqNumClient = x'00' WHERE seqNumGlobal = 3", "row "),
    ],
)
def test_values_of_other_types_in_a_log(live: Live, sql: str, row: str | None) -> None:
    """A log that is not STRICT holds anything; a row that is no event is named."""
    live.log(sql=forge.LOG_SQL.replace("strict", ""))
    live.change(sql)
    if row:
        live.saves(16, "m1", named=row)
    else:
        live.goes("m1", others=1)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE __livestore_sync_status SET head = 99",
        "DROP TABLE __livestore_sync_status",
        "DROP TABLE __livestore_sync_status; CREATE TABLE __livestore_sync_status (x)",
        "DELETE FROM __livestore_sync_status",
    ],
)
def test_a_head_that_says_nothing(live: Live, sql: str) -> None:
    """Wrong, missing, of another form: the events are the same."""
    live.log()
    live.change(sql)
    live.goes("m1", "m2")


# --- other shapes -------------------------------------------------------------------------------------------------


def test_foreign_tables_in_log_and_state(live: Live) -> None:
    """They are kept whole, also those in the log's own file."""
    live.log()
    live.state(more="CREATE TABLE theirs (id, v); INSERT INTO theirs VALUES ('a', 'in the state');")
    live.change("CREATE TABLE mine (id, v); INSERT INTO mine VALUES ('x', 'in the log')")
    live.goes("m1", "m2", others=2)


@pytest.mark.parametrize(("name", "others"), [("notes.db", 0), ("state5@6.db", 1)])
def test_a_foreign_database_in_the_folder(live: Live, name: str, others: int) -> None:
    """Named as passed over; carried where it has the name of a state."""
    live.log()
    live.state()
    live.change("CREATE TABLE n (id, v); INSERT INTO n VALUES ('x', 'precious')", name)
    live.goes("m1", "m2", others=others, rules=() if others else ("passed-over",))


@pytest.mark.parametrize("tables", ["without rowid, strict", ""])
def test_a_log_without_rowids(live: Live, tables: str) -> None:
    """Or with anything else behind its columns."""
    live.log((CREATED, "{"), sql=forge.LOG_SQL.replace(")) strict", f")) {tables}"))
    live.saves(16, "m1", "m2", named="event 4")


def test_a_view_named_eventlog(live: Live) -> None:
    """It gives the same events; the table behind it is carried like any other."""
    live.log()
    live.change("ALTER TABLE eventlog RENAME TO real; CREATE VIEW eventlog AS SELECT * FROM real")
    live.goes("m1", "m2", others=3)


@pytest.mark.parametrize("column", ["argsJson", "name", "seqNumGlobal", "seqNumClient", "syncMetadataJson"])
@pytest.mark.parametrize("with_state", [False, True])
def test_a_log_without_a_column_it_needs(live: Live, column: str, with_state: bool) -> None:
    """It is no log that pjais knows: said, and its rows are kept as they are."""
    live.log()
    if with_state:
        live.state()
    live.change(f"ALTER TABLE eventlog RENAME COLUMN {column} TO other")
    live.goes(*(("m1", "m2") if with_state else ()), others=3, rules=("unknown-log",))


@pytest.mark.parametrize(
    "column", ["seqNumRebaseGeneration", "parentSeqNumClient", "clientId", "sessionId", "schemaHash"]
)
def test_a_log_without_a_column_it_can_do_without(live: Live, column: str) -> None:
    """Nothing is invented in its place."""
    live.log(("v1.Unknown", {"x": 1}))
    live.change(f"ALTER TABLE eventlog RENAME COLUMN {column} TO other")
    live.goes("m1", "m2", others=1)
    ((_, _, carried),) = documents(live.target)
    assert column not in carried.replace(f'"{column}":', "")


def test_a_log_in_utf_16(live: Live) -> None:
    """The encoding of the file is no matter."""
    live.log(sql="PRAGMA encoding = 'UTF-16le';" + forge.LOG_SQL)
    live.goes("m1", "m2")


@pytest.mark.parametrize(
    "more",
    [
        "DROP TABLE __livestore_session_changeset",
        "DROP TABLE __livestore_session_changeset; CREATE TABLE __livestore_session_changeset (x)",
        "DELETE FROM __livestore_session_changeset",
    ],
)
def test_a_state_without_changesets(live: Live, more: str) -> None:
    """How far it reaches is not known; what only the log has is taken."""
    live.log(forge.memory("m3"))
    live.state(more=more)
    live.goes("m1", "m2", "m3")


@pytest.mark.parametrize(("newer", "content"), [(STATE, "healthy"), ("state5@6.db", "other")])
def test_two_states_of_equal_reach(live: Live, newer: str, content: str) -> None:
    """The one that was written last counts, by the time of the file itself; the other is named."""
    live.log()
    live.state()
    live.state(name="state5@6.db", more="UPDATE memoryEntities SET content = '\"other\"' WHERE id = 'm2'")
    for name in (STATE, "state5@6.db"):
        os.utime(live.store / name, (2e9, 2e9) if name == newer else (1e9, 1e9))
    live.goes("m1", "m2", rules=("older-state",))
    assert live.contents()["m2"] == content


def test_two_logs_in_one_folder(live: Live) -> None:
    """Of one format: the longer counts, the other is named.  Of two formats: both are read."""
    live.log()
    forge.log(live.store, forge.persona(), forge.memory("mx"), name="livestore-eventlog@6.db")
    forge.log(live.store, forge.persona(), forge.memory("my"), name="eventlog@5.db")
    live.goes("m1", "m2", "my", rules=("another-log",))


# --- files that are not whole ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"hello", b"\0" * 8192, b"SQLite format 3\0"])
@pytest.mark.parametrize("which", NAMES)
def test_a_file_that_is_none(live: Live, which: str, content: bytes) -> None:
    """The other one is read; the file is named.  A state of 0 bytes is what a boot that failed leaves."""
    live.log()
    live.state()
    (live.store / which).write_bytes(content)
    if which == STATE and not content:
        live.goes("m1", "m2")
    else:
        live.saves(16, "m1", "m2", named=which)


@pytest.mark.parametrize("which", NAMES)
def test_an_empty_file_alone(live: Live, which: str) -> None:
    """It may have been all there was: named."""
    live.store.mkdir()
    (live.store / which).write_bytes(b"")
    live.saves(16, named=which)


def test_a_log_in_wal_mode(live: Live) -> None:
    """Events that were never checkpointed belong to it; the source keeps its WAL."""
    row = forge.event_row(forge.memory("m3"), 4)
    crash_writer(live.log(), f"INSERT INTO eventlog VALUES {row!r}")
    live.goes("m1", "m2", "m3")


def test_a_state_in_wal_mode(live: Live) -> None:
    """The same for the state."""
    live.log(forge.memory("m3"))
    row = f"'m3', 'p1', 'text', '\"in the WAL\"', '[]', {WHEN}, {WHEN}"
    crash_writer(
        live.state(),
        f"INSERT INTO memoryEntities (id, personaId, type, content, tags, createdAt, updatedAt) VALUES ({row})",
        "INSERT INTO __livestore_session_changeset VALUES (4, 0, 0, NULL, NULL)",
    )
    live.goes("m1", "m2", "m3", rules=("state-differs",))
    assert live.contents()["m3"] == "in the WAL"


@pytest.mark.parametrize(("which", "change"), [(LOG, "eventlog SET argsJson"), (STATE, "memoryEntities SET content")])
def test_a_hot_journal(live: Live, which: str, change: str) -> None:
    """What an app that died had not committed is rolled back, in the copy."""
    live.log()
    live.state()
    program = (
        "import os, sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "db.execute('PRAGMA cache_size = 2')\n"
        "db.execute('BEGIN')\n"
        "db.execute('UPDATE ' + sys.argv[2] + ' = hex(randomblob(99999))')\n"
        "os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(live.store / which), change], check=False)
    assert (live.store / f"{which}-journal").stat().st_size > 0
    live.goes("m1", "m2")
    assert live.contents() == {"m1": "healthy", "m2": "healthy"}


def test_a_store_that_is_open_in_another_process(live: Live) -> None:
    """Its lock is not in the way; what it has not committed is not there."""
    live.log()
    live.state()
    program = (
        "import sqlite3, sys, time\n"
        "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "db.execute('BEGIN EXCLUSIVE')\n"
        "db.execute('DELETE FROM eventlog')\n"
        "print('ok', flush=True)\n"
        "time.sleep(600)\n"
    )
    words = [sys.executable, "-c", program, str(live.store / LOG)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as app:
        assert app.stdout is not None
        app.stdout.readline()
        shown = live.cli("detect", process=True)
        assert [one["in_use"] for one in shown.body["sources"]] == [True]
        done = live.migrate(process=True)
        app.kill()
    assert done.exit_code in (0, 15), done.body
    if done.exit_code == 0:
        assert set(live.contents()) == {"m1", "m2"}


@pytest.mark.parametrize("name", ["node-0.4.0-app", "node-0.3.1-app"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.7, 0.9, 0.99])
@pytest.mark.parametrize("which", ["eventlog", "state"])
def test_a_half_copied_store(live: Live, name: str, kept: float, which: str) -> None:
    """What the cut file still has is read, the other file whole; what is missing is named."""
    shutil.copytree(forge.GOLDEN / name / "pjais", live.store)
    (path,) = live.store.glob(f"{which}*")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    done = live.quarantine()
    assert done.exit_code == 1
    assert len(live.contents()) >= 20
    assert live.verify().exit_code == 0


@pytest.mark.parametrize("kept", [0.7, 0.9])
def test_a_half_copied_log_alone(live: Live, kept: float) -> None:
    """Its pages that are there give their events."""
    whole = forge.GOLDEN / "node-0.4.0-app" / "pjais" / LOG
    live.write(f"pjais/{LOG}", whole.read_bytes()[: int(whole.stat().st_size * kept)])
    assert live.migrate().exit_code == 16
    live.quarantine()
    assert len(live.contents()) >= 8
    assert live.verify().exit_code == 0


# --- text ------------------------------------------------------------------------------------------------------------

NUL, LONE = "a\0b", "a\ud83db"


def cut(text: str) -> str:
    """What LiveStore's state makes of a text."""
    return text.partition("\0")[0].replace("\ud83d", "\ufffd")


@pytest.mark.parametrize("text", [NUL, LONE])
@pytest.mark.parametrize("with_state", [False, True])
def test_nul_and_lone_surrogates_in_every_text(live: Live, text: str, with_state: bool) -> None:
    """The log's whole text is taken, in every column; what SQLite cannot hold is mended and kept."""
    columns = ("type", "name", "summary", "memoryTier", "embeddingModel")
    texts = dict.fromkeys(columns, text)
    names = dict.fromkeys(("name", "description", "avatar"), text)
    forge.log(live.store, forge.persona(**names), forge.memory("m1", content=text, tags=[text], **texts))
    if with_state:
        ours = cut(text)
        sets = [", ".join(f"{name} = '{ours}'" for name in one) for one in (names, columns)]
        live.state(seen=2, memories=["m1"], more=f"UPDATE personas SET {sets[0]}; UPDATE memoryEntities SET {sets[1]};")
        content = "a\\u0000b" if text == NUL else "a\\ud83db"
        live.change(f"UPDATE memoryEntities SET content = '\"{content}\"', tags = '[\"{content}\"]'", STATE)
    live.goes("m1", rules=("state-lossy",) if with_state else ())
    held = NUL if text == NUL else "a\ufffdb"
    assert live.sql("SELECT type, name, summary, memory_tier, embedding_model, content FROM memory_entities") == [
        (held,) * 6
    ]
    assert live.sql("SELECT name, description, avatar FROM personas") == [(held,) * 3]


@pytest.mark.parametrize("text", [NUL, LONE])
def test_nul_and_lone_surrogates_in_ids(live: Live, text: str) -> None:
    """The state's ids are the cut ones, and so are the references to them: no record comes twice or loses its own."""
    forge.log(live.store, forge.persona(text), forge.memory(text, personaId=text))
    ours = cut(text)
    more = f"UPDATE personas SET id = '{ours}'; UPDATE memoryEntities SET personaId = '{ours}'"
    live.state(seen=2, memories=[ours], more=more)
    live.goes(ours)
    assert live.sql("SELECT id, persona_id FROM memory_entities") == [(ours, ours)]


def test_ids_that_only_the_log_has(live: Live) -> None:
    """NUL is a letter like any other; a lone surrogate makes no id, and the record is named."""
    live.log(forge.memory(NUL), forge.memory(LONE))
    live.saves(13, "m1", "m2", NUL, named="memoryEntities/a\ud83db")


def test_two_ids_that_the_state_makes_one(live: Live) -> None:
    """The second is kept raw: SQLite cannot hold both."""
    live.log(forge.memory(LONE), forge.memory("a\ud83eb"))
    live.saves(16, "m1", "m2", named="inserted twice", quarantined=2)


def test_nul_and_surrogates_in_names_and_keys(live: Live) -> None:
    """In the names of events, in keys of JSON, in the other tables."""
    live.log(
        ("v1.X\0Y", {"id": "x"}),
        ("v1.Unknown", {"a\ud83d": LONE, NUL: 1}),
        forge.memory("m3", content={LONE: NUL}),
        ("v1.PluginImported", {"id": NUL, "name": LONE, "version": NUL}),
        ("v1.OtherRecordImported", {"key": '["a","b"]', "collection": LONE, "recordId": NUL, "document": {"x": LONE}}),
        ("v1.ConversationImported", {"id": "c", "title": NUL, "messages": [{"content": LONE}], "topics": [NUL]}),
    )
    live.goes("m1", "m2", "m3", others=3)


@pytest.mark.parametrize("column", ["argsJson", "name", "clientId", "sessionId", "syncMetadataJson"])
def test_text_that_is_not_utf8_in_the_log(live: Live, column: str) -> None:
    """The event is named and kept as bytes; where the state has seen it, nothing is lost."""
    live.log(forge.memory("m3"))
    live.change(f"UPDATE eventlog SET {column} = CAST(x'61ff62' AS TEXT) WHERE seqNumGlobal = 3")
    live.saves(16, "m1", "m3", named="event 3: its text is not UTF-8")


def test_text_that_is_not_utf8_in_a_log_that_the_state_has_seen(live: Live) -> None:
    """The state tells what the event did."""
    live.log(forge.memory("m3"))
    live.change("UPDATE eventlog SET argsJson = CAST(x'61ff62' AS TEXT) WHERE seqNumGlobal = 3")
    live.state()
    live.goes("m1", "m2", "m3", rules=("event-unread",))


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("memoryEntities SET content = CAST(x'22ff22' AS TEXT) WHERE id = 'm1'", "state-lossy"),
        ("personas SET name = CAST(x'41ff' AS TEXT)", "state-lossy"),
        ("personas SET description = CAST(x'41ff' AS TEXT)", "state-differs"),
    ],
)
def test_text_that_is_not_utf8_in_the_state(live: Live, change: str, rule: str) -> None:
    """The log has the whole text; where it says nothing, the state's is mended and kept."""
    live.log()
    live.state(more=f"UPDATE {change}")
    live.goes("m1", "m2", rules=(rule,))
    assert live.contents()["m1"] == "healthy"
    assert live.sql("SELECT name FROM personas") == [("Ada",)]


def test_an_id_that_is_not_utf8_in_the_state(live: Live) -> None:
    """The row is named; the log gives the record under its id."""
    live.log()
    live.state(more="UPDATE memoryEntities SET id = CAST(x'6dff' AS TEXT) WHERE id = 'm1'")
    live.saves(13, "m1", "m2", named="no usable id")


# --- places ------------------------------------------------------------------------------------------------------


def test_a_log_that_is_a_link(live: Live, tmp_path: Path) -> None:
    """It leaves the folder, so it is not followed, but named; named by the owner, it is read."""
    real = forge.log(tmp_path / "real", *SOUND)
    live.store.mkdir()
    (live.store / LOG).symlink_to(real)
    refused = live.migrate()
    assert refused.exit_code == 11 and "a link that leaves the folder" in " ".join(refused.body["where"])
    assert live.migrate(live.store / LOG).exit_code == 0
    assert set(live.contents()) == {"m1", "m2"}


def test_a_store_that_is_a_link(live: Live, tmp_path: Path) -> None:
    """Named, the folder is read; its files stay."""
    real = forge.log(tmp_path / "real", *SOUND)
    before = real.read_bytes()
    live.store.symlink_to(real.parent)
    assert live.migrate(live.store).exit_code == 0
    assert set(live.contents()) == {"m1", "m2"} and real.read_bytes() == before
    assert [path.name for path in real.parent.iterdir()] == [LOG]


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
@pytest.mark.parametrize("which", NAMES)
def test_a_pipe_or_a_folder_in_the_place_of_a_file(live: Live, which: str, make: Callable[[Path], None]) -> None:
    """Neither is opened."""
    forge.log(live.store, *SOUND) if which == STATE else forge.state(live.store)
    make(live.store / which)
    assert live.cli("migrate", process=True).exit_code == 0
    assert set(live.contents()) == {"m1", "m2"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_store_without_permission(live: Live) -> None:
    """Named, never a traceback."""
    live.log().chmod(0)
    refused = live.migrate()
    assert refused.exit_code in (11, 12, 16) and LOG in " ".join(refused.body["where"])


@pytest.mark.parametrize("command", ["detect", "plan", "export", "status"])
@pytest.mark.parametrize("name", ["a number of 400 digits", "nested 5000 deep", "NaN"])
def test_the_other_commands_on_a_broken_log(live: Live, command: str, name: str) -> None:
    """None trips over it."""
    live.log(BROKEN[name])
    words = (live.store, "-o", live.folder.parent / "out.json") if command == "export" else ()
    assert live.cli(command, *words).exit_code in (0, 1, 16)


# --- flipped bits -------------------------------------------------------------------------------------------------


def test_damaged_stores_never_crash_hang_or_lie(tmp_path: Path) -> None:
    """200 mutations of real stores, each read; what came out wrong without a word is counted."""
    seen = fuzz(tmp_path, NODE, range(200))
    assert seen.faults == []
    assert seen.told > 60
    assert seen.silent <= 12, seen.examples  # SQLite's pages have no checksum


@pytest.mark.soak
def test_five_thousand_damaged_stores(tmp_path: Path) -> None:
    """The same at length; prints what it saw."""
    seen = fuzz(tmp_path, NODE, range(1000, 6000))
    print(seen.line())  # noqa: T201 - figures
    assert seen.faults == []


# --- found by trying to break it -----------------------------------------------------------------------------------


def test_a_store_that_is_closed_is_not_touched(live: Live) -> None:
    log, state = live.log(), live.state()
    stamps = [(path.stat().st_mtime_ns, path.read_bytes()) for path in (log, state)]
    assert live.migrate().exit_code == 0
    assert [(path.stat().st_mtime_ns, path.read_bytes()) for path in (log, state)] == stamps
    with sqlite3.connect(f"file:{log}?mode=ro", uri=True) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    db.close()


@pytest.mark.parametrize("which", [LOG, STATE])
def test_a_wal_of_a_store_that_is_not_applied(live: Live, which: str) -> None:
    """A log or state whose WAL is damaged is not whole, and that is named."""
    live.log()
    live.state()
    crash_writer(live.store / which, "CREATE TABLE beside(id TEXT PRIMARY KEY)")
    wal = live.store / f"{which}-wal"
    wal.write_bytes(bytes(32) + wal.read_bytes()[32:])
    stopped = live.migrate()
    assert (stopped.exit_code, stopped.code) == (16, "MIGRATION_006")
    assert "WAL" in str(stopped.body["where"])
