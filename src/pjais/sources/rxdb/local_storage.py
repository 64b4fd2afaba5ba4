"""RxDB's localstorage storage (16 and 17) as the stores that RxDB makes in IndexedDB, so that one reader reads both.

An item is called `RxDB-ls-doc-<database>--<collection>--<version>-<key>`, its value is the document's JSON; attachments
are `RxDB-ls-attachment-...` with the key `<document>||<name>`, base64 or a data URL.  A name may contain `--`, so only
the internal store tells where a database's ends, and only its schemas where a collection's does.  Indexes and the last
change (`RxDB-ls-idx-`, `RxDB-ls-changes-`) are derived.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from pjais import canonical
from pjais.formats.indexeddb import BadRow, Damage, Row, Schema, Store
from pjais.formats.web_storage import LOCAL, BadItem, Item, Storage
from pjais.sources.rxdb.keys import primary_key
from pjais.sources.rxdb.names import INTERNAL, ITEMS, PREFIX
from pjais.sources.rxdb.names import LOCAL as LOCAL_DOCUMENTS

_DOCUMENT, _ATTACHMENT = f"{ITEMS}doc-", f"{ITEMS}attachment-"
_OF_INTERNAL = re.compile(rf"(.+)--{INTERNAL}--\d+-.*", re.DOTALL)
_GUESS = re.compile(r"(.+?)--(\d+)-(.*)", re.DOTALL)
_DATA_URL = re.compile(r"data:[^,]*;base64,")


class _Prefix(NamedTuple):
    """The beginning of the names of one collection's items, without the kind; `primary`: its primary key."""

    text: str
    collection: str
    version: int
    primary: str


class _Content(NamedTuple):
    """The documents and pieces that were read."""

    stores: dict[Store, list[Row | BadRow]]
    sizes: Counter[tuple[str, str]]
    problems: list[Damage]
    torn: list[Damage]


class LocalStorage:
    """The stores of all RxDB databases in a LevelDB of localStorage, whatever their web origins."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def problems(self) -> list[Damage]:
        """Return unreadable parts; items of origins without RxDB are not RxDB's to name."""
        return self._read.problems

    @property
    def torn(self) -> list[Damage]:
        """Return where a log ends in an incomplete write of a stopped browser."""
        return self._read.torn

    @property
    def sizes(self) -> Mapping[tuple[str, str], int]:
        """Return the bytes of documents and attachments, by (origin, database)."""
        return self._read.sizes

    def stores(self) -> list[Store]:
        """Return every store, in order."""
        return sorted(self._read.stores)

    def rows(self, store: Store, *, ordered: bool = False) -> Iterator[Row | BadRow]:
        """Yield the rows of a store, by key."""
        yield from self._read.stores.get(store, ())

    def schema(self, store: Store) -> Schema:
        """Return nothing: localStorage declares nothing."""
        return Schema()

    def key(self, row: Row) -> Any:
        """Return a row's key, a text."""
        return row.key.decode("utf-8", "surrogatepass")

    @cached_property
    def _read(self) -> _Content:
        items: dict[str, list[Item]] = {}
        bad: list[BadItem] = []
        with Storage(self._folder, LOCAL) as storage:
            for one in storage.items():
                if isinstance(one, BadItem):
                    bad.append(one)
                elif one.name.startswith((_DOCUMENT, _ATTACHMENT)):
                    items.setdefault(one.origin, []).append(one)
            unread = [_damage(one) for one in bad if one.origin in items]
            found = _Content({}, Counter(), [*storage.problems, *unread], list(storage.torn))
        for origin, its in items.items():
            _sort(origin, its, found)
        return found


def _damage(bad: BadItem) -> Damage:
    file, _, offset = bad.place.rpartition(" byte ")
    return Damage(file or bad.place, int(offset) if offset.isdecimal() else 0, bad.raw, bad.reason)


