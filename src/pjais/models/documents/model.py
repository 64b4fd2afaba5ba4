"""Make the model of a store: a model with fixed tables, and the document tables of a catalogue beside them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pjais.core.model import Model
from pjais.models.documents.catalogue import DDL, Catalogue

if TYPE_CHECKING:
    from pjais.models.documents.mapping import Documents
    from pjais.models.documents.table import DocumentTable


def with_documents(base: Model, catalogue: Catalogue, *, alone: bool = False) -> Model:
    """Return a model whose unclaimed documents have tables of their own, in place of one table for all of them.

    `alone`: a store of them has none of the model's fixed tables, as it has no record for them.
    """
    whole = base.fixed or base
    fixed = () if alone else tuple(table for table in whole.tables if not table.carries)
    tables = _tables(base, catalogue) if catalogue else {}

    def documents() -> Documents:
        from pjais.models.documents.mapping import Documents  # loaded when the first document is read or written

        return Documents({one.place: tables[one.table] for one in catalogue})

    return replace(
        whole,
        tables=(*fixed, *tables.values()),
        observations=(lambda _: ()) if alone else whole.observations,
        makes_documents=documents,
        catalogue=catalogue,
        catalogue_ddl=DDL,
        fixed=whole,
    )


def _tables(base: Model, catalogue: Catalogue) -> dict[str, DocumentTable]:
    """Return the tables of a catalogue by name; those that the base has already stay the same objects."""
    from pjais.models.documents.references import links  # a store without such tables opens without
    from pjais.models.documents.table import DocumentTable, table_of

    whole = base.fixed or base
    had = {table.holds: table for table in base.tables if isinstance(table, DocumentTable)}
    taken = {name.lower() for name in (*(one.table for one in catalogue), *(table.name for table in whole.tables))}
    there = {one.place: one for one in catalogue}
    tables: dict[str, DocumentTable] = {}
    for one in catalogue:
        if one.table not in tables:
            linked = links(one, there)
            old = had.get(one)
            tables[one.table] = old if old is not None and old.links == linked else table_of(one, taken, linked)
    return tables
