"""A record as a note, and back: fields in the front matter, its text below, byte for byte.

A field has a key of its own; its value is written there only if it is read again as exactly the same, otherwise in
`fields` (JSON in one line), with whatever else a document has.  What the form of a note would not give again (comments,
quotes, the order of keys) is kept as it is in `extra.markdown`, and used as long as it says the same as the document.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from pjais import canonical, instants
from pjais.sources.apps import values
from pjais.sources.apps.markdown import front_matter, marks
from pjais.sources.apps.markdown.front_matter import Entry, FrontMatter

KIND = "markdown"
VERSION = 1

_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_LINK = re.compile(r"\[\[[^\[\]]+\]\]")
_NO = object()
_LEFT = frozenset({"pjais", "links", "fields", "extra", "content_format"})
"""Keys of every note that are not a field of the document."""


class Form(NamedTuple):
    """How a field's value is written and read.  `write` returns None for what it cannot hold."""

    read: Callable[[Entry], Any]
    write: Callable[[Any], str | None]


def _write_text(value: Any) -> str | None:
    return "" if value is None else front_matter.scalar(value) if isinstance(value, str) else None


def _write_id(value: Any) -> str | None:
    return "" if value is None else front_matter.quoted(value) if isinstance(value, str) else None


def _read_truth(entry: Entry) -> Any:
    return {"true": True, "false": False}.get(entry.value, entry.value) if isinstance(entry.value, str) else entry.value


def _read_number(entry: Entry) -> Any:
    is_number = isinstance(entry.value, str) and _NUMBER.fullmatch(entry.value)
    return canonical.loads(entry.value) if is_number else entry.value


def _write_number(value: Any) -> str | None:
    return "" if value is None else canonical.dumps(value) if type(value) in (int, float) else None


def _write_date(value: Any) -> str | None:
    return "" if value is None else value if type(value) is str and instants.from_canonical(value) is not None else None


def _write_texts(value: Any) -> str | None:
    texts = isinstance(value, list) and all(isinstance(one, str) for one in value)
    return "" if value is None else front_matter.value(value) if texts else None


def _read_json(entry: Entry) -> Any:
    try:
        return canonical.loads(entry.raw) if entry.raw else None
    except (ValueError, RecursionError):
        return entry.value


def _write_json(value: Any) -> str | None:
    return "" if value is None else front_matter.one_line(canonical.dumps(value)) if isinstance(value, dict) else None


def _read_vector(entry: Entry) -> Any:
    """Vectors are not written: `false` says that there was one."""
    return None if entry.raw == "false" else _read_json(entry)


TEXT = Form(lambda entry: entry.value, _write_text)
ID = Form(lambda entry: entry.value, _write_id)
TRUTH = Form(_read_truth, lambda value: canonical.dumps(value) if type(value) is bool else None)
NUMBER = Form(_read_number, _write_number)
DATE = Form(lambda entry: entry.value, _write_date)
TEXTS = Form(lambda entry: entry.value, _write_texts)
JSON = Form(_read_json, _write_json)
VECTOR = Form(_read_vector, lambda value: "false" if isinstance(value, list) else "" if value is None else None)


class Kind(NamedTuple):
    """A kind of note: its collection, its fields as (key, field, form) in order, the field that its body holds."""

    collection: str
    fields: tuple[tuple[str, str, Form], ...]
    body: str | None
    title: str


_WHEN = (("created", "createdAt", DATE), ("updated", "updatedAt", DATE))

