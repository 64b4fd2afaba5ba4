"""RxDB's dump: what `importJSON()` takes, out of a profile and out of a store, each document as its app had it.

`tests/oracle/test_rxdb_import.py` lets the real RxDB take such dumps in.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import pjais
from pjais import canonical
from pjais.cli import run
from pjais.core.document import Document
from pjais.core.mapping import Fields
from pjais.errors import NoSourceFound, UsageError
from pjais.exchange.rxdb_documents import rebuilt
from pjais.models.persona.model import MODEL
from pjais.models.persona.tables import MEMORIES
from pjais.sources import backup, detect
from pjais.sources.registry import opened, read
from pjais.sources.rxdb.schemas import schema_hash
from strategies import documents, examples
from world import hashes, memory, persona, rows, write_json

GOLDEN = Path(__file__).parent.parent / "golden" / "rxdb"
DAMAGED = ("v17-bitflip-log",)
ITEMS = sorted(path.name for path in GOLDEN.iterdir() if path.is_dir() and path.name not in DAMAGED)
Dump = dict[str, Any]


def account(item: str) -> dict[str, Any]:
    """RxDB's own account of a profile."""
    plain = GOLDEN / item / "expected.json"
    text = plain.read_bytes() if plain.exists() else gzip.decompress(plain.with_suffix(".json.gz").read_bytes())
    return dict(json.loads(text))


def dumps(source: Path | None, output: Path, folder: Path | None = None, password: str | None = None) -> list[Dump]:
    """The dumps of a source, or of the store in a folder."""
    done = pjais.export(folder, source, output, format="rxdb-dump", password=password)
    found = [json.loads(path.read_bytes()) for path in done.files]
    assert done.documents == sum(len(one["docs"]) for dump in found for one in dump["collections"])
    return found


def shown(document: dict[str, Any]) -> dict[str, Any]:
    """A document without what RxDB adds."""
    return {key: value for key, value in document.items() if key not in ("_meta", "_deleted", "_attachments")}


def plain(value: Any) -> Any:
    """A value as the account has it: JSON's numbers, -0 as 0."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return 0 if isinstance(value, float) and value == 0 else value


def str_of(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def special(collection: dict[str, Any]) -> set[str]:
    """The documents that hold what the account cannot say in JSON."""
    return {str(one["path"][0]) for one in collection.get("special", ()) if one["value"] not in ("-0", "undefined")}


@pytest.mark.parametrize("item", ITEMS)
def test_a_dump_holds_each_live_document_as_rxdb_had_it(item: str, tmp_path: Path) -> None:
    """No removed one, no revision; no attachment but with its bytes."""
    told = account(item)
    found = {one["name"]: one for one in dumps(GOLDEN / item, tmp_path / "dump.json", password=told.get("password"))}
    for database in (told, *told.get("others", ())):
        lists = {one["name"]: one for one in found[database["database"]]["collections"]}
        for name, collection in database["collections"].items():
            docs = lists[name]["docs"]
            assert all(not {"_rev"} & one.keys() and one.get("_deleted") is False for one in docs)
            odd = special(collection)
            wanted = [one for one in collection["docs"] if str(one.get("id")) not in odd]
            got = [plain(shown(one)) for one in docs if str(one.get("id")) not in odd]
            assert sorted(got, key=str_of) == sorted(map(plain, wanted), key=str_of)
            assert len(docs) == len(collection["docs"])
            files = {
                str(one.get("id", one.get("slug"))): {
                    key: hashlib.sha256(base64.b64decode(file["data"])).hexdigest()
                    for key, file in one["_attachments"].items()
                }
                for one in docs
                if "_attachments" in one
            }
            if "attachments" in collection:
                assert files == {
                    key: {name: file["sha256"] for name, file in many.items()}
                    for key, many in collection["attachments"].items()
                }


@pytest.mark.parametrize("item", ITEMS)
def test_our_dump_reader_takes_it_back(item: str, tmp_path: Path) -> None:
    """The kind `rxdb-dump` reads what we wrote: each document, in the collection of its name."""
    told = account(item)
    done = pjais.export(None, GOLDEN / item, tmp_path / "x.json", format="rxdb-dump", password=told.get("password"))
    for path in done.files:
        dump = json.loads(path.read_bytes())
        (ref,) = detect.detect([path], named=True).sources
        assert ref.kind == "rxdb-dump"
        snapshots = backup.snapshot_all(tmp_path / path.stem, [ref], at_ms=0)
        pieces = [one for snapshot in snapshots for one in read(snapshot)]
        assert all(isinstance(one, Document) for one in pieces)
        wanted = [(one["name"], document) for one in dump["collections"] for document in one["docs"]]
        assert [(one.collection, one.value) for one in pieces if isinstance(one, Document)] == wanted


@pytest.mark.parametrize("item", [item for item in ITEMS if account(item)["rxdb"] >= 15])
def test_the_hash_of_a_schema_is_the_one_that_rxdb_stored(item: str, tmp_path: Path) -> None:
    """From 15 on a schema's normal form is the same, so its stored hash is that which RxDB 17 asks for."""
    stored = set()
    refs = detect.detect([GOLDEN / item], named=True).sources
    for snapshot in backup.snapshot_all(tmp_path / "copy", refs, at_ms=0):
        with opened(snapshot, decrypt=False) as found:
            for database in found._databases:  # type: ignore[attr-defined]
                for row in found._home[database.internal].rows(database.internal):  # type: ignore[attr-defined]
                    data = row.value.get("data")
                    if isinstance(data, dict) and "schemaHash" in data:
                        stored.add(data["schemaHash"])
            known = {one.schema_hash for one in found.collections if one.schema is not None}
            assert known and known <= stored


