"""Types of the values of the views of memories: the list with its facets, and one memory with its versions."""

from __future__ import annotations

from pjais.web import schemas
from pjais.web.schemas import Change, Shape


class FacetValue(Shape):
    """A value of a facet: as the filter takes it (null: no filter selects it), its name, and how many memories have it.

    `chosen`: the list is filtered by it.
    """

    value: str | None
    name: str
    count: int
    chosen: bool


class Facet(Shape):
    """The values of a facet, commonest first; `more` are left out here, and in the view of the whole facet."""

    name: str
    title: str
    values: list[FacetValue]
    more: int


class Memories(schemas.Memories):
    """Memories, most important first, or those that a search found, best first; with it the best of the messages.

    `counted` is false while the total is not known yet (then it is the least that there are), `facets_counted` while
    the facets are those of before the last changes, or still to come.
    """

    counted: bool
    facets: list[Facet]
    facets_counted: bool


class Facets(Shape):
    """One facet, whole."""

    code: str
    facet: Facet
    personas: dict[str, str]


class Link(schemas.Link):
    """A relationship of a memory with another record: its table and name, where it is in the store."""

    table: str | None
    name: str | None


class Origin(Shape):
    """The provenance of a record as the store knows it: its document, and the run that migrated it.

    `digest`: of the record as it was migrated (hex).  `finished`: when the run ended; `proved`: it was proved then.
    """

    kind: str
    name: str
    dialect: str | None
    origin: str | None
    database: str | None
    collection: str
    native_id: str | None
    place: str
    digest: str | None
    run: str
    finished: str | None
    proved: bool
    backup: bool


class Version(Shape):
    """A version of a record: its number (1: as it was migrated or made), the change that made it, and its fields.

    `seq`: the number of the change after which it was current.
    """

    number: int
    seq: str
    at: str | None
    op: str
    fields: list[str]


class Comparison(Shape):
    """Two versions of a record, by their numbers, and the fields in which they differ."""

    first: int
    second: int
    fields: list[Change]


class Picture(Shape):
    """An attachment of a memory that the store has; `id` is the SHA-256 of its bytes."""

    id: str
    name: str
    size: int
    picture: bool


class MemoryView(schemas.MemoryView):
    """One memory with its links, the memories most like it, its score (0-100), its history, and its versions."""

    links: list[Link]  # type: ignore[assignment]
    origin: Origin | None
    versions: list[Version]
    compared: Comparison | None
    attachments: list[Picture]