KINDS: dict[str, Kind] = {
    "persona": Kind(
        "personas",
        (
            ("id", "id", ID),
            ("name", "name", TEXT),
            ("active", "isActive", TRUTH),
            *_WHEN,
            ("last_used", "lastUsed", DATE),
            ("usage_count", "usageCount", NUMBER),
            ("avatar", "avatar", TEXT),
            ("personality", "personality", JSON),
            ("settings", "settings", JSON),
            ("memory_configuration", "memoryConfiguration", JSON),
            ("privacy_settings", "privacySettings", JSON),
        ),
        "description",
        "name",
    ),
    "memory": Kind(
        "memories",
        (
            ("id", "id", ID),
            ("persona", "personaId", ID),
            ("type", "type", TEXT),
            ("name", "name", TEXT),
            ("importance", "importance", NUMBER),
            ("tier", "memoryTier", TEXT),
            ("tags", "tags", TEXTS),
            *_WHEN,
            ("deleted", "deletedAt", DATE),
            ("summary", "summary", TEXT),
            ("access_count", "accessCount", NUMBER),
            ("connection_count", "connectionCount", NUMBER),
            ("last_accessed", "lastAccessed", DATE),
            ("embedding", "embedding", VECTOR),
            ("embedding_model", "embeddingModel", TEXT),
        ),
        "content",
        "name",
    ),
    "conversation": Kind(
        "conversations",
        (
            ("id", "id", ID),
            ("persona", "personaId", ID),
            ("session", "sessionId", ID),
            ("title", "title", TEXT),
            *_WHEN,
            ("archived", "isArchived", TRUTH),
            ("archived_at", "archivedAt", DATE),
            ("summary", "summary", TEXT),
            ("sentiment", "sentiment", TEXT),
            ("topics", "topics", TEXTS),
            ("importance", "importance", NUMBER),
        ),
        "messages",
        "title",
    ),
    "relationship": Kind(
        "relationships",
        (
            ("id", "id", ID),
            ("from", "fromId", ID),
            ("to", "toId", ID),
            ("type", "type", TEXT),
            ("strength", "strength", NUMBER),
            ("created", "createdAt", DATE),
        ),
        None,
        "type",
    ),
}
"""The kinds of notes, by what stands before `/1` in `pjais`."""

OF_COLLECTION = {kind.collection: (name, kind) for name, kind in KINDS.items()}


# -- write


def text(collection: str, document: dict[str, Any], links: Sequence[str] = ()) -> str:
    """Return the note of a document; `links`: names of notes and files that it is to be linked with."""
    name, kind = OF_COLLECTION[collection]
    document = values.bare(document)
    kept = values.as_dict(values.as_dict(document.get("extra")).get(KIND))
    front, body = _front(name, kind, document, links), _body(kind, document)
    if _is_kept(kept):
        for one in (kept.get("front", front) + kept.get("body", body), front + kept.get("body", body)):
            if _says_as_much(document_of(one), document):
                return str(one)
    return front + body


def _says_as_much(told: dict[str, Any] | None, document: dict[str, Any]) -> bool:
    """Return whether a note says what a document does; a store gives a memory without a type an empty one."""
    if told is not None and "type" not in told and document.get("type") == "":
        told = {**told, "type": ""}
    return canonical.same(told, document)


def _is_kept(kept: Any) -> bool:
    return (
        isinstance(kept, dict)
        and bool(kept)
        and kept.keys() <= {"front", "body"}
        and all(isinstance(one, str) and canonical.encodable(one) for one in kept.values())
    )


def _front(name: str, kind: Kind, document: dict[str, Any], links: Sequence[str]) -> str:
    lines = [f"pjais: {name}/{VERSION}"]
    rest = dict(document)
    for key, field, form in kind.fields:
        if field not in rest:
            continue
        written = form.write(rest[field])
        if written is None or (form is not VECTOR and not canonical.same(form.read(_entry(written)), rest[field])):
            continue
        del rest[field]
        lines.append(f"{key}: {written}".rstrip(" ") if not written else f"{key}: {written}")
    extra = rest.pop("extra", _NO)
    if kind.body is not None and kind.body in rest:
        lines += _of_body(kind, rest)
    if rest:
        lines.append(f"fields: {_one_line(dict(sorted(rest.items())))}")
    if extra is not _NO:
        own, unknown = _parted(kind, extra)
        lines += [] if own is _NO else [f"extra: {_one_line(own)}"]
        lines += unknown
    if links:
        lines.append(f"links: [{', '.join(front_matter.quoted(f'[[{one}]]') for one in links)}]")
    return "\n".join(["---", *lines, "---", ""])


