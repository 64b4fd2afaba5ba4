"""Several apps in one store: where each record came from, filters by source, and what cannot be answered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pjais
from pjais import sqlite
from pjais.cli import run
from pjais.errors import UsageError
from pjais.models.persona.tables import CONVERSATIONS, MEMORIES, PERSONAS
from pjais.persona.store import Provenance, Store
from pjais.store import provenance
from world import memory, migrated, persona, write_json

JSON_SOURCE, DUMP = Provenance("json", "data.json"), Provenance("rxdb-dump", "dump.json")
HERE = Provenance("pjais", None)


def _dump(folder: Path) -> None:
    """RxDB's dump of another app's database, with a persona of the same name."""
    collections = {
        "personas": [persona("d1", name="Ada")],
        "memories": [memory("n1", "d1", content="tea in the dump"), memory("n2", "d1", importance=90)],
        "conversations": [{"id": "t1", "personaId": "d1", "title": "From the dump", "messages": []}],
    }
    told = [{"name": name, "schemaHash": "", "docs": docs} for name, docs in collections.items()]
    value = {"name": "app", "instanceToken": "t", "collections": told}
    (folder / "dump.json").write_text(json.dumps(value), "utf-8")


def _fill(folder: Path) -> Path:
    """A store of two sources, and a memory and a conversation that were written in it."""
    write_json(
        folder,
        personas=[persona("p1", name="Ada"), persona("p2", name="Bo")],
        memories=[memory("m1", content="tea of the first app"), memory("m2", "p2", importance=70), memory("m3")],
        conversations=[{"id": "c1", "personaId": "p1", "title": "From JSON", "messages": []}],
    )
    migrated(folder)
    _dump(folder)
    migrated(folder)
    with pjais.open(folder) as store:
        store.memories.create(id="own", persona_id="p1", content="tea written here", importance=10)
        store.conversations.create(id="mine", persona_id="p1", messages=[])
        store.memories.delete("m3")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _fill(tmp_path_factory.mktemp("two-apps"))


@pytest.fixture(scope="module")
def store(folder: Path) -> Iterator[Store]:
    with pjais.open(folder) as opened:
        yield opened


@pytest.fixture
def say(folder: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """A command on that store: its exit code, what it printed, what it complained."""

    def said(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(["--data-dir", str(folder), *arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return code, captured.out, captured.err

    return said


@pytest.fixture(params=[0, 2000])
def many_or_few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sources of very many records are filtered in another way than those of few."""
    monkeypatch.setattr(provenance, "_FEW", request.param)


def _ids(found: Any) -> list[str]:
    return sorted(one.id for one in found)


# -- the library


def test_each_record_has_its_source(store: Store) -> None:
    """Also a deleted one, and one that was written in the store."""
    assert store.memories.provenance(["m1", "m3", "n1", "own"]) == {
        "m1": JSON_SOURCE,
        "m3": JSON_SOURCE,
        "n1": DUMP,
        "own": HERE,
    }
    assert store.personas.provenance(["p1", "d1"]) == {"p1": JSON_SOURCE, "d1": DUMP}
    assert store.conversations.provenance(["mine"]) == {"mine": HERE}
    assert store.known_sources() == [JSON_SOURCE, DUMP]
    assert [tuple(one) for one in store.sources()] == [
        ("json", "data.json", 6, {"personas": 2, "memories": 3, "conversations": 1}),
        ("pjais", None, 2, {"memories": 1, "conversations": 1}),
        ("rxdb-dump", "dump.json", 4, {"personas": 1, "memories": 2, "conversations": 1}),
    ]


@pytest.mark.usefixtures("many_or_few")
def test_lists_are_filtered_by_kind_name_and_path(store: Store, folder: Path) -> None:
    """One source or several; the filters of memories all take it."""
    memories = store.memories
    for source in ("rxdb-dump", "dump.json", str(folder / "dump.json"), ["rxdb-dump", "dump.json"]):
        assert _ids(memories.list(source=source)) == ["n1", "n2"]
        assert _ids(memories.filtered(source=source, importance=(80, 100))) == ["n2"]
        assert memories.stats(source=source)["total"] == 2
    assert _ids(memories.list(source="json")) == ["m1", "m2"]
    assert _ids(memories.list(source="pjais")) == ["own"]
    assert _ids(memories.list(source=["pjais", "data.json"], persona="p1")) == ["m1", "own"]
    assert _ids(memories.list(source=[])) == _ids(memories.list())
    assert _ids(memories.deleted(source="json")) == ["m3"]
    assert memories.deleted(source="rxdb-dump") == []
    assert _ids(store.personas.list(source="rxdb-dump")) == ["d1"]
    page = store.personas.page(source="json", limit=1)
    assert (len(page.records), page.total, page.next_offset) == (1, 2, 1)
    assert _ids(store.conversations.list(source="json")) == ["c1"]
    assert _ids(store.conversations.list(source="pjais", persona="p1")) == ["mine"]
    assert store.conversations.archived(source="json") == []


