"""The graph of the MCP memory server: read, kept exactly, written as the server writes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from app_files import GOLDEN, documents, expected, exported, kind_of, migrated, read, unpack
from held_records import Held
from hypothesis import given, settings
from hypothesis import strategies as st
from wild import rules

from pjais import canonical
from pjais.core.document import Document, Piece, Unreadable
from pjais.exchange.export import What, to_file
from pjais.sources import registry
from pjais.sources.apps import values
from pjais.sources.apps.mcp_memory import export, graph
from pjais.workspace import resolve_workspace

GRAPH = GOLDEN / "mcp-memory" / "memory.jsonl"
KIND = registry.of_kind("mcp-memory")


def entity(name: str, *observations: Any, kind: str = "person") -> dict[str, Any]:
    return {"type": "entity", "name": name, "entityType": kind, "observations": list(observations)}


def relation(start: str, end: str, kind: str = "knows") -> dict[str, Any]:
    return {"type": "relation", "from": start, "to": end, "relationType": kind}


def write(path: Path, *lines: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("\n".join(export.text(one) for one in lines).encode("utf-8"))
    return path


def lines_of(pieces: list[Piece], **lists: list[dict[str, Any]]) -> list[Any]:
    """Return the lines of the graph that an export makes of what was read."""
    read_lists: dict[str, list[dict[str, Any]]] = {}
    for one in pieces:
        if isinstance(one, Document):
            read_lists.setdefault(one.collection, []).append(json.loads(json.dumps(one.value)))
    held = Held(**{**{key: sorted(one, key=lambda each: str(each["id"])) for key, one in read_lists.items()}, **lists})
    _, content = next(export.files(held, lambda _: None))
    assert isinstance(content, bytes)
    return [json.loads(line) for line in content.decode("utf-8").split("\n") if line]


def test_the_golden_graph_is_what_it_is_expected_to_be() -> None:
    pieces, told = read(GRAPH), expected("mcp-memory")
    memories = documents(pieces, "memories").values()
    entities = [one for one in memories if one["type"] == "entity"]
    observations = {one["id"]: one for one in memories if one["type"] == "observation"}
    links = [one for one in documents(pieces, "relationships").values() if one["type"] == "observation_of"]
    assert {one["fromId"] for one in links} == set(observations)
    found = [
        {
            "name": one["name"],
            "type": one["tags"][0],
            "observations": [observations[link["fromId"]]["content"] for link in links if link["toId"] == one["id"]],
        }
        for one in entities
    ]
    assert found == told["entities"]
    assert all(observations[link["fromId"]]["name"] in {one["name"] for one in entities} for link in links)
    related = [one for one in documents(pieces, "relationships").values() if one not in links]
    dangling = [one.value["line"] for one in pieces if isinstance(one, Document) and one.collection == graph.DANGLING]
    assert len(related) + len(dangling) == told["relations_in_file"] == told["counts"]["relations"]
    assert [[one["from"], one["relationType"], one["to"]] for one in dangling] == told["dangling"]
    assert (len(entities), len(observations)) == (told["counts"]["entities"], told["counts"]["observations"])
    assert rules(pieces) == ["dangling-relation"]


def test_an_untouched_graph_comes_out_byte_by_byte(tmp_path: Path) -> None:
    migrated(tmp_path / "data", GRAPH).close()
    told: list[str] = []
    place = tmp_path / "out" / "memory.jsonl"
    place.parent.mkdir()
    done = to_file(resolve_workspace(tmp_path / "data"), None, place, What("mcp-memory"), tell=told.append)
    assert place.read_bytes() == GRAPH.read_bytes()
    assert [one.name for one in done.files] == ["memory.jsonl", "memory.pjais.json"]
    assert told == []


def test_a_graph_comes_out_byte_by_byte_after_our_own_export_and_import(tmp_path: Path) -> None:
    """Our export sorts keys, and the lines came out with sorted keys."""
    with migrated(tmp_path / "first", GRAPH):
        own = tmp_path / "own.json"
        own.write_text(json.dumps(exported(tmp_path / "first")), "utf-8")
    migrated(tmp_path / "second", own).close()
    place = tmp_path / "memory.jsonl"
    to_file(resolve_workspace(tmp_path / "second"), None, place, What("mcp-memory"))
    assert place.read_bytes() == GRAPH.read_bytes()


def test_a_store_has_everything_once_whatever_is_imported_again(tmp_path: Path) -> None:
    with migrated(tmp_path / "data", GRAPH):
        before = exported(tmp_path / "data")
    renamed = tmp_path / "memory.json"
    renamed.write_bytes(GRAPH.read_bytes())
    migrated(tmp_path / "data", renamed).close()
    assert exported(tmp_path / "data") == before
    lines = [json.loads(line) for line in GRAPH.read_text("utf-8").split("\n")]
    lines[0]["observations"].append("New")
    lines.append(relation("Default_User", "Empty Entity"))
    migrated(tmp_path / "data", write(tmp_path / "later" / "memory.jsonl", *lines)).close()
    after = exported(tmp_path / "data")
    assert [one["content"] for one in after["memories"] if one not in before["memories"]] == ["New"]
    assert len(after["relationships"]) == len(before["relationships"]) + 2


def test_a_relation_whose_end_came_later_is_written_once(tmp_path: Path) -> None:
    lines = [entity("a"), relation("a", "b")]
    migrated(tmp_path / "data", write(tmp_path / "one" / "memory.jsonl", *lines)).close()
    lines.insert(1, entity("b"))
    migrated(tmp_path / "data", write(tmp_path / "two" / "memory.jsonl", *lines)).close()
    to_file(resolve_workspace(tmp_path / "data"), None, tmp_path / "out", What("mcp-memory"))
    assert (tmp_path / "out" / "memory.jsonl").read_bytes() == (tmp_path / "two" / "memory.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("line", "read_names", "unreadable"),
    [
        (canonical.dumps(entity("a")) + canonical.dumps(entity("b")), ["a", "b"], []),
        (canonical.dumps(entity("a")) + "\x00\x00" + canonical.dumps(entity("b")), ["a", "b"], []),
        (canonical.dumps(entity("a", '{"type":'))[:-20] + canonical.dumps(entity("b")), ["b"], [0]),
        (canonical.dumps(entity("ä")) + '"observations":["x"]}', ["ä"], [69]),
        ("{nonsense" + canonical.dumps(entity("b")) + "}", ["b"], [0, 77]),
    ],
)
def test_objects_glued_on_one_line_are_all_read(
    tmp_path: Path, line: str, read_names: list[str], unreadable: list[int]
) -> None:
    path = tmp_path / "memory.jsonl"
    path.write_bytes(f"{line}\n{canonical.dumps(entity('last'))}".encode())
    pieces = read(path)
    assert [one["name"] for one in documents(pieces, "memories").values()] == [*read_names, "last"]
    broken = [one for one in pieces if isinstance(one, Unreadable)]
    assert [int(one.place.rpartition(" ")[2]) for one in broken] == unreadable
    for one in broken:
        start = int(one.place.rpartition(" ")[2])
        assert path.read_bytes()[start : start + len(one.raw)] == one.raw


def test_a_broken_line_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "memory.jsonl"
    cut = canonical.dumps(entity("cut"))[:30]
    texts = [canonical.dumps(entity("a")), cut, "[]", '{"type":"entity"}', '{"type":"relation","from":1}', "\r"]
    path.write_text("\ufeff" + "\r\n".join([*texts, canonical.dumps(entity("b"))]), "utf-8")
    pieces = read(path)
    assert [one["name"] for one in documents(pieces, "memories").values()] == ["a", "b"]
    reasons = [one.reason.partition(":")[0] for one in pieces if isinstance(one, Unreadable)]
    assert reasons == ["not JSON", "not an object", "an entity without a name", "a relation without its ends"]


def test_odd_lines_are_kept_and_named(tmp_path: Path) -> None:
    lines = [
        relation("a", "b"),
        {"type": "note", "text": "unknown to the server"},
        {**entity("a", "one", "one", 17, None, {"x": [1]}), "since": 2025},
        {"type": "entity", "name": "b", "entityType": None, "observations": "text"},
        entity("a", "one"),
    ]
    pieces = read(write(tmp_path / "memory.jsonl", *lines))
    assert sorted(rules(pieces)) == ["name-twice", "observations-unread"]
    entities = [lines[2], lines[3], lines[4]]
    assert lines_of(pieces) == [*entities, lines[0], lines[1]]


def test_it_is_recognised_by_content_alone(tmp_path: Path) -> None:
    assert kind_of(GRAPH) == "mcp-memory"
    assert kind_of(write(tmp_path / "a.txt", relation("a", "b"))) == "mcp-memory"
    long = write(tmp_path / "long", entity("a", "x" * 100_000))
    assert kind_of(long) == "mcp-memory"
    assert kind_of(write(tmp_path / "b.jsonl", {"type": "entity", "name": "a"})) is None
    assert kind_of(write(tmp_path / "c.json", [entity("a")])) is None
    assert kind_of(tmp_path) is None


def test_an_edit_in_the_store_arrives_in_the_graph() -> None:
    pieces = read(GRAPH)
    memories = list(documents(pieces, "memories").values())
    changed = [
        {**one, "name": "me"} if one["name"] == "default_user" and one["type"] == "entity" else one for one in memories
    ]
    changed = [{**one, "content": "Likes tea"} if one["content"] == "Prefers short answers" else one for one in changed]
    changed = [
        {**one, "deletedAt": "2026-01-01T00:00:00.000Z"} if one["name"] == "Empty Entity" else one for one in changed
    ]
    lines = lines_of(pieces, memories=changed)
    assert [one["name"] for one in lines if one["type"] == "entity"] == ["me", "Lighthouse Co-op", "Default_User"]
    assert lines[0]["observations"][0] == "Likes tea"
    assert [one["from"] for one in lines if one["type"] == "relation"] == ["me", "me", "Lighthouse Co-op"]


# -- records of elsewhere, and the side file

PERSONA = {"id": "p", "name": "Tessaly", "createdAt": "2026-01-01T00:00:00.000Z"}
DATED = {"importance": 0, "tags": ["x"], "createdAt": "2026-01-01T00:00:00.001Z", "personaId": "p"}
MEMORIES: list[dict[str, Any]] = [
    {"id": "m1", "type": "fact", "name": "Moths", "content": "Carry messages", **DATED},
    {"id": "m2", "type": "fact", "name": "Moths", "content": {"json": [1]}, **DATED},
    {"id": "m3", "type": "fact", "content": "Of a persona", **DATED},
    {"id": "m4", "type": "fact", "name": "", "content": "Of nobody"},
    {"id": "m5", "type": "entity", "name": "Pier", "content": "An entity with a text"},
    {"id": "m6", "type": "observation", "name": "x", "content": "Is long", "memoryTier": "hot"},
    {"id": "m7", "type": "fact", "name": "Gone", "content": "Gone", "deletedAt": "2026-01-01T00:00:00.000Z"},
    {"id": "m8", "type": "fact", "name": "Moths", "content": "Carry messages", "extra": {"second": True}},
]
RELATIONSHIPS: list[dict[str, Any]] = [
    {"id": "r1", "fromId": "m6", "toId": "m5", "type": "observation_of", "strength": 0.5},
    {"id": "r2", "fromId": "m1", "toId": "m5", "type": "near", "strength": 1},
    {"id": "r3", "fromId": "p", "toId": "m1", "type": "wrote"},
    {"id": "r4", "fromId": "m7", "toId": "m1", "type": "was"},
]


def held() -> Held:
    vector = [{**one, "embedding": [1.0]} if one["id"] == "m1" else one for one in MEMORIES]
    return Held(
        personas=[PERSONA], memories=vector, relationships=RELATIONSHIPS, conversations=[{"id": "c", "title": "T"}]
    )


def test_other_memories_are_observations_of_their_name_or_persona(tmp_path: Path) -> None:
    told: list[str] = []
    unpack(tmp_path, export.files(held(), told.append))
    text = (tmp_path / "memory.jsonl").read_text("utf-8")
    assert not text.endswith("\n")
    assert [json.loads(line) for line in text.split("\n")] == [
        entity("Pier", "An entity with a text", "Is long", kind="entity"),
        entity("Moths", "Carry messages", '{"json":[1]}', "Carry messages", kind="fact"),
        entity("Tessaly", "Of a persona", kind="persona"),
        entity("default_user", "Of nobody"),
        relation("Moths", "Pier", "near"),
        relation("Tessaly", "Moths", "wrote"),
    ]
    assert told == [
        "1 embedding",
        "1 conversation",
        "1 relationship of a deleted memory",
        "1 deleted memory",
        "1 persona (in memory.pjais.json instead)",
        "more than name, type and text of 6 memories (in memory.pjais.json instead)",
    ]


def test_with_the_side_file_they_come_back_under_their_ids(tmp_path: Path) -> None:
    unpack(tmp_path / "out", export.files(held(), lambda _: None))
    assert kind_of(tmp_path / "out") == "mcp-memory"
    pieces = read(tmp_path / "out")
    live = {one["id"]: one for one in MEMORIES if "deletedAt" not in one}
    assert documents(pieces, "personas") == {"p": PERSONA}
    assert documents(pieces, "memories") == live
    assert documents(pieces, "relationships") == {one["id"]: one for one in RELATIONSHIPS[:3]}
    migrated(tmp_path / "data", tmp_path / "out").close()


def test_what_the_server_added_since_is_new_and_the_rest_is_as_it_was(tmp_path: Path) -> None:
    unpack(tmp_path / "out", export.files(held(), lambda _: None))
    path = tmp_path / "out" / "memory.jsonl"
    lines = [json.loads(line) for line in path.read_text("utf-8").split("\n")]
    lines[1]["observations"].append("Fly at night")
    lines[0]["observations"].remove("Is long")
    write(path, *lines, entity("New", "thing"), relation("New", "Pier"))
    found = documents(read(tmp_path / "out"), "memories")
    live = {one["id"]: one for one in MEMORIES if "deletedAt" not in one and one["id"] != "m6"}
    assert {key: one for key, one in found.items() if key in live} == live
    new = sorted((one["type"], one["name"], one["content"]) for key, one in found.items() if key not in live)
    assert new == [
        ("entity", "Moths", ""),
        ("entity", "New", ""),
        ("observation", "Moths", "Fly at night"),
        ("observation", "New", "thing"),
    ]
    migrated(tmp_path / "data", tmp_path / "out").close()


@pytest.mark.parametrize(
    "content", ["{", '{"format":"other"}', '{"format":"pjais-mcp-memory","entities":[1,{"key":1}]}']
)
def test_a_side_file_that_is_none_costs_nothing(tmp_path: Path, content: str) -> None:
    write(tmp_path / "memory.jsonl", entity("a", "b"))
    (tmp_path / "memory.pjais.json").write_text(content)
    assert len(documents(read(tmp_path), "memories")) == 2


# -- any graph

_TEXTS = st.text(max_size=5) | st.sampled_from(["a", "b", "observation_of", "entity", "\u2028", "\ud800"])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | _TEXTS | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=4,
)
_NAMES = st.sampled_from(["a", "A", "b", "c", ""]) | _TEXTS
_ENTITY = st.fixed_dictionaries(
    {"type": st.just("entity"), "name": _NAMES},
    optional={"entityType": _TEXTS | _JSON, "observations": st.lists(_TEXTS | _JSON, max_size=4) | _JSON, "x": _JSON},
)
_RELATION = st.fixed_dictionaries(
    {"type": st.just("relation"), "from": _NAMES, "to": _NAMES, "relationType": _TEXTS}, optional={"x": _JSON}
)
_OTHER = st.fixed_dictionaries({"type": st.sampled_from(["note", None, 7])}, optional={"x": _JSON})


def test_an_entity_called_entity_shares_no_id_with_an_observation(tmp_path: Path) -> None:
    pieces = read(write(tmp_path / "memory.jsonl", entity("entity", "entity", "entity"), entity("entity", "entity")))
    keys = [one.value["id"] for one in pieces if isinstance(one, Document)]
    assert len(set(keys)) == len(keys) == 8


@given(st.lists(_ENTITY | _RELATION | _OTHER, max_size=8))
@settings(deadline=None, max_examples=400)
def test_any_graph_comes_back_line_by_line(tmp_path_factory: pytest.TempPathFactory, lines: list[Any]) -> None:
    assert KIND is not None
    lines = [entity("first"), *lines]
    pieces = read(write(tmp_path_factory.mktemp("graph") / "memory.jsonl", *lines))
    assert not [one for one in pieces if isinstance(one, Unreadable)]
    kinds = ("entity", "relation")
    in_order = sorted(lines, key=lambda one: kinds.index(one["type"]) if one["type"] in kinds else 2)
    assert canonical.same(lines_of(pieces), in_order)
    keys = [one.value["id"] for one in pieces if isinstance(one, Document)]
    assert len(set(keys)) == len(keys)
    for one in pieces:
        if isinstance(one, Document) and one.collection == "relationships" and graph.kept(one.value):
            assert KIND.native("relationships", one.value) in lines


def test_what_the_store_adds_is_not_written_into_the_side_file(tmp_path: Path) -> None:
    migrated(tmp_path / "data", GRAPH).close()
    to_file(resolve_workspace(tmp_path / "data"), None, tmp_path / "out", What("mcp-memory"))
    assert b"$pjais" not in (tmp_path / "out" / "memory.pjais.json").read_bytes()
    migrated(tmp_path / "back", tmp_path / "out").close()
    one, two = exported(tmp_path / "data"), exported(tmp_path / "back")
    for name in ("memories", "relationships"):
        assert [values.bare(each) for each in one[name]] == [values.bare(each) for each in two[name]]
