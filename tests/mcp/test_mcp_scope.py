"""What the owner hides is hidden: no answer has a word of it, and none changes when it is there."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from talking import entity, relation

import pjais
from pjais.errors import UsageError
from pjais.mcp.home import Home
from pjais.mcp.offer import GRAPH, MEMORY, PERSONAS, Offer
from pjais.mcp.options import Options
from pjais.persona.filters import Filters
from pjais.persona.graph import Graph
from pjais.persona.store import Store

SECRET = "xyzzyquux"
"""A word that every hidden record has in each of its texts."""
TAGS = ("private", "Private", " PRIVATE ", "ÜBER", "über")
HIDING = Options(hide_tiers=("cold",), hide_tags=("private", "Über"), persona="p1", allow_delete=True)
SCOPE: Filters = {"persona": "p1", "without_tiers": ["cold"], "without_tags": ["private", "Über"]}

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
_CURSOR = re.compile(r"(cursor[=\": ]+)[\w-]{12}")


@contextmanager
def offered(data: Path, options: Options) -> Iterator[Offer]:
    home = Home(data, None, options)
    try:
        yield Offer(home)
    finally:
        home.close()


def base(data: Path) -> list[str]:
    """Make a store of what may be seen; return the ids of its memories."""
    with pjais.open(data) as store:
        for key in ("p1", "p2"):
            store.personas.create(id=key, name=f"Persona {key}")
        graph = Graph(store, {"persona": "p1"})
        graph.create_entities([entity("Ada", "likes tea", "sails a boat", kind="person"), entity("Tea House", "tea")])
        graph.create_relations([relation("Ada", "Tea House", "visits"), relation("Ada", "Later", "waits for")])
        for number in range(12):
            store.memories.create(
                content=f"tea {'tea ' * (number % 3)}note {number}",
                persona_id="p1",
                name=f"Note {number % 5}",
                type="note",
            )
        said = [{"id": "1", "role": "user", "content": "tea and boats", "timestamp": 1}]
        store.conversations.create(id="c1", persona_id="p1", title="Tea", messages=said, topics=["tea"])
        return [one.id for one in store.memories.list()]


KINDS = ("tag", "tier", "persona", "about", "link", "twin", "missing", "deleted", "talk", "topic")


def hide(store: Store, kind: str, number: int, text: str, tag: str) -> None:
    """Add a record that is hidden; its texts have words of others, too."""
    memories, words = store.memories, f"{SECRET}{number} {SECRET} {text}"
    seen = next(
        one.id for one in memories.list() if one.name == "Ada" and one.type == "entity" and one.persona_id == "p1"
    )
    if kind == "tag":
        memories.create(content=words, persona_id="p1", name=words, summary=words, tags=["x", tag])
    elif kind == "tier":
        memories.create(content=words, persona_id="p1", name=words, memory_tier="cold", tags=[SECRET])
    elif kind == "persona":
        memories.create(content=words, persona_id="p2", name=text, type="entity", tags=[SECRET])
    elif kind == "about":
        Graph(store, {"persona": "p1"}).create_entities([entity(f"{SECRET}{number}", words, kind=tag)])
    elif kind == "link":
        hidden = memories.create(content=words, persona_id="p1", name=words, tags=[tag])
        for ends in ({"from_id": seen, "to_id": hidden.id}, {"from_id": hidden.id, "to_id": seen}):
            store.relationships.create(type=SECRET, **ends)
    elif kind == "twin":
        made = memories.create(content=words, persona_id="p1", name="Ada", type="entity", tags=[tag])
        store.relationships.create(from_id=made.id, to_id=made.id, type="visits")
    elif kind == "missing":
        Graph(store, {"persona": "p2"}).create_relations([relation(f"{SECRET}{number}", "Later", SECRET)])
    elif kind == "deleted":
        memories.delete(memories.create(content=words, persona_id="p1", name=words).id)
    else:
        said = [{"id": "1", "role": "user", "content": words, "timestamp": number}]
        owner, topics = ("p2", []) if kind == "talk" else ("p1", [tag])
        store.conversations.create(persona_id=owner, title=words, messages=said, topics=topics)


def asked(offer: Offer, ids: list[str], hidden: list[str]) -> list[str]:
    """Return every answer of every tool and resource, without what is new each time; then those to writes."""
    found = []

    def call(name: str, **given: Any) -> Any:
        answer = offer.call("test", name, given)
        found.append(
            f"{name} {json.dumps(given)} {answer.error} {' '.join(answer.texts)} {json.dumps(answer.structured)}"
        )
        return answer

    for asked_ in ({}, {"limit": 2}):
        answer = call("read_graph", **asked_)
        while answer.cursor is not None:
            answer = call("read_graph", cursor=answer.cursor)
    for query in ("tea", "TEA", "a", "", "note 3", "sails boat", SECRET, f"tea {SECRET}", "🌉"):
        call("search_nodes", query=query)
        call("search_nodes", query=query, limit=1)
        call("recall", query=query)
        call("recall", query=query, limit=3, detail="full")
        call("conversations_search", query=query)
    call("open_nodes", names=["Ada", "Later", "Note 1", SECRET, f"{SECRET}1", *hidden, *ids[:2]])
    for key in (*ids[:4], *hidden, "c1"):
        call("get", id=key)
        call("history", id=key)
        found.append(str(offer.read("test", f"{MEMORY}{key}")))
    call("personas")
    call("recall", query="tea", persona="p2")
    call("recall", query="tea", persona="nobody")
    found += [str(offer.read("test", uri)) for uri in (GRAPH, PERSONAS)]
    call("add_observations", observations=[{"entityName": f"{SECRET}1", "contents": ["x"]}])
    call("add_observations", observations=[{"entityName": "Ada", "contents": ["tea", "new", f"is {len(ids)}"]}])
    call("create_relations", relations=[relation("Ada", "Tea House", "visits"), relation("Ada", "Note 1")])
    call(
        "create_entities", entities=[entity("Ada"), entity("Later"), entity("New", "tea"), entity("X", kind="Private")]
    )
    call("create_entities", entities=[entity("Ada"), entity("Later"), entity("New", "tea")])
    call("remember", content="tea again")
    call("remember", content="tea again", tags=["private"])
    call("delete_observations", deletions=[{"entityName": "Ada", "observations": ["likes tea"]}])
    call("delete_relations", relations=[relation("Ada", "Later", "waits for")])
    call("delete_entities", entityNames=["Ada", *hidden, f"{SECRET}1"])
    call("read_graph")
    call("undo")
    call("undo", operation=2)
    call("undo", operation=1)
    call("read_graph")
    return [plain(one) for one in found]


def plain(text: str) -> str:
    names: dict[str, str] = {}
    text = _UUID.sub(lambda hit: names.setdefault(hit[0], f"id{len(names)}"), text)
    return _CURSOR.sub(r"\1C", _TIME.sub("T", text))


@settings(max_examples=8, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(
    records=st.lists(
        st.tuples(st.sampled_from(KINDS), st.sampled_from(("tea", "boat", "Note 1", "Ada")), st.sampled_from(TAGS)),
        min_size=1,
        max_size=6,
    )
)
def test_no_answer_reveals_a_hidden_record(tmp_path_factory: pytest.TempPathFactory, records: list[Any]) -> None:
    """Two stores, one with hidden records: all answers are equal, and the records are as they were afterwards."""
    compare(tmp_path_factory.mktemp("scope"), records)


def test_no_answer_reveals_a_hidden_record_of_any_kind(tmp_path: Path) -> None:
    compare(tmp_path, [(kind, "tea", tag) for kind in KINDS for tag in TAGS])


def compare(folder: Path, records: list[Any]) -> None:
    ids = base(folder / "plain")
    shutil.copytree(folder / "plain", folder / "more")
    with pjais.open(folder / "more") as store:
        own = {one.id for one in store.memories.filtered(limit=None, include_deleted=True)}
        for number, (kind, text, tag) in enumerate(records):
            hide(store, kind, number, text, tag)
        hidden = [one.id for one in store.memories.list() if one.id not in ids][:5]
        before = [one for one in store.memories.filtered(limit=None, include_deleted=True) if one.id not in own]
    with offered(folder / "plain", HIDING) as offer:
        wanted = asked(offer, ids, hidden)
    with offered(folder / "more", HIDING) as offer:
        got = asked(offer, ids, hidden)
    for one, other in zip(got, wanted, strict=True):
        assert one == other
        call, _, answer = one.partition("} ")
        assert SECRET not in answer.replace(f"Entity with name {SECRET}1 not found", ""), call
    with pjais.open(folder / "more") as store:
        held = {one.id: one for one in store.memories.filtered(limit=None, include_deleted=True)}
        assert all(held[one.id] == one for one in before)


def test_tags_are_compared_as_people_write_them(tmp_path: Path) -> None:
    """Whatever another program made of the JSON: a nested list, a text, an object."""
    with pjais.open(tmp_path) as store:
        for number, tags in enumerate(('["Straße"]', '["STRASSE "]', '[["straße"]]', '"strasse"', '{"Straße": 1}')):
            made = store.memories.create(content=f"hidden {number}")
            with store.pool.writer() as db:
                db.execute("UPDATE memory_entities SET tags = ? WHERE id = ?", (tags, made.id))
        shown = store.memories.create(content="shown", tags=["strass"])
        nothing = store.memories.create(content="shown, too")
        with store.pool.writer() as db:
            db.execute("UPDATE memory_entities SET tags = NULL WHERE id = ?", (nothing.id,))
        assert store.memories.stats(without_tags="Strasse")["total"] == 2
        found = store.memories.search("hidden shown", any=True, without_tags=["STRASSE"])
        assert {one.memory.id for one in found} == {shown.id, nothing.id}


def test_hot_hides_active_and_new_memories_go_where_they_are_seen(tmp_path: Path) -> None:
    with pjais.open(tmp_path) as store:
        store.memories.create(content="a", memory_tier="active")
        store.memories.create(content="b", memory_tier="Hot")
        store.memories.create(content="c", memory_tier="warm")
        assert [one.content for one in store.memories.filtered(without_tiers="hot")] == ["c"]
        graph = Graph(store, {"without_tiers": ["active"]})
        graph.create_entities([entity("Ada", "tea")])
        with store.pool.view() as db:
            assert [one.name for one in graph.rows(db).entities(None, 0)][-1] == "Ada"
        with pytest.raises(UsageError, match="all tiers"):
            Graph(store, {"without_tiers": ["hot", "warm", "cold"]}).create_entities([entity("Bo")])


def test_the_active_persona_is_the_one_of_the_moment(tmp_path: Path) -> None:
    with pjais.open(tmp_path) as store:
        for key in ("p1", "p2"):
            store.personas.create(id=key, name=key)
            store.memories.create(content=f"tea of {key}", persona_id=key)
    with offered(tmp_path, Options(persona="active")) as offer:
        assert "no persona is active" in offer.call("c", "recall", {"query": "tea"}).texts[0]
        for key in ("p1", "p2"):
            with pjais.open(tmp_path) as store:
                store.personas.activate(key)
            found = offer.call("c", "recall", {"query": "tea"}).structured
            assert found is not None and [one["text"] for one in found["memories"]] == [f"tea of {key}"]
            made = offer.call("c", "remember", {"content": "mine"}).structured
            assert made is not None
            with pjais.open(tmp_path) as store:
                assert store.memories.need(made["id"]).persona_id == key