@pytest.mark.usefixtures("many_or_few")
def test_search_is_filtered(store: Store) -> None:
    """By words, by literal text and by date, as every other filter."""
    assert _ids(one.memory for one in store.memories.search("tea")) == ["m1", "n1", "own"]
    found = store.memories.search_page("tea", source="rxdb-dump")
    assert (_ids(one.memory for one in found.found), found.total) == (["n1"], 1)
    assert _ids(one.memory for one in store.memories.search("tea", source=["json", "pjais"])) == ["m1", "own"]
    assert store.memories.without_date("tea", source="rxdb-dump", created=(0, None)) == 1


def test_an_unknown_source_is_refused_with_the_known_ones(store: Store) -> None:
    """Nothing is silently an empty list."""
    for call in (store.memories.list, store.personas.page, store.conversations.archived, store.memories.stats):
        with pytest.raises(UsageError, match="no source 'rxdb-dmp'") as raised:
            call(source="rxdb-dmp")
        assert raised.value.advice == "did you mean rxdb-dump?"
        assert raised.value.where == ("known: json, pjais, rxdb-dump, data.json, dump.json",)
    for wrong in (7, [7], b"json", ["json"] * 501, ""):
        with pytest.raises(UsageError):
            store.memories.list(source=wrong)  # type: ignore[arg-type]


def test_a_live_list_of_a_source_follows_it(tmp_path: Path) -> None:
    """It brings what the next migration adds, and nothing that belongs to other sources."""
    with pjais.open(_fill(tmp_path)) as store:
        feed = store.memories.live(source="json").follow(timeout=20)
        assert _ids(next(feed)) == ["m1", "m2"]
        store.memories.create(id="other", persona_id="p1", content="of no source")
        write_json(tmp_path, "more.json", memories=[memory("m9")])
        migrated(tmp_path)
        assert _ids(next(feed)) == ["m1", "m2", "m9"]
        feed.close()


def test_a_point_in_time_says_that_it_does_not_know(store: Store) -> None:
    """The ledger has no past; a guess would call a removed record's copy one of ours."""
    with store.at(store.last_change()) as past:
        assert _ids(past.memories.list()) == ["m1", "m2", "n1", "n2", "own"]
        for call in (
            lambda: past.memories.list(source="json"),
            lambda: past.personas.page(source="json"),
            lambda: past.memories.stats(source="json"),
            lambda: past.memories.provenance(["m1"]),
        ):
            with pytest.raises(UsageError, match="current state only"):
                call()


@pytest.mark.usefixtures("many_or_few")
@pytest.mark.parametrize("table", [PERSONAS, MEMORIES, CONVERSATIONS])
def test_no_question_about_a_source_reads_the_whole_ledger(store: Store, table: Any) -> None:
    """Every access to the ledger goes through its index over record type and id."""
    with store.pool.reader() as db:
        asked: list[tuple[str, Any]] = []

        def note(_: Any, sql: str, values: Any) -> bool:
            asked.append((sql, values))
            return True

        db.exec_trace = note
        for source in ("rxdb-dump", "dump.json", "pjais", ["json", "pjais"]):
            where, values = provenance.condition(db, table, source)
            sqlite.fetch(db, f"SELECT * FROM {table.sql} AS t WHERE {where}", values)
        provenance.of(db, table, ["x"])
        db.exec_trace = None
        asked = [one for one in asked if "migration_records" in one[0]]
        assert len(asked) > 4
        for sql, bound in asked:
            steps = [str(row[-1]) for row in sqlite.fetch(db, f"EXPLAIN QUERY PLAN {sql}", bound)]
            ledger = [step for step in steps if " m " in f"{step} "]
            assert ledger and all("USING INDEX migration_records_record (record_type=?" in step for step in ledger)


def test_records_of_our_own_export_are_of_the_kind_pjais(folder: Path, tmp_path: Path) -> None:
    """They were written in pjais, too; the name tells them from what was written here."""
    pjais.export(None, folder / "pjais.sqlite", tmp_path / "export.json")
    data = tmp_path / "data"
    data.mkdir()
    pjais.import_file(data, tmp_path / "export.json")
    with pjais.open(data) as store:
        store.memories.create(id="new", persona_id="p1", content="here")
        outside = Provenance("pjais", (tmp_path / "export.json").as_posix())
        assert store.memories.provenance(["m1", "new"]) == {"m1": outside, "new": HERE}
        assert "new" in _ids(store.memories.list(source="pjais"))
        assert "new" not in _ids(store.memories.list(source="export.json"))
        assert len(store.memories.list(source="pjais")) == len(store.memories.list())


