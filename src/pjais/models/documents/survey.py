"""Decide the tables of collections before their documents are written: one look at every document and its kinds.

What is known best comes first: the declared columns of a SQL table, a stored JSON schema, key and index paths, then
the values themselves.  Tables that a store has already keep their columns; what is new is added at the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from pjais import canonical
from pjais.core.document import Document
from pjais.models.documents import kinds, mapping
from pjais.models.documents.catalogue import (
    AREAS,
    DATABASE,
    DOCUMENT,
    KEY,
    NAME,
    ORIGIN,
    TAB,
    TEXT,
    VALUE,
    WEB_STORAGE,
    WHOLE,
    Catalogue,
    Collection,
    Column,
    Index,
    Place,
    forms,
    sql_name,
)

WIDEST = 900
"""The most properties that get a column; all others are in `_document` alone.

A changeset of a wider table cannot be applied: its DELETE compares all columns, and SQLite nests 1,000 at most.
"""

_RESERVED = frozenset({"rowid", "_rowid_", "oid", "search_id", "_document", "_value", "_text", "_key"})
_OURS = ("sqlite_", "migration_")


class Known(NamedTuple):
    """A source's own description of a collection, without its documents.

    `key_path` empty: the key is beside the value, or unknown.  `declared`: (column, SQL type) of a SQL table.
    `schema`: (format, text), as in the catalogue; `types`: kinds of properties by a JSON schema.
    """

    key_path: tuple[str, ...] = ()
    auto_increment: bool = False
    made_by: str | None = None
    declared: tuple[tuple[str, str], ...] = ()
    types: tuple[tuple[str, tuple[str, ...]], ...] = ()
    schema: tuple[str, str] | None = None
    version: int | None = None
    indexes: tuple[Index, ...] = ()


_UNKNOWN = Known()


@dataclass
class _Seen:
    """The kinds of keys and values that the documents of one collection have."""

    known: Known
    documents: int = 0
    properties: dict[str, set[str]] = field(default_factory=dict)
    """Property -> the kinds of its values, in the order of first appearance."""
    often: Counter[str] = field(default_factory=Counter)
    plain: set[str] = field(default_factory=set)
    """The kinds of values that are no objects."""
    others: int = 0
    """The number of values that are no objects."""
    raw: bool = False
    """True if a document's raw text is kept."""
    keys: set[str] = field(default_factory=set)
    parts: list[set[str]] | None = None
    """The kinds of each part, if all keys are arrays of the same length."""
    inside: dict[tuple[str, ...], bool] = field(default_factory=dict)
    """Key path -> whether every document has its key there."""

    def add(self, document: Document) -> None:
        """Take note of one document."""
        try:
            value, key = mapping.value_of(document), mapping.key_of(document)
        except RecursionError:
            return  # it is refused when it is read
        self.documents += 1
        self.raw = self.raw or document.text is not None
        self._note_key(key)
        if not kinds.is_object(value):
            self.others += 1
            self.plain |= {kinds.kind_of(value)} - {None}  # type: ignore[arg-type]
            self.inside = dict.fromkeys(self.inside, False)
            return
        if self.documents == 1:
            self._begin_paths(value)
        for path, fits in self.inside.items():
            if fits and not _is_key(path, value, key, self.known):
                self.inside[path] = False
        for name, item in value.items():
            found = self.properties.get(name)
            if found is None:
                found = self.properties[name] = set()
            kind = kinds.kind_of(item)
            if kind is not None:
                found.add(kind)
            self.often[name] += 1

    def _begin_paths(self, value: dict[str, Any]) -> None:
        told = self.known.key_path
        possible = [told] if told else [(name,) for name in ("id", "_id", "key") if name in value]
        self.inside = dict.fromkeys(possible, True)

    def _note_key(self, key: Any) -> None:
        self.keys |= mapping.key_kinds(key)
        if type(key) is not list:
            self.parts = [] if self.documents == 1 or self.parts is None else self.parts
            if self.documents > 1 and self.parts:
                self.parts = []
            return
        if self.documents == 1:
            self.parts = [set() for _ in key]
        if self.parts is not None and len(self.parts) == len(key):
            for found, part in zip(self.parts, key, strict=True):
                found |= mapping.key_kinds(part)
        else:
            self.parts = []


def _is_key(path: tuple[str, ...], value: dict[str, Any], key: Any, known: Known) -> bool:
    """Return whether a document has its key in its own properties."""
    parts = [value.get(name) for name in path]
    if any(kinds.kind_of(part) in (None, "json") for part in parts):
        return False
    if known.declared:
        return True  # the source's own primary key
    if len(parts) > 1 or type(key) is list:
        return bool(parts == key)
    return canonical.same(parts[0], key) or f"{parts[0]}" == key


