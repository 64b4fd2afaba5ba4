"""The Drizzle schema that the app shipped last.

Integer keys, importance on the 0-1 scale, and fields that the app's own migrator moved: name, summary, tags,
embedding model and the original id of a memory are in its `metadata`.  They return to their fields here, and the raw
column is kept.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pjais import canonical
from pjais.core.declare import later_fields
from pjais.core.mapping import Field, Fields, Instant
from pjais.core.problems import Problem
from pjais.core.rules import (
    Changed,
    Content,
    IntegerId,
    IntegerReference,
    Number,
    Object,
    RequiredText,
    Rule,
    Tier,
    Truth,
    Vector,
    parse_json,
)
from pjais.models.persona import tables


class Score(Rule):
    """Importance on the scale 0-1, known by its kind: times 100, the original kept."""

    default = 50

    def __init__(self) -> None:
        self._number = Number(50, limits=(0, 100))

    def read(self, raw: Any) -> Any:
        """0.735 becomes 73.5 exactly: the product is made in decimals."""
        if type(raw) in (int, float) and raw == raw and abs(raw) < 1e13:
            product = Decimal(repr(raw)) * 100
            value = int(product) if product == product.to_integral_value() else float(product)
            if 0 <= value <= 100:
                return Changed(value)
            return Changed(value, "out-of-range", "outside 0-100, kept as it is", level="note")
        return self._number.read(raw)


def _unfold(
    values: dict[str, Any], document: dict[str, Any], original: dict[str, Any], problems: list[Problem]
) -> None:
    """Bring back what the app's migrator put into `metadata`; the column stays in `$original`."""
    raw = document.get("metadata")
    folded = raw if isinstance(raw, dict) else parse_json(raw)
    if not isinstance(folded, dict):
        return
    for key, attribute in (("name", "name"), ("summary", "summary"), ("embeddingModel", "embedding_model")):
        if isinstance(folded.get(key), str):
            values[attribute] = canonical.replace_surrogates(folded[key])
    tags = folded.get("tags")
    if isinstance(tags, str):
        tags = parse_json(tags)
    if isinstance(tags, list):
        values["tags"] = [tag if isinstance(tag, str) else canonical.dumps(tag) for tag in tags]
    first_id = folded.get("originalId")
    if isinstance(first_id, str) and first_id and canonical.encodable(first_id):
        original["id"] = document.get("id")
        values["id"] = first_id
        problems.append(
            ("repair", "id-returned", "id", "the memory's original id, which the app had moved to extra data")
        )


def _name_link(
    values: dict[str, Any], document: dict[str, Any], _original: dict[str, Any], _problems: list[Problem]
) -> None:
    """A link has no id of its own in some builds: it is named by what it links."""
    if "id" not in document:
        values["id"] = f"{values['from_id']}-{values['type']}-{values['to_id']}"


_JSON_OBJECT = Object(json_text=True)

PERSONAS = Fields(
    tables.PERSONAS,
    (
        Field("id", ("id",), IntegerId()),
        Field("name", ("name",), RequiredText()),
        Field("personality", ("personality_profile",), _JSON_OBJECT),
        Field("privacy_settings", ("privacy_settings",), _JSON_OBJECT),
        Field("memory_configuration", ("memory_configuration",), _JSON_OBJECT),
        Field("created_at", ("created_at",), Instant()),
        Field("updated_at", ("updated_at",), Instant()),
        *later_fields(tables.PERSONAS, json_text=True),
    ),
    any_case=True,
)

MEMORIES = Fields(
    tables.MEMORIES,
    (
        Field("id", ("id",), IntegerId()),
        Field("persona_id", ("persona_id",), IntegerReference()),
        Field("content", ("content",), Content(json_text=False)),
        Field("type", ("type",), RequiredText()),
        Field("memory_tier", ("tier",), Tier("warm")),
        Field("embedding", ("embedding_vector",), Vector(json_text=True)),
        Field("importance", ("importance_score",), Score()),
        Field("last_accessed", ("last_accessed_at",), Instant()),
        Field("access_count", ("access_count",), Number(0, whole=True)),
        Field("created_at", ("created_at",), Instant()),
        Field("updated_at", ("updated_at",), Instant()),
        *later_fields(tables.MEMORIES, json_text=True),
    ),
    after=_unfold,
    renames=True,
    any_case=True,
)

RELATIONSHIPS = Fields(
    tables.RELATIONSHIPS,
    (
        Field("id", ("id",), IntegerId()),
        Field("from_id", ("from_memory_id",), IntegerId()),
        Field("to_id", ("to_memory_id",), IntegerId()),
        Field("type", ("relationship_type",), RequiredText()),
        Field("strength", ("strength",), Number(None, real=True)),
        Field("created_at", ("created_at",), Instant()),
        *later_fields(tables.RELATIONSHIPS, json_text=True),
    ),
    after=_name_link,
    follows=("from_id", "to_id"),
    any_case=True,
)

PLUGINS = Fields(
    tables.PLUGINS,
    (
        Field("id", ("id",), IntegerId()),
        Field("name", ("name",), RequiredText()),
        Field("version", ("version",), RequiredText()),
        Field("enabled", ("enabled",), Truth(numeric=True, default=True)),
        Field("manifest", ("manifest",), _JSON_OBJECT),
        Field("installed_at", ("created_at",), Instant()),
        *later_fields(tables.PLUGINS, json_text=True),
    ),
    any_case=True,
)
