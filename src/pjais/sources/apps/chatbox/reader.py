"""Read a dump of Chatbox in two passes: first what its entries are and point to, then the documents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pjais.core.document import Document, Piece, Remark, Unreadable
from pjais.formats.container import Container
from pjais.formats.json_stream import Value
from pjais.sources.apps import redaction, values
from pjais.sources.apps.chatbox import dump
from pjais.sources.apps.chatbox.session import (
    COPILOT,
    ENTRIES,
    KIND,
    SESSION,
    THREAD,
    forks_of,
    pointers,
    session_turns,
    thread_turns,
    threads,
)
from pjais.sources.apps.shape import Turn, newest

_SECRETS = (
    ("settings", "providers", "*", "apiKey"),
    ("settings", "providers", "*", "oauth"),
    ("settings", "licenseKey"),
    ("settings", "licenseInstances"),
    ("settings", "lastSelectedLicenseByUser"),
    ("settings", "openaiKey"),
    ("settings", "mcp", "servers", "*", "env", "*"),
    ("settings", "mcp", "servers", "*", "headers", "*"),
    ("settings", "mcp", "servers", "*", "transport", "env", "*"),
    ("settings", "mcp", "servers", "*", "transport", "headers", "*"),
)
"""Where settings hold credentials, besides what their names tell."""

_TEXTS = frozenset({"messages", "threads", "messageForksHash"})
"""What of a session people and models wrote."""


@dataclass
class _Known:
    """What the first pass found."""

    personas: dict[str, str] = field(default_factory=dict)
    """The copilots' ids in the app, and ours."""
    sessions: set[str] = field(default_factory=set)
    """The ids of sessions that are entries of their own."""
    older: set[str] = field(default_factory=set)
    """The ids of sessions in the older list."""
    listed: list[str] = field(default_factory=list)
    """The ids of sessions that the index names."""
    names: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)
    """The (name, media type) that messages give to blobs, by storage key."""
    blobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What a message says of a blob, by storage key."""
    version: Any = None


def pieces(container: Container) -> Iterator[Piece]:
    """Yield everything in a dump."""
    name = container.names[0]
    known = _survey(container, name)
    if type(known.version) is int and known.version > dump.NEWEST:
        message = f"configuration version {known.version} is newer than {dump.NEWEST}; what is new in it is kept whole"
        yield Remark("newer-version", ENTRIES, name, message)
    absent = [one for one in known.listed if one not in known.sessions and one not in known.older]
    if absent:
        message = f"{len(absent)} sessions of the index are not in the file, such as {absent[0]}"
        yield Remark("session-missing", "conversations", name, message)
    met: set[str] = set()
    for key, item in dump.read(container, name):
        if isinstance(item, Unreadable):
            yield item
        elif key == "myCopilots" and isinstance(item.value, list):
            yield from _copilots(name, item)
        elif key.startswith("session:"):
            yield from _session(name, key, item, known)
        elif dump.is_blob(key, item.value, frozenset(known.names)):
            yield from _blob(name, key, item, known, met)
        else:
            yield from redaction.entry(ENTRIES, key, name, item, *_SECRETS)


def _survey(container: Container, name: str) -> _Known:
    """Return what entries there are, so that the second pass can relate them in any order."""
    known = _Known()
    texts: dict[str, tuple[str, str | None, int]] = {}
    for key, item in dump.read(container, name):
        if isinstance(item, Unreadable):
            continue
        if key == "configVersion":
            known.version = item.value
        elif key == "myCopilots":
            for one in values.as_list(item.value):
                native = _id_of(one)
                if native is not None:
                    known.personas[native] = values.identity(KIND, native)
        elif key == dump.INDEX:
            known.listed += filter(None, map(_id_of, values.as_list(item.value)))
        elif key.startswith("session:"):
            ids = known.older if key == dump.OLDER else known.sessions
            ids.add(_id_of(item.value) or key.partition(":")[2])
            for message in _messages(item.value):
                for storage, called, media in pointers(message):
                    if storage and (storage not in known.names or known.names[storage][0] is None):
                        known.names[storage] = (called, media)
        elif isinstance(item.value, str):
            found = dump.blob(item.value)
            texts[key] = (found.digest, found.media_type, len(found.data))
    named = frozenset(known.names)
    for key, (digest, media, size) in texts.items():
        if dump.is_blob(key, "", named):
            called = known.names.get(key, (None, None))[0] or key
            known.blobs[key] = {"sha256": digest, "name": called, "mediaType": media, "size": size, "key": key}
    return known


def _messages(session: Any) -> Iterator[dict[str, Any]]:
    """Yield all messages of a session, of its threads and forks."""
    held = values.as_dict(session)
    lists = [held.get("messages"), *(one.get("messages") for _, one in threads(held))]
    for fork in values.as_dict(held.get("messageForksHash")).values():
        for one in values.as_list(values.as_dict(fork).get("lists")):
            lists.append(values.as_dict(one).get("messages"))
    for messages in lists:
        yield from (one for one in values.as_list(messages) if isinstance(one, dict))


def _id_of(native: Any) -> str | None:
    found = native.get("id") if isinstance(native, dict) else None
    return found if isinstance(found, str) and found else None


def _copilots(name: str, item: Value) -> Iterator[Piece]:
    for at, native in enumerate(item.value):
        where = f"{values.place(name, item.place)} [{at}]"
        found = _id_of(native)
        if found is None:
            raw = values.unexpected("personas", name, item._replace(value=native), "a copilot without an id")
            yield raw._replace(place=where)
            continue
        more: dict[str, Any] = {"id": values.identity(KIND, found)}
        if type(native.get("usedCount")) is int and native["usedCount"] >= 0:
            more["usageCount"] = native["usedCount"]
        yield Document("personas", found, where, COPILOT.document(native, more))


def _session(name: str, key: str, item: Value, known: _Known) -> Iterator[Piece]:
    where = values.place(name, item.place)
    native = item.value
    if not isinstance(native, dict):
        yield values.unexpected("conversations", name, item, "not a session: not an object")
        return
    found = _id_of(native) or key.partition(":")[2]
    if not found:
        yield values.unexpected("conversations", name, item, "a session without an id")
        return
    if key == dump.OLDER and found in known.sessions:
        message = f"session {found} in the older list {dump.SESSIONS}, too; that of its own entry is taken"
        yield Remark("superseded-copy", "conversations", where, message)
        return
    native, secrets = _without_secrets(native)
    if secrets:
        item = item._replace(text=None)  # the text has them, too
        yield from redaction.remarks("conversations", where, secrets)
    copilot = native.get("copilotId")
    persona = known.personas.get(copilot) if isinstance(copilot, str) else None
    if copilot and persona is None:
        yield Remark("persona-missing", "conversations", where, f"copilot {copilot} is not in the file")
    yield from _strangers(native, where)
    identity = values.identity(KIND, found)
    dates = [one.get("timestamp") for one in _messages(native)]
    dates += [one.get("createdAt") for _, one in threads(native)]
    yield from values.unreadable_dates(
        where, [one for one in dates if one is not None and values.ms_of_ms(one) is None]
    )
    everything, shown = session_turns(native)
    _attach(native, everything, known)
    about = {"personaId": persona, "sessionId": found}
    more = {"id": identity, **about, "updatedAt": values.iso(newest(everything))}
    document = SESSION.document(native, more, turns=everything, shown=shown)
    yield values.document("conversations", found, name, item, document)
    for at, thread in threads(native):
        held = {"thread": thread, "forks": forks_of(native, thread.get("messages"))}
        yield from _thread(held, f"{where} threads[{at}]", at, identity, about, known)


def _without_secrets(native: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return a session without credentials: in anything but its messages."""
    about = {key: one for key, one in native.items() if key not in _TEXTS}
    about, found = redaction.redacted_settings(about, *_SECRETS)
    return {key: about.get(key, one) for key, one in native.items()}, found