class Survey:
    """The collections of a run's sources that no other model claims, with what their documents hold."""

    def __init__(self, known: Catalogue, sources: Set[str], reserved: Iterable[str]) -> None:
        self._known = known
        self._sources = sources
        """The names of all sources of the run: a table of any other source may be taken over, as that was moved."""
        self._reserved = {name.lower() for name in reserved}
        self._seen: dict[Place, _Seen] = {}

    def expect(self, place: Place, known: Known) -> None:
        """Announce a collection and what its source tells of it."""
        self._seen.setdefault(place, _Seen(known))

    def add(self, document: Document, source: str) -> None:
        """Take note of one document of a source."""
        place = mapping.place_of(document, source)
        found = self._seen.get(place)
        if found is None:
            found = self._seen[place] = _Seen(_UNKNOWN)
        found.add(document)

    def catalogue(self) -> Catalogue:
        """Return the store's catalogue, with the tables that the documents need."""
        made = {one.place: one for one in self._known}
        names = {one.table.lower() for one in self._known} | self._reserved
        names |= {
            f"{one.table}_{column.name}".lower()
            for one in self._known
            if any(index.multi_entry for index in one.indexes)
            for column in one.columns
        }
        meant = {form.lower() for one in self._known for form in forms(one.place)}
        order = {one.table: number for number, one in enumerate(self._known)}
        for place, seen in self._seen.items():
            if not seen.documents:
                continue
            old = made.get(place) or self._moved(place, made)
            if old is None and place.database == place.collection in AREAS:
                there = next((one for one in made.values() if one.table == WEB_STORAGE), None)
                made[place] = _sharing(place, seen, there)
                order.setdefault(WEB_STORAGE, len(order))
            elif old is None:
                made[place] = _new(place, seen, _free(forms(place), names | meant))
                meant |= {form.lower() for form in forms(place)}
                names.add(made[place].table.lower())
                order[made[place].table] = len(order)
            else:
                del made[old.place]
                made[place] = _extended(old, place, seen)
        return tuple(sorted(_alike(made.values()), key=lambda one: order[one.table]))

    def _moved(self, place: Place, made: dict[Place, Collection]) -> Collection | None:
        """Return the table of the same collection of a source that this run does not read: it was moved or copied."""
        return next(
            (one for one in made.values() if one.place[1:] == place[1:] and one.place.source not in self._sources), None
        )


def _free(wanted: Iterator[str], taken: Set[str]) -> str:
    """Return the first name that no table has, and that does not begin as ours do."""
    last = "documents"
    for name in wanted:
        last = name
        if name.lower() not in taken and not name.lower().startswith(_OURS):
            return name
    if last.lower().startswith(_OURS):
        last = f"app.{last}"
        if last.lower() not in taken:
            return last
    number = 2
    while f"{last} ({number})".lower() in taken:
        number += 1
    return f"{last} ({number})"


def _new(place: Place, seen: _Seen, table: str) -> Collection:
    names = set(_RESERVED)
    path = next((path for path, fits in seen.inside.items() if fits), None)
    if path is not None and _case_clash(path):
        path = None
    key = _key_columns(seen, path, names)
    columns = [*key, *_properties(seen, set(path or ()), names, WIDEST)]
    if seen.others:
        columns.append(Column("_value", VALUE, kinds.ordered(seen.plain)))
    if seen.raw:
        columns.append(Column("_text", TEXT, ("string",)))
    columns.append(Column("_document", DOCUMENT, ("json",)))
    known = seen.known
    return Collection(
        table,
        place,
        tuple(columns),
        len(key),
        path,
        known.auto_increment,
        known.made_by,
        known.version,
        schema=known.schema,
        indexes=known.indexes,
    )


def _sharing(place: Place, seen: _Seen, there: Collection | None) -> Collection:
    """Return the entry of the storage of one origin in the table that all share."""
    kept = seen.plain | ({"json"} if seen.others < seen.documents else set())
    columns = (
        Column("origin", ORIGIN, ("string",)),
        Column("area", DATABASE, ("string",)),
        Column("key", NAME, ("string",)),
        Column("tab", TAB, ("string",)),
        Column("value", WHOLE, kinds.ordered(kept)),
        Column("_document", DOCUMENT, ("json",)),
    )
    return Collection(WEB_STORAGE, place, columns if there is None else there.columns, 4, made_by=seen.known.made_by)


def _alike(entries: Iterable[Collection]) -> Iterator[Collection]:
    """Yield the entries of shared tables with the same columns: each holds the kinds of values that any has."""
    entries = tuple(entries)
    types: dict[str, set[str]] = {}
    for one in entries:
        if one.is_shared:
            types.setdefault(one.table, set()).update(*(each.types for each in one.columns if each.path == WHOLE))
    for one in entries:
        if one.is_shared:
            wide = kinds.ordered(types[one.table])
            widened = (each._replace(types=wide) if each.path == WHOLE else each for each in one.columns)
            yield one.with_columns(widened)
        else:
            yield one