def test_the_hash_of_a_schema_of_12_and_13_is_not_guessed() -> None:
    """They sort `required`, so the order that the hash depends on is lost."""
    schema = {"primaryKey": "id", "required": ["_attachments", "_deleted", "_meta", "_rev", "id"], "indexes": []}
    assert schema_hash(schema, 14) is None
    assert schema_hash({**schema, "required": ["id", "_deleted", "_rev", "_meta", "_attachments"]}, 14) is not None


@pytest.mark.parametrize(
    "item", ["v12-clean", "v14-keycompression", "v16-attachments", "v17-clean", "v17-encrypted", "v17-other-app"]
)
def test_a_migrated_store_gives_the_same_dump(item: str, tmp_path: Path) -> None:
    """Rebuilt from the records, from what is carried whole and from quarantine; the source is not asked."""
    told = account(item)
    folder = tmp_path / "profile"
    shutil.copytree(GOLDEN / item / "IndexedDB", folder / "IndexedDB")
    pjais.migrate(folder, on_invalid="quarantine", password=told.get("password"))
    wanted = dumps(folder / "IndexedDB", tmp_path / "a.json", password=told.get("password"))
    shutil.rmtree(folder / "IndexedDB")
    before = hashes(folder)
    assert dumps(None, tmp_path / "b.json", folder) == wanted
    assert hashes(folder) == before


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A data folder with a migrated profile."""
    folder = tmp_path / "PJais"
    shutil.copytree(GOLDEN / "v17-compacted" / "IndexedDB", folder / "IndexedDB")
    pjais.migrate(folder, on_invalid="quarantine")
    return folder


def by_id(dump: Dump, name: str) -> dict[str, dict[str, Any]]:
    (collection,) = [one for one in dump["collections"] if one["name"] == name]
    return {one["id"]: one for one in collection["docs"]}


def test_what_was_edited_since_is_in_the_dump(store: Path, tmp_path: Path) -> None:
    """Edited, created, removed by us or by another program; a field that a rule had changed, too."""
    (wanted,) = dumps(None, tmp_path / "before.json", store)
    memories = by_id(wanted, "memoryEntities")
    first, second, third, fourth = [key for key in sorted(memories) if "personaId" in memories[key]][:4]
    with pjais.open(store) as library:
        library.memories.update(first, summary="edited", importance=12.5, tags=["new"])
        library.memories.update(second, content={"text": "edited"}, created_at=1_700_000_000_000)
        library.memories.remove(third)
        made = library.memories.remember("brand new", persona=library.memories.need(first).persona_id)
    rows(store / "pjais.sqlite", "UPDATE memory_entities SET name = 'by SQL' WHERE id = ?", fourth)
    (dump,) = dumps(None, tmp_path / "after.json", store)
    found = by_id(dump, "memoryEntities")
    assert found[first] == {
        **memories[first],
        "summary": "edited",
        "importance": 12.5,
        "tags": ["new"],
        "updatedAt": found[first]["updatedAt"],
    }
    assert found[second]["content"] == {"text": "edited"}
    assert found[second]["createdAt"] == "2023-11-14T22:13:20.000Z"
    assert third not in found
    assert found[made.id]["content"] == "brand new"
    assert found[fourth]["name"] == "by SQL"
    touched = {first, second, third, fourth, made.id}
    assert {key: found[key] for key in found.keys() - touched} == {
        key: memories[key] for key in memories.keys() - touched
    }


def todos(found: list[Dump]) -> dict[str, Any]:
    (docs,) = [one["docs"] for dump in found for one in dump["collections"] if one["name"] == "todos"]
    return {one["key"]: one for one in docs}


def test_a_document_of_any_other_app_is_in_the_dump_as_it_is_now(tmp_path: Path) -> None:
    """Its collection has a table of its own: edited, removed and added by SQL."""
    shutil.copytree(GOLDEN / "v17-other-app" / "IndexedDB", tmp_path / "IndexedDB")
    pjais.migrate(tmp_path)
    before = todos(dumps(None, tmp_path / "before.json", tmp_path))
    store = tmp_path / "pjais.sqlite"
    rows(store, "UPDATE todos SET text = 'by SQL', done = 0 WHERE key = '1'")
    rows(store, "DELETE FROM todos WHERE key = 'k|2'")
    rows(store, """INSERT INTO todos (key, text, _document) VALUES ('new', 'added', '{"key":"new"}')""")
    after = todos(dumps(None, tmp_path / "after.json", tmp_path))
    assert before.keys() == {"1", "k|2"}
    assert after == {"1": {**before["1"], "text": "by SQL", "done": False}, "new": {"key": "new", "text": "added"}}


def test_new_ids_are_the_apps_own_again(tmp_path: Path) -> None:
    """After `--ids new` the dump has the ids that the app knows, in references, too; an edited reference counts."""
    folder = tmp_path / "PJais"
    shutil.copytree(GOLDEN / "v17-two-databases" / "IndexedDB", folder / "IndexedDB")
    wanted = {one["name"]: one for one in dumps(folder, tmp_path / "a.json")}["rxdb-dexie"]
    pjais.migrate(folder, database="rxdb-dexie", ids="new")
    shutil.rmtree(folder / "IndexedDB")
    (dump,) = dumps(None, tmp_path / "b.json", folder)
    assert dump == wanted
    with pjais.open(folder) as library:
        one = library.memories.list(limit=1)[0]
        other = next(each for each in library.personas.list() if each.id != one.persona_id)
        library.memories.update(one.id, persona_id=other.id)
    (dump,) = dumps(None, tmp_path / "c.json", folder)
    changed = [
        (before["personaId"], after["personaId"])
        for key, before in by_id(wanted, "memoryEntities").items()
        if (after := by_id(dump, "memoryEntities")[key])["personaId"] != before["personaId"]
    ]
    assert len(changed) == 1 and set(changed[0]) <= set(by_id(wanted, "personas"))


def test_records_of_other_sources_are_named_and_left_out(store: Path, tmp_path: Path) -> None:
    """Only what RxDB had, and what was added since, goes back into it."""
    write_json(store, personas=[persona("p-json")], memories=[memory("m-json", "p-json")])
    pjais.migrate(store, on_invalid="quarantine")
    done = pjais.export(store, None, tmp_path / "dump.json", format="rxdb-dump")
    (dump,) = [json.loads(path.read_bytes()) for path in done.files]
    assert not {"p-json", "m-json"} & {*by_id(dump, "personas"), *by_id(dump, "memoryEntities")}
    assert "2 records of sources other than RxDB: in no dump" in done.notes


def test_without_its_backup_a_store_says_that_the_schema_is_not_known(store: Path, tmp_path: Path) -> None:
    """The documents are there; the hash is the app's to say."""
    shutil.move(store / "pjais.sqlite", tmp_path / "alone.sqlite")
    shutil.rmtree(store / "backups")
    done = pjais.export(tmp_path, tmp_path / "alone.sqlite", tmp_path / "dump.json", format="rxdb-dump")
    dump = json.loads(done.files[0].read_bytes())
    assert {one["schemaHash"] for one in dump["collections"]} == {None}
    assert any("await collection.schema.hash" in line for line in done.notes)


