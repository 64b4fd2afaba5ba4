"""Dates that may be seconds, records without a date, and names of SQL that have no case."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

import pjais
from pjais.cli import run
from pjais.core.dates import read_instant
from pjais.core.document import Document
from pjais.migration.run import Options
from pjais.models.persona.model import MODEL
from pjais.report.rules import RULES
from pjais.side_by_side import follow
from pjais.workspace import resolve_workspace
from world import documents, memory, migrated, persona, rows, write_json

SECONDS = 1_700_000_000
WHEN = "2023-11-14T22:13:20.000Z"


def database(path: Path, sql: str) -> Path:
    """A SQLite source."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(sql)
    return path


@pytest.mark.parametrize("raw", [SECONDS, float(SECONDS), SECONDS + 0.25, str(SECONDS), 946_684_800, 4_102_444_799])
def test_a_number_that_may_be_seconds_is_noted(tmp_path: Path, raw: Any) -> None:
    """It stays what it is, milliseconds, since nothing says otherwise; a note names record and field."""
    write_json(tmp_path, personas=[persona(createdAt=WHEN)], memories=[memory(createdAt=raw)])
    report = migrated(tmp_path)
    assert report.rules["note:looks-like-seconds:createdAt"] == 1
    ((at,),) = rows(tmp_path / "pjais.sqlite", "SELECT created_at FROM memory_entities")
    assert at.startswith("1970-0")


@pytest.mark.parametrize(
    "raw", [0, 1, 100_000_000, 1_700_000_000_000, -SECONDS, "1970-01-20T16:13:20.000Z", 978_307_200_000]
)
def test_a_date_that_is_no_likely_number_of_seconds_is_not_noted(raw: Any) -> None:
    """Milliseconds, 0, dates before 1970, and a text that says 1970 itself."""
    draft = MODEL.reader("json", "memories").read(Document("memories", "m1", "", memory(createdAt=raw)))
    assert "looks-like-seconds" not in {problem[1] for problem in draft.problems}
    assert read_instant(raw)[0] is not None


def test_times_of_messages_that_may_be_seconds_are_noted(tmp_path: Path) -> None:
    """One note a conversation, with the first such message."""
    messages = [{"id": "x", "role": "user", "content": "a", "timestamp": one} for one in (WHEN, SECONDS, SECONDS + 1)]
    talk = {"id": "c1", "personaId": "p1", "messages": messages, "createdAt": WHEN}
    write_json(tmp_path, personas=[persona(createdAt=WHEN)], conversations=[talk])
    assert migrated(tmp_path).rules["note:looks-like-seconds:messages.timestamp"] == 1


@pytest.mark.parametrize(
    ("default", "milliseconds"),
    [
        ("(unixepoch())", False),
        ("(strftime('%s', 'now'))", False),
        ("(cast(strftime('%s','now') as int))", False),
        ("(STRFTIME('%s', CURRENT_TIMESTAMP))", False),
        ("(unixepoch() * 1000)", True),
        ("(cast(strftime('%s','now') as int) * 1000)", True),
        ("0", True),
    ],
)
def test_a_column_whose_default_is_seconds_is_read_as_seconds(tmp_path: Path, default: str, milliseconds: bool) -> None:
    """The table itself says so; anything else is milliseconds, with a note."""
    database(
        tmp_path / "livestore.db",
        "CREATE TABLE personas(id TEXT PRIMARY KEY, name TEXT, createdAt INTEGER);"
        f"CREATE TABLE memoryEntities(id TEXT PRIMARY KEY, personaId TEXT, type TEXT, content TEXT, "
        f"createdAt INTEGER DEFAULT {default}, updatedAt INTEGER);"
        f"INSERT INTO personas VALUES ('p1', 'Ada', {SECONDS}000);"
        f"INSERT INTO memoryEntities VALUES ('m1', 'p1', 'text', '\"x\"', {SECONDS}, {SECONDS}000);"
        f"INSERT INTO memoryEntities VALUES ('m2', 'p1', 'text', '\"x\"', NULL, {SECONDS}000);",
    )
    report = migrated(tmp_path)
    ((at,),) = rows(tmp_path / "pjais.sqlite", "SELECT created_at FROM memory_entities WHERE id = 'm1'")
    assert at == (WHEN if not milliseconds else "1970-01-20T16:13:20.000Z")
    rule = "looks-like-seconds" if milliseconds else "date-seconds"
    assert report.rules[f"note:{rule}:createdAt"] == 1


MIXED = [
    (
        "livestore.db",
        "CREATE TABLE Personas(ID TEXT PRIMARY KEY, NAME TEXT, ISACTIVE INTEGER, createdat INTEGER);"
        "CREATE TABLE {memories}(Id TEXT PRIMARY KEY, PERSONAID TEXT, Type TEXT, CONTENT TEXT, Importance INTEGER,"
        " CREATEDAT INTEGER, tAgs TEXT);"
        f"INSERT INTO Personas VALUES ('p1', 'Ada', 1, {SECONDS}000);"
        f"INSERT INTO {{memories}} VALUES ('m1', 'p1', 'fact', '\"tea\"', 70, {SECONDS}000, '[\"a\"]');",
    ),
    (
        "pjais.db",
        "CREATE TABLE PERSONAS(Id TEXT PRIMARY KEY, Name TEXT, Personality_Traits TEXT, CREATED_AT TEXT,"
        " is_active INTEGER);"
        "CREATE TABLE Memory_Entities(ID TEXT PRIMARY KEY, Persona_Id TEXT, TYPE TEXT, Content TEXT,"
        " IMPORTANCE INTEGER, Created_At TEXT, Tags TEXT);"
        "INSERT INTO PERSONAS VALUES ('p1', 'Ada', '[]', '2023-11-14 22:13:20', 1);"
        "INSERT INTO Memory_Entities VALUES ('m1', 'p1', 'fact', 'tea', 70, '2023-11-14 22:13:20', '[\"a\"]');",
    ),
]


