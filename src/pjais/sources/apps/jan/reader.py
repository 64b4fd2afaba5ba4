"""Read Jan's threads, one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pjais.core.document import Document, Piece, Remark, Unreadable
from pjais.formats.container import Container
from pjais.formats.json_stream import Value
from pjais.sources.apps import parts, redaction, values
from pjais.sources.apps.jan.thread import ASSISTANT, KIND, SHAPE, assistant_of, ms_of, turns

_THREAD, _MESSAGES, _ASSISTANT = "thread.json", "messages.jsonl", "assistant.json"
_LOOKS = 20
"""Threads in an archive that are looked into to recognise it."""


def is_jan(container: Container) -> bool:
    """Return whether a container holds threads or assistants of Jan, and, if it is a folder, nothing else."""
    if container.form == "file":
        return False
    if container.form == "zip":
        return any(_is_thread(container, name) for name in _called(container, _THREAD)[:_LOOKS])
    if container.top:
        return (
            _THREAD in container.top and set(container.top) <= {_THREAD, _MESSAGES} and _is_thread(container, _THREAD)
        )
    inside = sorted(one for one in container.path.iterdir() if one.is_dir() and not one.is_symlink())
    known = [[name for name in (_THREAD, _ASSISTANT, _MESSAGES) if (one / name).is_file()] for one in inside]
    return bool(inside) and all(known) and _is_one(container, f"{inside[0].name}/{known[0][0]}")


def _is_thread(container: Container, name: str) -> bool:
    head = values.json_head(container, name)
    return head.form == "object" and "id" in head.keys and bool(head.keys & {"assistants", "object"})


def _is_one(container: Container, name: str) -> bool:
    if name.endswith(_THREAD):
        return _is_thread(container, name)
    keys = values.json_head(container, name).keys
    return "id" in keys and bool(keys & {"instructions", "object", "thread_id"})


def _called(container: Container, last: str) -> list[str]:
    return [name for name in container.names if name.rpartition("/")[2] == last]


def pieces(container: Container) -> Iterator[Piece]:
    """Yield everything in a container: assistants, then threads with their messages and files."""
    reader = _Reader(container)
    read = set(_called(container, _ASSISTANT))
    for name in sorted(read):
        yield from reader.assistant(name)
    folders = {name.rpartition("/")[0] for last in (_THREAD, _MESSAGES) for name in _called(container, last)}
    for folder in sorted(folders):
        yield from reader.thread(f"{folder}/" if folder else "")
    left = 0
    for name in container.names:
        within = any(name.startswith(f"{folder}/") for folder in folders if folder)
        if name in read or name.rpartition("/")[2] in (_THREAD, _MESSAGES):
            continue
        if within:
            yield values.attachment(container, name)
        else:
            left += 1
    if left:
        message = f"{left} files that are neither threads nor assistants; not read, they are only in the raw backup"
        yield Remark("left-out", "$file", container.path.name, message)


class _Reader:
    """Reads one container; what several threads refer to comes once."""

    def __init__(self, container: Container) -> None:
        self.container = container
        self._met: set[str] = set()

    def assistant(self, name: str) -> Iterator[Piece]:
        """Yield an assistant as a persona."""
        for item in values.items(self.container, name, "personas"):
            if isinstance(item, Unreadable):
                yield item
                continue
            native, hidden = redaction.redacted_settings(item.value)
            found = native.get("id") if isinstance(native, dict) else None
            if not isinstance(found, str) or not found:
                yield values.unexpected("personas", name, item._replace(value=native), "an assistant without an id")
                continue
            yield from redaction.remarks("personas", name, hidden)
            persona = values.identity(KIND, found)
            self._met.add(persona)
            item = item._replace(text=None) if hidden else item
            yield values.document("personas", found, name, item, ASSISTANT.document(native, {"id": persona}))

    def thread(self, folder: str) -> Iterator[Piece]:
        """Yield a thread with its messages, which are in a file of their own."""
        item: Value | None = None
        messages: list[Any] = []
        notes: list[bool] = []
        if folder + _THREAD in self.container.names:
            for one in values.items(self.container, folder + _THREAD, "conversations"):
                if isinstance(one, Unreadable):
                    yield one
                elif isinstance(one.value, dict) and item is None:
                    item = one
                else:
                    yield values.unexpected("conversations", folder + _THREAD, one, "not a thread")
        if folder + _MESSAGES in self.container.names:
            for one in values.lines(self.container, folder + _MESSAGES, "conversations"):
                if isinstance(one, Unreadable):
                    yield one
                else:
                    messages.append(one.value)
                    notes.append(one.bad_bytes)
        yield from self._conversation(folder, item, messages, bad_bytes=any(notes))

    def _conversation(
        self, folder: str, item: Value | None, messages: list[Any], *, bad_bytes: bool
    ) -> Iterator[Piece]:
        thread = {} if item is None else item.value
        name = folder + (_MESSAGES if item is None else _THREAD)
        item = item or Value(None, 0)
        where = values.place(name, item.place)
        ids = [thread.get("id"), *(one.get("thread_id") for one in messages if isinstance(one, dict))]
        found = values.first_text(*ids)
        if found is None:
            if thread or messages:
                yield values.unexpected(
                    "conversations", name, item._replace(value=[thread, messages]), "no thread's id"
                )
            return
        if not thread:
            message = "messages without a thread.json; its title and dates are not known"
            yield Remark("thread-missing", "conversations", where, message)
        everything = turns(messages)
        if len(everything) < len(messages):
            yield Remark("odd-message", "conversations", where, "messages that are not objects; kept as they are")
        for turn in everything:
            attached = yield from parts.attached(messages[int(turn.path[1])].get("content"), where, self._met)
            if attached:
                turn.metadata["attachments"] = attached
        dates = [thread.get("created"), thread.get("updated")]
        dates += [one.get("created_at") for one in messages if isinstance(one, dict)]
        odd = [date for date in dates if date is not None and ms_of(date) is None]
        yield from values.unreadable_dates(where, odd)
        persona: str | None = None
        if (assistant := assistant_of(thread)) is not None:
            persona = values.identity(KIND, assistant[0])
            if persona not in self._met:
                self._met.add(persona)
                called = assistant[1] or f"Jan assistant {assistant[0]}"
                value = {"id": persona, "name": called, "extra": {KIND: {"id": assistant[0], "name": called}}}
                yield Document("personas", assistant[0], where, value)
        thread, hidden = redaction.redacted_settings(thread)
        yield from redaction.remarks("conversations", where, hidden)
        native = {"thread": thread, "messages": messages}
        more = {"id": values.identity(KIND, found), "personaId": persona}
        kept = item._replace(text=None, bad_bytes=item.bad_bytes or bad_bytes)
        yield values.document("conversations", found, name, kept, SHAPE.document(native, more, turns=everything))
