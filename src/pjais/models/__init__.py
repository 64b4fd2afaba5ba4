"""The meaning of an app's data: the models by name, built in and added by other packages.

    [project.entry-points."pjais.models"]       an object that is a `pjais.core.model.Model`

The engine takes its model from here and knows none of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pjais import extensions, sql_text, sqlite
from pjais.choices import MODEL
from pjais.errors import UsageError

if TYPE_CHECKING:
    from pjais.core.events import EventSchema
    from pjais.core.model import Model
    from pjais.models.documents.catalogue import Catalogue
    from pjais.models.documents.schemas import Told
    from pjais.models.documents.survey import Known, Survey

DEFAULT = MODEL

KEPT_FREE = ("web_storage", "_files")
"""Names of tables that no collection gets."""


@cache
def named(name: str = DEFAULT) -> Model:
    """Return the model of this name.  Raises UsageError if there is none."""
    if name == DEFAULT:
        from pjais.models.persona.model import MODEL

        return MODEL
    found = extensions.model(name)
    if found is None:
        raise UsageError("unknown model", where=[name, f"one of: {', '.join(names())}"])
    return found


def events(name: str = DEFAULT) -> EventSchema:
    """Return the LiveStore schema of a model.  Raises UsageError if there is none."""
    its = named(name).events
    if its is None:
        raise UsageError("this model has no LiveStore events", where=[name])
    return its()


def names() -> tuple[str, ...]:
    """Return the names of all models."""
    return (DEFAULT, *extensions.names("models"))


def extended(model: Model, catalogue: Catalogue, *, alone: bool = False) -> Model:
    """Return a model with the document tables of a catalogue; tables that it has already stay the same objects.

    `alone`: without the model's fixed tables.
    """
    from pjais.models.documents.model import with_documents

    return with_documents(model, catalogue, alone=alone)


def of_store(base: Model, store: Path) -> Model:
    """Return the model of a store: the given one with the document tables that the store's catalogue names.

    The same object as long as the catalogue is the same; without a store there are none.
    """
    from pjais.models.documents import of_store as documents

    return documents.model_of(base, store)


def in_store(base: Model, db: sqlite.Connection) -> Model:
    """Return the model of an open store, as `of_store` does."""
    from pjais.models.documents import of_store as documents

    return documents.model_in(base, db)


def reserved(model: Model) -> Iterable[str]:
    """Return the names that no document table gets: those of all fixed tables, and of their search indexes."""
    for table in (model.fixed or model).tables:
        yield from (table.name, table.title)
    for search in (model.fixed or model).indexes:
        yield from (f"{search.name}{end}" for end in _SHADOWS)
    yield from ((model.fixed or model).derived)
    yield from (*sql_text.SYSTEM_NAMES, *KEPT_FREE)


_SHADOWS = ("", "_config", "_content", "_data", "_docsize", "_idx")


def known(told: Told) -> Known:
    """Return what a source tells of a collection, as the survey of its documents takes it."""
    from pjais.models.documents import schemas

    return schemas.known(told)


def survey(catalogue: Catalogue, sources: frozenset[str], model: Model) -> Survey:
    """Return a survey of the collections that no other model claims; see `pjais.models.documents.survey`."""
    from pjais.models.documents.survey import Survey

    return Survey(catalogue, sources, reserved(model))
