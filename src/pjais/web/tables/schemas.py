"""Types of the values of the views of tables, SQL, quick open and settings: the rest of `schemas`."""

from __future__ import annotations

from pjais.web.schemas import Page, Shape, Step


class AboutTable(Shape):
    """An app's table: its rows, and the collection that they are from."""

    name: str
    rows: int
    origin: str | None
    database: str | None
    collection: str
    version: int | None
    source: str
    made_by: str | None

    @property
    def place_name(self) -> str:
        """The app's place, for people: the origin and the database."""
        return ", ".join(one for one in (self.origin, self.database) if one) or self.source or "This store"


class Tables(Shape):
    """The tables of all collections that no model claims."""

    code: str
    tables: list[AboutTable]


class TableColumn(Shape):
    """A column: the property that it holds, its type, the kinds of its values, and the table that they refer to."""

    name: str
    path: str
    type: str
    kinds: list[str]
    key: bool
    refers_to: str | None
    declared: bool


class Condition(Shape):
    """A filter: a column, an operator, and the value that was typed."""

    column: str
    operator: str
    value: str

    @property
    def address(self) -> str:
        """The filter as an address has it."""
        return f"{self.column}:{self.operator}:{self.value}"


class BlobLink(Shape):
    """Bytes of a document; `sha256` null where the source had lost them."""

    sha256: str | None
    name: str | None
    type: str | None
    size: int


class Cell(Shape):
    """A value: its text, or the number of its bytes; with `label` the row that it refers to."""

    text: str | None
    number: bool = False
    size: int | None = None
    label: str | None = None
    table: str | None = None
    key: str | None = None
    blob: BlobLink | None = None


class Row(Shape):
    """A row by its key as the history writes it."""

    key: str
    cells: list[Cell]


class TableView(Shape):
    """A page of an app's table."""

    code: str
    about: AboutTable
    siblings: list[AboutTable]
    columns: list[TableColumn]
    filters: list[Condition]
    q: str
    order: str | None
    descending: bool
    every: int
    page: Page
    rows: list[Row]


class ReferredBy(Shape):
    """Rows of another table that refer to a row."""

    table: str
    column: str
    value: str
    rows: int


class RowView(Shape):
    """A document of an app: its fields, the whole of it as tagged JSON, what refers to it, and its history."""

    code: str
    about: AboutTable
    key: str
    title: str
    columns: list[TableColumn]
    cells: list[Cell]
    document: str
    referred_by: list[ReferredBy]
    history: list[Step]


class Answer(Shape):
    """The rows of a query, whether there are more, and how long it took."""

    columns: list[str]
    rows: list[list[Cell]]
    more: bool
    milliseconds: float


class SqlView(Shape):
    """A query that only reads, and its answer."""

    code: str
    q: str
    tables: list[str]
    seconds: float
    limit: int
    answer: Answer | None


class Place(Shape):
    """Something to jump to."""

    group: str
    name: str
    address: str
    icon: str
    about: str = ""


class Jumps(Shape):
    """Records and places that fit some words: records, tables, and places of the page."""

    code: str
    q: str
    found: list[Place]


class Settings(Shape):
    """The places of the data."""

    code: str
    data_dir: str
    store: str | None
    backups: str
    log: str
