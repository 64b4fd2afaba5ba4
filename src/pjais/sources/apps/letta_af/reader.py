"""Read an agent file.  Ids in it are unique in the file alone, so ours are made of names and dates.

The file is held in memory: its parts point to each other in any order, and it holds no more than agents see at a time.
"""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pjais.core.document import Document, Piece, Remark, Unreadable
from pjais.formats.container import Container
from pjais.sources.apps import redaction, values
from pjais.sources.apps.letta_af import agent as letta
from pjais.sources.apps.letta_af import agent_file
from pjais.sources.apps.letta_af.agent import AGENT, BLOCK, KIND, MESSAGES
from pjais.sources.apps.shape import newest

_SECRETS = (("tool_exec_environment_variables",), ("secrets",))
_SERVER_SECRETS = (
    ("token",),
    ("token_enc",),
    ("custom_headers", "*"),
    ("custom_headers_enc",),
    ("stdio_config", "env", "*"),
)
_UNTOUCHED = frozenset({"messages", "system", "tools", "tool_rules", "response_format", "memory_blocks", "core_memory"})
"""Parts of an agent whose keys are not settings: texts, and schemas of tools that may name anything."""


@dataclass
class _File:
    """The elements of the file's lists with their places, and its other values."""

    lists: dict[str, list[tuple[Any, str]]] = field(default_factory=dict)
    rest: dict[str, Any] = field(default_factory=dict)
    names: Counter[str] = field(default_factory=Counter)

    def of(self, key: str) -> list[tuple[Any, str]]:
        return self.lists.get(key, [])

    def derived(self, *parts: Any) -> str:
        """Return an id for what these parts tell from all others; the next one of the same parts gets another."""
        first = values.derived(KIND, *parts)
        self.names[first] += 1
        return first if self.names[first] == 1 else values.derived(KIND, *parts, self.names[first])


@dataclass
class _Agents:
    """The agents that were read: our ids by those of the file, and the owners of blocks."""

    ids: dict[str, str] = field(default_factory=dict)
    first: str | None = None
    owners: dict[str, list[str]] = field(default_factory=dict)


def pieces(container: Container) -> Iterator[Piece]:
    """Yield everything in an agent file."""
    version = agent_file.version(container) or "2"
    name = container.names[0]
    held = _File()
    for keys, item, is_element in agent_file.read(container, version):
        if isinstance(item, Unreadable):
            yield item
        elif is_element:
            held.lists.setdefault(keys[0], []).append((item.value, values.place(name, item.place)))
        else:
            held.rest[keys[0]] = item.value
    agents = _Agents()
    if version == "1":
        yield from _one(held, name, agents)
        return
    for one, where in held.of("agents"):
        yield from _agent(one, where, held, agents)
    yield from _blocks(held, agents)
    yield from _groups(held, agents)
    yield from _others(held, name, agents)


def _one(held: _File, name: str, agents: _Agents) -> Iterator[Piece]:
    """Yield the agent of a file of version 1, which is the file itself."""
    messages = [one for one, _ in held.of("messages")]
    agent = {**held.rest, "messages": messages} if messages else held.rest
    yield from _agent(agent, f"{name} byte 0", held, agents)
    for one, where in held.of("core_memory"):
        yield from _block(one, where, held, [agents.first] if agents.first else [])


def _agent(one: Any, where: str, held: _File, agents: _Agents) -> Iterator[Piece]:
    """Yield an agent as a persona, what it remembers of the conversation, and blocks that only it has."""
    if not isinstance(one, dict):
        yield Unreadable("personas", where, b"", "not an agent: not an object")
        return
    messages = values.as_list(one.get("messages"))
    identity = held.derived("agent", one.get("name"), letta.born(one, messages))
    native = values.text_or_none(one.get("id"))
    agents.first = agents.first or identity
    if native is not None:
        agents.ids.setdefault(native, identity)
    for block in values.as_list(one.get("block_ids")):
        if isinstance(block, str):
            agents.owners.setdefault(block, []).append(identity)
    has_messages = isinstance(one.get("messages"), list)
    left, secrets = _without_secrets({key: part for key, part in one.items() if key != "messages" or not has_messages})
    yield from redaction.remarks("personas", where, secrets)
    yield Document("personas", native, where, AGENT.document(left, {"id": identity}))
    for block in values.as_list(one.get("memory_blocks")):
        yield from _block(block, where, held, [identity])
    if has_messages:
        yield from _messages(one, messages, where, identity)


