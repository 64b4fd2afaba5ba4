"""Map documents to records and back: pure, one module for each family of sources.

`normalise(kind, document)` never raises for bad data; problems are listed in the draft.
`rebuild(kind, collection, record)` returns the document again, so nothing of it is lost.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from pjais import canonical, extensions
from pjais.core.document import Document
from pjais.models.persona.mappings import camel, cold, drizzle, flat, own
from pjais.models.persona.mappings.mapping import Mapping, Problem
from pjais.models.persona.records import Draft, Memory, Other, Record


def _collections(style: camel.Style) -> dict[str, Mapping]:
    memories = camel.memories(style)
    relationships = camel.relationships(style)
    return {
        "personas": camel.personas(style),
        "memories": memories,
        "memoryEntities": memories,
        "memory_entities": memories,
        "conversations": camel.conversations(style),
        "relationships": relationships,
        "memory_relationships": relationships,
        "plugins": camel.plugins(style),
    }


_json = _collections(camel.JSON)
_rxdb = _collections(camel.RXDB)

_livestore = {**_collections(camel.ROWS), "memoryEntities": camel.memories(camel.ROWS_JSON_CONTENT)}

MAPPINGS: dict[str, dict[str, Mapping]] = {
    "livestore-db": _livestore,
    "json": _json,
    "pjais-files": _json,
    "rxdb-export": _collections(camel.EXPORT),
    "rxdb-dump": _rxdb,
    "rxdb-profile": _rxdb,
    "rxdb-profile-sqlite": _rxdb,
    "rxdb-profile-firefox": _rxdb,
    "pjais-flat": {"personas": flat.PERSONAS, "memory_entities": flat.MEMORIES, "conversations": flat.CONVERSATIONS},
    "pjais-drizzle": {
        "personas": drizzle.PERSONAS,
        "memory_entities": drizzle.MEMORIES,
        "memory_relationships": drizzle.RELATIONSHIPS,
        "plugins": drizzle.PLUGINS,
    },
    "livestore": {**_livestore, **own.LIVE_ROWS},
    "livestore-opfs": {**_livestore, **own.LIVE_ROWS},
    "pjais": own.ROWS,
    "pjais-export": {**own.EXPORTS, "memories": own.EXPORTS["memory_entities"]},
}
"""The mapping of each collection of each kind; a collection that is not here is carried whole."""

OWN_OTHERS = {
    "pjais": "other_records",
    "pjais-export": "others",
    "livestore": own.LIVE_OTHERS,
    "livestore-opfs": own.LIVE_OTHERS,
}
"""The collection of our own files for documents of unknown collections."""

READING = 1
"""Kept with each run.  It goes up with every change after which a document makes another record or other notes: what a
run with another number found unchanged is read again."""

REMOVED = "removed"
"""The collection of our export that names records which were deleted (`rollback --keep-later`)."""

_RXDB_PROFILES = frozenset({"rxdb-profile", "rxdb-profile-sqlite", "rxdb-profile-firefox"})
"""Dialects whose collections the account named `<database>/<collection>` before 0.2; RxDB allows no `/` in a name."""

_KEY_TWICE: Problem = ("repair", "key-twice", None, "a key occurs twice; the last one counts, the raw text is kept")
_NOTES: dict[str, Problem] = {
    "invalid-utf8": ("repair", "text-not-unicode", None, "bytes that are not UTF-8; they are kept"),
    "seconds": ("note", "date-seconds", None, "Unix seconds, as the default of the column shows"),
    "state-behind": ("note", "state-behind", None, "taken from the log: the state has not seen its last events"),
    "state-lossy": ("note", "state-lossy", None, "the state has lost a part of this text; taken from the log"),
    "state-dates": ("note", "state-dates", None, "the log carries no time for this row; taken from the state"),
    "state-lacks": ("note", "state-lacks", None, "the state has no such column; taken from the log"),
    "state-differs": ("note", "state-differs", None, "state and log differ; the state counts, as the app showed it"),
    "log-only": ("note", "log-only", None, "only the log has this row; taken from there"),
    "event-misses": ("note", "event-misses", None, "it changes a record that no event brought; carried whole"),
    "unknown-event": ("note", "unknown-event", None, "an event of a name that pjais does not know, carried whole"),
}
"""A reader's note about a document as a problem; a note may name a field: `rule:field`."""
_WRAPPER = frozenset({"$value", "$text"})


_SQL = frozenset({"livestore-db", "pjais-flat", "pjais-drizzle", "livestore", "livestore-opfs"})
"""Kinds whose collections are tables of SQL, whose names have no case."""


