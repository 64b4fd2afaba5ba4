"""A memory of mem0 and the document that it becomes.

What mem0 has no place for is in `metadata.pjais` of an item that we wrote: `fields` of ours and what the item `lacks`,
the persona, relationships; `was`: the metadata before, if not an object; `native` false: the item is not mem0's.
"""

from __future__ import annotations

from typing import Any

from pjais import canonical
from pjais.sources.apps import shape, values
from pjais.sources.apps.shape import Shape

KIND = "mem0"
HISTORY = "history"
HISTORY_KEPT = "historyKept"

SHAPE = Shape(
    KIND,
    shape.text("content", "memory"),
    shape.texts("tags", "categories"),
    shape.dated("createdAt", "created_at"),
    shape.dated("updatedAt", "updated_at"),
)

_TYPES = frozenset(
    [
        "text",
        "image",
        "audio",
        "video",
        "file",
        "person",
        "concept",
        "event",
        "conversation",
        "task",
        "knowledge",
        "learning",
        "preference",
        "fact",
    ]
)
"""Types of memories that are ours; any other category stays in the metadata."""


def agent_of(agent_id: str) -> dict[str, Any]:
    """Return the persona of an agent, of which mem0 knows the name alone."""
    return {"id": agent_key(agent_id), "name": agent_id, "extra": {KIND: {"agent_id": agent_id}}}


def agent_key(agent_id: str) -> str:
    """Return the id of an agent's persona."""
    return values.derived(KIND, "agent", agent_id)


def document(native: dict[str, Any]) -> dict[str, Any]:
    """Return the document of an item, without what we added to it."""
    metadata = values.as_dict(native.get("metadata"))
    categories = (metadata.get("category"), metadata.get("memory_type"))
    agent = native.get("agent_id")
    more = {
        "id": values.identity(KIND, native.get("id")),
        "personaId": agent_key(agent) if isinstance(agent, str) and agent else None,
        "type": next((one for one in categories if isinstance(one, str) and one in _TYPES), "fact"),
    }
    made = SHAPE.document(native, more)
    return made if made["tags"] or "categories" in native else {key: one for key, one in made.items() if key != "tags"}


def parted(native: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return an item without what we added to its metadata, and that."""
    metadata = native.get("metadata")
    added = metadata.get("pjais") if isinstance(metadata, dict) else None
    if not isinstance(added, dict) or not isinstance(metadata, dict):
        return native, {}
    left: Any = {key: one for key, one in metadata.items() if key != "pjais"}
    if isinstance(added.get("was"), list):
        if not added["was"]:
            return {key: one for key, one in native.items() if key != "metadata"}, added
        left = added["was"][0]
    return {**native, "metadata": left}, added


def read(native: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the document of an item with what we added to it, and what more was added (persona, relationships)."""
    bare, added = parted(native)
    made = document(bare)
    if not added:
        return made, {}
    fields = canonical.untag(values.as_dict(added.get("fields")))
    if "content" in fields and canonical.dumps(fields["content"]) != bare.get("memory"):
        del fields["content"]  # mem0 has another text since
    extra = {**(made["extra"] if added.get("native") is not False else {}), **values.as_dict(fields.get("extra"))}
    made |= {key: one for key, one in fields.items() if key != "extra"}
    made = {**made, "extra": extra} if extra else {key: one for key, one in made.items() if key != "extra"}
    return {key: one for key, one in made.items() if key not in values.as_list(added.get("lacks"))}, added


def written(document_: dict[str, Any], agent: str | None) -> dict[str, Any]:
    """Return the item of a document, without persona and relationships.  `agent`: the name of its persona."""
    document_ = values.bare(document_)
    extra = values.as_dict(document_.get("extra"))
    is_native = isinstance(extra.get(KIND), dict) and isinstance(extra[KIND].get("memory"), str)
    native = SHAPE.native(document_) if is_native else _new(document_, agent)
    if not isinstance(native.get("memory"), str):
        native["memory"] = canonical.dumps(native.get("memory"))
    if native["memory"] != values.as_dict(extra.get(KIND)).get("memory"):
        native["hash"] = _md5(native["memory"])
    made = values.bare(document(native))
    added: dict[str, Any] = {} if is_native else {"native": False}
    fields = {
        key: one
        for key, one in document_.items()
        if key != "extra" and not (key in made and canonical.same(made[key], one))
    }
    if not is_native:  # mem0 gives what it takes in ids and times of its own
        fields |= {key: document_[key] for key in ("id", "createdAt") if key in document_}
    others = {key: one for key, one in extra.items() if not is_native or key not in (KIND, HISTORY, HISTORY_KEPT)}
    if others:
        fields["extra"] = others
    lacks = [key for key in made if key not in document_ and key != "extra"]
    if fields:
        added["fields"] = canonical.loads_plain(canonical.dumps(fields))
    if lacks:
        added["lacks"] = lacks
    return with_added(native, added)


def with_added(native: dict[str, Any], added: dict[str, Any]) -> dict[str, Any]:
    """Return an item with something more in `metadata.pjais`."""
    if not added:
        return native
    bare, before = parted(native)
    added = {**before, **added}
    metadata = bare.get("metadata")
    if not isinstance(metadata, dict):
        added["was"] = [metadata] if "metadata" in bare else []
        metadata = {}
    return {**bare, "metadata": {**metadata, "pjais": added}}


def _new(document_: dict[str, Any], agent: str | None) -> dict[str, Any]:
    content = document_.get("content")
    text = content if isinstance(content, str) else canonical.dumps(content)
    dates = (values.iso(values.ms_of_text(document_.get(key))) for key in ("createdAt", "updatedAt"))
    created, updated = (None if one is None else one.replace("Z", "+00:00") for one in dates)
    made = {"id": document_.get("id"), "memory": text, "hash": _md5(text), "metadata": None}
    made |= {"created_at": created, "updated_at": updated}
    return made if agent is None else {**made, "agent_id": agent}


def _md5(text: str) -> str:
    import hashlib

    return hashlib.md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def native(collection: str, value: Any) -> Any:
    """Return the object of mem0 that a document was made of."""
    extra = values.as_dict(value.get("extra")) if isinstance(value, dict) else {}
    if collection == "memories":
        return SHAPE.native(value) if isinstance(extra.get(KIND), dict) else extra.get(HISTORY)
    if collection == "personas":
        return extra.get(KIND)
    return value
