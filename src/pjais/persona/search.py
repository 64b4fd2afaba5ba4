"""Full-text search over memories: ranked, with snippets; any text is a safe query.

Ranking is bm25 over name, summary, tags and content, a hit in the name counting most; equally good ones come in
the order in which they were stored.  A query that more than `RANKED_ALL` memories match is not selective,
and ranking all of them would take long: then the newest `RANKED` that pass the filters are ranked, and
the others follow, newest first.  (For a persona with few memories all of them are ranked even then.)  The order
is the same on every page.

A text without a single letter or digit (an emoji, an arrow) is not in the index; memories that contain it literally
are found by a scan, most important first.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

from pjais import canonical, choices, sqlite
from pjais.errors import StoreFailed, UsageError
from pjais.models.persona.records import Memory
from pjais.models.persona.tables import MEMORIES, SEARCH
from pjais.persona import filters, narrowing, query

RANKED_ALL = 6000
"""Up to this number all hits are ranked: 5 ms (0.7 µs a hit)."""
RANKED = 500
"""Number of hits that are ranked if there are more."""
_FEW = 4000
"""If a persona has at most this many memories, they are looked up first, and all of its hits are ranked."""

WORDS = 16
"""Words of a snippet (FTS5 allows 64)."""

_BM25 = ", ".join(map(str, SEARCH.weights))
_COLUMNS = ", ".join(f"t.{name}" for name in MEMORIES.column_names)
_WIDTH = len(MEMORIES.columns)
_JOINED = "memory_fts CROSS JOIN memory_entities AS t ON t.search_id = memory_fts.rowid WHERE memory_fts MATCH ?"
"""CROSS: the index comes first, so that it returns hits in the order of their ranks, and only those shown are
looked up."""


class Found(NamedTuple):
    """One result: the memory, a piece of its text with the hits marked, and its rank (smaller is better).

    `marked` holds the whole searched columns with the hits marked, where that was asked for.  Neither is
    escaped: whoever shows them as HTML takes marks that no text has (`"\\x02"`, `"\\x03"`), escapes, then puts
    tags for the marks.
    """

    memory: Memory
    snippet: str
    rank: float
    marked: dict[str, str] | None = None


class Results(NamedTuple):
    """A page of results, the total, and the offset of the next page (None: the end)."""

    found: list[Found]
    total: int
    next_offset: int | None


class Query(NamedTuple):
    """A search request.  For `text` see `pjais.persona.query`; `marks` are put before and after a hit.

    `private`: the order tells nothing of memories that do not pass the filters, which a rank does (how often a word
    occurs in all of them counts): hits in name, summary or tags come first, then the others, each newest first.
    """

    text: str
    any: bool = False
    prefix: bool = False
    marks: tuple[str, str] = ("[", "]")
    highlight: bool = False
    limit: int | None = 50
    offset: int = 0
    filters: filters.Filters = filters.NONE
    private: bool = False


def check(asked: Query) -> None:
    """Raise UsageError for an invalid request, filters aside."""
    query.check(asked.text)
    for name, value in (("any", asked.any), ("prefix", asked.prefix), ("highlight", asked.highlight)):
        choices.flag(name, value)
    choices.window(asked.limit, asked.offset)
    marks = asked.marks
    if not isinstance(marks, tuple) or len(marks) != 2 or not all(isinstance(mark, str) for mark in marks):
        raise UsageError(f"marks={marks!r}: must be two strings, for before and after a hit")
    for mark in marks:
        if query.unstorable(mark):
            raise UsageError("a mark is no valid Unicode text", where=[ascii(mark)])


def search(db: sqlite.Connection, asked: Query) -> list[Found]:
    """Return the memories that a query finds, best first.  Raises UsageError for invalid filters or marks."""
    plan = _Plan(db, asked)
    try:
        return list(plan.results())
    except sqlite.Corrupt as error:
        raise disagrees(db, "memories") from error


def count(db: sqlite.Connection, asked: Query) -> int:
    """Return the total number of memories that a query finds."""
    plan = _Plan(db, asked)
    try:
        return plan.total()
    except sqlite.Corrupt as error:
        raise disagrees(db, "memories") from error


def page(db: sqlite.Connection, asked: Query) -> Results:
    """Return a page of the results and the total; `db` sees one consistent state."""
    plan = _Plan(db, asked)
    try:
        found, total = list(plan.results()), plan.total()
    except sqlite.Corrupt as error:
        raise disagrees(db, "memories") from error
    after = asked.offset + len(found)
    return Results(found, total, after if found and after < total else None)


def disagrees(db: sqlite.Connection, what: str) -> StoreFailed:
    """Return the error for an index that does not agree with what it is about."""
    return StoreFailed(
        f"the search index does not agree with the {what}; another program bypassed the triggers",
        where=[str(db.filename)],
        next_command="pjais verify",
    )


class _Plan:
    """The plan of one query."""

    def __init__(self, db: sqlite.Connection, asked: Query) -> None:
        self.db = db
        self.asked = asked
        self.where, self.values = filters.where(asked.filters, db)
        check(asked)
        self.limit, self.offset = choices.window(asked.limit, asked.offset)
        self.terms = query.terms(asked.text, prefix=asked.prefix)
        self.indexed = any(sqlite.words(db, term.text) for term in self.terms)
        self.match = query.match(self.terms, any=asked.any)
        self.narrow, self.narrowing = self._narrowed()

    def _narrowed(self) -> tuple[str, tuple[str, ...]]:
        """Return SQL that narrows the hits to possible matches of the tags; the filter itself decides."""
        match = narrowing.tags_query(self.asked.filters)
        if not match:
            return "1", ()
        return "+memory_fts.rowid IN (SELECT rowid FROM memory_fts WHERE memory_fts MATCH ?)", (match,)

    def results(self) -> Iterator[Found]:
        """Yield the requested page of the results."""
        if not self.terms or self.limit == 0:
            return
        if not self.indexed:
            yield from self._literal()
        elif self.asked.private:
            yield from self._private()
        elif not self._many():
            yield from self._ranked()
        elif self._few():
            yield from self._ranked_few()
        else:
            yield from self._newest()

    def total(self) -> int:
        """Return how many memories match and pass the filters."""
        if not self.terms:
            return 0
        if not self.indexed:
            where, values = self._holding()
            return int(sqlite.value(self.db, f"SELECT count(*) FROM memory_entities AS t WHERE {where}", values))
        plain = not any(self.asked.filters.get(name) for name in ("include_deleted", "deleted", "undated"))
        if not self.values and not self.narrowing and plain:
            return self._hits() - self._deleted_hits()
        if self._many() and self._few():
            return int(sqlite.value(self.db, f"SELECT count(*) {self._within()}", self._asked_values()))
        return int(sqlite.value(self.db, f"SELECT count(*) FROM {self._passing()}", self._asked_values()))

    def _hits(self) -> int:
        if not self._many():
            return self._matching
        return int(sqlite.value(self.db, "SELECT count(*) FROM memory_fts WHERE memory_fts MATCH ?", (self.match,)))

    def _deleted_hits(self) -> int:
        """Count matches among the few deleted memories, so that without filters no hit is looked up to be counted."""
        sql = (
            "SELECT count(*) FROM memory_fts WHERE memory_fts MATCH ? AND "
            "+rowid IN (SELECT search_id FROM memory_entities WHERE deleted_at IS NOT NULL)"
        )
        held = "SELECT 1 FROM memory_entities WHERE deleted_at IS NOT NULL LIMIT 1"
        return int(sqlite.value(self.db, sql, (self.match,))) if sqlite.first(self.db, held) else 0

    def _many(self) -> bool:
        """Return whether so many memories match, filters aside, that ranking them all would take long."""
        return self._matching > RANKED_ALL

    @cached_property
    def _matching(self) -> int:
        """Return the number of matching memories, filters aside; no more are counted once they are many."""
        sql = "SELECT count(*) FROM (SELECT 1 FROM memory_fts WHERE memory_fts MATCH ? LIMIT ?)"
        return int(sqlite.value(self.db, sql, (self.match, RANKED_ALL + 1)))

    def _passing(self) -> str:
        """Return SQL for the hits that pass the filters, to which `_asked_values` are bound."""
        return f"{_JOINED} AND {self.narrow} AND {self.where}"

    def _asked_values(self) -> tuple[Any, ...]:
        return self.match, *self.narrowing, *self.values

    def _few(self) -> bool:
        persona = self.asked.filters.get("persona")
        if persona is None:
            return False
        sql = "SELECT count(*) FROM (SELECT 1 FROM memory_entities WHERE persona_id = ? LIMIT ?)"
        return int(sqlite.value(self.db, sql, (persona, _FEW + 1))) <= _FEW

    def _ranked(self) -> Iterator[Found]:
        """Yield all hits in the order of their ranks, which FTS5 sorts itself; filters are checked hit by hit."""
        sql = (
            f"SELECT {self._shown()}, memory_fts.rank FROM {self._passing()} AND rank MATCH 'bm25({_BM25})' "
            "ORDER BY memory_fts.rank LIMIT ? OFFSET ?"
        )
        values = (*self._shown_values(), *self._asked_values(), self.limit, self.offset)
        yield from self._each(sql, values)

    def _ranked_few(self) -> Iterator[Found]:
        """Yield the hits among a persona's memories, all of them ranked."""
        sql = f"SELECT rowid, bm25(memory_fts, {_BM25}) AS r {self._within()} ORDER BY r, rowid LIMIT ? OFFSET ?"
        ranks = sqlite.fetch(self.db, sql, (*self._asked_values(), self.limit, self.offset))
        yield from self._look_up(ranks)

    def _newest(self) -> Iterator[Found]:
        """Yield the newest hits ranked, then the others, newest first."""
        wanted = self.limit if self.limit >= 0 else 1 << 62
        ranks: list[tuple[Any, ...]] = []
        if self.offset < RANKED:
            sql = (
                f"SELECT number, r FROM (SELECT memory_fts.rowid AS number, bm25(memory_fts, {_BM25}) AS r "
                f"FROM {self._passing()} ORDER BY memory_fts.rowid DESC LIMIT {RANKED}) "
                "ORDER BY r, number LIMIT ? OFFSET ?"
            )
            ranks = sqlite.fetch(self.db, sql, (*self._asked_values(), wanted, self.offset))
        if len(ranks) < wanted:
            # bm25 of its own for each: the ranks go on as they are, the order does not follow them
            sql = (
                f"SELECT memory_fts.rowid, bm25(memory_fts, {_BM25}) FROM {self._passing()} "
                "ORDER BY memory_fts.rowid DESC LIMIT ? OFFSET ?"
            )
            rest = (wanted - len(ranks), max(RANKED, self.offset))
            ranks += sqlite.fetch(self.db, sql, (*self._asked_values(), *rest))
        yield from self._look_up(ranks)

    def _private(self) -> Iterator[Found]:
        """Yield the hits in an order of their own."""
        first = "memory_fts.rowid IN (SELECT rowid FROM memory_fts WHERE memory_fts MATCH ?)"
        sql = (
            f"SELECT memory_fts.rowid, 0.0 FROM {self._passing()} "
            f"ORDER BY {first} DESC, memory_fts.rowid DESC LIMIT ? OFFSET ?"
        )
        match = f"{{name summary tags}} : ({self.match})"
        values = (*self._asked_values(), match, self.limit, self.offset)
        yield from self._look_up(sqlite.fetch(self.db, sql, values))

    def _within(self) -> str:
        """Return SQL for the hits among the memories that pass the filters, which are selected first."""
        ids = f"SELECT t.search_id FROM memory_entities AS t WHERE {self.where}"
        return f"FROM memory_fts WHERE memory_fts MATCH ? AND {self.narrow} AND +rowid IN ({ids})"

    def _look_up(self, ranks: list[tuple[Any, ...]]) -> Iterator[Found]:
        """Yield the results of these hits, in this order.

        One by one where that is cheap; FTS5 evaluates a phrase or a prefix again for each lookup, so those are read in
        one pass over all hits between the first and the last.
        """
        if all(not term.begins and len(sqlite.words(self.db, term.text)) < 2 for term in self.terms):
            sql = f"SELECT {self._shown()} FROM {_JOINED} AND memory_fts.rowid = ?"
            for number, rank in ranks:
                for row in sqlite.fetch(self.db, sql, (*self._shown_values(), self.match, number)):
                    yield self._found((*row, rank))
            return
        sql = (
            f"SELECT memory_fts.rowid, {self._shown()} FROM {_JOINED} AND memory_fts.rowid BETWEEN ? AND ? "
            "AND +memory_fts.rowid IN (SELECT value FROM json_each(?))"
        )
        numbers = [number for number, _ in ranks]
        bounds = (min(numbers, default=0), max(numbers, default=0), canonical.dumps(numbers))
        found = sqlite.fetch(self.db, sql, (*self._shown_values(), self.match, *bounds))
        rows_of = {row[0]: row[1:] for row in found}
        for number, rank in ranks:
            yield self._found((*rows_of[number], rank))

    def _shown(self) -> str:
        """Return the SQL of a result's columns, to which `_shown_values` are bound."""
        shown = f"{_COLUMNS}, snippet(memory_fts, -1, ?, ?, '…', {WORDS})"
        if self.asked.highlight:
            shown += "".join(f", highlight(memory_fts, {number}, ?, ?)" for number in range(len(SEARCH.columns)))
        return shown

    def _shown_values(self) -> tuple[str, ...]:
        return self.asked.marks * (1 + len(SEARCH.columns) if self.asked.highlight else 1)

    def _each(self, sql: str, values: tuple[Any, ...]) -> Iterator[Found]:
        for row in sqlite.each(self.db, sql, values):
            yield self._found(row)

    def _found(self, row: tuple[Any, ...]) -> Found:
        marked = None
        if self.asked.highlight:
            texts = zip(SEARCH.columns, row[_WIDTH + 1 : -1], strict=True)
            marked = {name: text for name, text in texts if text is not None}
        return Found(_memory(row), row[_WIDTH] or "", row[-1], marked)

    def _holding(self) -> tuple[str, list[Any]]:
        """Return SQL for memories that contain every term literally in any searched column."""
        holds, values = query.holding(self.terms, SEARCH.columns, any=self.asked.any)
        return f"{holds} AND {self.where}", [*values, *self.values]

    def _literal(self) -> Iterator[Found]:
        where, values = self._holding()
        sql = (
            f"SELECT {_COLUMNS} FROM memory_entities AS t WHERE {where} "
            "ORDER BY t.importance DESC, t.search_id LIMIT ? OFFSET ?"
        )
        for row in sqlite.each(self.db, sql, (*values, self.limit, self.offset)):
            yield self._literal_found(row)

    def _literal_found(self, row: tuple[Any, ...]) -> Found:
        texts = {name: str(row[MEMORIES.column_names.index(name)] or "") for name in SEARCH.columns}
        wanted = [term.text.strip() for term in self.terms]
        before, after = self.asked.marks
        marked = {}
        for name, text in texts.items():
            for one in dict.fromkeys(wanted):
                text = text.replace(one, f"{before}{one}{after}")
            marked[name] = text
        snippet = next(
            (around(text, one, self.asked.marks) for text in texts.values() for one in wanted if one in text), ""
        )
        return Found(_memory(row), snippet, 0.0, marked if self.asked.highlight else None)


def around(text: str, hit: str, marks: tuple[str, str], width: int = 60) -> str:
    """Return the part of a text around its first hit."""
    at = text.index(hit)
    end = at + len(hit)
    head = ("…" if at > width else "") + text[max(0, at - width) : at]
    tail = text[end : end + width] + ("…" if len(text) > end + width else "")
    return f"{head}{marks[0]}{hit}{marks[1]}{tail}"


def _memory(row: tuple[Any, ...]) -> Memory:
    record = MEMORIES.to_record(row[:_WIDTH])
    assert isinstance(record, Memory)
    return record
