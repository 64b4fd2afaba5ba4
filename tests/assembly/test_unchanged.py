"""A later run passes by what is unchanged, and the store is the one that reading everything again gives."""

from __future__ import annotations

import json
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pjais
from pjais import paths, sqlite
from pjais.assembly import unchanged
from pjais.core.document import Document
from pjais.core.fast_lane import FastLane
from pjais.core.mapping import Carried, Fields
from pjais.errors import PjaisError, VerificationFailed
from pjais.formats.json_stream import Value
from pjais.migration import quarantine, run
from pjais.side_by_side.follow import increment
from pjais.sources import stored
from pjais.sources.json_files import reader as json_files
from pjais.targets.sqlite import standing
from pjais.workspace import resolve_workspace
from world import JSON, memory, migrated, persona, rows, write_json

WHOLE = int(os.environ.get("PJAIS_EXAMPLES", "6"))

STORED = {
    "personas": "*",
    "memory_entities": "*",
    "conversations": "*",
    "relationships": "*",
    "plugins": "*",
    "changes": "seq, table_name, record_id, op, before",
    "migration_ids": "*",
    "migration_records": "*",
    "migration_quarantine": "*",
    "migration_runs": "number, ids, sources, counts, options",
    "migration_decisions": "source_kind, origin, database, collection, native_id, decision, record_type, record_id",
}


def content(folder: Path) -> str:
    """All that a store holds, runs by their number instead of by their id, without the times of the clock."""
    store = folder / "pjais.sqlite"
    text = repr({table: rows(store, f"SELECT {columns} FROM {table}") for table, columns in STORED.items()})
    for number, run_id in rows(store, "SELECT number, id FROM migration_runs"):
        text = text.replace(run_id, f"run {number}")
    return text


