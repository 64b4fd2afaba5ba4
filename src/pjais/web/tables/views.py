"""Views of any app's tables, of read-only SQL, and of quick open, which finds its way to all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated, Any

from fastapi import Query

from pjais import canonical, logbook, sqlite
from pjais import sqlite_query as query
from pjais.core.table import Table
from pjais.errors import NoSourceFound
from pjais.persona.store import Store
from pjais.store import browse, documents
from pjais.store.browse import Filter
from pjais.web.memories.lists import Asked, begins_word
from pjais.web.session import Session
from pjais.web.shell import NAVIGATION
from pjais.web.tables import schemas
from pjais.web.view_values import Id, InSession, Limit, Missing, Offset, Words, page, step, to

Sql = Annotated[str, Query(max_length=20_000)]
Filters = Annotated[list[str], Query(max_length=4200)]
_FOUND = 6
"""Number of results of each kind in quick open."""
_LONG = 160
_TABLES = (
    "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'view') "
    "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
)
"""The tables and views that a query can read; the shadows of search indexes are none of them."""


def tables(session: InSession) -> schemas.Tables:
    """The tables of all collections that no model claims, by app."""
    with session.store() as store:
        found = session.figure(store, "tables", lambda: _tables(store))
    return schemas.Tables(code="done", tables=found)


def _tables(store: Store) -> list[schemas.AboutTable]:
    with store.pool.view() as db:
        return [schemas.AboutTable(**one._asdict()) for one in browse.tables(db, store.pool.model)]


def table(
    session: InSession,
    name: Id,
    f: Filters = [],  # noqa: B006 -- FastAPI copies it
    column: Id = "",
    operator: Id = "",
    value: Words = "",
    q: Words = "",
    order: Id = "",
    descending: bool = False,
    offset: Offset = 0,
    limit: Limit = 50,
) -> schemas.TableView:
    """A page of an app's table: filtered (`f`: COLUMN:OPERATOR:VALUE, repeatable), ordered, with what it refers to."""
    given = list(f)
    if column:
        given.append(f"{column}:{operator or 'is'}:{value}")
    with session.store() as store:
        model = store.pool.model
        wanted = documents.table_of(model, name)
        filters = [_filter(one, wanted) for one in given]
        with store.pool.view() as db:
            found = browse.rows(
                db, wanted, filters, words=q, order=order or None, descending=descending, limit=limit, offset=offset
            )
            columns = browse.columns(db, wanted)
            links = browse.references(db, model, wanted)
            places = {one: found.columns.index(one) for one in found.columns}
            targets = {
                one.column: browse.targets(db, model, one, (row[places[one.column]] for row in found.rows))
                for one in links
            }
        about = {one.name: one for one in session.figure(store, "tables", lambda: _tables(store))}
    to = {one.column: one for one in links}
    return schemas.TableView(
        code="done",
        about=about[name],
        siblings=[one for one in about.values() if (one.origin, one.database) == _place(about[name])],
        columns=[_column(one, to) for one in columns],
        filters=[schemas.Condition(column=one.column, operator=one.operator, value=one.value) for one in filters],
        q=q,
        order=order or None,
        descending=descending,
        every=found.every,
        page=page(found.total, offset, limit),
        rows=[
            schemas.Row(
                key=key,
                cells=[
                    _cell(value, to.get(name), targets.get(name, {}))
                    for name, value in zip(found.columns, row, strict=True)
                ],
            )
            for key, row in zip(found.keys, found.rows, strict=True)
        ],
    )


def _place(one: schemas.AboutTable) -> tuple[str | None, str | None]:
    return one.origin, one.database


def _filter(text: str, table: Table) -> Filter:
    """Return a filter as it is written in an address; a column's name may hold colons, too."""
    for name in sorted(table.column_names, key=len, reverse=True):
        if text.startswith(f"{name}:"):
            operator, _, value = text[len(name) + 1 :].partition(":")
            return Filter(name, operator, value)
    return Filter(text.partition(":")[0], "is", "")


def _column(one: browse.Column, to: dict[str, browse.Reference]) -> schemas.TableColumn:
    link = to.get(one.name)
    return schemas.TableColumn(
        name=one.name,
        path=one.path,
        type=one.type,
        kinds=list(one.kinds),
        key=one.key,
        refers_to=link.table if link else None,
        declared=bool(link and link.declared),
    )


def _cell(value: Any, link: browse.Reference | None, targets: dict[Any, browse.Target]) -> schemas.Cell:
    if isinstance(value, bytes):
        return schemas.Cell(text=None, size=len(value))
    text = None if value is None else str(value)
    cell = schemas.Cell(text=text, number=isinstance(value, int | float))
    if link is not None and isinstance(value, str | int | float) and value in targets:
        cell.label, cell.table, cell.key = targets[value].name, link.table, targets[value].key
    elif text is not None and text.startswith('{"$blob":'):
        cell.blob = _blob_in(text)
    return cell


