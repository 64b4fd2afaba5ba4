"""The tree of a conversation's messages: the branches that can be read, and what is hidden in a message.

`messages` are the branch that was on screen; the messages of all others are in `extra.branches`, each with the id of
the one that it follows.  What an app hides (thinking, tools, system texts) is a message of its own, or a part of one
that the app's own form has; both are found here, so that they can be counted and unfolded.  Nothing is left out, and
nothing fails, whatever a message is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from pjais import canonical, instants

_FIRST_MS = 10**11
"""Smaller numbers are hardly milliseconds since 1970."""
_THINKING = ("thinking", "reasoning", "thoughts", "reasoning_recap", "redacted_thinking")
_CALLS = ("tool_use", "tool_call", "tool-call", "tool", "mcp_tool_use", "server_tool_use", "tool-invocation")
_ANSWERS = ("tool_result", "tool-result", "mcp_tool_result", "web_search_tool_result")
_CONTEXTS = ("user_editable_context", "model_editable_context")
_TOOLS = ("tool", "function")
_LISTS = ("content", "blocks", "parts")
"""Where the forms of apps keep the parts of a message."""
_DEEP = 4


class Part(NamedTuple):
    """A hidden part of a message: thinking, tool, system, context or hidden; its name, its text, its JSON."""

    kind: str
    name: str
    text: str
    data: Any


@dataclass(frozen=True, eq=False)
class Node:
    """One message: its place among all messages of the conversation, its key in addresses, and that it follows."""

    number: int
    key: str
    message: Any
    follows: int | None

    def get(self, name: str) -> Any:
        """Return a field of the message; None where it is no object."""
        return self.message.get(name) if isinstance(self.message, Mapping) else None

    @property
    def told(self) -> Mapping[str, Any]:
        """Return what the source says of the message."""
        found = self.get("metadata")
        return found if isinstance(found, Mapping) else {}

    @property
    def role(self) -> str:
        """Return who speaks, or nothing."""
        found = self.get("role")
        return found if isinstance(found, str) else ""

    @property
    def at(self) -> int | None:
        """Return when it was sent (ms), where that can be told."""
        found = self.get("timestamp")
        ms = instants.from_text(found) if isinstance(found, str) else found
        plain = isinstance(ms, int) and not isinstance(ms, bool) and _FIRST_MS <= abs(ms) <= instants.LIMIT_MS
        return ms if plain else None

    @property
    def folded(self) -> bool:
        """Return whether it is shown folded: hidden by its app, a system text, or an answer of a tool in words."""
        spoken = self.role != "system" and (self.role not in _TOOLS or bool(self.told.get("attachments")))
        return self.told.get("hidden") is True or not spoken

    @property
    def text(self) -> str:
        """Return what the message says; JSON as its own text, a message that is no object as it is."""
        content = self.message.get("content") if isinstance(self.message, Mapping) else self.message
        if isinstance(content, str):
            return content
        return "" if content is None else canonical.dumps(content)

    @cached_property
    def parts(self) -> list[Part]:
        """Return the hidden parts: of a folded message itself, of any other those in its app's form of it."""
        inner = list(_inner(self.told))
        if not self.folded:
            return inner
        kind = self._kind()
        name = self.told.get("author")
        form = None if self.text or inner else _form(self.told)
        whole = Part(kind, name if isinstance(name, str) else "", self.text, form)
        return [whole, *inner] if whole.text or whole.data or not inner else inner

    def _kind(self) -> str:
        kind = self.told.get("kind")
        if kind in _THINKING:
            return "thinking"
        if kind in _CONTEXTS:
            return "context"
        if self.role == "system":
            return "system"
        return "tool" if self.role in _TOOLS or kind == "code" else "hidden"

    def says(self) -> Iterator[str]:
        """Yield every text of the message, hidden ones too."""
        yield self.text
        for part in self.parts:
            yield part.text
            if part.data is not None:
                yield canonical.dumps(part.data)


class Branch(NamedTuple):
    """A branch: the key of its last message, the message with which it parts from the others, and its length."""

    key: str
    begins: Node
    length: int