def _case_clash(path: Sequence[str]) -> bool:
    return len({name.lower() for name in path}) < len(path)


def _key_columns(seen: _Seen, path: tuple[str, ...] | None, names: set[str]) -> list[Column]:
    if path is not None:
        declared = dict(seen.known.declared)
        columns = []
        for name in path:
            types = mapping.key_types(set(kinds.ordered(seen.properties[name])))
            if name in declared and kinds.is_exact(declared[name], types):
                types = (kinds.SQL + declared[name],)
            columns.append(Column(_column_name(name, names), name, types))
        return columns
    if seen.parts and len(seen.parts) > 1:
        return [
            Column(f"_key_{number}", f"{KEY}[{number - 1}]", mapping.key_types(set(found)))
            for number, found in enumerate(seen.parts, 1)
        ]
    return [Column("_key", KEY, mapping.key_types(set(seen.keys)))]


def _properties(seen: _Seen, but: Set[str], names: set[str], room: int) -> list[Column]:
    declared, told = dict(seen.known.declared), dict(seen.known.types)
    wanted = [name for name in dict.fromkeys((*declared, *told, *seen.properties)) if name not in but]
    if len(wanted) > room:
        common = {name for name, _ in seen.often.most_common(room)}
        wanted = [name for name in wanted if name in common]
    return [
        Column(_column_name(name, names), name, _types(seen, name, declared.get(name), told.get(name)))
        for name in wanted
    ]


def _types(
    seen: _Seen, name: str, declared: str | None, told: tuple[str, ...] | None, before: Iterable[str] = ()
) -> tuple[str, ...]:
    if declared is not None:
        return (kinds.SQL + declared,)
    found = seen.properties.get(name, set()) | set(before)
    if told and found <= _within(told):
        return told
    return kinds.ordered(found)


def _within(told: tuple[str, ...]) -> set[str]:
    return {*told, *({"integer"} if "number" in told else {"long"} if "integer" in told else ())}


def _column_name(path: str, taken: set[str]) -> str:
    """Return a column's name for a property: its own, unless SQL could not tell it from another one."""
    name = sql_name(path.removeprefix("$") if path[:2] == "$$" else path) or "_"
    number, found = 2, name
    while found.lower() in taken:
        found, number = f"{name}_{number}", number + 1
    taken.add(found.lower())
    return found


def _extended(old: Collection, place: Place, seen: _Seen) -> Collection:
    """Return a table's entry with the kinds and columns that its documents need now."""
    paths = {column.path for column in old.columns}
    names = {*_RESERVED, *(column.name.lower() for column in old.columns)}
    columns = []
    for number, column in enumerate(old.columns):
        types = column.types
        if number < old.key:
            types = _key_widened(old, number, seen)
        elif column.path == VALUE:
            types = kinds.ordered({*types, *seen.plain})
        elif column.path == WHOLE:
            types = kinds.ordered({*types, *seen.plain, *({"json"} if seen.others < seen.documents else ())})
        elif column.path in seen.properties and not (types and types[0].startswith(kinds.SQL)):
            types = _types(seen, column.path, None, dict(seen.known.types).get(column.path), types)
        columns.append(column._replace(types=types))
    if old.is_shared:
        return replace(old.with_columns(columns), place=place)
    room = max(0, WIDEST - len(columns))
    columns += _properties(seen, paths, names, room)
    if seen.others and VALUE not in paths:
        columns.append(Column("_value", VALUE, kinds.ordered(seen.plain)))
    if seen.raw and TEXT not in paths:
        columns.append(Column("_text", TEXT, ("string",)))
    known = seen.known
    return Collection(
        old.table,
        place,
        tuple(columns),
        old.key,
        old.key_path,
        old.auto_increment,
        known.made_by or old.made_by,
        known.version if known.version is not None else old.version,
        old.partition,
        known.schema or old.schema,
        known.indexes or old.indexes,
    )


def _key_widened(old: Collection, number: int, seen: _Seen) -> tuple[str, ...]:
    """Return the types of a key column: wider only where keys are told apart as before."""
    column = old.columns[number]
    types = set(column.types)
    if column.types[0].startswith(kinds.SQL) or types == {kinds.TAGGED}:
        return column.types
    if old.key_path is not None:
        found = set(seen.properties.get(column.path, set()))
    elif old.key > 1:
        found = seen.parts[number] if seen.parts and len(seen.parts) == old.key else set()
    else:
        found = seen.keys
    plain = old.key == 1 and types == {"string"}
    return column.types if plain or not types | found <= mapping.PLAIN_KEYS else kinds.ordered(types | found)
