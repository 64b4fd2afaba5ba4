"""mem0: results of get_all, its history, and both together; and out again."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from app_files import GOLDEN, documents, expected, exported, kind_of, migrated, read, unpack
from held_records import Held
from hypothesis import given, settings
from hypothesis import strategies as st

import pjais
from pjais import canonical, instants
from pjais.core.document import Document, Piece, Remark, Unreadable
from pjais.exchange.export import What, to_file
from pjais.sources import registry
from pjais.sources.apps import values
from pjais.sources.apps.mem0 import export, item
from pjais.workspace import resolve_workspace

FOLDER = GOLDEN / "mem0"
EXPORTS = tuple(sorted(FOLDER.glob("get_all.*.json")))
KIND = registry.of_kind("mem0")
TOLD = expected("mem0")


def write(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), "utf-8")
    return path


def memory(key: str, **more: Any) -> dict[str, Any]:
    return {
        "id": key,
        "memory": f"text of {key}",
        "hash": "x",
        "created_at": "2026-01-01T00:00:00.000001+00:00",
        **more,
    }


def remarks(pieces: list[Piece]) -> set[str]:
    return {one.rule for one in pieces if isinstance(one, Remark)}


def results(content: Any) -> list[Any]:
    data = content if isinstance(content, bytes) else b"".join(content)
    found: list[Any] = json.loads(data)["results"]
    return found


def out(held: Held) -> list[Any]:
    ((_, content),) = export.files(held, lambda _: None)
    return results(content)


@pytest.fixture
def together(tmp_path: Path) -> Path:
    """A folder with all files of mem0, and nothing else."""
    shutil.copytree(FOLDER, tmp_path / "mem0", ignore=shutil.ignore_patterns("expected.json"))
    return tmp_path / "mem0"


# -- in


@pytest.mark.parametrize("packed", [False, True])
def test_the_golden_memories_are_what_they_are_expected_to_be(together: Path, packed: bool) -> None:
    path = together
    if packed:
        path = together.parent / "export.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for one in together.iterdir():
                archive.write(one, f"some folder/{one.name}")
    pieces = read(path)
    assert not [one for one in pieces if isinstance(one, Unreadable)]
    found = documents(pieces, "memories")
    personas = {one["name"]: key for key, one in documents(pieces, "personas").items()}
    for one in TOLD["memories"]:
        made = found[one["id"]]
        native = item.SHAPE.native(made)
        assert made["content"] == one["text"]
        assert made["personaId"] == (personas[one["agent_id"]] if one["agent_id"] else None)
        assert made["type"] == "fact"
        assert [instants.from_text(made[key]) for key in ("createdAt", "updatedAt")] == [
            one["created_at"],
            one["updated_at"],
        ]
        for key in ("user_id", "agent_id", "run_id", "actor_id", "role", "metadata"):
            assert native.get(key) == one[key]
    for one in TOLD["deleted"]:
        made = found[one["id"]]
        assert made["content"] == one["last_text"]
        assert made["deletedAt"] == "2026-11-29T15:25:00.060Z"
    assert len(found) == len(TOLD["memories"]) + len(TOLD["deleted"])
    rows = [row for made in found.values() for row in made["extra"]["history"]]
    told = sorted(map(canonical.dumps, TOLD["history_events"]))
    assert told == sorted(
        canonical.dumps([row["memory_id"], row["event"], row["old_memory"], row["new_memory"]]) for row in rows
    )
    assert not [one for one in pieces if isinstance(one, Document) and one.collection == "mem0_messages"]


def test_versions_are_in_the_order_in_which_they_were_written(together: Path) -> None:
    made = documents(read(together), "memories")["59f6ef62-9500-45de-a26f-02e104262d5b"]
    assert [row["new_memory"] for row in made["extra"]["history"]] == [
        "Prefers trains over planes",
        "Prefers night trains over planes",
    ]


@pytest.mark.parametrize("path", EXPORTS, ids=lambda one: one.name)
def test_every_memory_comes_out_as_it_was(path: Path) -> None:
    assert KIND is not None
    assert kind_of(path) == "mem0"
    made = [one.value for one in read(path) if isinstance(one, Document) and one.collection == "memories"]
    natives = json.loads(path.read_text("utf-8"))["results"]
    assert [KIND.native("memories", json.loads(json.dumps(one))) for one in made] == natives
    assert [KIND.native("memories", {**one, "extra": {**one["extra"], "history": []}}) for one in made] == natives


def test_the_golden_folder_is_one_source_and_names_what_is_not_of_mem0(tmp_path: Path) -> None:
    assert kind_of(FOLDER) == "mem0"
    assert [one.place for one in read(FOLDER) if isinstance(one, Remark)] == ["expected.json"]
    with migrated(tmp_path / "data", FOLDER) as store:
        assert len(store.memories.list()) == len(TOLD["memories"])


def test_a_history_alone_gives_what_it_knows() -> None:
    found = documents(read(FOLDER / "history.db"), "memories")
    assert {key: one["content"] for key, one in found.items() if "deletedAt" not in one} == {
        one["id"]: one["text"] for one in TOLD["memories"]
    }
    assert KIND is not None
    for one in found.values():
        assert KIND.native("memories", one) == one["extra"]["history"]


def test_a_store_has_each_memory_once_whatever_is_imported_again(together: Path, tmp_path: Path) -> None:
    with migrated(tmp_path / "data", together):
        before = exported(tmp_path / "data")
    assert len(before["memories"]) == 5
    migrated(tmp_path / "data", together.rename(tmp_path / "elsewhere")).close()
    assert exported(tmp_path / "data") == before
    lines = json.loads(EXPORTS[0].read_text("utf-8"))["results"]
    later = write(tmp_path / "later.json", [*lines, memory("new-one"), memory("8a48f03f-e5ff-4c49-b1c1-ae183b52733e")])
    migrated(tmp_path / "data", later).close()
    assert len(exported(tmp_path / "data")["memories"]) == 7


@pytest.mark.parametrize("count", [19, 20, 21])
@pytest.mark.parametrize("as_list", [False, True])
def test_exactly_twenty_memories_were_probably_cut_off(tmp_path: Path, count: int, as_list: bool) -> None:
    found = [memory(f"m{n}") for n in range(count)]
    pieces = read(write(tmp_path / "a.json", found if as_list else {"results": found}))
    assert remarks(pieces) == ({"cut-off"} if count == 20 else set())


def test_what_the_platform_adds_is_kept(tmp_path: Path) -> None:
    one = memory(
        "a",
        score=0.5,
        categories=["travel", "rail"],
        expiration_date="2027-01-01",
        immutable=True,
        structured_attributes={"day": 1},
        metadata={"category": "preference", "id": 7},
        updated_at=None,
    )
    pages = {"count": 1, "next": None, "previous": None, "results": [one], "relations": [{"source": "a"}]}
    pieces = read(write(tmp_path / "a.json", pages))
    (made,) = documents(pieces, "memories").values()
    assert (made["type"], made["tags"], made["updatedAt"]) == ("preference", ["travel", "rail"], None)
    assert item.SHAPE.native(made) == one
    (rest,) = [each.value for each in pieces if isinstance(each, Document) and each.collection == "mem0_exports"]
    assert rest == {key: each for key, each in pages.items() if key != "results"}


def history(path: Path, *rows: tuple[Any, ...], more: str = "") -> Path:
    with closing(sqlite3.connect(path)) as db:
        names = "id TEXT PRIMARY KEY, memory_id TEXT, old_memory TEXT, new_memory TEXT, event TEXT, created_at DATETIME"
        db.execute(f"CREATE TABLE history ({names}, updated_at DATETIME, is_deleted INTEGER {more})")
        for row in rows:
            db.execute(f"INSERT INTO history VALUES ({','.join('?' * len(row))})", row)
        db.commit()
    return path


def test_older_and_odd_histories(tmp_path: Path) -> None:
    path = history(
        tmp_path / "history.db",
        ("1", "m", None, "one", "ADD", "2026-01-01T00:00:00+00:00", None, 0, "u", "c"),
        ("2", "m", "one", None, "DELETE", None, None, 1, "u", "c"),
        ("3", None, "x", None, "ADD", None, None, 0, "u", "c"),
        ("4", "n", None, None, "NONE", "no date", None, 0, "u", "c"),
        ("5", "o", "when?", None, "DELETE", None, None, 1, "u", "c"),
        more=", user_id TEXT, convo_id TEXT",
    )
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE history_old (id TEXT, x BLOB)")
        db.execute("INSERT INTO history_old VALUES ('o', x'00ff')")
        db.execute("CREATE TABLE messages (id TEXT PRIMARY KEY, session_scope TEXT, role TEXT, content TEXT)")
        db.execute("INSERT INTO messages VALUES ('s', 'user_id=u', 'user', 'Hi')")
        db.commit()
    pieces = read(path)
    found = {one["content"]: one for one in documents(pieces, "memories").values()}
    assert found["one"]["deletedAt"] == "2026-01-01T00:00:00.000Z"
    assert found[""]["createdAt"] is None
    assert [row["convo_id"] for row in found["one"]["extra"]["history"]] == ["c", "c"]
    others = {(one.collection, one.native_id) for one in pieces if isinstance(one, Document)}
    assert "when?" not in found
    assert {("mem0_history", "3"), ("mem0_history", "5"), ("mem0_history_old", "o"), ("mem0_messages", "s")} <= others
    migrated(tmp_path / "data", path).close()


def test_what_the_history_knows_better_is_told(tmp_path: Path) -> None:
    key, other = "59f6ef62-9500-45de-a26f-02e104262d5b", "69f6ef62-9500-45de-a26f-02e104262d5b"
    write(tmp_path / "m" / "a.json", {"results": [memory(key), memory(other)]})
    history(
        tmp_path / "m" / "history.db",
        ("1", key, "text", None, "DELETE", "2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00", 1),
        ("2", other, "text", "newer", "UPDATE", "2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00", 0),
        ("3", "third", None, "unknown", "ADD", "2026-01-01T00:00:00+00:00", None, 0),
    )
    pieces = read(tmp_path / "m")
    assert remarks(pieces) == {"deleted-since", "history-differs", "only-in-history"}
    found = documents(pieces, "memories")
    assert found[key]["deletedAt"] == "2026-01-02T00:00:00.000Z"
    assert found[other]["content"] == f"text of {other}"
    assert len(found) == 3


def test_a_write_ahead_log_belongs_to_the_history(tmp_path: Path) -> None:
    source = history(tmp_path / "live.db")
    with closing(sqlite3.connect(source)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("INSERT INTO history VALUES ('1', 'm', NULL, 'in the log', 'ADD', NULL, NULL, 0)")
        db.commit()
        (tmp_path / "m").mkdir()
        for side in ("", "-wal"):
            shutil.copyfile(f"{source}{side}", tmp_path / "m" / f"history.db{side}")
    assert [one["content"] for one in documents(read(tmp_path / "m"), "memories").values()] == ["in the log"]
    assert kind_of(tmp_path / "m" / "history.db") is None  # alone it would lack its log


@pytest.mark.parametrize("damage", ["cut", "garbage"])
def test_a_damaged_history_is_told(tmp_path: Path, damage: str) -> None:
    data = bytearray((FOLDER / "history.db").read_bytes())
    path = tmp_path / "history.db"
    path.write_bytes(bytes(data[:4096]) if damage == "cut" else bytes(data[:4096]) + b"\xff" * (len(data) - 4096))
    pieces = read(path)
    assert [one for one in pieces if isinstance(one, Unreadable)]


def test_broken_items_among_good_ones(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    good = json.dumps(memory("a"))
    path.write_text(
        f'[{good}, {{"id": nonsense}}, {{"id": "b"}}, 7, {{"memory": "x"}}, {json.dumps(memory("c"))}', "utf-8"
    )
    pieces = read(path)
    assert [one["content"] for one in documents(pieces, "memories").values()] == ["text of a", "text of c"]
    assert [one.reason.partition(":")[0] for one in pieces if isinstance(one, Unreadable)] == [
        "not JSON",
        "a memory without a text",
        "a memory without an id",
        "a memory without an id",
        "not JSON",
    ]


def test_it_is_recognised_by_content_alone(tmp_path: Path) -> None:
    assert kind_of(FOLDER / "history.db") == "mem0"
    assert kind_of(write(tmp_path / "x.txt", {"results": [memory("a")]})) == "mem0"
    assert kind_of(write(tmp_path / "y.json", {"results": [{"id": 1, "name": "x"}]})) is None
    assert kind_of(write(tmp_path / "z.json", [{"id": "1", "memory": "x"}])) is None
    assert kind_of(write(tmp_path / "e.json", {"results": []})) is None
    assert kind_of(tmp_path) is None


# -- out


def test_untouched_memories_come_out_as_get_all_gave_them(tmp_path: Path) -> None:
    for path in EXPORTS:
        data = tmp_path / path.stem
        migrated(data, path).close()
        told: list[str] = []
        to_file(resolve_workspace(data), None, tmp_path / f"{path.stem}.json", What("mem0"), tell=told.append)
        assert json.loads((tmp_path / f"{path.stem}.json").read_text("utf-8")) == json.loads(path.read_text("utf-8"))
        assert told == []


def test_deleted_memories_and_versions_are_told_and_not_written(together: Path, tmp_path: Path) -> None:
    migrated(tmp_path / "data", together).close()
    told: list[str] = []
    to_file(resolve_workspace(tmp_path / "data"), None, tmp_path / "out.json", What("mem0"), tell=told.append)
    found = results((tmp_path / "out.json").read_bytes())
    natives = {one["id"]: one for path in EXPORTS for one in json.loads(path.read_text("utf-8"))["results"]}
    assert {one["id"]: one for one in found} == natives
    assert told == ["mem0 cannot hold 1 deleted memory", "mem0 cannot hold 7 versions in the histories of memories"]


def test_an_edit_in_the_store_arrives_in_the_item() -> None:
    (path, *_) = EXPORTS
    made = documents(read(path), "memories")["7a48f03f-e5ff-4c49-b1c1-ae183b52733e"]
    changed = {**made, "content": "Likes trains", "importance": 80, "tags": ["rail"]}
    (native,) = out(Held(memories=[changed]))
    assert native["memory"] == "Likes trains"
    assert native["hash"] == hashlib.md5(b"Likes trains", usedforsecurity=False).hexdigest()
    assert native["categories"] == ["rail"]
    assert native["metadata"]["pjais"] == {"fields": {"importance": 80}}
    assert native["metadata"]["category"] == "travel"
    again, _ = item.read(json.loads(json.dumps(native)))
    assert {**values.bare(again), "extra": {}} == {**values.bare(changed), "extra": {}}


PERSONA = {"id": "p", "name": "Tessaly  the Keeper", "description": "A keeper", "createdAt": "2026-01-01T00:00:00.000Z"}
MEMORIES: list[dict[str, Any]] = [
    {"id": "m1", "personaId": "p", "type": "lore", "name": "Moths", "content": "Carry", "importance": 0, "tags": ["x"]},
    {"id": "m2", "personaId": "p", "content": {"json": [1.0, None]}, "createdAt": "2026-01-01T00:00:00.001Z"},
    {"id": "m3", "personaId": None, "content": "", "extra": {"app": {"a": 1}}, "updatedAt": "2026-01-01"},
]
RELATIONSHIPS = [{"id": "r", "fromId": "p", "toId": "m1", "type": "wrote", "strength": 1}]


def test_other_records_come_back_from_what_we_add_to_the_metadata(tmp_path: Path) -> None:
    told: list[str] = []
    vector = [{**MEMORIES[0], "embedding": [1.0]}, *MEMORIES[1:]]
    lost = {"id": "r2", "fromId": "p", "toId": "c", "type": "in"}
    held = Held(
        personas=[PERSONA, {"id": "q", "name": "Q"}],
        memories=vector,
        relationships=[*RELATIONSHIPS, lost],
        conversations=[{"id": "c"}],
    )
    unpack(tmp_path, export.files(held, told.append))
    assert told == [
        "1 embedding",
        "1 conversation",
        "1 persona without memories",
        "1 relationship of what is not written",
    ]
    (first, *_) = results((tmp_path / "mem0.json").read_bytes())
    assert (first["id"], first["memory"], first["agent_id"]) == (
        "m1",
        "Carry",
        "Tessaly-the-Keeper",
    )  # mem0 takes no white space there
    pieces = read(tmp_path / "mem0.json")
    assert documents(pieces, "personas") == {"p": PERSONA}
    assert {key: values.bare(one) for key, one in documents(pieces, "memories").items()} == {
        one["id"]: values.bare(one) for one in MEMORIES
    }
    assert documents(pieces, "relationships") == {"r": RELATIONSHIPS[0]}
    migrated(tmp_path / "data", tmp_path / "mem0.json").close()


def test_what_mem0_took_in_comes_back_under_our_ids(tmp_path: Path) -> None:
    """It gives new ids and times, and keeps the metadata; a text may have changed since."""
    found = out(Held(personas=[PERSONA], memories=MEMORIES))
    texts = ["Carry", "Changed in mem0", ""]
    news = [{**one, "id": f"7a48f03f-e5ff-4c49-b1c1-ae183b52733{n}", "memory": texts[n]} for n, one in enumerate(found)]
    pieces = read(write(tmp_path / "a.json", {"results": [{**one, "created_at": "2026-11-30"} for one in news]}))
    back = documents(pieces, "memories")
    assert {key: one["content"] for key, one in back.items()} == {"m1": "Carry", "m2": "Changed in mem0", "m3": ""}
    assert back["m2"]["createdAt"] == MEMORIES[1]["createdAt"]


def test_a_store_comes_back_from_mem0(tmp_path: Path) -> None:
    shutil.copytree(Path(pjais.__file__).parent / "demo" / "sample", tmp_path / "sample")
    pjais.migrate(tmp_path / "sample", on_invalid="quarantine")
    to_file(resolve_workspace(tmp_path / "sample"), None, tmp_path / "mem0.json", What("mem0"))
    migrated(tmp_path / "back", tmp_path / "mem0.json").close()
    before, after = exported(tmp_path / "sample"), exported(tmp_path / "back")
    live = [one for one in before["memories"] if one.get("deletedAt") is None]
    left = {key: one for one in live for key, one in one.items() if key == "embedding"}
    assert left
    assert [without_vector(one) for one in after["memories"]] == [without_vector(one) for one in live]


def without_vector(document: dict[str, Any]) -> dict[str, Any]:
    return {key: one for key, one in values.bare(document).items() if key != "embedding"}


# -- any item

_TEXTS = st.text(max_size=5)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | _TEXTS | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=4,
)
_ITEM = st.fixed_dictionaries(
    {"id": st.uuids().map(str) | st.text(min_size=1), "memory": st.text()},
    optional={
        "hash": _JSON,
        "metadata": st.dictionaries(st.sampled_from(["category", "memory_type", "x"]), _TEXTS | _JSON) | _JSON,
        "categories": st.lists(_TEXTS) | _JSON,
        "created_at": st.sampled_from(["2026-01-01T00:00:00.123456+00:00", "yesterday"]) | _JSON,
        "updated_at": _JSON,
        "agent_id": _TEXTS | _JSON,
        "user_id": _JSON,
        "score": st.floats(0, 1),
        "else": _JSON,
    },
)


@given(_ITEM)
@settings(deadline=None, max_examples=300)
def test_any_item_comes_out_as_it_was(native: dict[str, Any]) -> None:
    made, added = item.read(native)
    stored = json.loads(json.dumps(made))
    assert not added
    assert canonical.same(item.native("memories", stored), native)
    written = item.written(stored, "somebody")
    assert canonical.same(written, native)


def _fields() -> Iterator[tuple[str, st.SearchStrategy[Any]]]:
    yield "content", st.text() | _JSON
    yield "extra", st.dictionaries(_TEXTS | st.just("mem0"), _JSON, max_size=2)
    yield "createdAt", st.sampled_from(["2026-01-01T00:00:00.123Z", "2026-01-01"]) | _JSON
    for key in ("personaId", "type", "name", "summary", "tags", "importance", "updatedAt", "deletedAt", "memoryTier"):
        yield key, _JSON | _TEXTS


@given(st.fixed_dictionaries({"id": st.text(min_size=1)}, optional=dict(_fields())))
@settings(deadline=None, max_examples=300)
def test_any_memory_comes_back_from_an_item(document: dict[str, Any]) -> None:
    written = json.loads(json.dumps(item.written(document, "somebody")))
    assert isinstance(written["memory"], str)
    assert canonical.same(values.bare(item.read(written)[0]), values.bare(document))


@pytest.mark.parametrize("history_first", [True, False])
def test_a_history_of_its_own_costs_no_owner_and_no_metadata(tmp_path: Path, history_first: bool) -> None:
    """The history is as new as the memories, so the copy without owner and metadata took the place of the whole one."""
    parts = [EXPORTS, (FOLDER / "history.db",)]
    for part in parts[::-1] if history_first else parts:
        migrated(tmp_path / "data", *part).close()
    with migrated(tmp_path / "both", FOLDER):
        whole = {one["id"]: one for one in exported(tmp_path / "both")["memories"]}
    found = {one["id"]: one for one in exported(tmp_path / "data")["memories"]}
    assert found.keys() == whole.keys()
    for key, one in whole.items():
        assert found[key]["personaId"] == one["personaId"]
        assert {name: found[key]["extra"].get(name) for name in one["extra"]} == one["extra"]
    made = unpack(tmp_path / "out", export.files(_records(tmp_path / "data"), lambda _: None)) / "mem0.json"
    natives = [each for path in EXPORTS for each in json.loads(path.read_text("utf-8"))["results"]]
    written = {one["id"]: one for one in json.loads(made.read_text("utf-8"))["results"]}
    assert written == {one["id"]: one for one in natives}


def test_a_broken_result_costs_itself_and_a_cut_file_what_is_cut(tmp_path: Path) -> None:
    keys = [f"59f6ef62-9500-45de-a26f-00000000000{n}" for n in range(3)]
    text = json.dumps({"results": [memory(key) for key in keys]})
    for broken, left in (
        (text.replace(f'"text of {keys[1]}"', f'"text of {keys[1]}" x'), {keys[0], keys[2]}),
        (text[:-40], {keys[0], keys[1]}),
    ):
        path = tmp_path / "a.json"
        path.write_text(broken, "utf-8")
        pieces = read(path)
        assert documents(pieces, "memories").keys() == left
        assert len([one for one in pieces if isinstance(one, Unreadable)]) == 1


def test_what_stands_beside_the_results_is_written_again(tmp_path: Path) -> None:
    native = {"results": [memory("59f6ef62-9500-45de-a26f-02e104262d5b")], "relations": [{"source": "a"}]}
    with migrated(tmp_path / "data", write(tmp_path / "a.json", native)):
        made = unpack(tmp_path / "out", export.files(_records(tmp_path / "data"), lambda _: None)) / "mem0.json"
    assert json.loads(made.read_text("utf-8")) == native


def _records(folder: Path) -> Held:
    found = exported(folder)
    others = {one["collection"]: [one["document"]] for one in found["others"]}
    return Held(**{name: found[name] for name in ("personas", "memories", "relationships")}, **others)
