"""Write memories as a graph for the MCP memory server, exactly as the server writes its file.

An entity or observation that came from a graph goes back as it was.  Any other memory becomes an observation of the
entity of its name; one without a name, of its persona, else of `default_user`.  Texts are never decorated.  What the
graph has no place for is in the side file.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from pjais import canonical
from pjais.display import counted
from pjais.sources.apps import values
from pjais.sources.apps.contract import Content, Records
from pjais.sources.apps.mcp_memory import graph

GRAPH, SIDE_FILE = "memory.jsonl", "memory.pjais.json"
DEFAULT_USER = "default_user"


class _Entity(NamedTuple):
    """An entity of the graph: its line without observations, the record that it is, if any, and its observations."""

    line: dict[str, Any]
    record: dict[str, Any] | None
    observations: list[tuple[int, Any, dict[str, Any], dict[str, Any] | None]]
    """(place, text, record, its relationship to the entity)"""


def files(records: Records, lost: Callable[[str], None]) -> Iterator[tuple[str, Content]]:
    """Yield the graph and the side file; `lost` is called first for what the graph cannot hold."""
    made = _Graph(records)
    made.tell(lost)
    lines, side = made.written()
    yield GRAPH, "\n".join(map(text, lines)).encode("utf-8")
    yield SIDE_FILE, canonical.dumps(side).encode("utf-8") + b"\n"


_KEYS = ("type", "name", "entityType", "observations", "from", "to", "relationType")
"""The keys of a line in the order in which the server writes them."""


def text(line: dict[str, Any]) -> str:
    """Return a line as the server writes it.

    A line whose keys are sorted went through our own export, which sorts them: the server's come first again.
    """
    if isinstance(line, dict) and list(line) == sorted(line):
        line = {key: line[key] for key in (*_KEYS, *line) if key in line}
    try:
        return canonical.dumps_plain(line)
    except ValueError:  # NaN in a key that the server does not know
        return json.dumps(line, separators=(",", ":"))


class _Graph:
    """The graph of a store's memories; it is small enough for the server, which always reads it as a whole."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._personas = {str(one["id"]): values.bare(one) for one in records.personas()}
        self._names: dict[str, str] = {key: str(one.get("name") or key) for key, one in self._personas.items()}
        """The name of each record that a relation may refer to."""
        self._entities: list[_Entity] = []
        self._missing: list[dict[str, Any]] = []
        self._by_name: dict[str, _Entity] = {}
        self._conversations = self._deleted = self._vectors = self._others = 0
        for one in records.conversations():
            self._conversations += 1
            self._names[str(one["id"])] = str(one.get("title") or one["id"])
        self._memories()

    def _memories(self) -> None:
        live: list[dict[str, Any]] = []
        for one in self._records.memories():
            self._vectors += one.get("embedding") is not None
            if graph.is_missing(one):
                self._missing.append(values.bare(one))
                self._names[str(one["id"])] = graph.name_of(one)
            elif one.get("deletedAt") is not None:
                self._deleted += 1
            else:
                live.append({key: value for key, value in values.bare(one).items() if key != "embedding"})
        by_id: dict[str, _Entity] = {}
        for one in sorted((one for one in live if one.get("type") == graph.ENTITY), key=_place):
            by_id[str(one["id"])] = self._add(graph.entity_line(one, []), one)
        links = self._links({str(one["id"]) for one in live if one.get("type") == graph.OBSERVATION}, by_id)
        for one in live:
            key = str(one["id"])
            if key in by_id:
                self._names[key] = graph.name_of(one)
                if one.get("content") not in ("", None):
                    self._observe(by_id[key], one, None)
                continue
            link = links.get(key)
            home = by_id[str(link["toId"])] if link else self._home(one)
            self._others += "place" not in graph.kept(one)
            self._names[key] = str(home.line["name"])
            self._observe(home, one, link)

    def _links(self, observations: set[str], entities: dict[str, _Entity]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for one in self._records.relationships():
            ends = str(one.get("fromId")), str(one.get("toId"))
            if one.get("type") == graph.OBSERVATION_OF and ends[0] in observations and ends[1] in entities:
                found.setdefault(ends[0], values.bare(one))
        return found

    def _add(self, line: dict[str, Any], record: dict[str, Any] | None) -> _Entity:
        made = _Entity(line, record, [])
        self._entities.append(made)
        self._by_name.setdefault(str(line["name"]), made)
        return made

    def _home(self, memory: dict[str, Any]) -> _Entity:
        """Return the entity that a memory of another kind is an observation of."""
        name, kind = memory.get("name"), memory.get("type")
        if not isinstance(name, str) or not name:
            persona = self._personas.get(str(memory.get("personaId")))
            name, kind = (DEFAULT_USER, "person") if persona is None else (self._names[str(persona["id"])], "persona")
        found = self._by_name.get(name)
        if found is not None:
            return found
        line = {"type": graph.ENTITY, "name": name, "entityType": str(kind or "memory"), "observations": []}
        return self._add(line, None)

    def _observe(self, home: _Entity, memory: dict[str, Any], link: dict[str, Any] | None) -> None:
        content = memory.get("content")
        is_kept = memory.get("type") == graph.OBSERVATION and "place" in graph.kept(memory)
        text = content if isinstance(content, str) or is_kept else canonical.dumps(content)
        home.observations.append((_place(memory), text, memory, link))

    def tell(self, lost: Callable[[str], None]) -> None:
        """Say what the graph cannot hold."""
        attachments = sum(1 for _ in self._records.attachments())
        cut = sum(1 for one in self._records.relationships() if None in self._ends(one))
        for count, *what in (
            (self._vectors, "embedding"),
            (self._conversations, "conversation"),
            (attachments, "attachment"),
            (cut, "relationship of a deleted memory", "relationships of deleted memories"),
            (self._deleted, "deleted memory", "deleted memories"),
        ):
            if count:
                lost(counted(count, *what))
        if self._personas:
            lost(f"{counted(len(self._personas), 'persona')} (in {SIDE_FILE} instead)")
        if self._others:
            memories = counted(self._others, "memory", "memories")
            lost(f"more than name, type and text of {memories} (in {SIDE_FILE} instead)")

    def written(self) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Return the lines of the graph, and the content of the side file."""
        count: Counter[str] = Counter()

        def numbered(*key: Any) -> list[Any]:
            text = canonical.dumps(list(key))
            count[text] += 1
            return [*key, count[text]]

        lines: list[dict[str, Any]] = []
        side: dict[str, Any] = {"format": graph.SIDE, "version": 1, "personas": list(self._personas.values())}
        side |= {"entities": [], "observations": [], "relations": [], "missing": self._missing}
        for one in self._entities:
            said = sorted(one.observations, key=lambda each: each[0])
            line = dict(one.line)
            if said or isinstance(line.get("observations"), list):
                line["observations"] = [text for _, text, _, _ in said]
            lines.append(line)
            side["entities"].append({"key": numbered("entity", line["name"])[1:], "record": one.record})
            for _, text, record, link in said:
                is_same = one.record is not None and record["id"] == one.record["id"]
                key = numbered("observation", line["name"], text)[1:]
                side["observations"].append({"key": key, "record": None if is_same else record, "link": link})
        for line, held in self._relations():
            lines.append(line)
            if held is not None:
                key = numbered("relation", line["from"], line["to"], line["relationType"])[1:]
                side["relations"].append({"key": key, "record": held})
        lines += [one["line"] for one in sorted(self._records.others(graph.OTHERS), key=_own_place)]
        return lines, side

    def _ends(self, relationship: dict[str, Any]) -> tuple[str | None, str | None]:
        """Return the names of what a relationship relates; None for what is not in the graph."""
        return (self._names.get(str(relationship.get("fromId"))), self._names.get(str(relationship.get("toId"))))

    def _relations(self) -> Iterator[tuple[dict[str, Any], dict[str, Any] | None]]:
        links = {link["id"] for one in self._entities for *_, link in one.observations if link is not None}
        found: list[tuple[int, dict[str, Any], dict[str, Any] | None]] = []
        met: set[str] = set()
        for one in self._records.relationships():
            ends = self._ends(one)
            if one["id"] in links or None in ends:
                continue
            line = values.as_dict(graph.kept(one).get("line")) or {"type": "relation", "from": "", "to": ""}
            line = {**line, "from": ends[0], "to": ends[1], "relationType": one.get("type")}
            met.add(str(one["id"]))
            found.append((_place(one), line, values.bare(one)))
        for one in self._records.others(graph.DANGLING):
            if one.get("id") not in met:  # its ends may have come since
                found.append((_own_place(one), one["line"], None))
        for _, line, record in sorted(found, key=lambda each: each[0]):
            yield line, record


_LAST = 1 << 60


def _place(document: dict[str, Any]) -> int:
    """Return the place of a record in the graph that it came from; of any other: after all of these."""
    found = graph.kept(document).get("place")
    return found if type(found) is int else _LAST


def _own_place(value: dict[str, Any]) -> int:
    found = value.get("place")
    return found if type(found) is int else _LAST
