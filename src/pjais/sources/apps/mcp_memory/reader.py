"""Read a graph: twice, since a relation may stand before the entities that it names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from pjais import canonical
from pjais.core.document import Document, Piece, Remark, Unreadable
from pjais.formats import container as containers
from pjais.formats.container import Container, ContainerDamaged
from pjais.formats.json_stream import Value
from pjais.sources.apps import values
from pjais.sources.apps.mcp_memory import graph
from pjais.sources.apps.mcp_memory.graph import KIND

_SIDE = ".pjais.json"
_MOST_MEMBERS = 20
"""A folder or archive with more files than this is not a graph with its side file."""


def graph_in(container: Container) -> str | None:
    """Return the member that is a graph; None if it is none, or is more than a graph and its side file.

    A folder is one only with a side file: otherwise the graph in it is a source of its own.
    """
    if container.form == "file":
        return container.names[0] if _is_graph(container, container.names[0]) else None
    names = container.names if container.form == "zip" else container.top
    sides = [name for name in names if name.endswith(_SIDE)]
    others = [name for name in names if name not in sides]
    if len(names) > _MOST_MEMBERS or (container.form == "folder" and not sides):
        return None
    found = [name for name in others if name.endswith((".jsonl", ".json")) and _is_graph(container, name)]
    return found[0] if len(found) == 1 and (container.form == "folder" or len(others) == 1) else None


def _is_graph(container: Container, name: str) -> bool:
    head = values.json_head(container, name)
    if head.form not in ("object", "lines"):
        return False
    lines = head.text.split("\n")[:50]
    if any(graph.is_line(value) for line in lines for _, value, _ in graph.unglued(line)):
        return True
    is_long = len(head.text) >= containers.HEAD // 4 and "\n" not in head.text
    return is_long and {"type", "name", "entityType", "observations"} <= head.keys


def pieces(container: Container) -> Iterator[Piece]:
    """Yield everything in a graph."""
    name = graph_in(container)
    if name is None:
        return
    side = _Side(*_side(container, name))
    yield from side.findings
    for one in container.names:
        if one not in (name, side.name):
            yield Remark("foreign-file", "$file", one, "neither the graph nor its side file; not read")
    yield from _Reading(container, name, side).pieces()


def _lines(container: Container, name: str) -> Iterator[Value | Unreadable]:
    """Yield the objects of a graph; those that stand glued on one line, too."""
    for item in values.lines(container, name, "memories"):
        if isinstance(item, Value) or not item.raw:
            yield item
            continue
        start = int(item.place.rpartition(" ")[2])
        text = item.raw.decode("utf-8", "surrogateescape")
        found = list(graph.unglued(text))
        if not any(value is not None for _, value, _ in found):
            yield item
            continue
        for at, value, piece in found:
            byte = start + len(text[:at].encode("utf-8", "surrogateescape"))
            if value is None:
                raw = piece.encode("utf-8", "surrogateescape")
                yield item._replace(place=values.place(name, byte), raw=raw, reason="not JSON: a line that was cut off")
            else:
                yield Value(value, byte, None, not canonical.encodable(canonical.dumps(value)))


class _Reading:
    """One reading of a graph."""

    def __init__(self, container: Container, name: str, side: _Side) -> None:
        self._container, self._name, self._side = container, name, side
        self._entities: dict[str, str] = {}
        """The id of each name, as far as it is a record."""
        self._known: set[str] = {*side.personas, *side.missing}
        """The ids of records that a relationship may refer to."""
        self._count: Counter[tuple[Any, ...]] = Counter()
        self._places: Counter[str] = Counter()

    def pieces(self) -> Iterator[Piece]:
        """Yield personas of the side file, entities with observations, then relations."""
        names: Counter[str] = Counter()
        for item in _lines(self._container, self._name):
            if isinstance(item, Value) and graph.is_entity(item.value):
                names[item.value["name"]] += 1
                key = self._entity_key(item.value) if names[item.value["name"]] == 1 else None
                if key is not None:
                    self._entities[item.value["name"]] = key
                    self._known.add(key)
        for key, value in self._side.personas.items():
            yield Document("personas", key, self._side.name or "", value)
        for key, value in self._side.missing.items():
            yield Document("memories", key, self._side.name or "", value)
        relations = []
        for item in _lines(self._container, self._name):
            if isinstance(item, Unreadable):
                yield item
            elif graph.is_entity(item.value):
                yield from self._entity(item)
            elif graph.is_relation(item.value):
                relations.append(item)
            elif isinstance(item.value, dict) and item.value.get("type") in (graph.ENTITY, "relation"):
                what = (
                    "an entity without a name" if item.value["type"] == graph.ENTITY else "a relation without its ends"
                )
                yield values.unexpected("memories", self._name, item, what)
            elif isinstance(item.value, dict):
                yield self._other(item)
            else:
                yield values.unexpected("memories", self._name, item, "not an object")
        for item in relations:
            yield from self._relation(item)

    def _number(self, *what: Any) -> int:
        key = tuple(canonical.dumps(one) for one in what)
        self._count[key] += 1
        return self._count[key]

    def _place(self, what: str) -> int:
        self._places[what] += 1
        return self._places[what] - 1

    def _entity_key(self, line: dict[str, Any]) -> str | None:
        """Return the id of the first entity of a name; None if the name stands for no record of ours."""
        held = self._side.entity(line["name"], 1)
        if held is not None and held.document is not None:
            return str(held.document["id"])
        return None if held is not None and not self._is_new(line) else graph.entity_id(line["name"], 1)

    def _is_new(self, line: dict[str, Any]) -> bool:
        """Return whether the server has added an observation to an entity."""
        count: Counter[str] = Counter()
        for one in values.as_list(line.get("observations")):
            text = canonical.dumps(one)
            count[text] += 1
            if self._side.observation(line["name"], one, count[text]) is None:
                return True
        return False

    def _entity(self, item: Value) -> Iterator[Piece]:
        line, where = item.value, values.place(self._name, item.place)
        name = line["name"]
        number, place = self._number("entity", name), self._place("entity")
        if number > 1:
            yield Remark(
                "name-twice", "memories", where, f"entity number {number} of a name; the server finds the first"
            )
        held = self._side.entity(name, number)
        key = self._entities.get(name) if number == 1 else graph.entity_id(name, number)
        if key is not None:
            made = graph.entity(line, key, place)
            if held is not None and held.document is not None:
                key = str(held.document["id"])
                is_same = graph.entity_line(held.document, []).get("entityType") == line.get("entityType")
                tags = [*made["tags"], *values.as_list(held.document.get("tags"))[1:]]
                made = held.document if is_same else {**held.document, "tags": tags}
            self._known.add(key)
            yield values.document("memories", name, self._name, item, made)
        observations = line.get("observations")
        if not isinstance(observations, list):
            message = "an entity whose observations are not a list; they are kept as they are"
            yield Remark("observations-unread", "memories", where, message)
            return
        for at, one in enumerate(observations):
            yield from self._observation(item, name, one, key, at)

    def _observation(self, item: Value, name: str, content: Any, entity: str | None, at: int) -> Iterator[Piece]:
        number = self._number("observation", name, content)
        held = self._side.observation(name, content, number)
        item = item._replace(text=None)
        if held is not None and held.document is None:
            return  # the text of the entity itself
        if held is not None and held.document is not None:
            key = str(held.document["id"])
            self._known.add(key)
            yield values.document("memories", None, self._name, item, held.document)
            if held.link is not None and held.link.get("toId") in self._known:
                yield values.document("relationships", None, self._name, item, held.link)
            return
        key = graph.observation_id(name, content, number)
        self._known.add(key)
        yield values.document("memories", None, self._name, item, graph.observation(name, content, key, at))
        if entity is not None:
            yield values.document("relationships", None, self._name, item, graph.link(key, entity))

    def _relation(self, item: Value) -> Iterator[Piece]:
        line = item.value
        number = self._number("relation", line["from"], line["to"], line["relationType"])
        place = self._place("relation")
        held = self._side.relation(line, number)
        if held is not None and {held.get("fromId"), held.get("toId")} <= self._known:
            yield values.document("relationships", None, self._name, item, held)
            return
        key = graph.relation_id(line, number)
        ends = (self._entities.get(line["from"]), self._entities.get(line["to"]))
        if ends[0] is not None and ends[1] is not None:
            made = graph.relation(line, key, (ends[0], ends[1]), place)
            yield values.document("relationships", None, self._name, item, made)
            return
        absent = line["to"] if ends[0] is not None else line["from"]
        message = f"a relation to a name that is not there ({absent}); kept in {graph.DANGLING}"
        yield Remark("dangling-relation", "relationships", values.place(self._name, item.place), message)
        value = {"id": key, "line": line, "place": place, "number": number}
        yield values.document(graph.DANGLING, key, self._name, item, value)

    def _other(self, item: Value) -> Document:
        number = self._number("line", item.value)
        key = values.derived(KIND, "line", item.value, number)
        value = {"id": key, "line": item.value, "place": self._place("line")}
        return values.document(graph.OTHERS, key, self._name, item, value)


# -- the side file


class _Held(NamedTuple):
    """A record of ours: None if the name or text stands for none; for an observation its relationship."""

    document: dict[str, Any] | None
    link: dict[str, Any] | None = None


def _side(container: Container, name: str) -> tuple[str | None, dict[str, Any], list[Piece]]:
    """Return the side file of a graph: its name, its content, and what is wrong with it."""
    called = f"{name.rpartition('.')[0]}{_SIDE}"
    if container.form == "file" or called not in container.names:
        return None, {}, []
    try:
        value = canonical.loads(container.read(called).decode("utf-8"))
    except (ContainerDamaged, ValueError, RecursionError) as error:
        return called, {}, [Unreadable("$file", called, b"", f"the side file cannot be read: {error}")]
    if not isinstance(value, dict) or value.get("format") != graph.SIDE:
        return called, {}, [Remark("side-file", "$file", called, "not the side file of a graph; not read")]
    return called, value, []


class _Side:
    """The records of ours that the names and texts of a graph stand for."""

    def __init__(self, name: str | None, value: dict[str, Any], findings: list[Piece]) -> None:
        self.name, self.findings = name, findings
        self.personas = {one["id"]: one for one in _records(value.get("personas"))}
        self.missing = {one["id"]: one for one in _records(value.get("missing"))}
        self._held: dict[str, _Held] = {}
        self._relations: dict[str, dict[str, Any]] = {}
        for what in ("entities", "observations"):
            for one in values.as_list(value.get(what)):
                if isinstance(one, dict) and isinstance(one.get("key"), list):
                    documents = [next(_records([one.get(key)]), None) for key in ("record", "link")]
                    self._held[canonical.dumps([what, *one["key"]])] = _Held(documents[0], documents[1])
        for one in values.as_list(value.get("relations")):
            if isinstance(one, dict) and isinstance(one.get("key"), list):
                self._relations.update(
                    (canonical.dumps(one["key"]), record) for record in _records([one.get("record")])
                )

    def entity(self, name: str, number: int) -> _Held | None:
        """Return the record of the n-th entity of a name; None if the side file does not have it."""
        return self._held.get(canonical.dumps(["entities", name, number]))

    def observation(self, name: str, content: Any, number: int) -> _Held | None:
        """Return the record of the n-th equal observation about a name."""
        return self._held.get(canonical.dumps(["observations", name, content, number]))

    def relation(self, line: dict[str, Any], number: int) -> dict[str, Any] | None:
        """Return the record of the n-th equal relation."""
        return self._relations.get(canonical.dumps([line["from"], line["to"], line["relationType"], number]))


def _records(found: Any) -> Iterator[dict[str, Any]]:
    for one in values.as_list(found):
        if isinstance(one, dict) and isinstance(one.get("id"), str) and one["id"]:
            yield one
