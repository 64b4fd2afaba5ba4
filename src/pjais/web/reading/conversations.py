"""Views of conversations: the list, and one of them, branch by branch and window by window."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from fastapi import Query

from pjais import sqlite
from pjais.models.persona.model import MODEL
from pjais.models.persona.records import Conversation
from pjais.persona.store import Provenance, Store
from pjais.web import schemas
from pjais.web.memories.personas import MARKS
from pjais.web.reading import marking
from pjais.web.reading import schemas as reading_schemas
from pjais.web.reading.attachment import PICTURES
from pjais.web.reading.tree import Node, Part, Tree
from pjais.web.session import Session
from pjais.web.view_values import Id, InSession, Limit, Missing, Offset, Words, page, step, text

Place = Annotated[int | None, Query(ge=0, le=10**9)]
_BESIDE = 40
"""Number of conversations in the list beside one."""
_WINDOW = 100
"""Number of messages in a window."""
_BRANCHES = 50
_FOUND = 200
"""Number of messages that a search over all conversations looks at, best first."""
_BEGINNING = 160

_LISTED = (
    "SELECT t.id, CAST(t.title AS BLOB), CAST(t.summary AS BLOB), t.persona_id, coalesce(t.updated_at, t.created_at), "
    "t.is_archived, CASE WHEN json_valid(t.messages) THEN json_array_length(t.messages) ELSE 0 END, "
    "(SELECT CAST(substr(m.content, 1, 300) AS BLOB) FROM conversation_messages AS m WHERE m.conversation_id = t.id "
    "AND m.hidden = 0 AND m.content <> '' ORDER BY m.role = 'user' DESC, m.position LIMIT 1) "
    "FROM conversations AS t WHERE t.id = ?"
)


def _record(one: Conversation) -> schemas.Conversation:
    return schemas.Conversation(**MODEL.as_document(one))


def _source(one: Provenance) -> schemas.RecordSource:
    return schemas.RecordSource(kind=one.kind, name=one.name)


def _decoded(held: Any) -> str:
    """Return a text as SQLite keeps it: what is no Unicode in it is replaced."""
    return held.decode("utf-8", "replace") if isinstance(held, bytes) else ""


def _short(words: str) -> str:
    line = " ".join(words.split())
    return line if len(line) <= _BEGINNING else f"{line[: _BEGINNING - 1]}…"


def _listed(store: Store, keys: Sequence[str]) -> list[reading_schemas.ListedConversation]:
    """Return conversations as lists show them, without reading all that was said."""
    sources = store.conversations.provenance(list(keys)) if keys else {}
    found = []
    with store.pool.reader() as db:
        for key in keys:
            row = sqlite.first(db, _LISTED, (key,))
            if row is None:
                continue
            title, summary, first = (_short(_decoded(row[place])) for place in (1, 2, 7))
            title = "" if title == key else title  # some apps name a chat by its id
            found.append(
                reading_schemas.ListedConversation(
                    id=key,
                    title=title or summary or first or "Untitled conversation",
                    beginning=first if title or summary else "",
                    persona=row[3],
                    at=row[4],
                    archived=bool(row[5]),
                    messages=int(row[6] or 0),
                    source=_source(sources[key]),
                )
            )
    return found


def conversations(
    session: InSession,
    q: Words = "",
    persona: Id = "",
    source: Id = "",
    archived: bool = False,
    offset: Offset = 0,
    limit: Limit = 50,
) -> reading_schemas.Conversations:
    """Conversations, latest first; with words those that hold them, best first; archived ones only when asked for."""
    with session.store() as store:
        owner, of_source = persona or None, source or None
        total = store.conversations.count(persona=owner, source=of_source, archived=archived)
        others = store.conversations.count(persona=owner, source=of_source, archived=not archived)
        best: dict[str, Any] = {}
        if q.strip():
            best = _searched(store, q, owner, of_source)
            records = [
                one for key in best if (one := store.conversations.get(key)) and one.is_archived is bool(archived)
            ]
            total, records = len(records), records[offset : offset + limit]
        else:
            records = _window(store, owner, of_source, archived=archived, offset=offset, limit=limit)
        listed = _listed(store, [one.id for one in records])
        for shown in listed:
            if (hit := best.get(shown.id)) is not None:
                shown.snippet, shown.position = hit.snippet, hit.position
        return reading_schemas.Conversations(
            code="done",
            q=q,
            page=page(total, offset, limit),
            personas={one.id: one.name or one.id for one in store.personas.list()},
            records=[_record(one) for one in records],
            source_of={one.id: one.source for one in listed},
            sources=[_source(one) for one in store.known_sources()],
            listed=listed,
            archived=total if archived and not q else others,
            current=others if archived or q else total,
        )


def _window(
    store: Store, persona: str | None, source: str | None, *, archived: bool, offset: int, limit: int
) -> list[Conversation]:
    order = "-archived_at" if archived else None
    return store.conversations.list(
        persona=persona, source=source, archived=archived, offset=offset, limit=limit, order=order
    )


def _searched(store: Store, q: str, persona: str | None, source: str | None) -> dict[str, Any]:
    """Return the conversations with words in their title (None) or messages (the best one), best first."""
    found: dict[str, Any] = {}
    with store.pool.reader() as db:
        pattern = "%" + "".join(f"\\{one}" if one in "\\%_" else one for one in q.strip()) + "%"
        titled = sqlite.fetch(
            db,
            "SELECT id FROM conversations WHERE title LIKE ?1 ESCAPE '\\' OR summary LIKE ?1 ESCAPE '\\' "
            "ORDER BY updated_at DESC, id LIMIT ?2",
            (pattern.encode("utf-8", "replace").decode(), _FOUND),
        )
    wanted = {key for (key,) in titled}
    if (persona or source) and wanted:
        allowed = {one.id for one in store.conversations.list(persona=persona, source=source) if one.id in wanted}
        wanted &= allowed
    found |= {key: None for (key,) in titled if key in wanted}
    hits = store.conversations.search_page(q, prefix=True, marks=MARKS, limit=_FOUND, persona=persona, source=source)
    for hit in hits.found:
        if found.get(hit.conversation_id) is None:
            found[hit.conversation_id] = hit
    return found


def conversation(
    session: InSession,
    id: Id,
    branch: Id = "",
    q: Words = "",
    hit: Place = None,
    message: Place = None,
    offset: Place = None,
    limit: Limit = _WINDOW,
) -> reading_schemas.ConversationView:
    """One conversation: a window of one branch, with what is searched inside of it.

    `branch`: the key of a message that the branch goes through; without it, what was on screen.  `message`: the number
    of one, and `hit` that of a hit: the window begins so that it is shown.
    """
    with session.store() as store:
        record = store.conversations.get(id)
        if record is None:
            raise Missing("conversation not found", where=[id])
        owner = None if record.persona_id is None else store.personas.get(record.persona_id)
        tree = _tree(record)
        through = _through(tree, branch, message)
        path = tree.path(through)
        held = _have_bytes(store, tree)
        found, hits = _found_inside(tree, path, q.strip(), hit)
        visited = hits[found.hit - 1] if found and hits else None
        numbers = {one.number for one in hits}
        first = offset if offset is not None else _first_of_window(path, visited, message, limit)
        counts = Counter(part.kind for one in path for part in one.parts)
        window = path[first : first + limit]
        times = sorted(one.at for one in path if one.at is not None)
        return reading_schemas.ConversationView(
            code="done",
            record=_record(record),
            source=_source(store.conversations.provenance([id])[id]),
            persona=None if owner is None else owner.name or owner.id,
            history=[step(one) for one in reversed(store.history(record.id, "conversations"))],
            page=page(len(path), first, limit),
            branch=None if through is None or through.number < tree.main else through.key,
            turns=[_turn(tree, one, held, numbers, visited) for one in window],
            spoken=sum(not one.folded for one in path),
            hidden=dict(counts),
            first=text(times[0]) if times else None,
            last=text(times[-1]) if times else None,
            branches=_branches(tree, path) if len(tree.nodes) > tree.main else [],
            attachments=[file for one in path for file in _attachments(one, held)],
            found=found,
            beside=_beside(store, record),
        )


def _tree(record: Conversation) -> Tree:
    """Return the messages as a tree; what another program wrote there and is no list has none."""
    held: Any = (record.messages, record.extra)
    messages, extra = held
    return Tree(
        messages if isinstance(messages, list) else [], extra.get("branches") if isinstance(extra, dict) else None
    )


def _through(tree: Tree, branch: str, message: int | None) -> Node | None:
    if message is not None and message < len(tree.nodes) and not branch:
        return tree.nodes[message]
    if not branch:
        return None
    found = tree.node(branch)
    if found is None:
        raise Missing("branch not found", where=[branch])
    return found


def _first_of_window(path: list[Node], visited: Node | None, message: int | None, limit: int) -> int:
    for place, one in enumerate(path):
        if one is visited or (visited is None and one.number == message):
            return place // limit * limit
    return 0


def _found_inside(
    tree: Tree, path: list[Node], q: str, hit: int | None
) -> tuple[reading_schemas.Found | None, list[Node]]:
    """Return what a search inside a conversation found, and the messages of the branch that hold it."""
    if not q:
        return None, []
    holding = [one for one in tree.nodes if any(marking.holds(said, q) for said in one.says())]
    on_path, numbers = {one.number for one in path}, {one.number for one in holding}
    elsewhere = [one for one in holding if one.number not in on_path]
    hits = [one for one in path if one.number in numbers]
    at = min(max(1, hit or 1), len(hits)) if hits else 0
    return reading_schemas.Found(
        q=q, hit=at, hits=len(hits), elsewhere=len(elsewhere), branch=elsewhere[0].key if elsewhere else None
    ), hits


def _branches(tree: Tree, path: list[Node]) -> list[reading_schemas.Branch]:
    return [
        reading_schemas.Branch(
            key=one.key,
            beginning=_short(one.begins.text) or "A message without text",
            role=one.begins.role,
            messages=one.length,
            at=text(one.begins.at),
            shown=bool(path) and path[-1].key == one.key,
        )
        for one in tree.branches()[:_BRANCHES]
    ]


def _turn(
    tree: Tree, node: Node, held: Mapping[str, bool], hits: set[int], visited: Node | None
) -> reading_schemas.Turn:
    versions = tree.beside(node)
    place = next(number for number, one in enumerate(versions) if one is node)
    author, model = node.told.get("author"), node.told.get("model")
    return reading_schemas.Turn(
        number=node.number,
        key=node.key,
        role=node.role,
        author=author if isinstance(author, str) else None,
        model=model if isinstance(model, str) else None,
        at=node.get("timestamp"),
        text="" if node.folded else node.text,
        folded=node.folded,
        kept=node.told.get("kept") is True,
        failed=node.told.get("kind") == "error",
        parts=[_part(one) for one in node.parts],
        attachments=_attachments(node, held),
        version=place + 1,
        versions=len(versions),
        earlier=versions[place - 1].key if place else None,
        later=versions[place + 1].key if place + 1 < len(versions) else None,
        hit=node.number in hits,
        at_hit=node is visited,
    )


def _part(one: Part) -> reading_schemas.HiddenPart:
    return reading_schemas.HiddenPart(kind=one.kind, name=one.name, text=one.text, data=one.data)


def _files(node: Node) -> Iterable[Mapping[str, Any]]:
    told = node.told.get("attachments")
    return [one for one in told if isinstance(one, Mapping)] if isinstance(told, list) else []


def _have_bytes(store: Store, tree: Tree) -> dict[str, bool]:
    """Return the attachments that the store has, by SHA-256: whether each is a picture that browsers show."""
    named = {str(one["sha256"]) for node in tree.nodes for one in _files(node) if isinstance(one.get("sha256"), str)}
    found = ((key, store.attachments.get(key)) for key in sorted(named))
    return {key: _is_picture(one.media_type, one.name) for key, one in found if one is not None}


def _is_picture(media_type: str | None, name: str | None) -> bool:
    return media_type in PICTURES.values() or (name or "").lower().endswith((".png", ".jpg", ".jpeg", ".gif", ".webp"))


def _attachments(node: Node, held: Mapping[str, bool]) -> list[reading_schemas.Attached]:
    found = []
    for one in _files(node):
        key, name, kind, size = (one.get(field) for field in ("sha256", "name", "mediaType", "size"))
        known = isinstance(key, str) and key in held
        found.append(
            reading_schemas.Attached(
                id=key if known else None,
                name=name if isinstance(name, str) and name else "attachment",
                media_type=kind if isinstance(kind, str) else None,
                size=size if isinstance(size, int) else None,
                picture=known and held[str(key)],
            )
        )
    return found


def _beside(store: Store, record: Conversation) -> list[reading_schemas.ListedConversation]:
    """Return the latest conversations, this one among them."""
    latest = "SELECT id FROM conversations WHERE is_archived = ? ORDER BY updated_at DESC, id LIMIT ?"
    with store.pool.reader() as db:
        keys = [key for (key,) in sqlite.fetch(db, latest, (int(record.is_archived), _BESIDE))]
    return _listed(store, keys if record.id in keys else [record.id, *keys[:-1]])


def as_markdown(session: Session, key: str, branch: str) -> tuple[str, str]:
    """Return a branch of a conversation as a Markdown file: its name and its text.  Raises Missing."""
    with session.store() as store:
        record = store.conversations.get(key)
        if record is None:
            raise Missing("conversation not found", where=[key])
        title = _listed(store, [key])[0].title
    tree = _tree(record)
    lines = [f"# {title}", ""]
    for one in tree.path(_through(tree, branch, None)):
        at = text(one.at)
        said = (
            [one.text]
            if not one.folded
            else [
                f"<details><summary>{part.kind}</summary>\n\n{part.text}\n\n</details>"
                for part in one.parts
                if part.text
            ]
        )
        lines += [f"## {one.role or 'somebody'}{f', {at}' if at else ''}", "", *said, ""]
    name = "".join(one if one.isalnum() or one in " -_" else "_" for one in title)[:80].strip() or "conversation"
    return f"{name}.md", "\n".join(lines)
