"""Make the model of a store: a model with fixed tables, and the document tables of a catalogue beside them."""

from __future__ import annotations

from dataclasses import replace

from pjais.core.model import Model
from pjais.models.documents.catalogue import DDL, Catalogue
from pjais.models.documents.mapping import Documents
from pjais.models.documents.table import DocumentTable, table_of


def with_documents(base: Model, catalogue: Catalogue) -> Model:
    """Return a model whose unclaimed documents have tables of their own, in place of one table for all of them."""
    whole = base.fixed or base
    fixed = tuple(table for table in whole.tables if not table.carries)
    had = {table.holds: table for table in base.tables if isinstance(table, DocumentTable)}
    made = tuple(had.get(one) or table_of(one) for one in catalogue)
    documents = Documents({table.holds.place: table for table in made if table.holds is not None})
    return replace(
        whole, tables=(*fixed, *made), documents=documents, catalogue=catalogue, catalogue_ddl=DDL, fixed=whole
    )
