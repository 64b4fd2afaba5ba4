"""The meaning of an app's data: the models by name, built in and added by other packages.

    [project.entry-points."pjais.models"]       an object that is a `pjais.core.model.Model`

The engine takes its model from here and knows none of them.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from pjais import extensions
from pjais.choices import MODEL
from pjais.errors import UsageError

if TYPE_CHECKING:
    from pjais.core.events import EventSchema
    from pjais.core.model import Model

DEFAULT = MODEL


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
    found = named(name).events
    if found is None:
        raise UsageError("this model has no LiveStore events", where=[name])
    return found


def names() -> tuple[str, ...]:
    """Return the names of all models."""
    return (DEFAULT, *extensions.names("models"))