def _thread(
    held: dict[str, Any], where: str, at: int, session: str, about: dict[str, Any], known: _Known
) -> Iterator[Piece]:
    """Yield an earlier thread as a conversation of its own, and that it is one of its session."""
    found = _id_of(held["thread"])
    unique = found is not None and values.is_unique(found)
    identity = str(found) if unique else values.derived(KIND, "thread", session, found if found else at)
    everything, shown = thread_turns(held)
    _attach(held, everything, known)
    more = {"id": identity, **about, "updatedAt": values.iso(newest(everything))}
    yield Document("conversations", found, where, THREAD.document(held, more, turns=everything, shown=shown, extra={}))
    related = {
        "id": values.derived(KIND, "thread_of", identity, session),
        "fromId": identity,
        "toId": session,
        "type": "thread_of",
    }
    yield Document("relationships", None, where, related)


def _strangers(native: dict[str, Any], where: str) -> Iterator[Remark]:
    """Yield what stands among messages and threads and is neither; it stays in its place."""
    lists = [native.get("messages"), native.get("threads"), *(one.get("messages") for _, one in threads(native))]
    odd = sum(not isinstance(one, dict) for each in lists for one in values.as_list(each))
    if odd:
        message = f"{odd} elements are neither messages nor threads; kept as they are"
        yield Remark("odd-message", "conversations", where, message)


def _attach(native: dict[str, Any], turns: list[Turn], known: _Known) -> None:
    """Note in each message what it points to."""
    for turn in turns:
        message: Any = native
        for step in turn.path:
            message = message[step]
        found = [
            known.blobs[storage] | {"name": called or known.blobs[storage]["name"]}
            if storage in known.blobs
            else values.missing(called or storage, media)
            for storage, called, media in pointers(message)
        ]
        if found:
            turn.metadata["attachments"] = found


def _blob(name: str, key: str, item: Value, known: _Known, met: set[str]) -> Iterator[Piece]:
    where = values.place(name, item.place)
    found = dump.blob(item.value)
    if found.is_broken:
        message = f"{key} is a data URL that cannot be decoded; it is kept as a text"
        yield Remark("attachment-unreadable", "attachments", where, message)
    if found.digest not in met:
        met.add(found.digest)
        called = known.names.get(key, (None, None))[0] or key
        yield values.attachment_of(found.data, where, called, found.media_type)