def _entry(written: str) -> Entry:
    return front_matter.parse(f"---\nkey: {written}\n---\n").entries["key"]


def _one_line(value: Any) -> str:
    return front_matter.one_line(canonical.dumps(value))


def _of_body(kind: Kind, rest: dict[str, Any]) -> list[str]:
    """Return the lines about the field that the body holds; take it out of what is left if they and the body do."""
    value = rest[kind.body or ""]
    if kind.body == "messages":
        if isinstance(value, list):
            del rest["messages"]
        return []
    form = []
    if kind.body == "content":
        form = ["content_format: text" if isinstance(value, str) else "content_format: json"]
        if not isinstance(value, str):
            del rest["content"]
            return form
    if value is None or isinstance(value, str):
        del rest[kind.body or ""]
        if not value or not canonical.encodable(value):
            written = "" if value is None else f" {front_matter.quoted(value)}"
            form.append(f"{kind.body}:{written}")
    return form


def _parted(kind: Kind, extra: Any) -> tuple[Any, list[str]]:
    """Return what `extra` itself holds, and the lines of the keys that are not fields of ours."""
    if not isinstance(extra, dict):
        return extra, []
    own = {key: one for key, one in extra.items() if key != KIND or not _is_kept(one)}
    unknown = own.get("frontMatter")
    if not isinstance(unknown, dict) or not unknown:
        return (_NO if extra and not own else own), []
    lines = []
    for key, one in unknown.items():
        written = front_matter.value(one) if isinstance(key, str) and key and key not in known(kind) else None
        line = None if written is None else f"{front_matter.scalar(key)}: {written}"
        if line is None or not _says(line, key, one):
            return own, []
        lines.append(line.rstrip(" ") if not written else line)
    del own["frontMatter"]
    return (own or _NO), lines


def _says(line: str, key: str, value: Any) -> bool:
    try:
        entries = front_matter.parse(f"---\n{line}\n---\n").entries
    except front_matter.Broken:
        return False
    return entries.keys() == {key} and canonical.same(entries[key].value, value)


def known(kind: Kind) -> frozenset[str]:
    """Return the keys of a kind of note that are ours."""
    return _LEFT | {key for key, *_ in kind.fields} | ({kind.body} if kind.body else set())


def _body(kind: Kind, document: dict[str, Any]) -> str:
    value = document.get(kind.body or "")
    if kind.body == "messages":
        return marks.written(value) if isinstance(value, list) else ""
    if isinstance(value, str):
        return value if canonical.encodable(value) else ""
    return _body_json(value) if kind.body == "content" and "content" in document else ""


def _body_json(value: Any) -> str:
    return canonical.dumps(value) + "\n"


# -- read


class Unread(Exception):
    """A note that cannot be read; the text says why."""


class UnknownKind(Unread):
    """A note of ours of a kind that this version does not know."""


class Read(NamedTuple):
    """A note that was read: its collection, its document, and what is odd about it, as (rule, message)."""

    collection: str
    document: dict[str, Any]
    odd: tuple[tuple[str, str], ...]


def kind_of(raw: str) -> tuple[str, str]:
    """Return the kind and the version in the value of `pjais`."""
    name, _, version = raw.partition("/")
    return name, version


def document_of(note: str) -> dict[str, Any] | None:
    """Return what the document of a note says; None if it cannot be read."""
    try:
        return values.bare(read(note).document)
    except (Unread, front_matter.Broken):
        return None