def test_each_database_has_a_file_of_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And stdout, which takes one, names them."""
    item = str(GOLDEN / "v17-two-databases")
    assert run(["export", item, "--format", "rxdb-dump", "-o", str(tmp_path / "dump.json")]) == 0
    assert capsys.readouterr().out.count("dump-") == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dump-pjais-rxdb.json", "dump-rxdb-dexie.json"]
    assert run(["export", item, "--format", "rxdb-dump", "-o", str(tmp_path / "dump.json"), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["files"]) == 2
    with pytest.raises(UsageError, match="each database needs its own dump"):
        pjais.export(None, item, format="rxdb-dump")
    one = pjais.export(None, GOLDEN / "v17-killed", format="rxdb-dump").text
    assert one is not None and json.loads(one)["name"] == "pjais-rxdb"


def test_what_a_dump_cannot_hold_is_told_before_it_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Local documents, values that JSON lacks, and what only RxDB 17 takes; also if the file cannot be written."""
    (tmp_path / "mine.json").write_text("mine", "utf-8")
    for item, note in (
        ("v17-other-app", "1 local document: a dump of RxDB has none"),
        ("v17-exotic", "1 document with a value that JSON lacks"),
        ("v17-blobs", "5 attachments: importJSON() of RxDB 17 takes them"),
    ):
        assert run(["export", str(GOLDEN / item), "--format", "rxdb-dump", "-o", str(tmp_path / f"{item}.json")]) == 0
        assert note in capsys.readouterr().err
    assert run(["export", str(GOLDEN / "v17-blobs"), "--format", "rxdb-dump", "-o", str(tmp_path / "mine.json")]) == 2
    assert (tmp_path / "mine.json").read_text("utf-8") == "mine"


