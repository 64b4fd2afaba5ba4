"""Full-text search over the messages of conversations: as over memories, any text is a safe query.

All hits are ranked by bm25; equally good ones come in the order in which they were stored.  Hidden messages (tool
output, system prompts) are left out unless they are asked for.  A text without a single letter or digit is not in the
index: messages that contain it literally are found by a scan.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, NamedTuple, TypedDict

from pjais import choices, instants, sqlite
from pjais.core.shown import INSTANT
from pjais.errors import UsageError
from pjais.models.persona.messages import MESSAGES
from pjais.models.persona.tables import CONVERSATIONS
from pjais.persona import filters, query, search
from pjais.store import as_of, provenance
from pjais.store.provenance import Wanted

_INDEX, _ROWS = MESSAGES.search.name, MESSAGES.name
_SCANNED = f"{_ROWS} AS m CROSS JOIN conversations AS t ON t.id = m.{MESSAGES.link} WHERE"
_JOINED = (
    f"{_INDEX} CROSS JOIN {_ROWS} AS m ON m.id = {_INDEX}.rowid CROSS JOIN conversations AS t "
    f"ON t.id = m.{MESSAGES.link} WHERE {_INDEX} MATCH ? AND"
)
"""CROSS: the index comes first, so that it returns hits in the order of their ranks, and only those are looked up."""

_SHOWN = f"m.{MESSAGES.link}, CAST(t.title AS BLOB), m.position, CAST(m.message_id AS BLOB), CAST(m.role AS BLOB), m.at"
"""Texts as bytes: JSON may hold what is no Unicode, and SQLite gives it as it is."""


class MessageHit(NamedTuple):
    """One result: where the message is, who wrote it and when (ms), a piece of it with the hits marked, and its rank.

    `position` counts from 0 in the conversation's list.  A smaller `rank` is better.  `snippet` is not escaped, as in
    `pjais.persona.search.Found`.
    """

    conversation_id: str
    title: str | None
    position: int
    message_id: str | None
    role: str | None
    at: Annotated[int | None, INSTANT]
    snippet: str
    rank: float


class MessageResults(NamedTuple):
    """A page of results, the total, and the offset of the next page (None: the end)."""

    found: list[MessageHit]
    total: int
    next_offset: int | None


class MessageFilters(TypedDict, total=False):
    """The filters by name.

    `role`: who wrote it.  `since`, `until`: ISO-8601, or ms since 1970, both included.  `persona`: an id.  `source`: of
    conversations from these sources, as in `pjais.persona.filters.Filters`.  `hidden`: messages that their app does
    not show (`metadata.hidden`) come, too.  `without_topics`: not of conversations with one of these topics, which are
    compared as `without_tags` of memories.
    """

    role: str | None
    since: int | str | None
    until: int | str | None
    persona: str | None
    source: Wanted
    hidden: bool
    without_topics: str | Iterable[str] | None


class MessageQuery(NamedTuple):
    """A search request, as `pjais.persona.search.Query`; if `private`, the latest messages come first."""

    text: str
    any: bool
    prefix: bool
    marks: tuple[str, str]
    limit: int | None
    offset: int
    filters: MessageFilters
    private: bool = False


def where(wanted: MessageFilters, db: sqlite.Connection) -> tuple[str, list[Any]]:
    """Return the filters as SQL over `m` (a message) and `t` (its conversation), and the values to bind.

    Raises UsageError for an invalid or unknown filter.
    """
    if unknown := sorted(set(wanted) - set(MessageFilters.__annotations__)):
        raise UsageError("unknown filters", where=unknown)
    parts = [] if choices.flag("hidden", wanted.get("hidden", False)) else ["m.hidden = 0"]
    values: list[Any] = []
    for condition, value in (
        ("m.role = ?", choices.maybe("role", wanted.get("role"))),
        ("m.at >= ?", _instant(wanted.get("since"))),
        ("m.at <= ?", _instant(wanted.get("until"))),
    ):
        if value is not None:
            parts.append(condition)
            values.append(value)
    of_conversations_, more = of_conversations(wanted, db)
    return " AND ".join([*parts, of_conversations_]), [*values, *more]


def of_conversations(wanted: MessageFilters, db: sqlite.Connection) -> tuple[str, list[Any]]:
    """Return those of the filters that are about the conversation `t`, as SQL, and the values to bind."""
    parts: list[str] = []
    values: list[Any] = []
    if (persona := choices.maybe("persona", wanted.get("persona"))) is not None:
        parts.append("t.persona_id = ?")
        values.append(persona)
    if topics := filters.several("without_topics", wanted.get("without_topics")):
        condition, bound = filters.has_tag(db, "t.topics", topics)
        parts.append(f"coalesce(NOT {condition}, 1)")
        values += bound
    of_source, more = provenance.condition(db, CONVERSATIONS, wanted.get("source"))
    return " AND ".join([*parts, of_source]), [*values, *more]


def _instant(time: int | str | None) -> str | None:
    return None if time is None else filters.instant_text(as_of.instant(time))


def search_messages(db: sqlite.Connection, asked: MessageQuery) -> list[MessageHit]:
    """Return the messages that a query finds, best first.  Raises UsageError for an invalid request."""
    plan = _Plan(db, asked)
    try:
        return list(plan.hits())
    except sqlite.Corrupt as error:
        raise search.disagrees(db, "messages") from error


def page(db: sqlite.Connection, asked: MessageQuery) -> MessageResults:
    """Return a page of the results and the total; `db` sees one consistent state."""
    found, plan = search_messages(db, asked), _Plan(db, asked)
    total, after = plan.total(), asked.offset + len(found)
    return MessageResults(found, total, after if found and after < total else None)


class _Plan:
    """The plan of one query: over the index, or a scan for texts that have no words."""

    def __init__(self, db: sqlite.Connection, asked: MessageQuery) -> None:
        search.check(search.Query(asked.text, asked.any, asked.prefix, asked.marks, False, asked.limit, asked.offset))
        self._db = db
        self._marks = asked.marks
        self._order = "m.at DESC, m.id DESC" if asked.private else f"{_INDEX}.rank"
        self._window = choices.window(asked.limit, asked.offset)
        terms = query.terms(asked.text, prefix=asked.prefix)
        self._texts = [term.text.strip() for term in terms]
        self._indexed = any(sqlite.words(db, text) for text in self._texts)
        condition, values = where(asked.filters, db)
        if self._indexed:
            self._from, self._values = f"{_JOINED} {condition}", [query.match(terms, any=asked.any), *values]
        else:
            holds = (" OR " if asked.any else " AND ").join(["instr(m.content, ?) > 0"] * len(terms))
            self._from, self._values = f"{_SCANNED} ({holds}) AND {condition}", [*self._texts, *values]

    def total(self) -> int:
        """Return how many messages match and pass the filters."""
        if not self._texts:
            return 0
        return int(sqlite.value(self._db, f"SELECT count(*) FROM {self._from}", self._values))

    def hits(self) -> Iterator[MessageHit]:
        """Yield the requested page of the results."""
        if not self._texts:
            return
        if self._indexed:
            shown = f"{_SHOWN}, CAST(snippet({_INDEX}, -1, ?, ?, '…', {search.WORDS}) AS BLOB), {_INDEX}.rank"
            sql = f"SELECT {shown} FROM {self._from} ORDER BY {self._order} LIMIT ? OFFSET ?"
            for *row, snippet, rank in sqlite.each(self._db, sql, (*self._marks, *self._values, *self._window)):
                yield _hit(row, _decoded(snippet) or "", rank)
            return
        sql = f"SELECT {_SHOWN}, CAST(m.content AS BLOB) FROM {self._from} ORDER BY m.id LIMIT ? OFFSET ?"
        for *row, content in sqlite.each(self._db, sql, (*self._values, *self._window)):
            text = _decoded(content) or ""
            hit = next((one for one in self._texts if one in text), None)
            yield _hit(row, "" if hit is None else search.around(text, hit, self._marks), 0.0)


def _hit(shown: list[Any], snippet: str, rank: float) -> MessageHit:
    conversation, title, position, message, role, at = shown
    when = None if at is None else instants.from_text(at)
    return MessageHit(conversation, _decoded(title), position, _decoded(message), _decoded(role), when, snippet, rank)


def _decoded(data: bytes | None) -> str | None:
    return None if data is None else data.decode("utf-8", "replace")