def read(note: str) -> Read:
    """Return the document of a note.  Raises Unread, and `front_matter.Broken`."""
    parts = front_matter.split(note)
    if parts is None:
        raise Unread("no front matter")
    front, body = parts
    found = front_matter.parse(front)
    said = found.entries.get("pjais")
    name, version = kind_of(said.value if said and isinstance(said.value, str) else "")
    if name not in KINDS:
        raise UnknownKind(f"`pjais: {name}` is an unknown kind of note; kept whole")
    kind = KINDS[name]
    odd = [("key-twice", f"{key} occurs twice in the front matter; the last one counts") for key in found.twice]
    odd += [("yaml-unread", f"{key}: anchors, aliases and tags of YAML are read as text") for key in found.odd]
    if version != str(VERSION):
        odd.append(("newer-note", f"a note of version {version}, where {VERSION} is known; its new keys are kept"))
    document = _document(kind, found, body, odd)
    kept = _residue(name, kind, document, (front, body), found)
    if kept:
        if document.get("extra") == {}:
            kept["front"] = front  # the form does not tell an empty one from none beside what is kept
        document["extra"] = {**(document.get("extra") or {}), KIND: kept}
    return Read(kind.collection, document, tuple(odd))


def _document(kind: Kind, found: FrontMatter, body: str, odd: list[tuple[str, str]]) -> dict[str, Any]:
    entries = found.entries
    document = {field: form.read(entries[key]) for key, field, form in kind.fields if key in entries}
    if not isinstance(document.get("id"), str) or not document["id"]:
        raise Unread("a note without an id")
    if kind.body == "messages":
        conversation = marks.parsed(body)
        document["messages"] = conversation.messages
        odd += [("mark", one) for one in conversation.odd]
        if conversation.before.strip():
            odd.append(("text-before-messages", "text above the first message; kept, but not as a message"))
    elif kind.body is not None:
        if body or kind.body in entries:
            document[kind.body] = body or entries[kind.body].value
        if kind.body == "content":
            _formatted(document, entries.get("content_format"), body)
    fields = _read_json(entries["fields"]) if "fields" in entries else {}
    if not isinstance(fields, dict):
        raise Unread("`fields` is no JSON object")
    document |= fields
    extra = _read_json(entries["extra"]) if "extra" in entries else _NO
    unknown = {key: one.value for key, one in entries.items() if key not in known(kind) or _is_others(key, one)}
    if unknown:
        extra = {**(extra if isinstance(extra, dict) else {}), "frontMatter": unknown}
    return document if extra is _NO else {**document, "extra": extra}


def _is_others(key: str, entry: Entry) -> bool:
    """Return whether `links` are not ours: ours are derived, and regenerated."""
    texts = entry.value if isinstance(entry.value, list) else [entry.value]
    return key == "links" and not all(isinstance(one, str) and _LINK.fullmatch(one) for one in texts)


def _formatted(document: dict[str, Any], form: Entry | None, body: str) -> None:
    if form is None or form.value == "text":
        return
    if form.value != "json":
        raise Unread(f"content_format: {form.raw} is neither text nor json")
    try:
        document["content"] = canonical.loads(body)
    except (ValueError, RecursionError):
        raise Unread("content_format is json, but the text is no JSON") from None


def _residue(
    name: str, kind: Kind, document: dict[str, Any], parts: tuple[str, str], found: FrontMatter
) -> dict[str, str]:
    """Return the parts of a note that its document would not give again as they are."""
    links = found.entries.get("links")
    texts = [] if links is None or _is_others("links", links) else links.value
    names = [one[2:-2] for one in texts] if isinstance(texts, list) else []
    had_vector = "embedding" in found.entries and found.entries["embedding"].raw == "false"
    same = {**document, "embedding": []} if had_vector else document
    again = (_front(name, kind, values.bare(same), names), _body(kind, document))
    pairs = zip(("front", "body"), parts, again, strict=True)
    return {key: there for key, there, one in pairs if there != one}