@lru_cache(4096)
def mapping_of(kind: str, collection: str) -> Mapping | None:
    """The mapping of a collection; None for one that is carried whole."""
    if kind not in MAPPINGS:
        added = extensions.source_kind(kind)
        kind = added.like if added is not None else "json"
    name = collection.partition("/")[2] or collection if kind in _RXDB_PROFILES else collection
    found = MAPPINGS[kind].get(name)
    if found is None and kind in _SQL:
        return next((one for known, one in MAPPINGS[kind].items() if known.lower() == name.lower()), None)
    return found


def normalise(kind: str, document: Document) -> Draft:
    """The record that a document of a source would be."""
    value = document.value
    mapping = mapping_of(kind, document.collection)
    if OWN_OTHERS.get(kind) == document.collection:
        return _own_other(value)
    if kind == "pjais-export" and document.collection == REMOVED:
        return Draft(_carried(document), (), removed=True)
    if mapping is None:
        return _other(document)
    if not isinstance(value, dict):
        problem = ("error", "not-an-object", None, "not an object, so no record")
        return Draft(_carried(document), (problem,))
    seconds = frozenset(note[8:] for note in document.notes if note.startswith("seconds:"))
    draft = mapping.normalise(value, document.native_id, document.text, seconds)
    if document.text is None and not document.notes:
        return draft
    problems = list(draft.problems)
    if document.text is not None:
        problems.append(_KEY_TWICE)
    return draft._replace(problems=(*problems, *_noted(document)))


def _noted(document: Document) -> Iterator[Problem]:
    for note in document.notes:
        rule, _, field = note.partition(":")
        level, name, _, message = _NOTES[rule]
        yield level, name, field or None, message


def rebuild(kind: str, collection: str, record: Record) -> Any:
    """The document that a record was made of; the inverse of `normalise`."""
    if isinstance(record, Other):
        if OWN_OTHERS.get(kind) == collection:
            document: Any = record.document if kind == "pjais-export" else canonical.dumps(record.document)
            if collection == own.LIVE_OTHERS:
                return own.live_other(record)
            return {"collection": record.collection, "id": record.id, "document": document}
        document = record.document
        return document["$value"] if "$value" in document and document.keys() <= _WRAPPER else document
    mapping = mapping_of(kind, collection)
    return record._asdict() if mapping is None else mapping.rebuild(record)


def changed(kind: str, document: Document, record: Record, updates: dict[str, Any]) -> Record:
    """The record with other values for some attributes, what the document has kept as original."""
    mapping = mapping_of(kind, document.collection)
    return record if mapping is None else mapping.changed(record, document.value, updates)


def with_ids(kind: str, document: Document, record: Record, change: Callable[[str, tuple[str, ...]], str]) -> Record:
    """Return the record with its own id and references replaced; `change` receives the tables that an id may be of."""
    mapping = mapping_of(kind, document.collection)
    if mapping is None or not isinstance(document.value, dict) or isinstance(record, Other):
        return record
    return mapping.with_ids(record, document.value, change)


def expanded(kind: str, document: Document, record: Record) -> Record:
    """The record with cold content (base64 gzip) expanded, the original kept (`--expand-cold`)."""
    mapping = mapping_of(kind, document.collection)
    if mapping is None or not isinstance(record, Memory) or not isinstance(record.content, str):
        return record
    content = cold.expand(record.content)
    return record if content is None else mapping.changed(record, document.value, {"content": content})


def _other(document: Document) -> Draft:
    problems = (*(() if document.text is None else (_KEY_TWICE,)), *_noted(document))
    removed = isinstance(document.value, dict) and document.value.get("_deleted") is True
    return Draft(_carried(document), problems, removed)


def _carried(document: Document) -> Other:
    """A document carried whole, under its own key; one without a key is known by its content, never by its place.

    The number 7 and the text "7" are two keys.
    """
    value = document.value
    own_id = value.get("id") if isinstance(value, dict) else None
    if not document.native_id:
        name = "#" + hashlib.sha256(canonical.dumps(value, sort=True).encode()).hexdigest()[:16]
    else:
        name = f"#{own_id}" if type(own_id) is int and str(own_id) == document.native_id else document.native_id
    record_id = canonical.mend(name)
    wrap = not isinstance(value, dict) or document.text is not None or (bool(value) and value.keys() <= _WRAPPER)
    if wrap:
        value = {"$value": value} if document.text is None else {"$value": value, "$text": document.text}
    return Other(canonical.mend(document.collection), record_id, value)


def _own_other(value: Any) -> Draft:
    document = value.get("document") if isinstance(value, dict) else None
    if isinstance(document, str):
        try:
            document = canonical.loads(document)
        except (ValueError, RecursionError):
            document = None
    name = value.get("id", value.get("recordId")) if isinstance(value, dict) else None
    if not isinstance(document, dict) or not isinstance(name, str):
        problem = ("error", "not-an-object", "document", "not a carried document")
        return Draft(Other("", "", {}), (problem,))
    return Draft(Other(str(value.get("collection")), name, document), (), removed=value.get("_deleted") is True)
