"""What LobeChat's rows mean: agents, topics with their messages and threads, and rows that are kept as they are.

A conversation is put together from the rows of a topic, or of a session's messages that have no topic:
`{"topic", "messages", "threads"}`, in the order of the file.  A thread hangs on a message; its messages are branches.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pjais.sources.apps import shape, values
from pjais.sources.apps.lobechat.export_file import ENTRIES
from pjais.sources.apps.shape import Held, Shape, Turn, newest

KIND = "lobechat"


def instant(raw: object) -> int | None:
    """Return a time in ms: numbers are milliseconds, texts ISO-8601; the two forms differ in this."""
    return values.ms_of_text(raw) if isinstance(raw, str) else values.ms_of_ms(raw)


def _time(field: str, *path: str, as_text: bool) -> Held:
    def write(value: Any) -> Any:
        return value if as_text else values.ms_of_iso(value)

    return Held(field, path, lambda raw: values.iso(instant(raw)), write)


SESSION = Shape(
    KIND,
    shape.text("name", "meta", "title"),
    shape.text("description", "meta", "description"),
    shape.text("avatar", "meta", "avatar"),
    shape.system_prompt("config", "systemRole"),
    shape.within("personality", "tags", shape.texts("", "meta", "tags")),
    _time("createdAt", "createdAt", as_text=True),
    _time("updatedAt", "updatedAt", as_text=True),
)
"""A session of the older form is its agent."""

AGENT = Shape(
    KIND,
    shape.text("name", "title"),
    shape.text("description", "description"),
    shape.text("avatar", "avatar"),
    shape.system_prompt("systemRole"),
    shape.within("personality", "tags", shape.texts("", "tags")),
    _time("createdAt", "createdAt", as_text=True),
    _time("updatedAt", "updatedAt", as_text=True),
)

OLDER_TOPIC = Shape(
    KIND,
    shape.text("title", "topic", "title"),
    shape.text("summary", "topic", "historySummary"),
    _time("createdAt", "topic", "createdAt", as_text=False),
)
TOPIC = Shape(
    KIND,
    shape.text("title", "topic", "title"),
    shape.text("summary", "topic", "historySummary"),
    _time("createdAt", "topic", "createdAt", as_text=True),
)


def persona(row: dict[str, Any], identity: str, *, older: bool) -> dict[str, Any]:
    """Return the document of an agent: in the older form a session."""
    return (SESSION if older else AGENT).document(row, {"id": identity}, extra=_form(older))


def _form(older: bool) -> dict[str, Any]:
    return {"form": "legacy" if older else "database"}


def native(collection: str, value: Any) -> Any:
    """Return the row, or the rows, that a document was made of."""
    older = values.as_dict(value.get("extra")).get("form") == "legacy"
    if collection == "conversations":
        return (OLDER_TOPIC if older else TOPIC).native(value)
    if collection == "personas":
        return (SESSION if older else AGENT).native(value)
    return value["value"] if collection == ENTRIES else value


def conversation(held: dict[str, Any], more: dict[str, Any], *, older: bool, files: dict[str, Any]) -> dict[str, Any]:
    """Return the document of `{"topic", "messages", "threads"}`.

    `files`: rows of files by their id, if the export has any.
    """
    everything, shown = turns(held)
    for turn in everything:
        message = held["messages"][turn.path[1]]
        attached = [_file(one, files) for one in values.as_list(message.get("files"))]
        if attached:
            turn.metadata["attachments"] = attached
    own = instant(values.as_dict(held.get("topic")).get("updatedAt"))
    changed = [newest(everything), own]
    more["updatedAt"] = values.iso(max((one for one in changed if one is not None), default=None))
    listed = [_told(one, held["messages"]) for one in held.get("threads", ())]
    extra = {**_form(older), **({"threads": listed} if listed else {})}
    return (OLDER_TOPIC if older else TOPIC).document(held, more, turns=everything, shown=shown, extra=extra)


def _told(thread: dict[str, Any], messages: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what is to be seen of a thread: on which message it hangs, and its messages."""
    return {
        "id": thread.get("id"),
        "title": thread.get("title"),
        "sourceMessageId": thread.get("sourceMessageId"),
        "messages": [one.get("id") for one in messages if one.get("threadId") == thread.get("id")],
    }


def undated(topic: dict[str, Any] | None, messages: list[dict[str, Any]]) -> list[Any]:
    """Return the dates of a topic and its messages that cannot be read."""
    held = [topic or {}, *messages]
    dates = [one[key] for one in held for key in ("createdAt", "updatedAt") if one.get(key) is not None]
    return [date for date in dates if instant(date) is None]


def turns(held: dict[str, Any]) -> tuple[list[Turn], list[Turn]]:
    """Return all messages of a conversation by their time, and those that are in no thread."""
    sources = {str(one.get("id")): values.text_or_none(one.get("sourceMessageId")) for one in held.get("threads", ())}
    found: list[tuple[int, int, Turn]] = []
    last = 0
    for at, one in enumerate(held["messages"]):
        turn = _turn(one, at, sources)
        last = last if turn.at is None else turn.at  # one without a time stays behind the one before it
        found.append((last, at, turn))
    everything = [turn for *_, turn in sorted(found, key=lambda each: each[:2])]
    return everything, [one for one in everything if "thread" not in one.metadata]


def _turn(message: dict[str, Any], at: int, sources: dict[str, str | None]) -> Turn:
    role, content = message.get("role"), message.get("content")
    text = content if isinstance(content, str) else ""
    metadata: dict[str, Any] = {}
    if role == "tool":
        metadata["kind"] = "tool"
    elif message.get("error") and not text:
        metadata["kind"] = "error"
    if role in ("system", "tool") or (not text and message.get("tools")):
        metadata["hidden"] = True
    model = message.get("model") or values.as_dict(message.get("extra")).get("fromModel")
    if isinstance(model, str):
        metadata["model"] = model
    parent, thread = values.text_or_none(message.get("parentId")), message.get("threadId")
    if isinstance(thread, str) and thread:
        metadata["thread"] = thread
        parent = parent or sources.get(thread)
    known = values.first_text(role) or "unknown"
    text_at = ("content",) if isinstance(content, str) else None
    sent, name = instant(message.get("createdAt")), values.first_text(message.get("id"))
    return Turn(("messages", at), known, text, sent, name, parent, text_at, metadata)


def _file(one: Any, files: dict[str, Any]) -> dict[str, Any]:
    """Return what a message says of a file: the bytes are never in the export, mostly not even its name."""
    held = one if isinstance(one, dict) else files.get(one, {}) if isinstance(one, str) else {}
    name = values.text_or_none(held.get("name")) or (
        one if isinstance(one, str) else values.text_or_none(held.get("id"))
    )
    media = values.text_or_none(held.get("fileType")) or values.text_or_none(held.get("type"))
    return values.missing(name, media, held.get("size"))


def owners(tables: dict[str, list[dict[str, Any]]], agents: set[str]) -> dict[str, str]:
    """Return the agent of each session that has one."""
    found: dict[str, str] = {}
    for one in tables.get("agentsToSessions", ()):
        agent, session = one.get("agentId"), one.get("sessionId")
        if isinstance(agent, str) and isinstance(session, str) and agent in agents:
            found.setdefault(session, agent)
    return found


def names(row: dict[str, Any]) -> Iterator[str]:
    """Yield the ids that a row without an `id` joins, by which it is known."""
    for key in sorted(row):
        if key.endswith("Id") and isinstance(row[key], str):
            yield row[key]