def _sort(origin: str, items: list[Item], content: _Content) -> None:
    """Put the items of an origin into their stores."""
    found = content.stores
    documents = [one for one in items if one.name.startswith(_DOCUMENT)]
    internal = [(one, match[1]) for one in documents if (match := _OF_INTERNAL.fullmatch(_rest(one)))]
    prefixes = {name: _prefixes(name, [one for one, owner in internal if owner == name]) for _, name in internal}
    known = sorted((one for each in prefixes.values() for one in each), key=lambda one: len(one.text), reverse=True)
    for owner in prefixes:  # a database without documents is one, too
        for name in ("docs", "changes"):
            found.setdefault(Store(origin, f"{PREFIX}{owner}--0--{INTERNAL}", 0, name), [])
    longest = sorted(prefixes, key=len, reverse=True)
    owners = {one: owner for owner, each in prefixes.items() for one in each}
    for item in items:
        rest, is_document = _rest(item), item.name.startswith(_DOCUMENT)
        row = _row(item, is_document)
        fitting = [one for one in known if rest.startswith(one.text)]
        sure = [one for one in fitting if is_document and _key_of(row, one.primary) == rest[len(one.text) :]]
        owner = next((one for one in longest if rest.startswith(f"{one}--")), rest.partition("--")[0])
        match = _GUESS.fullmatch(rest[len(owner) + 2 :])
        if fitting:
            best = (sure or fitting)[0]
            database = f"{PREFIX}{owners[best]}--{best.version}--{best.collection}"
            row = row if is_document else _under(row, rest[len(best.text) :])
        elif match is not None:
            database = f"{PREFIX}{owner}--{match[2]}--{match[1]}"
            row = row if is_document else _under(row, match[3])
        else:
            continue
        for name in ("docs", "changes", "attachments"):
            found.setdefault(Store(origin, database, 0, name), [])
        found[Store(origin, database, 0, "docs" if is_document else "attachments")].append(row)
        content.sizes[origin, database] += _size(item.name) + _size(str(item.value))


def _size(text: str) -> int:
    """Return the bytes of a text in localStorage: one per character if all are of Latin-1, else two."""
    return len(text) * (1 if max(text, default="") <= "\xff" else 2)


def _rest(item: Item) -> str:
    """Return an item's name after what says its kind."""
    return item.name[len(_DOCUMENT if item.name.startswith(_DOCUMENT) else _ATTACHMENT) :]


def _prefixes(database: str, internal: Iterable[Item]) -> list[_Prefix]:
    """Return how the items of a database may begin, by its internal store: of collections, of local documents."""
    found = [(INTERNAL, 0, "id"), (LOCAL_DOCUMENTS + "-", 0, "id")]
    for item in internal:
        value = getattr(_row(item, True), "value", None)
        data = value.get("data") if isinstance(value, dict) else None
        schema = data.get("schema") if isinstance(data, dict) else None
        if isinstance(data, dict) and isinstance(schema, dict) and isinstance(data.get("name"), str):
            version = data.get("version", 0)
            found.append((data["name"], version if isinstance(version, int) else 0, primary_key(schema)))
            found.append((f"{LOCAL_DOCUMENTS}-{data['name']}", 0, "id"))
    return [
        _Prefix(f"{database}--{name}--{version}-", name, version, key) for name, version, key in dict.fromkeys(found)
    ]


def _key_of(row: Row | BadRow, primary: str) -> str | None:
    value = row.value if isinstance(row, Row) else None
    return value.get(primary) if isinstance(value, dict) else None


def _row(item: Item, is_document: bool) -> Row | BadRow:
    """Return an item as a row: a document's JSON, or an attachment's base64."""
    key = item.name.encode("utf-8", "surrogatepass")
    if not is_document:
        return Row(key, {"id": "", "data": _DATA_URL.sub("", str(item.value), count=1)}, item.place)
    raw = str(item.value).encode("utf-8", "surrogatepass")
    if canonical.deeper_than(item.value):
        return BadRow(item.place, raw, "nested too deeply")
    try:
        return Row(key, json.loads(item.value), item.place)
    except ValueError as error:
        return BadRow(item.place, raw, f"not JSON: {error}")


def _under(row: Row | BadRow, name: str) -> Row | BadRow:
    """Return an attachment under the id that RxDB gives it elsewhere."""
    return row._replace(value={**row.value, "id": name}) if isinstance(row, Row) else row
