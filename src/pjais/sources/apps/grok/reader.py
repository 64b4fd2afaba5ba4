"""Read Grok's export, one conversation at a time."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from typing import Any

from pjais.core.document import Piece, Remark, Unreadable
from pjais.formats.container import Container
from pjais.formats.json_stream import Value
from pjais.sources.apps import entries, trees, values
from pjais.sources.apps.grok.conversation import (
    KIND,
    SHAPE,
    account_of,
    assets_of,
    native_id,
    response_of,
    turns,
    undated,
)

OTHERS = "grok_files"
"""The collection of the export's other files, and of members of its main file that are not lists."""

_BEGIN = re.compile(r'"conversations"\s*:\s*\[\s*\{\s*"(?:conversation|responses)"\s*:\s*[\[{]')
_LISTS = frozenset({"projects", "tasks", "media_posts"})
_PERSONAL = re.compile(r"auth|billing", re.IGNORECASE)
"""In the names of the export's files with e-mail addresses, sessions and payments."""


def is_backend(container: Container, name: str) -> bool:
    """Return whether a member holds conversations of Grok."""
    if container.form != "file" and not name.lower().endswith(".json"):
        return False
    head = values.json_head(container, name)
    if head.form == "object" and "conversations" in head.keys:
        return _BEGIN.search(head.text) is not None or head.keys >= _LISTS
    return {"conversation", "responses"} <= head.keys


def is_export(container: Container) -> bool:
    """Return whether a container is an export of Grok; a folder only if all files in it are called as Grok's are."""
    if container.form != "folder":
        return any(is_backend(container, name) for name in container.names)
    top = container.top
    if not all(name.startswith("prod-") and name.lower().endswith(".json") for name in top):
        return False
    return any(is_backend(container, name) for name in top)


def pieces(container: Container) -> Iterator[Piece]:
    """Yield everything in an export."""
    backends = [name for name in container.names if is_backend(container, name)]
    reader = _Reader(container)
    for name in backends:
        yield from reader.backend(name)
    for name in container.names if container.form != "file" else ():
        if name in backends or name in reader.taken:
            continue
        if not name.lower().endswith(".json"):
            yield values.attachment(container, name, _asset(name))
        elif _PERSONAL.search(name.rpartition("/")[2]):
            message = "e-mail addresses, sessions or payments; not stored, they are only in the raw backup"
            yield Remark("personal-data", "$file", name, message)
        else:
            yield from values.kept_whole(OTHERS, container, name)


def _asset(name: str) -> str | None:
    """Return the id of a file: the name of its folder, as it is itself called `content`."""
    folder, _, last = name.rpartition("/")
    return folder.rpartition("/")[2] if last == "content" and folder else None


class _Reader:
    """Reads one container; `taken`: the members that messages name."""

    def __init__(self, container: Container) -> None:
        self.container = container
        self.taken: set[str] = set()
        self._met: set[str] = set()
        named = {_asset(name): name for name in container.names if container.form != "file"}
        self._assets = {asset: name for asset, name in named.items() if asset is not None}

    def backend(self, name: str) -> Iterator[Piece]:
        if not {"conversation", "responses"} <= values.json_head(self.container, name).keys:
            found = entries.entries(
                self.container, name, lambda _: "conversations", lists=lambda _: True, broken=values.unreadable
            )
            for keys, item, is_element in found:
                yield from [item] if isinstance(item, Unreadable) else self._entry(name, keys[-1], item, is_element)
            return
        for item in values.items(self.container, name, "conversations"):
            yield from [item] if isinstance(item, Unreadable) else self._conversation(name, item)

    def _entry(self, name: str, key: str, item: Value, is_element: bool) -> Iterator[Piece]:
        """Yield an element of a list of the main file, or a member that is not a list; an empty list is nothing."""
        if item.value == [] and not is_element:
            return
        if key == "conversations":
            yield from self._conversation(name, item)
        elif is_element:
            value = item.value if isinstance(item.value, dict) else {"value": item.value}
            ids = (value.get(one) for one in ("id", "_id"))
            found = values.first_text(*ids)
            table = f"{KIND}_{re.sub(r'[^a-z0-9_]+', '_', key.lower())}"
            yield values.document(table, found or values.fingerprint(value), name, item, value)
        else:
            yield values.document(OTHERS, key, name, item._replace(text=None), {"name": key, "value": item.value})

    def _conversation(self, name: str, item: Value) -> Iterator[Piece]:
        native, where = item.value, values.place(name, item.place)
        found = native_id(native) if isinstance(native, dict) else None
        if found is None:
            yield values.unexpected("conversations", name, item, "a conversation without an id")
            return
        everything, shown = turns(native)
        if not isinstance(native.get("responses"), list):
            yield Remark("empty-conversation", "conversations", where, "its responses are not a list; kept as it is")
        elif len(everything) < len(native["responses"]):
            yield Remark("odd-message", "conversations", where, "elements that are not responses; kept as they are")
        for turn in everything:
            attached = yield from self._attached(response_of(native["responses"][int(turn.path[1])]))
            if attached:
                turn.metadata["attachments"] = attached
        yield from trees.of_turns(everything, where)
        yield from values.unreadable_dates(where, undated(native))
        more = {"id": values.identity(KIND, found, account_of(native))}
        value = SHAPE.document(native, more, turns=everything, shown=shown)
        yield values.document("conversations", found, name, item, value)

    def _attached(self, response: dict[str, Any]) -> Generator[Piece, None, list[dict[str, Any]]]:
        told: list[dict[str, Any]] = []
        for asset in assets_of(response, self._assets):
            there = self._assets.get(asset)
            document = None if there is None else values.attachment(self.container, there, asset)
            if there is not None:
                self.taken.add(there)
            told.append((yield from values.attached(document, self._met, asset)))
        return told
