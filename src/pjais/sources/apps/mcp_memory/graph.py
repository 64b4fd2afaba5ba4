"""The lines of a graph, and the documents that they become.

An entity becomes a memory of type `entity`, each of its observations a memory of type `observation` with a relationship
`observation_of`, a relation a relationship.  A relation whose ends are not both there is kept in a table of its own.
`extra` has the line without its texts, and its place in the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from pjais import canonical
from pjais.sources.apps import values

KIND = "mcp-memory"
DANGLING = "mcp_memory_relations"
"""The collection of relations of which an end is not there."""
OTHERS = "mcp_memory_lines"
"""The collection of lines that the server passes over: of a type that it does not know."""

ENTITY, OBSERVATION, OBSERVATION_OF = "entity", "observation", "observation_of"
MISSING = "missing"
"""The mark, beside `line` and `place`, of a memory that stands for the end of a relation that is no entity yet: it is
marked as deleted, so that no list has it (`pjais.persona.graph_rows`)."""
SIDE = "pjais-mcp-memory"
"""The format of the side file."""

_BEGIN = re.compile(r'\{\s*"type"\s*:')


def is_entity(line: Any) -> bool:
    """Return whether an object is an entity."""
    return isinstance(line, dict) and line.get("type") == ENTITY and isinstance(line.get("name"), str)


def is_relation(line: Any) -> bool:
    """Return whether an object is a relation."""
    texts = isinstance(line, dict) and all(isinstance(line.get(key), str) for key in ("from", "to", "relationType"))
    return texts and line.get("type") == "relation"


def is_line(line: Any) -> bool:
    """Return whether an object has all that the server writes of an entity, or of a relation."""
    return is_relation(line) or (
        is_entity(line) and isinstance(line.get("observations"), list) and "entityType" in line
    )


def unglued(text: str) -> Iterator[tuple[int, Any, str]]:
    """Yield (position, object, "") of each object in a line that is not JSON as a whole, or (position, None, piece).

    Two servers that write at once leave objects behind one another, or one cut off by the next.
    """
    decode = json.JSONDecoder().raw_decode
    at = broken = 0
    while at < len(text):
        if text[at] in " \t\r\x00":
            at += 1
            continue
        try:
            value, end = decode(text, at)
        except (ValueError, RecursionError):
            value, end = None, at
        if isinstance(value, dict) and not canonical.deeper_than(text[at:end]):
            if text[broken:at].strip(" \t\r\x00"):
                yield broken, None, text[broken:at]
            yield at, value, ""
            at = broken = end
            continue
        following = _BEGIN.search(text, at + 1)
        at = len(text) if following is None else following.start()
    if text[broken:].strip(" \t\r\x00"):
        yield broken, None, text[broken:]


# -- documents


def entity_id(name: str, number: int) -> str:
    """Return the id of the n-th entity of a name; other records are known by three parts and more, so none has it."""
    return values.derived(KIND, name, *([number] if number > 1 else ()))


def observation_id(name: str, content: Any, number: int) -> str:
    """Return the id of the n-th equal observation about a name."""
    return values.derived(KIND, name, content, number)


def relation_id(line: dict[str, Any], number: int) -> str:
    """Return the id of the n-th equal relation."""
    return values.derived(KIND, "relation", line["from"], line["to"], line["relationType"], number)


def entity(line: dict[str, Any], key: str, place: int) -> dict[str, Any]:
    """Return the document of an entity."""
    kept = {**line, "observations": []} if isinstance(line.get("observations"), list) else line
    kind = line.get("entityType")
    return {
        "id": key,
        "type": ENTITY,
        "name": line["name"],
        "content": "",
        "tags": [kind] if isinstance(kind, str) else [],
        "extra": {KIND: {"line": kept, "place": place}},
    }


def observation(name: str, content: Any, key: str, place: int) -> dict[str, Any]:
    """Return the document of an observation."""
    held = {"place": place}
    return {"id": key, "type": OBSERVATION, "name": name, "content": content, "extra": {KIND: held}}


def link(key: str, entity_key: str) -> dict[str, Any]:
    """Return the relationship of an observation to its entity."""
    return {"id": values.derived(KIND, OBSERVATION_OF, key), "fromId": key, "toId": entity_key, "type": OBSERVATION_OF}


def relation(line: dict[str, Any], key: str, ends: tuple[str, str], place: int) -> dict[str, Any]:
    """Return the document of a relation whose ends are there."""
    return {
        "id": key,
        "fromId": ends[0],
        "toId": ends[1],
        "type": line["relationType"],
        "extra": {KIND: {"line": line, "place": place}},
    }


def kept(document: dict[str, Any]) -> dict[str, Any]:
    """Return what a document keeps of its line; nothing for one that came from elsewhere."""
    return values.as_dict(values.as_dict(document.get("extra")).get(KIND))


def is_missing(document: dict[str, Any]) -> bool:
    """Return whether a memory stands for an entity that is not there."""
    return kept(document).get(MISSING) is True


def native(collection: str, document: Any) -> Any:
    """Return the line of an entity, without observations, or of a relation; an observation's text."""
    held = kept(document)
    if collection in (DANGLING, OTHERS):
        return document.get("line")
    if collection == "memories" and document.get("type") == ENTITY and "line" in held:
        return entity_line(document, [])
    if collection == "memories" and "place" in held:
        return document.get("content")
    if collection == "relationships" and "line" in held:
        line = values.as_dict(held["line"])
        return {**line, "relationType": document.get("type")}
    return document


def entity_line(document: dict[str, Any], observations: list[Any]) -> dict[str, Any]:
    """Return the line of an entity as it is now: keys in their order, those that the server does not know as well."""
    line = values.as_dict(kept(document).get("line")) or {
        "type": ENTITY,
        "name": "",
        "entityType": "",
        "observations": [],
    }
    tags = [one for one in values.as_list(document.get("tags")) if isinstance(one, str)]
    line = {**line, "name": name_of(document)}
    if tags or isinstance(line.get("entityType"), str):
        line["entityType"] = tags[0] if tags else line["entityType"] or ENTITY
    if observations or isinstance(line.get("observations"), list):
        line["observations"] = observations
    return line


def name_of(document: dict[str, Any]) -> str:
    """Return the name that a memory has in the graph, its id if it has none."""
    name = document.get("name")
    return name if isinstance(name, str) and (name or "line" in kept(document)) else str(document.get("id"))
