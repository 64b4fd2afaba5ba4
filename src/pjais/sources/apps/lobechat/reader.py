"""Read LobeChat's export: all rows first, as a conversation's are spread over the tables, then the documents.

Memory holds the rows of messages, topics, threads and agents, without the credentials in them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pjais.core.document import Document, Piece, Remark, Unreadable
from pjais.formats.container import Container
from pjais.formats.json_stream import Value
from pjais.sources.apps import redaction, values
from pjais.sources.apps.lobechat import export_file, rows
from pjais.sources.apps.lobechat.rows import KIND

INBOX = "inbox"
"""The session of the older form that is always there and has no row."""

_PUT_TOGETHER = frozenset({"messages", "topics", "threads"})
_SETTINGS = frozenset({"userSettings", "userInstalledPlugins", "aiProviders", "aiModels"})
"""Tables whose texts no person wrote; some of them are JSON."""
_SECRETS = (
    ("keyVaults",),
    ("languageModel", "*", "apiKey"),
    ("customParams", "mcp", "env", "*"),
    ("customParams", "mcp", "headers", "*"),
    ("customParams", "mcp", "auth", "*"),
)


@dataclass
class _Tables:
    """The rows that records are made of, by table, each with its place."""

    older: bool = False
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    places: dict[str, list[str]] = field(default_factory=dict)
    version: Any = None

    def add(self, table: str, row: dict[str, Any], place: str) -> None:
        self.rows.setdefault(table, []).append(row)
        self.places.setdefault(table, []).append(place)

    def of(self, table: str) -> Iterator[tuple[dict[str, Any], str]]:
        return zip(self.rows.get(table, ()), self.places.get(table, ()), strict=True)


def pieces(container: Container) -> Iterator[Piece]:
    """Yield everything in an export."""
    name = container.names[0]
    tables = _Tables(older=not values.json_head(container, name).keys & {"mode", "schemaHash", export_file.NEWER})
    for table, is_row, item in export_file.read(container):
        if isinstance(item, Unreadable):
            yield item
        elif not is_row:
            tables.version = item.value if table == "version" else tables.version
            yield from redaction.entry(export_file.ENTRIES, table, name, item, *((table, *path) for path in _SECRETS))
        elif not isinstance(item.value, dict):
            yield Unreadable(f"lobechat_{table}", values.place(name, item.place), b"", "not a row: not an object")
        else:
            yield from _row(table, name, item, tables)
    if tables.older and type(tables.version) is int and tables.version > export_file.NEWEST:
        message = f"version {tables.version} is newer than {export_file.NEWEST}; what is new in it is kept whole"
        yield Remark("newer-version", export_file.ENTRIES, name, message)
    agents: dict[str, str] = {}
    yield from _agents(tables, agents)
    yield from _conversations(tables, agents)


def _row(table: str, name: str, item: Value, tables: _Tables) -> Iterator[Piece]:
    """Keep a row for what is put together, and yield the others whole."""
    where = values.place(name, item.place)
    row = item.value
    if table in _PUT_TOGETHER:
        tables.add(table, row, where)
        if item.bad_bytes:
            yield Remark("invalid-utf8", f"lobechat_{table}", where, "bytes that are not UTF-8; they are kept")
        if item.text is not None:
            yield Remark(
                "duplicate-key", f"lobechat_{table}", where, "a key occurs twice in a row; the last one counts"
            )
        return
    row, secrets = redaction.redacted_settings(row, *_SECRETS, texts=table in _SETTINGS)
    yield from redaction.remarks(f"lobechat_{table}", where, secrets)
    if table in ("agentsToSessions", "files"):
        tables.add(table, row, where)
    is_agent = table == "sessions" and row.get("type", "agent") == "agent" if tables.older else table == "agents"
    if is_agent and _id_of(row) is not None:
        tables.add("agents", row, where)
        return
    found = _id_of(row) or "/".join(rows.names(row)) or values.fingerprint(row)
    yield values.document(f"lobechat_{table}", found, name, item._replace(text=None if secrets else item.text), row)


def _id_of(row: dict[str, Any]) -> str | None:
    found = row.get("id")
    return found if isinstance(found, str) and found else None


def _agents(tables: _Tables, agents: dict[str, str]) -> Iterator[Piece]:
    """Yield the agents as personas, and note their ids: of the app -> ours."""
    for row, where in tables.of("agents"):
        found = str(_id_of(row))
        agents[found] = values.identity(KIND, found)
        yield Document("personas", found, where, rows.persona(row, agents[found], older=tables.older))


def _conversations(tables: _Tables, agents: dict[str, str]) -> Iterator[Piece]:
    """Yield each topic, and the messages of each session that have none, as a conversation; then rows that are left."""
    files = _by_id(tables.rows.get("files", []))
    topics = {_id_of(row): (row, where) for row, where in reversed(list(tables.of("topics"))) if _id_of(row)}
    threads = _by_id(tables.rows.get("threads", []))
    grouped: dict[_Group, _Rows] = {
        ("topic", str(_id_of(row))): _Rows(where, row) for row, where in tables.of("topics") if _is_in(topics, row)
    }
    hung: dict[str, _Group] = {}
    for row, where in tables.of("messages"):
        group = _group_of(row, threads)
        grouped.setdefault(group, _Rows(where)).messages.append(row)
        if isinstance(row.get("threadId"), str):
            hung.setdefault(row["threadId"], group)
    kept = {id(one.topic) for one in grouped.values()}
    for found, thread in threads.items():
        topic = thread.get("topicId")
        its = grouped.get(("topic", topic) if isinstance(topic, str) and topic else hung.get(found, ("", "")))
        if its is not None:
            its.threads.append(thread)
            kept.add(id(thread))
    owners = {one: one for one in agents} if tables.older else rows.owners(tables.rows, set(agents))
    for (kind, name), its in grouped.items():
        if kind == "topic" and its.topic is None:
            message = (
                f"topic {name} is not in the file; its {len(its.messages)} messages are a conversation all the same"
            )
            yield Remark("topic-missing", "conversations", its.where, message)
        yield from values.unreadable_dates(its.where, rows.undated(its.topic, its.messages))
        yield _conversation((kind, name), its, owners, agents, files, tables.older)
    for table in ("topics", "threads"):
        for row, where in tables.of(table):
            if id(row) not in kept:
                message = "a row without an id, of an id that is there twice, or of no conversation; kept as it is"
                yield Remark("row-left", f"lobechat_{table}", where, message)
                yield Document(f"lobechat_{table}", values.fingerprint(row), where, row)


def _is_in(topics: dict[Any, tuple[dict[str, Any], str]], row: dict[str, Any]) -> bool:
    found = _id_of(row)
    return found is not None and topics[found][0] is row


_Group = tuple[str, str]
"""What messages are put together by: `topic`, `session`, `groupId` or `agentId`, and its id."""


@dataclass
class _Rows:
    """The rows of a conversation; `where` is the place of the first."""

    where: str
    topic: dict[str, Any] | None = None
    messages: list[dict[str, Any]] = field(default_factory=list)
    threads: list[dict[str, Any]] = field(default_factory=list)


def _conversation(
    group: _Group,
    its: _Rows,
    owners: dict[str, str],
    agents: dict[str, str],
    files: dict[str, dict[str, Any]],
    older: bool,
) -> Document:
    kind, found = group
    about = its.topic or next(iter(its.messages), {})
    session = values.text_or_none(about.get("sessionId"))
    agent = owners.get(session or "") or values.text_or_none(about.get("agentId"))
    native: dict[str, Any] = {} if its.topic is None else {"topic": its.topic}
    native["messages"] = its.messages
    if its.threads:
        native["threads"] = its.threads
    identity = values.identity(KIND, found) if kind == "topic" else values.derived(KIND, kind, found)
    more = {"id": identity, "personaId": agents.get(agent or ""), "sessionId": session}
    return Document("conversations", found, its.where, rows.conversation(native, more, older=older, files=files))


def _group_of(row: dict[str, Any], threads: dict[str, Any]) -> _Group:
    """Return what a message belongs to: its topic, or its thread's, else its session, else its group or agent."""
    thread = threads.get(str(row.get("threadId")), {})
    for kind, held in (("topic", row.get("topicId")), ("topic", thread.get("topicId"))):
        if isinstance(held, str) and held:
            return kind, held
    for key in ("sessionId", "groupId", "agentId"):
        if isinstance(row.get(key), str) and row[key]:
            return "session" if key == "sessionId" else key, row[key]
    return "session", INBOX


def _by_id(found: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    by_id: dict[str, dict[str, Any]] = {}
    for one in found:
        name = _id_of(one)
        if name is not None:
            by_id.setdefault(name, one)
    return by_id
