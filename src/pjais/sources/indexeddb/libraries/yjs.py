"""Yjs in y-indexeddb: the shared types of a document, put together from its updates.

The type of a root is not on disk.  It follows from what was ever put into it: keys make a map, characters a text,
elements of XML a fragment, values a list.  One whose content is all gone has no value any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Any

from pjais.formats.indexeddb import BadRow, Record
from pjais.js_values import UNDEFINED, JSBuffer, JSView
from pjais.sources.indexeddb.libraries.contract import Library, Meaning, Rows, Strange, refused
from pjais.sources.indexeddb.libraries.yjs_document import Item, SharedType, YDocument
from pjais.sources.indexeddb.libraries.yjs_update import (
    ANY,
    ARRAY,
    DELETED,
    EMBED,
    FORMAT,
    JSON,
    MAP,
    STRING,
    TEXT,
    TYPE,
    XML_ELEMENT,
    XML_FRAGMENT,
    XML_HOOK,
    XML_TEXT,
    parse,
)

TYPES = "yjs/types"
_IN_TEXT = {STRING, EMBED, FORMAT}
_IN_XML = {XML_ELEMENT, XML_HOOK, XML_TEXT}


class Yjs(Library):
    """y-indexeddb: a database for each document, with its updates in `updates`."""

    name = "Yjs (y-indexeddb)"
    decodes = True

    def recognises(self, database: str, version: int, stores: Set[str]) -> bool:
        """Return whether the stores are those of y-indexeddb."""
        return stores == {"updates", "custom"}

    def read(self, rows: Rows, stores: Set[str]) -> Iterator[Meaning | BadRow]:
        """Yield each root type by its name; all of the document is held."""
        document, last = YDocument(), None
        for row in rows("updates"):
            if isinstance(row, BadRow):
                yield row
                continue
            try:
                document.add(*parse(_bytes(row)))
                last = row
            except Strange as error:
                yield refused(row, error)
        if last is None:
            return
        if lacking := document.finish():
            yield BadRow(last.place, b"", f"{lacking} changes follow on updates that are not there")
        for name, root in document.roots.items():
            try:
                yield Meaning(TYPES, name, _root(root), last.place, {})
            except Strange as error:
                yield BadRow(last.place, name.encode(), f"the type {name!r} cannot be read: {error}")
            except RecursionError:
                yield BadRow(last.place, name.encode(), f"the type {name!r} is nested too deeply")


def _bytes(row: Record) -> bytes:
    if isinstance(row.value, JSView):
        return row.value.data
    if isinstance(row.value, JSBuffer):
        return row.value.data
    raise Strange("an update is no bytes")


def _root(root: SharedType) -> Any:
    kinds = {item.kind for item in root if item.kind != DELETED}
    if root.map:
        if root.start is not None:
            raise Strange("it has keys and a sequence, and its type is not stored")
        return _json(root, MAP)
    if kinds & _IN_TEXT:
        return _json(root, TEXT)
    if kinds == {TYPE} and all(item.content.kind in _IN_XML for item in root if item.kind == TYPE):
        return _json(root, XML_FRAGMENT)
    return _json(root, ARRAY) if kinds else UNDEFINED


def _json(inside: SharedType, kind: int, name: str = "") -> Any:
    """Return a shared type as its `toJSON` does; a text with formats or embedded objects as its `toDelta`."""
    if kind in (MAP, XML_HOOK):
        return _members(inside)
    if kind == ARRAY:
        return [value for item in inside if not item.deleted for value in _values(item)]
    if kind == TEXT:
        delta = _delta(inside)
        plain = all(type(one["insert"]) is str and "attributes" not in one for one in delta)
        return "".join(one["insert"] for one in delta) if plain else delta
    if kind == XML_TEXT:
        return "".join(map(_tagged, _delta(inside)))
    children = "".join(map(_shown, (value for item in inside if not item.deleted for value in _values(item))))
    if kind == XML_FRAGMENT:
        return children
    tag = name.lower()
    return f"<{tag}{_attributes(_members(inside))}>{children}</{tag}>"


def _members(inside: SharedType) -> dict[str, Any]:
    return {key: _values(item)[-1] for key, item in inside.map.items() if not item.deleted}


def _values(item: Item) -> list[Any]:
    """Return the values of an item's elements; none for marks of format, which are no elements."""
    if item.kind in (ANY, JSON):
        return list(item.content)
    if item.kind == TYPE:
        assert item.inside is not None
        return [_json(item.inside, item.content.kind, item.content.name)]
    if item.kind == STRING:
        return list(_text(item))
    return [] if item.kind == FORMAT else [item.content]


def _text(item: Item) -> str:
    data: bytes = item.content
    return data.decode("utf-16-le", "surrogatepass")


def _delta(inside: SharedType) -> list[dict[str, Any]]:
    """Return a text as runs with their formats, as `toDelta` does: each mark of format begins a new one."""
    made: list[dict[str, Any]] = []
    formats: dict[str, Any] = {}
    run: list[str] = []

    def end() -> None:
        if run:
            made.append(_formatted("".join(run), formats))
            run.clear()

    for item in inside:
        if item.deleted:
            continue
        if item.kind == STRING:
            run.append(_text(item))
            continue
        end()
        if item.kind == FORMAT:
            key, value = item.content
            formats = {name: one for name, one in formats.items() if name != key}
            if value is not None:
                formats[key] = value
        else:
            made += [_formatted(value, formats) for value in _values(item)]
    end()
    return made


def _formatted(insert: Any, formats: dict[str, Any]) -> dict[str, Any]:
    return {"insert": insert, "attributes": formats} if formats else {"insert": insert}


def _tagged(run: dict[str, Any]) -> str:
    """Return a run of XML text: each of its formats is an element around it."""
    formats = sorted(run.get("attributes", {}).items())
    before = after = ""
    for name, told in formats:
        before += f"<{name}{_attributes(told if type(told) is dict else {})}>"
        after = f"</{name}>{after}"
    return f"{before}{_shown(run['insert'])}{after}"


def _attributes(told: dict[str, Any]) -> str:
    return "".join(f' {key}="{_shown(value)}"' for key, value in sorted(told.items()))


def _shown(value: Any) -> str:
    """Return a value as JavaScript writes it into a text."""
    if type(value) is str:
        return value
    if value is None or type(value) is bool:
        return {None: "null", True: "true", False: "false"}[value]
    return "undefined" if value is UNDEFINED else str(value) if type(value) in (int, float) else "[object Object]"
