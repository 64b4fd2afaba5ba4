"""Read mem0's files: the results of `get_all`, with their history if `history.db` is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pjais import canonical
from pjais.core.document import Document, Piece, Remark, Unreadable
from pjais.formats.container import Container
from pjais.formats.json_stream import Value
from pjais.sources.apps import entries, values
from pjais.sources.apps.mem0 import history, item
from pjais.sources.apps.mem0.item import HISTORY

EXPORTS = "mem0_exports"
"""The collection of what is beside the results: pages, relations of the graph."""
RELATIONSHIPS = "mem0_relationships"
"""The collection of relationships of which an end is not there."""

_DEFAULT_LIMIT = 20
_MOST_MEMBERS = 200
_RESULTS = re.compile(r'"results"\s*:\s*\[\s*(?=\{)')
_SURE = frozenset({"hash", "user_id", "agent_id", "run_id", "created_at", "metadata", "score"})


def is_mem0(container: Container) -> bool:
    """Return whether a container holds anything of mem0.

    A folder or archive is one as a whole with a `history.db`, or if nothing else is in it; results of `get_all` among
    other files are sources of their own.
    """
    names = _names(container)
    if not names or len(names) > _MOST_MEMBERS:
        return False
    if any(history.is_history(container, name) for name in names):
        return True
    return all(_is_export(container, name) for name in names)


def _names(container: Container) -> tuple[str, ...]:
    return container.top if container.form == "folder" else container.names


def _is_export(container: Container, name: str) -> bool:
    head = values.json_head(container, name)
    if head.form == "list":
        return _is_item(head.keys)
    found = _RESULTS.search(head.text) if head.form == "object" and "results" in head.keys else None
    return found is not None and _is_item(frozenset(canonical.top_keys(head.text[found.end() :])))


def _is_item(keys: frozenset[str]) -> bool:
    return {"id", "memory"} <= keys and len(keys & _SURE) >= 2


def pieces(container: Container) -> Iterator[Piece]:
    """Yield everything in a container."""
    names = _names(container)
    databases = [name for name in names if history.is_history(container, name)]
    versions: dict[str, list[dict[str, Any]]] = {}
    others: list[Document] = []
    for name in databases:
        found = history.read(container, name)
        yield from found.broken
        others += found.others
        for key, rows in found.by_memory.items():
            versions.setdefault(key, []).extend(row for row in rows if row not in versions.get(key, ()))
    reading = _Reading(container, versions)
    sides = {side for name in databases for side in history.sides(name)}
    for name in names:
        if _is_export(container, name):
            yield from reading.export(name)
        elif name not in databases and name not in sides:
            yield Remark("foreign-file", "$file", name, "not from mem0; not read.  Name it to read it")
    if deeper := len(container.names) - len(names):
        yield Remark("foreign-file", "$file", "", f"{deeper:,} more files in folders, not read (vectors are not)")
    yield from reading.rest(databases[0] if databases else "")
    yield from others


class _Reading:
    """One reading of a container: what was met, and what waits for the memories."""

    def __init__(self, container: Container, versions: dict[str, list[dict[str, Any]]]) -> None:
        self._container, self._versions = container, versions
        self._met: set[str] = set()
        self._seen: set[str] = set()
        self._records: set[str] = set()
        self._relationships: dict[str, tuple[str, dict[str, Any]]] = {}

    def export(self, name: str) -> Iterator[Piece]:
        """Yield the memories in a result of `get_all`."""
        count = 0
        for each in self._results(name):
            if isinstance(each, Value):
                count += 1
                yield from self._item(name, each)
            else:
                yield each
        if count == _DEFAULT_LIMIT:
            message = "exactly 20 memories, the default limit of get_all: it was probably cut off; export with a top_k"
            yield Remark("cut-off", "memories", name, message)

    def _results(self, name: str) -> Iterator[Value | Unreadable | Document]:
        """Yield the results one by one, so that a broken one costs itself; and last what stands beside them."""
        if values.json_head(self._container, name).form == "list":
            yield from values.items(self._container, name, "memories")
            return
        rest: dict[str, Any] = {}
        found = entries.entries(
            self._container,
            name,
            lambda _: "memories",
            lists=lambda keys: keys == ("results",),
            broken=values.unreadable,
        )
        for keys, one, is_element in found:
            if isinstance(one, Unreadable) or is_element:
                yield one
            elif keys != ("results",) or one.value != []:
                rest[keys[0]] = one.value
        if rest:
            yield Document(EXPORTS, values.fingerprint(rest), values.place(name, 0), rest)

    def _item(self, name: str, one: Value) -> Iterator[Piece]:
        native = one.value
        key = native.get("id") if isinstance(native, dict) else None
        if not isinstance(native, dict) or not isinstance(key, str | int) or isinstance(key, bool) or key == "":
            yield values.unexpected("memories", name, one, "a memory without an id")
            return
        if not isinstance(native.get("memory"), str):
            yield values.unexpected("memories", name, one, "a memory without a text")
            return
        mark = values.fingerprint(native)
        if mark in self._seen:
            return
        self._seen.add(mark)
        made, added = item.read(native)
        yield from self._persona(name, one, native, added)
        self._met.add(str(key))
        self._records.add(str(made["id"]))
        rows = self._versions.get(str(key))
        if rows:
            made["extra"] = {**made["extra"], HISTORY: rows}
            yield from self._compared(name, one, native, made, rows)
        for each in values.as_list(added.get("relationships")):
            if isinstance(each, dict) and isinstance(each.get("id"), str):
                self._relationships[each["id"]] = (values.place(name, one.place), canonical.untag(each))
        yield values.document("memories", str(key), name, one, made)

    def _persona(self, name: str, one: Value, native: dict[str, Any], added: dict[str, Any]) -> Iterator[Document]:
        """Yield the persona of a memory with the first one that it has."""
        told, agent = canonical.untag(added.get("persona")), native.get("agent_id")
        made = told if isinstance(told, dict) and isinstance(told.get("id"), str) else None
        fields = values.as_dict(added.get("fields"))
        if made is None and isinstance(agent, str) and agent and "personaId" not in fields:
            made = item.agent_of(agent)
        if made is not None and made["id"] not in self._records:
            self._records.add(made["id"])
            yield values.document("personas", None, name, one._replace(text=None), made)

    def _compared(
        self, name: str, one: Value, native: dict[str, Any], made: dict[str, Any], rows: list[dict[str, Any]]
    ) -> Iterator[Remark]:
        """Yield what the history knows better than the result of `get_all`."""
        where = values.place(name, one.place)
        if history.is_deleted(rows):
            made["deletedAt"] = history.last_date(rows) or made.get("updatedAt")
            yield Remark("deleted-since", "memories", where, "deleted since, as the history says")
        elif history.text_of(rows) != native["memory"]:
            message = "its last text in the history differs; it is in extra.history"
            yield Remark("history-differs", "memories", where, message)

    def rest(self, name: str) -> Iterator[Piece]:
        """Yield the memories that only the history has, and the relationships."""
        alive = 0
        for key, rows in self._versions.items():
            if key not in self._met:
                made = history.document(key, rows)
                if history.is_deleted(rows) and made["deletedAt"] is None:  # it would not be a deleted one
                    yield from history.kept(name, rows)
                    continue
                alive += "deletedAt" not in made
                self._records.add(str(made["id"]))
                yield Document("memories", key, f"{name} history of {key}", made)
        if alive and self._met:
            message = f"{alive} memories are only in the history: their owner is not known"
            yield Remark("only-in-history", "memories", name, message)
        for where, made in self._relationships.values():
            ends = {made.get("fromId"), made.get("toId")}
            if ends <= self._records:
                yield Document("relationships", made["id"], where, made)
            else:
                yield Remark("dangling-relation", "relationships", where, f"an end is not there; in {RELATIONSHIPS}")
                yield Document(RELATIONSHIPS, made["id"], where, made)
