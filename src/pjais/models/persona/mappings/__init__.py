"""The mappings of the persona model, one module for each family of sources."""

from __future__ import annotations

from pjais.core import own_files
from pjais.core.mapping import Mapping
from pjais.models.persona import livestore
from pjais.models.persona.mappings import camel, drizzle, flat
from pjais.models.persona.tables import TABLES


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

_livestore: dict[str, Mapping] = {**_collections(camel.ROWS), "memoryEntities": camel.memories(camel.ROWS_JSON_CONTENT)}

_own_livestore = {
    livestore.OWN + livestore.BY_RECORD[one.record].name: own_files.live(one)
    for one in TABLES
    if one.record in livestore.BY_RECORD
}

MAPPINGS: dict[str, dict[str, Mapping]] = {
    "livestore-db": _livestore,
    "json": _json,
    "pjais-files": _json,
    "rxdb-export": _collections(camel.EXPORT),
    "rxdb-dump": _rxdb,
    "rxdb-profile": _rxdb,
    "rxdb-profile-sqlite": _rxdb,
    "rxdb-profile-firefox": _rxdb,
    "rxdb-localstorage": _rxdb,
    "pjais-flat": {"personas": flat.PERSONAS, "memory_entities": flat.MEMORIES, "conversations": flat.CONVERSATIONS},
    "pjais-drizzle": {
        "personas": drizzle.PERSONAS,
        "memory_entities": drizzle.MEMORIES,
        "memory_relationships": drizzle.RELATIONSHIPS,
        "plugins": drizzle.PLUGINS,
    },
    "livestore": {**_livestore, **_own_livestore},
    "livestore-opfs": {**_livestore, **_own_livestore},
}
"""The mapping of each collection of each kind; a collection that is not here is kept whole."""

_RXDB_PROFILES = frozenset({"rxdb-profile", "rxdb-profile-sqlite", "rxdb-profile-firefox"})
"""Dialects whose collections the account named `<database>/<collection>` before 0.2; RxDB allows no `/` in a name."""

_SQL = frozenset({"livestore-db", "pjais-flat", "pjais-drizzle", "livestore", "livestore-opfs"})
"""Kinds whose collections are tables of SQL, whose names have no case."""

_ANY_APPS = frozenset(
    {
        *("indexeddb", "indexeddb-sqlite", "indexeddb-firefox", "web-storage"),
        *("opfs-sqlite", "opfs-sqlite-leveldb", "opfs-sqlite-sqlite"),
    }
)
"""Dialects of what any app keeps: a collection that is called `personas` there is not the app's."""


def claims(dialect: str, collection: str) -> Mapping | None:
    """Return the mapping of a collection; None for one that is kept whole."""
    if dialect in own_files.DIALECTS or dialect in _ANY_APPS:
        return None
    if dialect not in MAPPINGS:
        dialect = "json"
    name = collection.partition("/")[2] or collection if dialect in _RXDB_PROFILES else collection
    found = MAPPINGS[dialect].get(name)
    if found is None and dialect in _SQL:
        return next((one for known, one in MAPPINGS[dialect].items() if known.lower() == name.lower()), None)
    return found
