"""Read Claude's export, one conversation at a time."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

from pjais.core.document import Document, Piece, Remark, Unreadable
from pjais.formats.container import Container
from pjais.formats.json_stream import Value
from pjais.sources.apps import trees, values
from pjais.sources.apps.claude import parts, records
from pjais.sources.apps.claude.conversation import (
    KIND,
    SHAPE,
    account_of,
    files_of,
    native_id,
    project_of,
    turns,
    undated,
)

USERS, REST, OTHERS = "claude_users", "claude_memories", "claude_files"
"""The collections of users, of what is unknown in `memories.json`, and of the export's other files."""


def pieces(container: Container) -> Iterator[Piece]:
    """Yield everything in an export; projects first, as conversations and memories refer to them."""
    with parts.whole(container) as export:
        yield from export.said
        reader = _Reader(export)
        for form, read in (
            ("projects", reader.project),
            ("conversations", reader.conversation),
            ("memories", reader.memories),
        ):
            for name in (one for one, its in export.forms.items() if its == form):
                for item in values.items(export, name, form if form != "projects" else "personas"):
                    if isinstance(item, Unreadable):
                        yield item
                    elif isinstance(item.value, dict):
                        yield from read(name, item)
                    else:
                        yield values.unexpected(form, name, item, "not an object")
        for name, its in export.forms.items():
            if its == "users":
                yield from _users(export, name)
            elif its == "manifest":
                yield Remark(
                    "manifest-not-kept", "$file", name, "links that work once; they are only in the raw backup"
                )
            elif its is None and name.lower().endswith(".json"):
                yield from values.kept_whole(OTHERS, export, name)
            elif its is None:
                yield values.attachment(export, name)


class _Reader:
    """Makes documents of the items of one export; what several items refer to comes once."""

    def __init__(self, container: Container) -> None:
        self.container = container
        self.met: set[str] = set()

    def project(self, name: str, item: Value) -> Iterator[Piece]:
        native = item.value
        found = native_id(native)
        if found is None:
            yield values.unexpected("personas", name, item, "a project without a uuid")
            return
        account = values.text_or_none(values.as_dict(native.get("creator")).get("uuid")) or ""
        persona = values.identity(KIND, found, "" if values.is_unique(found) else account)
        self.met.add(persona)
        yield values.document("personas", found, name, item, records.project(native, persona))
        for doc, value in records.documents(native, persona):
            yield Document("memories", doc, values.place(name, item.place), value)

    def conversation(self, name: str, item: Value) -> Iterator[Piece]:
        native, where = item.value, values.place(name, item.place)
        found = native_id(native)
        if found is None:
            yield values.unexpected("conversations", name, item, "a conversation without a uuid")
            return
        everything, shown = turns(native)
        for turn in everything:
            attached = yield from self._attached(native["chat_messages"][turn.path[1]], where)
            if attached:
                turn.metadata["attachments"] = attached
        account = account_of(native)
        persona = yield from self._persona(project_of(native), account, where)
        if not isinstance(native.get("chat_messages"), list):
            yield Remark("empty-conversation", "conversations", where, "its messages are not a list; kept as it is")
        elif any(not isinstance(one, dict) for one in native["chat_messages"]):
            yield Remark("odd-message", "conversations", where, "messages that are not objects; kept as they are")
        yield from trees.of_turns(everything, where)
        yield from values.unreadable_dates(where, undated(native))
        more = {"id": values.identity(KIND, found, account), "personaId": persona}
        value = SHAPE.document(native, more, turns=everything, shown=shown)
        yield values.document("conversations", found, name, item, value)

    def _attached(self, message: dict[str, Any], where: str) -> Generator[Piece, None, list[dict[str, Any]]]:
        """Yield the texts of a message's files; return what it says of all its files."""
        told: list[dict[str, Any]] = []
        for one in files_of(message):
            data = None if one.text is None else one.text.encode("utf-8", "surrogatepass")
            document = None if data is None else values.attachment_of(data, where, one.name, "text/plain")
            told.append((yield from values.attached(document, self.met, one.name, None, one.size)))
        return told

    def _persona(self, project: str | None, account: str, where: str) -> Generator[Piece, None, str | None]:
        """Yield a project that only its uuid is known of, if it has not come; return its id."""
        if project is None:
            return None
        persona = values.identity(KIND, project, "" if values.is_unique(project) else account)
        if persona not in self.met:
            self.met.add(persona)
            value = {"id": persona, "name": f"Claude project {project}", "extra": {KIND: {"uuid": project}}}
            yield Document("personas", project, where, value)
        return persona

    def memories(self, name: str, item: Value) -> Iterator[Piece]:
        native, where = item.value, values.place(name, item.place)
        account = values.text_or_none(native.get("account_uuid")) or ""
        for project, memory in records.memories(native):
            persona = yield from self._persona(project, account, where)
            value = {**memory, "personaId": persona}
            yield Document("memories", f"{account} {project or 'account'}", where, value)
        if left := records.rest(native):
            yield Document(REST, account or None, where, {"account_uuid": account, **left})


def _users(export: Container, name: str) -> Iterator[Piece]:
    """Yield the uuids of the users; their names, addresses and telephone numbers are not stored."""
    left: set[str] = set()
    for item in values.items(export, name, USERS):
        if isinstance(item, Unreadable):
            yield item._replace(raw=b"", reason=f"{item.reason}; personal data, which is only in the raw backup")
        elif isinstance(item.value, dict) and isinstance(item.value.get("uuid"), str):
            left |= item.value.keys() - {"uuid"}
            yield Document(USERS, item.value["uuid"], values.place(name, item.place), {"uuid": item.value["uuid"]})
        else:
            where = values.place(name, item.place)
            yield Unreadable(USERS, where, b"", "a user without a uuid; the text is only in the raw backup")
    if left:
        shown = ", ".join(sorted(left))
        yield Remark("personal-data", USERS, name, f"not stored: {shown}; they are only in the raw backup")