def test_damage_is_refused_or_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As for `--documents`: nothing is left out in silence."""
    call = ["export", str(GOLDEN / "v17-bitflip-log"), "--format", "rxdb-dump", "-o", str(tmp_path / "dump.json")]
    assert run(call) == 16
    assert "--skip-unreadable" in capsys.readouterr().err
    assert run([*call, "--skip-unreadable"]) == 1
    assert "its checksum does not match" in capsys.readouterr().err


def test_a_source_without_rxdb_is_said_to_have_none(tmp_path: Path) -> None:
    """MIGRATION_001, and no empty file."""
    path = write_json(tmp_path, personas=[persona()])
    with pytest.raises(NoSourceFound, match="RxDB database not found"):
        pjais.export(tmp_path, path, tmp_path / "dump.json", format="rxdb-dump")
    pjais.migrate(tmp_path)
    with pytest.raises(NoSourceFound, match="RxDB database not found"):
        pjais.export(tmp_path, None, tmp_path / "dump.json", format="rxdb-dump")
    assert not (tmp_path / "dump.json").exists()


EDITS: dict[str, Any] = {
    "summary": st.none() | st.text(max_size=5),
    "importance": st.integers(0, 100),
    "tags": st.lists(st.text(max_size=3), max_size=3),
    "created_at": st.none() | st.integers(0, 4 * 10**12),
    "persona_id": st.none() | st.text(min_size=1, max_size=3),
    "memory_tier": st.sampled_from(["hot", "cold"]),
    "content": st.text(max_size=5) | st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
}


@settings(deadline=None, max_examples=examples(300))
@given(data=st.data())
def test_an_edited_record_is_rebuilt_as_what_it_is_now(data: st.DataObject) -> None:
    """Read again, the document gives the edited record; unedited it is the document itself, whatever that holds."""
    mapping = MODEL.reader("rxdb-profile", "memoryEntities")
    document = data.draw(documents("rxdb-profile", mapping))
    assert isinstance(mapping, Fields)
    assume(not any(len(document.keys() & {*one.keys}) > 1 for one in mapping.fields))  # one name for each field
    draft = mapping.read(Document("memoryEntities", None, "", document))
    assume(not any(level == "error" for level, *_ in draft.problems))  # else it is kept whole, in quarantine
    record = draft.record
    assert same(rebuilt(MODEL, "rxdb-profile", "memoryEntities", record), document)
    names = data.draw(st.sets(st.sampled_from(sorted(EDITS)), min_size=1))
    edits = {name: data.draw(EDITS[name], name) for name in sorted(names)}
    edited = record._replace(**edits)
    value = rebuilt(MODEL, "rxdb-profile", "memoryEntities", edited)
    again = mapping.read(Document("memoryEntities", None, "", value)).record
    for name, wanted in edits.items():
        assert getattr(again, name) == wanted, name
    others = [one.name for one in MEMORIES.fields if one.name not in edits and one.name != "extra"]
    assert same([getattr(again, name) for name in others], [getattr(record, name) for name in others])


def same(one: Any, other: Any) -> bool:
    return canonical.dumps(one, sort=True) == canonical.dumps(other, sort=True)