@pytest.mark.parametrize(
    ("name", "sql"),
    [
        (name, sql.format(memories=memories) if "{memories}" in sql else sql)
        for name, sql in MIXED
        for memories in (("MEMORYENTITIES", "memory_Entities", "memoryentities") if "{memories}" in sql else ("",))
    ],
)
def test_names_of_tables_and_columns_have_no_case(tmp_path: Path, name: str, sql: str) -> None:
    """As in SQL; each row is rebuilt with the names as its table has them, and nothing is carried as unknown."""
    database(tmp_path / name, sql)
    report = migrated(tmp_path)
    assert report.total.migrated == 2
    store = tmp_path / "pjais.sqlite"
    assert rows(store, "SELECT id, persona_id, type, importance, created_at, tags FROM memory_entities") == [
        ("m1", "p1", "fact", 70, WHEN, '["a"]')
    ]
    assert rows(store, "SELECT name, is_active, created_at FROM personas") == [("Ada", 1, WHEN)]
    assert documents(store) == []


def test_a_drizzle_database_is_known_by_names_in_any_case(tmp_path: Path) -> None:
    """Kind, tables and columns."""
    database(
        tmp_path / "database" / "pjais.db",
        "CREATE TABLE Personas(ID INTEGER PRIMARY KEY, Name TEXT, Personality_Profile TEXT, CREATED_AT TEXT);"
        "CREATE TABLE MEMORY_ENTITIES(Id INTEGER PRIMARY KEY, PERSONA_ID INTEGER, content TEXT, Type TEXT, TIER TEXT,"
        " Importance_Score REAL, Created_At TEXT);"
        f"INSERT INTO Personas VALUES (1, 'Ada', '{{}}', '{WHEN}');"
        f"INSERT INTO MEMORY_ENTITIES VALUES (1, 1, 'tea', 'fact', 'hot', 0.7, '{WHEN}');",
    )
    assert migrated(tmp_path).total.migrated == 2
    assert rows(tmp_path / "pjais.sqlite", "SELECT memory_tier, importance FROM memory_entities") == [("hot", 70)]


def test_keys_of_json_have_a_case(tmp_path: Path) -> None:
    """`Name` in JSON is another key than `name`."""
    write_json(tmp_path, personas=[persona(createdAt=WHEN, Name="other")], memories=[])
    migrated(tmp_path)
    ((extra,),) = rows(tmp_path / "pjais.sqlite", "SELECT extra FROM personas")
    assert json.loads(extra)["Name"] == "other"


def test_what_a_range_of_dates_leaves_out_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Memories without a date: the report notes each, lists and searches say how many they cannot find."""
    memories = [
        memory("m1", createdAt=WHEN, content="green tea"),
        memory("m2", content="black tea"),
        memory("m3", createdAt=None, content="tea"),
        memory("m4", createdAt="CURRENT_TIMESTAMP", content="coffee"),
    ]
    write_json(tmp_path, personas=[persona(createdAt=WHEN)], memories=memories)
    report = migrated(tmp_path)
    assert report.rules["note:no-date:created_at"] == 3
    home = ["--data-dir", str(tmp_path)]

    def asked(*words: str) -> tuple[dict[str, Any], str]:
        assert run([*words, *home, "--json"]) == 0
        out, err = capsys.readouterr()
        return json.loads(out), err

    for words, count in ((("memories",), 3), (("search", "tea"), 2), (("memories", "stats"), 3)):
        shown, told = asked(*words, "--since", "2023-01-01")
        assert (shown["total"], shown["without_date"]) == (1, count)
        assert f"{count} memories left out by --since or --until, since they have no date" in told
        shown, told = asked(*words)
        assert "without_date" not in shown and told == ""
    shown, told = asked("search", "coffee", "--until", "2030-01-01")
    assert (shown["total"], shown["without_date"]) == (0, 1)
    assert "1 memory left out by --since or --until, since it has no date" in told


def test_a_piece_that_cannot_be_read_keeps_removals_off_in_its_own_source_alone(tmp_path: Path) -> None:
    """What is absent beside an unreadable piece may be in it; the other source is whole."""
    here = resolve_workspace(tmp_path)
    write_json(tmp_path, personas=[persona(createdAt=WHEN)], memories=[memory("m1"), memory("m2")])
    other = tmp_path / "memory"
    other.mkdir()
    for name in ("a", "b"):
        (other / f"{name}.json").write_text(json.dumps(memory(name)), "utf-8")
    options = Options(on_invalid="quarantine")
    assert follow.increment(here, options).new == 5
    write_json(tmp_path, personas=[persona(createdAt=WHEN)], memories=[memory("m1")])
    (other / "a.json").write_text("{broken", "utf-8")
    (other / "b.json").unlink()
    assert follow.increment(here, options).removed == 1
    assert {key for (key,) in rows(here.store, "SELECT id FROM memory_entities")} == {"m1", "a", "b"}
    assert pjais.verify(tmp_path).passed


def test_the_new_rules_are_explained() -> None:
    """`pjais explain` knows them."""
    assert {"looks-like-seconds", "date-seconds", "no-date", "torn-tail"} <= RULES.keys()
