"""Turn an app's object into a document of ours and back, so that nothing is lost: `native(document) == object`.

A document keeps the app's object beside its fields, in `extra[kind]`.  Going back, a field is written into the object
only where it differs from what the object says: so an untouched document gives the very same object, and an edit in the
store arrives in it.

A conversation's object is kept without its messages; each message keeps its own node in `metadata[kind]`, without its
text, and the path at which it stood.  The branch that was on screen is `messages`, every other message is in
`extra.branches`, with the id of the message that it follows (`parentId`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from pjais.sources.apps.values import is_texts, iso, ms_of_iso, ms_of_seconds, ms_of_text

Path = tuple[str | int, ...]
"""Keys and indexes that lead to a part of a JSON value."""

_HOLE = {"$message": True}
"""The placeholder in a kept object for a message that was taken out."""


class Held(NamedTuple):
    """A field of a document, and where the app's object has it.

    `read` returns the field's value of the raw one, `write` a raw value for it; both take None for what is absent.
    """

    field: str
    path: Path
    read: Callable[[Any], Any]
    write: Callable[[Any], Any] = lambda value: value


def text(field: str, *path: str | int) -> Held:
    """Return a field that is a text, or null."""
    return Held(field, path, lambda raw: raw if isinstance(raw, str) else None)


def seconds(field: str, *path: str | int) -> Held:
    """Return a field that is an instant, in Unix seconds in the app."""
    return Held(field, path, lambda raw: iso(ms_of_seconds(raw)), _as_seconds)


def milliseconds(field: str, *path: str | int) -> Held:
    """Return a field that is an instant, in milliseconds in the app."""
    return Held(field, path, lambda raw: iso(ms_of_iso(raw)) if not isinstance(raw, str) else None, ms_of_iso)


def dated(field: str, *path: str | int) -> Held:
    """Return a field that is an instant, an ISO-8601 text in the app."""
    return Held(field, path, lambda raw: iso(ms_of_text(raw)))


def truth(field: str, *path: str | int) -> Held:
    """Return a field that is true or false; whatever is not true in the app is false."""
    return Held(field, path, lambda raw: raw is True)


def texts(field: str, *path: str | int) -> Held:
    """Return a field that is a list of texts; anything else in the app is an empty one."""
    return Held(field, path, lambda raw: list(raw) if is_texts(raw) else [])


def system_prompt(*path: str | int) -> Held:
    """Return the field `settings` of a persona with its prompt as `systemPrompt`, or null."""
    return within("settings", "systemPrompt", text("", *path))


def name_or(untitled: str, *path: str | int) -> Held:
    """Return the field `name`, which is `untitled` where the app has no text or a blank one."""
    return Held("name", path, lambda raw: raw if isinstance(raw, str) and raw.strip() else untitled)


def within(field: str, key: str, held: Held) -> Held:
    """Return a field that is an object with one value of the app in it (`settings`: `systemPrompt`), or null."""

    def read(raw: Any) -> Any:
        value = held.read(raw)
        return None if value is None or value == [] else {key: value}

    def write(value: Any) -> Any:
        return held.write(value.get(key) if isinstance(value, dict) else None)

    return Held(field, held.path, read, write)


def _as_seconds(value: Any) -> Any:
    ms = ms_of_iso(value)
    return None if ms is None else ms // 1000 if ms % 1000 == 0 else ms / 1000


def joined(found: Sequence[tuple[str, Path]]) -> tuple[str, Path | None]:
    """Return the text of several parts, a blank line between them; of a single one also its path."""
    return found[0] if len(found) == 1 else ("\n\n".join(text for text, _ in found if text), None)


class Turn(NamedTuple):
    """One message of an app's conversation.

    `path`: where its node is in the conversation's object.  `text_at`: where in the node its text is stored verbatim;
    None if the text is put together of parts, `()` if the node itself is the text.  `id` may repeat, or lack; `parent`
    is the id of the message that it follows.  `at` is in ms.  `metadata`: what people may want to see (model, kind,
    attachments, hidden); the node has the rest.
    """

    path: Path
    role: str
    content: str
    at: int | None = None
    id: str | None = None
    parent: str | None = None
    text_at: Path | None = None
    metadata: dict[str, Any] = {}  # noqa: RUF012 - never changed

    @property
    def hidden(self) -> bool:
        """Return whether it was not shown as a message: system texts, tool traffic, reasoning."""
        return self.metadata.get("hidden") is True


def branch(turns: Sequence[Turn], leaf: str | None = None, parents: dict[str, str | None] | None = None) -> list[Turn]:
    """Return the branch that ends in a message, from its root: the messages that were on screen.

    `leaf` None, or an id that is not there: the newest message that none follows.  `parents`: of nodes that are no
    messages, too (id -> id).  A parent that is missing, or that has been met, begins the branch.
    """
    by_id = {turn.id: turn for turn in turns if turn.id is not None}
    above: dict[str, str | None] = {**(parents or {}), **{one.id: one.parent for one in turns if one.id is not None}}
    at = leaf if leaf in above else _newest_leaf(turns, above)
    found: list[Turn] = []
    met: set[str] = set()
    while at is not None and at in above and at not in met:
        met.add(at)
        if at in by_id:
            found.append(by_id[at])
        at = above[at]
    return found[::-1]


def _newest_leaf(turns: Sequence[Turn], above: dict[str, str | None]) -> str | None:
    followed = set(above.values())
    leaves = [turn for turn in turns if turn.id is not None and turn.id not in followed] or [
        turn for turn in turns if turn.id is not None
    ]
    newest = max(enumerate(leaves), key=lambda one: (one[1].at is not None, one[1].at or 0, one[0]), default=None)
    return None if newest is None else newest[1].id


def newest(turns: Iterable[Turn]) -> int | None:
    """Return the time of the newest message (ms), for conversations that have no time of their own."""
    return max((turn.at for turn in turns if turn.at is not None), default=None)


class Shape:
    """The form of one kind's objects: `kind` names what is kept of them, `fields` are what the object has, too."""

    def __init__(self, kind: str, *fields: Held) -> None:
        self.kind = kind
        self.fields = fields

    def document(
        self,
        native: Any,
        more: dict[str, Any],
        *,
        turns: Iterable[Turn] | None = None,
        shown: Iterable[Turn] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return the document of an object.

        `more`: what is not read from it by `fields` (at least `id`).  `turns`: all messages of a conversation in the
        order of the object, `shown` those of them that were on screen, in order (None: all).  `extra`: what else is to
        be seen there.
        """
        value = {one.field: one.read(get(native, one.path)) for one in self.fields}
        value |= more
        kept: dict[str, Any] = {}
        if turns is not None:
            everything = list(turns)
            chosen = everything if shown is None else list(shown)
            names = _Names()
            native, nodes = _taken_out(native, everything)
            value["messages"] = [self._message(turn, names, nodes) for turn in chosen]
            on_screen = {id(turn) for turn in chosen}
            others = [
                {**self._message(turn, names, nodes), "parentId": turn.parent}
                for turn in everything
                if id(turn) not in on_screen
            ]
            if others:
                kept["branches"] = others
        value["extra"] = {**(extra or {}), **kept, self.kind: native}
        return value

    def _message(self, turn: Turn, names: _Names, nodes: dict[int, Any]) -> dict[str, Any]:
        node = nodes[id(turn)]
        origin: dict[str, Any] = {"path": list(turn.path), "node": node}
        if turn.text_at is not None and get(node, turn.text_at) == turn.content:
            if turn.text_at:
                put(node, turn.text_at, None)
            else:
                origin["node"] = None
            origin["text"] = list(turn.text_at)
        return {
            "id": names.unique(turn.id),
            "role": turn.role,
            "content": turn.content,
            "timestamp": turn.at,
            "metadata": {**turn.metadata, self.kind: origin},
        }

    def native(self, value: dict[str, Any]) -> Any:
        """Return the object that a document was made of, with what was edited since."""
        extra = value.get("extra") or {}
        found = copied(extra.get(self.kind))
        origins = [
            (tuple(origin["path"]), origin, message)
            for message in [*(value.get("messages") or ()), *(extra.get("branches") or ())]
            if isinstance(message, dict)
            and isinstance(message.get("metadata"), dict)
            and isinstance(origin := message["metadata"].get(self.kind), dict)
            and "path" in origin  # one written in the store has no place in the object
        ]
        for path, origin, message in sorted(origins, key=lambda one: len(one[0])):
            if _is_kept(message) and not _has_room(found, path):
                continue
            node = copied(origin["node"])
            if origin.get("text"):
                put(node, tuple(origin["text"]), message.get("content"))
            elif "text" in origin:
                node = message.get("content")
            put(found, path, node)
        _close(found, {path[:-1] for path, *_ in origins})
        for one in self.fields:
            if one.field in value and one.read(get(found, one.path)) != value[one.field]:
                put(found, one.path, one.write(value[one.field]))
        return found


def _is_kept(message: dict[str, Any]) -> bool:
    """Return whether a message is of an earlier export: the object does not have it."""
    return message["metadata"].get("kept") is True


def _has_room(value: Any, path: Path) -> bool:
    """Return whether an object can take a message of an earlier export at its place; a list has another one there."""
    inside = get(value, path[:-1])
    return isinstance(inside, dict) and path[-1] not in inside


class _Names:
    """Gives every message of a conversation an id of its own: its native one, or that and a number."""

    def __init__(self) -> None:
        self._met: Counter[str] = Counter()

    def unique(self, native: str | None) -> str:
        name = native or "message"
        self._met[name] += 1
        return name if self._met[name] == 1 and native else f"{name}#{self._met[name]}"


def get(value: Any, path: Path) -> Any:
    """Return the part of a value at a path; None if it has none."""
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and -len(value) <= step < len(value):
            value = value[step]
        else:
            return None
    return value


def put(value: Any, path: Path, part: Any) -> None:
    """Change the part of a value at a path; a key that an object lacks is added, an index that a list lacks is not."""
    *way, last = path
    for step in way:
        value = value.setdefault(step, {}) if isinstance(value, dict) else get(value, (step,))
    if isinstance(value, dict):
        value[last] = part
        return
    if isinstance(value, list) and isinstance(last, int) and last < len(value):
        value[last] = part


def _taken_out(native: Any, turns: list[Turn]) -> tuple[Any, dict[int, Any]]:
    """Take the nodes of messages out of an object; return what is left, and the nodes by the identity of their turns.

    A node may be inside another one (a tree of replies): the inner ones are taken out first.
    """
    left = copied(native)
    nodes: dict[int, Any] = {}
    for turn in sorted(turns, key=lambda one: -len(one.path)):
        nodes[id(turn)] = get(left, turn.path)
        put(left, turn.path, dict(_HOLE))
    return left, nodes


def _close(value: Any, places: set[Path]) -> None:
    """Remove the holes that are left in lists and objects at some paths: their messages were deleted in the store."""
    for path in places:
        inside = get(value, path)
        if isinstance(inside, list) and _HOLE in inside:
            inside[:] = [one for one in inside if one != _HOLE]
        elif isinstance(inside, dict) and _HOLE in inside.values():
            for key in [key for key, one in inside.items() if one == _HOLE]:
                del inside[key]


def copied(value: Any) -> Any:
    """Return a copy of a JSON value that shares nothing with it."""
    if type(value) is dict:
        return {key: copied(one) for key, one in value.items()}
    return [copied(one) for one in value] if type(value) is list else value
