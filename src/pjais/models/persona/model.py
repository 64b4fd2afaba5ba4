"""The persona model as a value."""

from __future__ import annotations

from pjais.core.model import Model
from pjais.models.persona import events, mappings, upgrades
from pjais.models.persona.observations import observations
from pjais.models.persona.tables import TABLES

MODEL = Model(
    "persona",
    TABLES,
    mappings.claims,
    reading=mappings.READING,
    upgrades=upgrades.UPGRADES,
    events=events.SCHEMA,
    observations=observations,
)
