"""The persona model as a value.

Mappings and events are loaded when the first of them is asked for: a store opens without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pjais.core.model import Model
from pjais.models.persona import upgrades
from pjais.models.persona.observations import observations
from pjais.models.persona.tables import TABLES

if TYPE_CHECKING:
    from pjais.core.events import EventSchema
    from pjais.core.mapping import Mapping

READING = 1
"""Kept with each run.  It goes up with every change after which a document makes another record or other notes: what a
run with another number found unchanged is read again."""


def _claims(dialect: str, collection: str) -> Mapping | None:
    from pjais.models.persona import mappings

    return mappings.claims(dialect, collection)


def _events() -> EventSchema:
    from pjais.models.persona import events

    return events.SCHEMA


MODEL = Model(
    "persona", TABLES, _claims, reading=READING, upgrades=upgrades.UPGRADES, events=_events, observations=observations
)