class Tree:
    """The messages of a conversation, as `messages` and `extra.branches` hold them."""

    def __init__(self, messages: Sequence[Any], branches: Any) -> None:
        others = branches if isinstance(branches, list) else []
        everything = [*messages, *others]
        ids = [one.get("id") if isinstance(one, Mapping) else None for one in everything]
        first: dict[str, int] = {}
        for number, name in enumerate(ids):
            if isinstance(name, str):
                first.setdefault(name, number)
        self.main = len(messages)
        """Number of messages of the branch that was on screen: the first ones."""
        self.nodes = [
            Node(
                number,
                name if isinstance(name, str) and name and first[name] == number else f"#{number}",
                one,
                (number - 1 if number else None) if number < self.main else _above(one, first),
            )
            for number, (one, name) in enumerate(zip(everything, ids, strict=True))
        ]
        self._children: dict[int | None, list[Node]] = {}
        reached = self._reached()
        for one in self.nodes:
            above = one.follows if one.number in reached else None
            self._children.setdefault(above, []).append(one)
        for found in self._children.values():
            if len(found) > 1 and all(one.at is not None for one in found):
                found.sort(key=lambda one: (one.at or 0, one.number))

    def _reached(self) -> set[int]:
        """Return the messages that lead up to a beginning; those in a cycle do not, and each is a beginning then."""
        reached = set(range(self.main))
        for one in self.nodes[self.main :]:
            way: list[int] = []
            at: int | None = one.number
            while at is not None and at not in reached and at not in way:
                way.append(at)
                at = self.nodes[at].follows
            if at is None or at in reached:
                reached.update(way)
        return reached

    def node(self, key: str) -> Node | None:
        """Return the message of this key (`Node.key`)."""
        return next((one for one in self.nodes if one.key == key), None)

    def path(self, through: Node | None = None) -> list[Node]:
        """Return the branch that goes through a message; None: the one that was on screen."""
        if through is None or through.number < self.main:
            return self.nodes[: self.main] if self.main else self._down(self._children.get(None, [])[:1])
        up = [through]
        while (above := self._above(up[-1])) is not None:
            up.append(above)
        return up[::-1] + self._down(self._children.get(through.number, []))

    def _above(self, node: Node) -> Node | None:
        known = node.follows is not None and node in self._children.get(node.follows, ())
        return self.nodes[node.follows] if known and node.follows is not None else None

    def _down(self, children: list[Node]) -> list[Node]:
        found: list[Node] = []
        while children:
            chosen = next((one for one in children if one.number < self.main), children[-1])
            found.append(chosen)
            children = self._children.get(chosen.number, [])
        return found

    def beside(self, node: Node) -> list[Node]:
        """Return the versions of a message: those that follow the same one, itself among them, oldest first."""
        above = self._above(node)
        return self._children[None if above is None else above.number]

    def branches(self) -> list[Branch]:
        """Return every branch by its last message, the one that was on screen first."""
        leaves = [one for one in self.nodes if one.number not in self._children]
        return [self._branch(one) for one in sorted(leaves, key=lambda one: (one.number >= self.main, one.number))]

    def _branch(self, leaf: Node) -> Branch:
        path = self.path(leaf)
        parts = next((one for one in reversed(path) if len(self.beside(one)) > 1), path[0])
        return Branch(leaf.key, parts, sum(not one.folded for one in path))


def _above(message: Any, first: Mapping[str, int]) -> int | None:
    parent = message.get("parentId") if isinstance(message, Mapping) else None
    return first.get(parent) if isinstance(parent, str) else None


def _form(told: Mapping[str, Any]) -> Any:
    """Return the app's own form of a message that has no text: its content, else all of it."""
    node = next((one.get("node") for one in told.values() if isinstance(one, Mapping) and "path" in one), None)
    message = node.get("message", node) if isinstance(node, Mapping) else None
    content = message.get("content") if isinstance(message, Mapping) else None
    if isinstance(content, Mapping):
        kept = {key: one for key, one in content.items() if key not in ("content_type", "parts") and one}
        return kept or None
    return None


def _inner(told: Mapping[str, Any]) -> Iterator[Part]:
    """Yield thinking and tools in the app's own form of a message: a list of parts that say their type."""
    for one in told.values():
        if isinstance(one, Mapping) and "path" in one:
            yield from _typed(one.get("node"), 0)


def _typed(value: Any, deep: int) -> Iterator[Part]:
    if not isinstance(value, Mapping) or deep > _DEEP:
        return
    for name in (*_LISTS, "message"):
        held = value.get(name)
        if isinstance(held, list):
            for one in held:
                if isinstance(one, Mapping) and (part := _part(one)) is not None:
                    yield part
        else:
            yield from _typed(held, deep + 1)


def _part(one: Mapping[str, Any]) -> Part | None:
    kind = one.get("type")
    name = one.get("name") or one.get("toolName")
    called = name if isinstance(name, str) else ""
    if kind in _THINKING:
        said = one.get("thinking") or one.get("reasoning") or one.get("content") or one.get("text")
        return Part("thinking", "", said if isinstance(said, str) else "", None if isinstance(said, str) else dict(one))
    if kind in _CALLS:
        return Part("tool", called, "", one.get("input", one.get("arguments", one.get("args", dict(one)))))
    if kind in _ANSWERS:
        said = one.get("content", one.get("output", one.get("result")))
        text = said if isinstance(said, str) else _texts(said)
        return Part("tool result", called, text, None if text else said)
    return None


def _texts(value: Any) -> str:
    """Return the texts of a list of text parts; nothing if there is anything else in it."""
    if not isinstance(value, list):
        return ""
    texts = [one.get("text") if isinstance(one, Mapping) else one for one in value]
    return "\n".join(one for one in texts if isinstance(one, str)) if all(isinstance(t, str) for t in texts) else ""