# -- the command line


def test_lists_show_and_filter_the_source(say: Any) -> None:
    """A column in tables, a key in JSON, of every list."""
    for command, of_dump in (("personas", ["d1"]), ("memories", ["n1", "n2"]), ("conversations", ["t1"])):
        _, out, _ = say(command)
        assert out.splitlines()[0].split()[:2] == ["id", "source"]
        told = json.loads(say(command, "--source", "rxdb-dump", "--json")[1])
        assert sorted(one["id"] for one in told["records"]) == of_dump
        assert told["total"] == len(of_dump)
        assert {tuple(one["source"].items()) for one in told["records"]} == {
            (("kind", "rxdb-dump"), ("name", "dump.json"))
        }
    assert "| source |" in say("memories", "--format", "markdown")[1]
    told = json.loads(say("memories", "--source", "pjais", "--source", "data.json", "--json")[1])
    assert sorted(one["id"] for one in told["records"]) == ["m1", "m2", "own"]
    assert [one["source"] for one in told["records"] if one["id"] == "own"] == [{"kind": "pjais", "name": None}]
    lines = say("memories", "--format", "ndjson", "--source", "dump.json")[1].splitlines()
    assert {json.loads(line)["source"]["kind"] for line in lines} == {"rxdb-dump"}
    assert json.loads(say("memories", "--deleted", "--source", "json", "--json")[1])["count"] == 1
    assert json.loads(say("memories", "stats", "--source", "json", "--json")[1])["total"] == 2
    assert say("plugins", "--source", "json")[0] == 0


def test_search_shows_and_filters_the_source(say: Any) -> None:
    """With a column where the store has several kinds."""
    _, out, _ = say("search", "tea")
    assert out.splitlines()[0].split() == ["memory", "type", "source", "text"] and "rxdb-dump" in out
    told = json.loads(say("search", "tea", "--source", "rxdb-dump", "--json")[1])
    assert [(one["memory"]["id"], one["source"]["name"]) for one in told["results"]] == [("n1", "dump.json")]


def test_one_record_says_where_it_came_from(say: Any) -> None:
    assert "source: rxdb-dump dump.json" in say("personas", "show", "d1")[1]
    assert json.loads(say("memories", "show", "own", "--json")[1])["source"] == {"kind": "pjais", "name": None}
    assert "source: json data.json" in say("conversations", "show", "c1")[1]
    assert json.loads(say("conversations", "show", "t1", "--json")[1])["source"]["kind"] == "rxdb-dump"


def test_status_names_the_sources_that_filters_take(say: Any) -> None:
    told = json.loads(say("status", "--json")[1])["store"]["sources"]
    assert told == [
        {"kind": "json", "name": "data.json", "records": 6},
        {"kind": "pjais", "name": None, "records": 2},
        {"kind": "rxdb-dump", "name": "dump.json", "records": 4},
    ]
    assert "dump.json" in say("status")[1]


def test_a_wrong_source_is_a_usage_error(say: Any) -> None:
    for command in (("memories",), ("personas",), ("conversations", "--archived"), ("search", "tea")):
        code, _, complaint = say(*command, "--source", "jsn")
        assert code == 2
        assert "known: json, pjais, rxdb-dump" in complaint and "did you mean json?" in complaint


def test_a_store_of_one_kind_has_no_column(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It would say the same in every row; what is written in the store makes it worth one."""
    write_json(tmp_path, personas=[persona()], memories=[memory()])
    migrated(tmp_path)
    run(["--data-dir", str(tmp_path), "memories"])
    assert "source" not in capsys.readouterr().out
    run(["--data-dir", str(tmp_path), "remember", "a thought"])
    capsys.readouterr()
    run(["--data-dir", str(tmp_path), "memories"])
    assert "source" in capsys.readouterr().out.splitlines()[0]


def test_two_sources_of_one_kind_are_told_apart_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_json(tmp_path, personas=[persona()], memories=[memory()])
    write_json(tmp_path, "more.json", memories=[memory("m2")])
    migrated(tmp_path)
    (tmp_path / "other").mkdir()
    outside = write_json(tmp_path / "other", "far.json", memories=[memory("m3")])
    pjais.migrate(tmp_path, sources=[outside])
    with pjais.open(tmp_path) as store:
        store.memories.remember("here")
        with pytest.raises(UsageError) as raised:
            store.memories.list(source="fra.json")
        assert raised.value.advice == "did you mean far.json?"
    run(["--data-dir", str(tmp_path), "memories"])
    out = capsys.readouterr().out
    assert all(f"json {name}.json " in out for name in ("data", "more", "far"))