def _blob_in(text: str) -> schemas.BlobLink | None:
    try:
        told = canonical.loads(text)["$blob"]
        return schemas.BlobLink(
            sha256=told.get("sha256"), name=told.get("name"), type=told.get("type"), size=int(told.get("size") or 0)
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def row(session: InSession, name: Id, key: Words) -> schemas.RowView:
    """One document of an app's table: its fields, the whole of it, what refers to it, and its history."""
    with session.store() as store:
        model = store.pool.model
        wanted = documents.table_of(model, name)
        with store.pool.view() as db:
            values = browse.row(db, wanted, key)
            if values is None:
                raise Missing("row not found", where=[f"{name} {key}"])
            links = {one.column: one for one in browse.references(db, model, wanted)}
            columns = browse.columns(db, wanted)
            targets = {one.column: browse.targets(db, model, one, [values[one.column]]) for one in links.values()}
            about = next(one for one in browse.tables(db, model) if one.name == name)
            own = values[wanted.key[0]]
            back = browse.referring(db, model, wanted, own) if len(wanted.key) == 1 else []
        document = documents.of_row(model, wanted, tuple(values[one] for one in wanted.column_names))
        history = store.history(key, name)
    return schemas.RowView(
        code="done",
        about=schemas.AboutTable(**about._asdict()),
        key=key,
        title=browse.called(values) or key,
        columns=[_column(one, links) for one in columns],
        cells=[_cell(values[one.name], links.get(one.name), targets.get(one.name, {})) for one in columns],
        document=document.json(),
        referred_by=[
            schemas.ReferredBy(table=other.name, column=one.column, value=str(own), rows=count)
            for other, one, count in back
        ],
        history=[step(one) for one in reversed(history)],
    )


def sql(session: InSession, q: Sql = "") -> schemas.SqlView:
    """The rows of a query that can only read, and that ends after two seconds; without one, what can be asked."""
    here = session.workspace()
    with session.store() as store, store.pool.view() as db:
        names = [name for (name,) in sqlite.fetch(db, _TABLES)]
    answer = query.run(here.store, q) if q.strip() else None
    return schemas.SqlView(
        code="done",
        q=q,
        tables=names,
        seconds=query.SECONDS,
        limit=query.ROWS,
        answer=None
        if answer is None
        else schemas.Answer(
            columns=answer.columns,
            rows=[[_cell(value, None, {}) for value in row] for row in answer.rows],
            more=answer.more,
            milliseconds=answer.milliseconds,
        ),
    )


def search(session: InSession, q: Words = "") -> schemas.Jumps:
    """Quick open: personas, memories, messages, tables and places of the page that fit some words, a few of each."""
    words = q.strip()
    entries = [one for group in NAVIGATION.values() for one in group]
    places = [one for one in entries if not words or words.lower() in one.name.lower()]
    found = [schemas.Place(group="Go to", name=one.name, address=one.address, icon=one.icon) for one in places]
    if words:
        with suppress(NoSourceFound), session.store() as store:
            found = [*_in_store(session, store, words), *found]
    return schemas.Jumps(code="done", q=q, found=found)


def _in_store(session: Session, store: Store, words: str) -> Iterator[schemas.Place]:
    prefix = begins_word(store, Asked(words, {}))
    owners = {one.id: one.name or one.id for one in store.personas.list()}
    low = words.lower()
    for one in [key for key, name in owners.items() if low in name.lower()][:_FOUND]:
        yield schemas.Place(group="Personas", name=owners[one], address=to("/persona", id=one), icon="users")
    for found in store.memories.search(words, prefix=prefix, limit=_FOUND):
        memory = found.memory
        yield schemas.Place(
            group="Memories",
            name=_line(memory.name or memory.summary or memory.content),
            address=to("/memory", id=memory.id),
            icon="brain",
            about=owners.get(memory.persona_id or "", ""),
        )
    for message in store.conversations.search(words, prefix=prefix, marks=("", ""), limit=_FOUND):
        yield schemas.Place(
            group="Conversations",
            name=_line(message.title or message.snippet),
            address=to("/conversation", id=message.conversation_id, message=str(message.position))
            + f"#m{message.position}",
            icon="messages-square",
            about=_line(message.snippet) if message.title else "",
        )
    named = [one for one in session.figure(store, "tables", lambda: _tables(store)) if low in one.name.lower()]
    for table_ in named[:_FOUND]:
        yield schemas.Place(
            group="App tables",
            name=table_.name,
            address=to("/table", name=table_.name),
            icon="table-2",
            about=table_.database or "",
        )


def _line(value: Any) -> str:
    text = value if isinstance(value, str) else canonical.dumps(value)
    text = " ".join(text[: 4 * _LONG].split())
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"


def settings(session: InSession) -> schemas.Settings:
    """The places of the data; how the page looks is kept by each browser."""
    here = session.workspace()
    return schemas.Settings(
        code="done",
        data_dir=str(here.data_dir),
        store=str(here.live) if here.store.exists() else None,
        backups=str(here.backups),
        log=str(here.log_dir / logbook.NAME),
    )