def _without_secrets(agent: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    left, known = redaction.redacted(agent, *_SECRETS)
    about, more = redaction.redacted_settings({key: part for key, part in left.items() if key not in _UNTOUCHED})
    return {key: about.get(key, part) for key, part in left.items()}, (*known, *more)


def _messages(agent: dict[str, Any], messages: list[Any], where: str, identity: str) -> Iterator[Piece]:
    found = letta.turns(messages, agent.get("agent_type"), letta.in_context(agent, messages))
    odd = len(messages) - len(found)
    if odd:
        yield Remark("odd-message", "conversations", where, f"{odd} messages are not objects; kept as they are")
    for turn in found:
        attached: list[dict[str, Any]] = []
        for source in letta.pictures(messages[int(turn.path[-1])]):
            picture = _picture(source, where)
            if picture is None:
                told = next((source[key] for key in ("file_id", "url") if isinstance(source.get(key), str)), None)
                attached.append(values.missing(told, values.text_or_none(source.get("media_type"))))
            else:
                yield picture
                attached.append(values.reference(picture))
        if attached:
            turn.metadata["attachments"] = attached
    at = values.iso(newest(found))
    more = {"id": values.derived(KIND, "messages", identity), "personaId": identity, "updatedAt": at}
    value = MESSAGES.document({"messages": messages}, more, turns=found)
    yield Document("conversations", values.text_or_none(agent.get("id")), where, value)


def _picture(source: dict[str, Any], where: str) -> Document | None:
    """Return the attachment of a picture whose bytes are in the message."""
    if not isinstance(source.get("data"), str):
        return None
    try:
        data = base64.b64decode(source["data"], validate=True)
    except (binascii.Error, ValueError):
        return None
    return values.attachment_of(data, where, None, values.text_or_none(source.get("media_type")))


def _blocks(held: _File, agents: _Agents) -> Iterator[Piece]:
    """Yield the blocks of a file of version 2; one that several agents share is related to the others."""
    for one, where in held.of("blocks"):
        native = one.get("id") if isinstance(one, dict) else None
        yield from _block(one, where, held, agents.owners.get(native, []) if isinstance(native, str) else [])
    known = {one.get("id") for one, _ in held.of("blocks") if isinstance(one, dict) and isinstance(one.get("id"), str)}
    absent = [name for name in agents.owners if name not in known]
    if absent:
        message = f"{len(absent)} blocks of agents are not in the file, such as {absent[0]}"
        yield Remark("block-missing", "memories", "blocks", message)


def _block(one: Any, where: str, held: _File, owners: list[str]) -> Iterator[Piece]:
    if not isinstance(one, dict):
        yield Unreadable("memories", where, b"", "not a block: not an object")
        return
    owner = owners[0] if owners else None
    identity = held.derived("block", owner, one.get("label"))
    value = BLOCK.document(one, {"id": identity, "personaId": owner, "type": "block"})
    yield Document("memories", values.text_or_none(one.get("id")), where, value)
    for other in dict.fromkeys(owners[1:]):
        yield _related("shared_block", identity, other, where)


def _groups(held: _File, agents: _Agents) -> Iterator[Piece]:
    """Yield that agents are of one group: each is related to the first of it."""
    for one, where in held.of("groups"):
        members = values.as_list(values.as_dict(one).get("agent_ids"))
        found = [agents.ids[name] for name in members if isinstance(name, str) and name in agents.ids]
        for other in dict.fromkeys(found[1:]):
            if other != found[0]:
                yield _related("group", found[0], other, where)


def _related(kind: str, one: str, other: str, where: str) -> Document:
    identity = values.derived(KIND, kind, one, other)
    return Document("relationships", None, where, {"id": identity, "fromId": one, "toId": other, "type": kind})


def _others(held: _File, name: str, agents: _Agents) -> Iterator[Piece]:
    """Yield the other lists, element by element, and what is left of the file as one document."""
    for key, listed in held.lists.items():
        if key in ("agents", "blocks"):
            continue
        for one, where in listed:
            secrets: tuple[str, ...] = ()
            if key == "mcp_servers":
                one, secrets = redaction.redacted_settings(one, *_SERVER_SECRETS)
            yield from redaction.remarks(f"letta_af_{key}", where, secrets)
            told = values.as_dict(one)
            called = next((told[each] for each in ("name", "file_name", "id") if isinstance(told.get(each), str)), None)
            identity = held.derived(key, agents.first, called)
            yield Document(f"letta_af_{key}", identity, where, {"id": identity, "name": called, "value": one})
    if held.rest:
        rest, secrets = redaction.redacted_settings(held.rest)
        yield from redaction.remarks("letta_af_file", name, secrets)
        identity = held.derived("file", agents.first)
        yield Document("letta_af_file", identity, name, {"id": identity, "name": "file", "value": rest})