@contextmanager
def reading_everything() -> Iterator[None]:
    """Every later run in here goes the ordinary way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unchanged, "_before", lambda *_: None)
        yield


@contextmanager
def counting() -> Iterator[list[str]]:
    """The native ids of all documents that are normalised in here."""
    met: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        for kind in (Fields, Carried):
            patch.setattr(kind, "read", _counted(kind.read, met))
        patch.setattr(FastLane, "row", _counted(FastLane.row, met))
        yield met


def _counted(real: Callable[[Any, Document], Any], met: list[str]) -> Callable[[Any, Document], Any]:
    def read(way: Any, one: Document) -> Any:
        made = real(way, one)
        if made is not None:  # the fast lane leaves a document to the rules
            met.append(str(one.native_id))
        return made

    return read


def test_only_what_changed_is_normalised(tmp_path: Path) -> None:
    memories = [memory(f"m{n}") for n in range(60)]
    write_json(tmp_path, personas=[persona()], memories=memories)
    migrated(tmp_path)
    memories[7]["content"], memories[41]["content"] = "changed", "ändert sich"
    del memories[50:53]
    memories.insert(0, memory("first"))
    memories.insert(30, memory("middle"))
    memories.append(memory("last"))
    for turn in (1, 2):
        write_json(tmp_path, personas=[persona()], memories=memories)
        with counting() as met:
            report = pjais.migrate(tmp_path)
        assert met == (["first", "m7", "middle", "m41", "last"] if turn == 1 else ["m3"])
        assert report.total.read == len(memories) + 1 and report.total.balanced()
        assert report.total.unchanged == report.total.read - len(met)
        assert pjais.verify(tmp_path).passed
        memories[4]["summary"] = "and again"


def test_documents_without_an_id_and_twice_go_the_ordinary_way(tmp_path: Path) -> None:
    nameless = [{"text": "one"}, {"text": "two"}, {"text": "two"}]
    twice = [memory("m1"), memory("m1", content="newer", updatedAt="2026-01-01T00:00:00.000Z")]
    for turn in range(3):
        memories = [*twice, memory("m2"), memory("m3", content=f"turn {turn}")]
        write_json(tmp_path, personas=[persona()], notes=nameless, memories=memories)
        with counting() as met:
            report = pjais.migrate(tmp_path)
        assert pjais.verify(tmp_path).passed
    assert met == ["m1", "m1", "m3"]
    assert (report.total.read, report.total.superseded) == (8, 2)


def test_a_list_of_records_is_passed_by_too(tmp_path: Path) -> None:
    memories = [memory(f"m{n}", persona_id=None) for n in range(5)]
    source = tmp_path / "data.json"
    source.write_text(json.dumps([{"id": "p1", "name": "One", "personality": {}}, *memories]), "utf-8")
    migrated(tmp_path, on_invalid="quarantine")
    memories[2]["content"] = "changed"
    source.write_text(json.dumps([{"id": "p1", "name": "One", "personality": {}}, *memories]), "utf-8")
    with counting() as met:
        pjais.migrate(tmp_path, on_invalid="quarantine")
    assert met == ["m2"]
    assert pjais.verify(tmp_path).passed


def test_what_was_noted_of_a_document_is_noted_again(tmp_path: Path) -> None:
    odd = memory("odd", importance="70", createdAt="2025-03-01 00:00:00")
    write_json(tmp_path, personas=[persona()], memories=[memory("m0"), odd, memory("m1")])
    first = migrated(tmp_path)
    assert first.total.repaired == 1
    write_json(tmp_path, personas=[persona()], memories=[memory("m0", content="longer than before"), odd, memory("m1")])
    with counting() as met:
        second = pjais.migrate(tmp_path)
    assert met == ["m0"]
    assert second.total.repaired == 1 and second.rules == first.rules
    told = [(one.rule, one.native_id, one.field, one.message) for one in second.findings]
    assert told == [(one.rule, one.native_id, one.field, one.message) for one in first.findings]
    assert [one.place for one in second.findings] != [one.place for one in first.findings]


@pytest.mark.parametrize("how", ["options", "report", "backup", "snapshot", "version", "reading", "follow"])
def test_in_doubt_everything_is_read_again(tmp_path: Path, how: str) -> None:
    memories = [memory(f"m{n}") for n in range(4)]
    write_json(tmp_path, personas=[persona()], memories=memories)
    first = migrated(tmp_path, expand_cold=how == "options")
    assert first.backup is not None
    if how == "report":
        (first.backup / "report.json").write_text("{}", "utf-8")
    elif how == "backup":
        shutil.rmtree(first.backup)
    elif how == "snapshot":
        kept = first.backup / "data.json"
        text = kept.read_text("utf-8").replace("content of m2", "CONTENT of m2")
        kept.write_text(text, "utf-8")
    elif how == "version":
        rows(tmp_path / "pjais.sqlite", "UPDATE migration_runs SET program_version = '0.0.9'")
    elif how == "reading":
        rows(tmp_path / "pjais.sqlite", "UPDATE migration_runs SET options = json_remove(options, '$.reading')")
    elif how == "follow":
        memories.append(memory("m9"))
        write_json(tmp_path, personas=[persona()], memories=memories)
        increment(resolve_workspace(tmp_path))
    memories[3]["content"] = "changed"
    write_json(tmp_path, personas=[persona()], memories=memories)
    with counting() as met:
        report = pjais.migrate(tmp_path)
    assert len(met) == len(memories) + 1
    assert report.total.unchanged == len(memories)


@contextmanager
def reading() -> Iterator[list[str]]:
    """The native ids of all documents that are parsed in here."""
    met: list[str] = []
    real = json_files._document

    def read(collection: str, item: Value, native_id: str | None = None) -> Document:
        made = real(collection, item, native_id)
        met.append(str(made.native_id))
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_files, "_document", read)
        yield met


def test_only_what_changed_and_its_neighbours_are_parsed(tmp_path: Path) -> None:
    memories = [memory(f"m{n}", content=f"{n} " * 50) for n in range(300)]
    write_json(tmp_path, personas=[persona()], memories=memories)
    migrated(tmp_path)
    memories[100]["content"], memories[200]["content"] = "changed", "ändert sich"
    for _ in range(2):
        write_json(tmp_path, personas=[persona()], memories=memories)
        with reading() as met, counting() as normalised:
            report = pjais.migrate(tmp_path)
        assert normalised == ["m100", "m200"]
        # the first and the last of a list are parsed, what changed, and the next one
        assert met == ["p1", "m0", "m100", "m101", "m200", "m201", "m299"]
        assert report.total.unchanged == 299
        assert pjais.verify(tmp_path).passed
        memories[100]["content"], memories[200]["content"] = "changed again", "und wieder"


def test_a_document_in_quarantine_goes_the_ordinary_way_in_the_middle(tmp_path: Path) -> None:
    memories = [memory(f"m{n}", content=f"{n} " * 50) for n in range(60)]
    memories[20]["type"] = {}
    memories[40] = {"content": "no id"}
    write_json(tmp_path, personas=[persona()], memories=memories)
    migrated(tmp_path, on_invalid="quarantine")
    memories[0]["content"] = "changed"
    write_json(tmp_path, personas=[persona()], memories=memories)
    with counting() as met:
        report = pjais.migrate(tmp_path, on_invalid="quarantine")
    assert met == ["m0", "m20", "None"]
    assert (report.total.read, report.total.waiting, report.total.unchanged) == (61, 2, 58)
    assert pjais.verify(tmp_path).passed


def test_what_was_noted_of_skipped_documents_is_noted_again(tmp_path: Path) -> None:
    memories = [memory(f"m{n}", content=f"{n} " * 50) for n in range(60)]
    for number in (0, 17, 18, 40, 59):
        memories[number]["importance"] = "70"
    write_json(tmp_path, personas=[persona()], memories=memories)
    first = migrated(tmp_path)
    memories[5]["content"] = "changed, and longer than it was before"
    write_json(tmp_path, personas=[persona()], memories=memories)
    with reading_everything():
        shutil.copytree(tmp_path, tmp_path.parent / "plain")
        (tmp_path.parent / "plain").rename(tmp_path.parent / "kept")
        wanted = later_run(tmp_path, {}, follow=False)
    shutil.rmtree(tmp_path)
    (tmp_path.parent / "kept").rename(tmp_path)
    with reading() as met:
        assert later_run(tmp_path, {}, follow=False) == wanted
    assert first.total.repaired == 5 and len(met) < 12


LISTS = '{"personas": %s, "memories": %s%s}'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ', "memories": [{"id": "new", "type": "text", "content": "x", "name": "n"}]'),
        (', "metadata": {"totalMemories": 40}', ', "metadata": {"totalMemories": 40}'),
        (', "metadata": {"totalMemories": 39}', ', "metadata": {"totalMemories": 39}'),
        (', "metadata": {"totalMemories": 40}', ', "metadata": {"totalMemories": 41}'),
        (', "other": 1', ', "other": 2'),
        ("", ', "other": [1, 2]'),
    ],
    ids=["a list twice", "right total", "wrong total", "total that became wrong", "loose", "another list"],
)
def test_what_is_beside_the_lists_is_read_as_ever(tmp_path: Path, before: str, after: str) -> None:
    memories = [memory(f"m{n}", content=f"{n} " * 50) for n in range(40)]
    ways = []
    for name, way in (("fast", nullcontext), ("whole", reading_everything)):
        folder = tmp_path / name / "data"
        folder.mkdir(parents=True)
        source = folder / "data.json"
        source.write_text(LISTS % (json.dumps([persona()]), json.dumps(memories), before), "utf-8")
        os.utime(source, (1, 1))
        migrated(folder, on_invalid="quarantine")
        source.write_text(LISTS % (json.dumps([persona()]), json.dumps(memories[1:] + memories[:1]), after), "utf-8")
        os.utime(source, (2, 2))
        with way():
            told = later_run(folder, {"on_invalid": "quarantine"}, follow=False)
        ways.append((told, content(folder).replace(str(folder), "")))
        assert pjais.verify(folder).passed
    assert ways[0] == ways[1]


def test_a_list_of_another_name_is_another_list(tmp_path: Path) -> None:
    notes = [{"id": f"n{n}", "text": f"note {n} " * 20} for n in range(30)]
    write_json(tmp_path, personas=[persona()], notes=notes)
    migrated(tmp_path)
    write_json(tmp_path, personas=[persona()], remarks=notes)
    with reading() as met:
        report = pjais.migrate(tmp_path)
    assert len(met) == 31 and report.total.unchanged == 1
    assert pjais.verify(tmp_path).passed


@pytest.mark.parametrize("how", ["missing", "changed", "of another run", "no file of ours"])
def test_without_the_places_everything_is_read_again(tmp_path: Path, how: str) -> None:
    memories = [memory(f"m{n}") for n in range(30)]
    write_json(tmp_path, personas=[persona()], memories=memories)
    first = migrated(tmp_path)
    assert first.backup is not None
    path = first.backup / paths.PLACES
    if how == "missing":
        path.unlink()
    elif how == "changed":
        path.write_bytes(path.read_bytes()[:-1])
    elif how == "of another run":
        memories[3]["content"] = "changed"
        write_json(tmp_path, personas=[persona()], memories=memories)
        shutil.copy(path, tmp_path / "kept")
        second = pjais.migrate(tmp_path)
        assert second.backup is not None
        memories.insert(0, memory("new"))
        write_json(tmp_path, personas=[persona()], memories=memories)
        pjais.migrate(tmp_path)
        newest = sorted((tmp_path / "backups").iterdir())[-1]
        shutil.copy(tmp_path / "kept", newest / paths.PLACES)
    else:
        path.write_bytes(b"something else")
    memories[5]["content"] = "changed"
    write_json(tmp_path, personas=[persona()], memories=memories)
    with counting() as met:
        pjais.migrate(tmp_path)
    assert len(met) == len(memories) + 1
    if how == "missing":
        assert pjais.verify(tmp_path).passed
    else:
        with pytest.raises(VerificationFailed) as failed:
            pjais.verify(tmp_path)
        assert any(f"{paths.PLACES}: its content was changed" in line for line in failed.value.where)


def document(rng: random.Random, number: int, persons: int) -> JSON:
    """A memory: mostly a good one; some need a repair, some have no persona or no id, some are none."""
    owner = f"p{rng.randrange(persons + 1)}"  # the last one does not exist, at first
    kind = rng.randrange(14)
    made = memory(f"m{number}", owner, content=rng.choice(["tea", "grüße 🍵", 'a "quoted" \\ text', "x" * 300]))
    if kind == 0:
        made["createdAt"] = rng.choice(["2025-03-01 10:00:00", "soon", 1700000000, ""])
    elif kind == 1:
        made["importance"] = rng.choice(["70", 1e400, True, None, 3.0])
    elif kind == 2:
        del made["id"]
    elif kind == 3:
        made["unknownField"] = {"deep": [1, 2.50, {"$number": "NaN"}, "\ud83d"]}
    elif kind == 4:
        made["type"] = rng.choice([{}, 7, None])
    elif kind == 5:
        made["id"] = rng.choice([number, f"m{rng.randrange(number + 1)}", "", "m\udc00"])
    return made


def text_of(rng: random.Random, state: dict[str, list[Any]], style: int) -> str:
    """The source as a file, written in one of three ways; now and then with a repeated key or a broken piece."""
    text = json.dumps(state, indent=[None, None, 1][style], ensure_ascii=style == 0)
    if rng.random() < 0.1:
        text = text.replace('"tags": []', '"tags": [], "tags": []', 1)
    if rng.random() < 0.1:
        text = text.replace('"importance": 50', '"importance": 5x', 1)
    if rng.random() < 0.2:  # guide B's totals, right or wrong
        told = json.dumps({"totalMemories": rng.choice([0, len(state.get("memories", ()))]), "totalPersonas": 3})
        text = f'{text[:-1].rstrip()}{"," if state else ""} "metadata": {told}}}'
    if rng.random() < 0.1:  # a list twice
        text = f'{text[:-1].rstrip()}, "memories": {json.dumps(state.get("memories", []), ensure_ascii=style == 0)}}}'
    if rng.random() < 0.05:
        text = text[: rng.randrange(len(text) // 2, len(text))]
    if rng.random() < 0.05:
        text = f"{text} {text}"
    return text


def change(rng: random.Random, state: dict[str, list[Any]], how: str, turn: int) -> None:
    """One change to a source."""
    name = rng.choice(sorted(state))
    held = state[name]
    if how == "insert" or not held:
        held.insert(rng.randrange(len(held) + 1), document(rng, 100 + turn, 3))
        return
    at = rng.randrange(len(held))
    if how == "edit" and isinstance(held[at], dict):
        held[at] = {**held[at], "summary": f"turn {turn}", "updatedAt": f"2026-0{1 + turn % 9}-01T00:00:00.000Z"}
    elif how == "older" and isinstance(held[at], dict):
        held[at] = {**held[at], "summary": f"turn {turn}", "updatedAt": "2020-01-01T00:00:00.000Z"}
    elif how == "delete":
        del held[at : at + rng.randrange(1, 4)]
    elif how == "twice":
        again = {**held[at], "summary": f"again {turn}"} if isinstance(held[at], dict) else held[at]
        held.insert(rng.randrange(len(held) + 1), rng.choice([again, held[at]]))
    elif how == "reorder":
        rng.shuffle(held)
    elif how == "front":
        held[:0] = [document(rng, 200 + 10 * turn + n, 3) for n in range(rng.randrange(1, 20))]
    elif how == "move":
        state[rng.choice(sorted(state))].append(held.pop(at))
    elif how == "rename":
        state[f"{name}{turn}" if name == "notes" else "notes"] = state.pop(name)
    elif how == "persona":
        state.setdefault("personas", []).append(persona(f"p{rng.randrange(5)}"))


def work(folder: Path, rng: random.Random) -> None:
    """Somebody works with the store between two runs."""
    what = rng.choice(["edit", "remove", "discard", "replay", "nothing", "nothing"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKIP_MIGRATION", "true")
        with pjais.open(folder) as store:
            ids = sorted(key for (key,) in rows(folder / "pjais.sqlite", "SELECT id FROM memory_entities"))
            if what == "edit" and ids:
                store.memories.update(rng.choice(ids), summary="by hand")
            elif what == "remove" and ids:
                store.memories.remove(rng.choice(ids))
    waiting = [key for (key,) in rows(folder / "pjais.sqlite", "SELECT id FROM migration_quarantine")]
    with suppress(PjaisError):  # some cannot be replayed, or were decided about before
        if what == "discard" and waiting:
            quarantine.discard(resolve_workspace(folder), [rng.choice(waiting)])
        elif what == "replay":
            quarantine.replay(resolve_workspace(folder))


HOW = ["insert", "edit", "edit", "older", "delete", "twice", "reorder", "front", "move", "rename", "persona", "none"]


def later_run(folder: Path, options: dict[str, Any], *, follow: bool) -> tuple[Any, ...]:
    """What a later run says that it did, or why it did not."""
    try:
        if follow:
            made = increment(resolve_workspace(folder), run.Options(on_invalid="quarantine"), allow_removals=True)
            return made.new, made.changed, made.removed, made.kept, made.overridden, made.quarantined
        report = pjais.migrate(folder, **options)
    except PjaisError as error:
        return error.code, error.what, [line.partition("; all are in")[0] for line in error.where]
    findings = [
        (one.level, one.rule, one.source, one.collection, one.native_id, one.place, one.field, one.message)
        for one in report.findings
    ]
    # documents with a table of their own come last when they are processed, and in their place when they are skipped
    return report.code, report.total, report.rules, sorted(findings, key=repr), report.finding_count


@settings(max_examples=WHOLE, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10**9), steps=st.lists(st.sampled_from(HOW), min_size=1, max_size=5))
def test_the_store_is_the_one_that_reading_everything_again_gives(seed: int, steps: list[str]) -> None:
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as scratch, pytest.MonkeyPatch.context() as patch:
        patch.setattr(unchanged, "_WORTH", rng.choice([1, 2, 4]))
        patch.setattr(unchanged, "_SMALL", rng.choice([1, 7, 1 << 12]))
        patch.setattr(unchanged, "_LARGE", rng.choice([64, 1 << 20]))
        patch.setattr(stored, "WORTH", rng.choice([0, 1 << 20]))
        folder, saved = Path(scratch) / "data", Path(scratch) / "saved"
        folder.mkdir()
        state: dict[str, list[Any]] = {
            "personas": [persona(f"p{n}") for n in range(3)],
            "memories": [document(rng, n, 3) for n in range(rng.randrange(12))],
            "notes": [{"id": f"n{n}", "text": "a note"} for n in range(rng.randrange(4))],
        }
        style = rng.randrange(3)
        (folder / "data.json").write_text(text_of(rng, state, style), "utf-8", "surrogatepass")
        if rng.random() < 0.4:
            write_json(
                folder,
                "other.json",
                personas=[persona("p1")],
                memories=[memory("m1", content="elsewhere"), memory("m77", "p3")],
            )
        pjais.migrate(folder, on_invalid="quarantine")
        for turn, how in enumerate(steps):
            if rng.random() < 0.3:
                work(folder, rng)
            before = content(folder)
            for _ in range(rng.choice([1, 1, 3])):
                change(rng, state, how, turn)
            style = rng.randrange(3) if rng.random() < 0.1 else style
            (folder / "data.json").write_text(text_of(rng, state, style), "utf-8", "surrogatepass")
            options: dict[str, Any] = {
                "on_invalid": rng.choice(["quarantine"] * 5 + ["stop"]),
                "expand_cold": rng.random() < 0.1,
            }
            follow = rng.random() < 0.15
            shutil.copytree(folder, saved)
            with reading_everything():
                told = later_run(folder, options, follow=follow)
                wanted = content(folder)
            shutil.rmtree(folder)
            saved.rename(folder)
            assert later_run(folder, options, follow=follow) == told
            assert content(folder) == wanted
            assert pjais.verify(folder).passed
            if rng.random() < 0.15 and wanted != before and told[0] in ("done", "quarantined"):
                pjais.rollback(folder)
                assert content(folder) == before
                with suppress(PjaisError):
                    pjais.migrate(folder, **options)


def test_entries_of_skipped_documents_are_found_by_their_numbers(tmp_path: Path) -> None:
    """Not by an index of their collection, which for each changed document of a million reads the entries of all."""
    write_json(tmp_path, personas=[persona()], memories=[memory(f"m{n}") for n in range(300)])
    pjais.migrate(tmp_path)
    store = tmp_path / "pjais.sqlite"
    with closing(sqlite.open_writer(store)) as db:  # the figures of a million, as SQLite estimates them
        db.execute("DELETE FROM sqlite_stat4 WHERE tbl = 'migration_records'")
        db.execute("DELETE FROM sqlite_stat1 WHERE idx = 'migration_records_document'")
        db.execute(
            "INSERT INTO sqlite_stat1 VALUES ('migration_records', 'migration_records_document', '1000020 1010 1 1')"
        )
    with closing(sqlite.open_reader(store)) as db:
        for sql in (standing._FIRST, standing._ALIKE, standing._GROUPS):
            bound = ("[[1, 100]]", "data.json", "json", "", "memories", "migrated", "memory_entities")[: sql.count("?")]
            plan = [str(row[-1]) for row in sqlite.fetch(db, f"EXPLAIN QUERY PLAN {sql}", bound)]
            assert any("INTEGER PRIMARY KEY" in step for step in plan), plan
