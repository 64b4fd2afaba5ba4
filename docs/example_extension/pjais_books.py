"""An example: the model of another app, a list of shelves and the books on them."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

from pjais.core import declare as a
from pjais.core.declare import rule_of, table
from pjais.core.mapping import Field, Fields, Mapping
from pjais.core.model import Model, Upgrade
from pjais.core.table import Column, Search, Table


class Shelf(NamedTuple):
    """A shelf in somebody's flat."""

    id: Annotated[str, a.key()]
    room: Annotated[str, a.required()]
    extra: Annotated[dict[str, Any], a.extra()]


class Book(NamedTuple):
    """A book; `rating` came with the app's second version."""

    id: Annotated[str, a.key()]
    shelf_id: Annotated[str | None, a.reference("shelves")]
    title: Annotated[str, a.required()]
    authors: Annotated[list[str], a.texts()]
    pages: Annotated[int, a.count()]
    read_at: Annotated[int | None, a.instant()]
    extra: Annotated[dict[str, Any], a.extra()]
    rating: Annotated[int | float | None, a.number()] = None


class Other(NamedTuple):
    """A document of any other collection, whole."""

    collection: str
    id: str
    document: dict[str, Any]


SHELVES = table(Shelf, "shelves")
BOOKS = table(Book, "books", owner="shelf_id", search=Search("book_fts", ("title", "authors"), (2.0, 1.0)))
OTHERS = Table(
    "other_documents",
    Other,
    ("collection", "id"),
    (Column("collection", "TEXT NOT NULL"), Column("id", "TEXT NOT NULL"), Column("document", "JSON", "json")),
    title="others",
    carries=True,
)


def _documents(of: Table) -> Fields:
    """The app's documents have the fields under their camelCase names, and leave out what is not known."""
    columns = [column for column in of.fields if column.kind != "extra"]
    fields = (Field(one.name, one.names, rule_of(one, json_text=False), omit=one.later) for one in columns)
    return Fields(of, tuple(fields))


COLLECTIONS = {"shelves": _documents(SHELVES), "books": _documents(BOOKS)}


def _claims(dialect: str, collection: str) -> Mapping | None:
    return COLLECTIONS.get(collection) if dialect in ("json", "rxdb-dump", "rxdb-profile") else None


MODEL = Model(
    "books",
    (SHELVES, BOOKS, OTHERS),
    _claims,
    upgrades=(Upgrade(2, "rate each book", "ALTER TABLE books ADD COLUMN rating NUMERIC"),),
)
