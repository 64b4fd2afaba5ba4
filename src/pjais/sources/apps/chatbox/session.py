"""A session of Chatbox: the thread on screen, the earlier threads, and forks of both.

`messageForksHash[<message>]` holds what else once followed that message: `lists`, of which the one at `position` is on
screen, and empty there.  It is the session's, also for messages of its earlier threads; a thread is therefore kept
with its own forks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pjais.sources.apps import shape, values
from pjais.sources.apps.shape import Path, Shape, Turn

KIND = "chatbox"
ENTRIES = "chatbox_entries"
"""The collection of every entry that is not a session, copilot or blob."""

SESSION = Shape(KIND, shape.text("title", "name"), shape.truth("isArchived", "hidden"))
THREAD = Shape(KIND, shape.text("title", "thread", "name"), shape.milliseconds("createdAt", "thread", "createdAt"))
COPILOT = Shape(
    KIND,
    shape.text("name", "name"),
    shape.text("description", "description"),
    shape.text("avatar", "picUrl"),
    shape.system_prompt("prompt"),
    shape.within("personality", "tags", shape.texts("", "tags")),
    shape.milliseconds("createdAt", "createdAt"),
    shape.milliseconds("updatedAt", "updatedAt"),
)

_FORKS = "messageForksHash"
_UNSEEN = frozenset({"reasoning", "tool-call"})


def native(collection: str, value: Any) -> Any:
    """Return the object of the dump that a document was made of."""
    if collection == "conversations":
        kept = values.as_dict(values.as_dict(value.get("extra")).get(KIND))
        is_thread = isinstance(kept.get("thread"), dict)
        return THREAD.native(value)["thread"] if is_thread else SESSION.native(value)
    if collection == "personas":
        return COPILOT.native(value)
    return value["value"] if collection == ENTRIES else value


def threads(session: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    """Return the earlier threads of a session, with their places in its list."""
    return [(at, one) for at, one in enumerate(values.as_list(session.get("threads"))) if isinstance(one, dict)]


def forks_of(session: dict[str, Any], messages: Any) -> dict[str, Any]:
    """Return the forks of some messages, and those of the messages in them, by the message that they follow."""
    everything = values.as_dict(session.get(_FORKS))
    found: dict[str, Any] = {}
    waiting = list(_ids(messages))
    while waiting:
        after = waiting.pop()
        if after in everything and after not in found:
            found[after] = everything[after]
            waiting += [one for _, messages in _lists(everything[after]) for one in _ids(messages)]
    return {key: one for key, one in everything.items() if key in found}


def session_turns(session: dict[str, Any]) -> tuple[list[Turn], list[Turn]]:
    """Return all messages of a session but those of its earlier threads, and those on screen, in order."""
    elsewhere = {key for _, one in threads(session) for key in forks_of(session, one.get("messages"))}
    here = forks_of(session, session.get("messages"))
    forks = {
        key: one
        for key, one in values.as_dict(session.get(_FORKS)).items()
        if key in here or key not in elsewhere  # a fork whose message is gone is the session's
    }
    return _turns(session.get("messages"), ("messages",), forks, (_FORKS,))


def thread_turns(held: dict[str, Any]) -> tuple[list[Turn], list[Turn]]:
    """Return the same of `{"thread", "forks"}`."""
    return _turns(held["thread"].get("messages"), ("thread", "messages"), held["forks"], ("forks",))


def _turns(messages: Any, path: Path, forks: dict[str, Any], forks_path: Path) -> tuple[list[Turn], list[Turn]]:
    shown = list(_line(messages, path, None))
    others = [
        turn
        for after, fork in forks.items()
        for at, one in _lists(fork)
        for turn in _line(one, (*forks_path, after, "lists", at, "messages"), after)
    ]
    return [*shown, *others], shown


def _lists(fork: Any) -> Iterator[tuple[int, Any]]:
    for at, one in enumerate(values.as_list(values.as_dict(fork).get("lists"))):
        if isinstance(one, dict):
            yield at, one.get("messages")


def _ids(messages: Any) -> Iterator[str]:
    for one in values.as_list(messages):
        if isinstance(one, dict) and isinstance(one.get("id"), str):
            yield one["id"]


def _line(messages: Any, path: Path, after: str | None) -> Iterator[Turn]:
    """Yield the messages of a list, each of which follows the one before it."""
    for at, one in enumerate(values.as_list(messages)):
        if isinstance(one, dict):
            yield _turn(one, (*path, at), after)
            after = one["id"] if isinstance(one.get("id"), str) else None


def _turn(message: dict[str, Any], path: Path, parent: str | None) -> Turn:
    text, text_at = _text(message)
    role = message.get("role")
    parts = [one.get("type") for one in values.as_list(message.get("contentParts")) if isinstance(one, dict)]
    metadata: dict[str, Any] = {}
    if message.get("isSummary") is True:
        metadata["kind"] = "summary"
    elif message.get("error") and not text:
        metadata["kind"] = "error"
    silent = bool(parts) and not text and all(isinstance(one, str) and one in _UNSEEN | {"text"} for one in parts)
    if role in ("system", "tool") or message.get("isSummary") is True or silent:
        metadata["hidden"] = True
    if isinstance(message.get("model"), str):
        metadata["model"] = message["model"]
    known = values.first_text(role) or "unknown"
    sent = values.ms_of_ms(message.get("timestamp"))
    return Turn(path, known, text, sent, values.first_text(message.get("id")), parent, text_at, metadata)


def _text(message: dict[str, Any]) -> tuple[str, Path | None]:
    """Return the text of a message, its text parts, and its path if the text is stored there verbatim."""
    found = [
        (one["text"], ("contentParts", at, "text"))
        for at, one in enumerate(values.as_list(message.get("contentParts")))
        if isinstance(one, dict) and one.get("type") == "text" and isinstance(one.get("text"), str) and one["text"]
    ]
    if found:
        return shape.joined(found)
    older = message.get("content")
    return (older, ("content",)) if isinstance(older, str) else ("", None)


def pointers(message: dict[str, Any]) -> Iterator[tuple[str | None, str | None, str | None]]:
    """Yield (storage key, name, media type) of everything that a message points to; a link without a key is none."""
    for one in values.as_list(message.get("contentParts")):
        if isinstance(one, dict) and isinstance(one.get("storageKey"), str):
            yield one["storageKey"], None, None
    for group, naming in (("files", "name"), ("links", "title"), ("pictures", "name")):
        for one in values.as_list(message.get(group)):
            if not isinstance(one, dict):
                continue
            key, name = values.text_or_none(one.get("storageKey")), values.text_or_none(one.get(naming))
            if key or (group == "files" and name):
                yield key, name, values.text_or_none(one.get("fileType"))
