"""Hypothesis strategies: documents of every kind, plausible and wild."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import strategies as st

from pjais import instants
from pjais.core.mapping import Fields, Mapping
from pjais.core.own_files import mappings_of
from pjais.models.persona.mappings import MAPPINGS
from pjais.models.persona.tables import TABLES


def examples(count: int) -> int:
    """Return how many examples a property is tried with: all of them in `make test-all`, a tenth in `make test`."""
    return count if os.environ.get("PJAIS_ALL_EXAMPLES") else max(3, count // 10)


ROW_DIALECTS = ("livestore-db", "pjais-flat", "pjais-drizzle", "pjais")

texts = st.text(st.characters(codec=None), max_size=12)
floats = st.floats(width=64)
scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | floats | texts
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8
)
ms = st.integers(-instants.LIMIT_MS, instants.LIMIT_MS)
dates = st.one_of(
    ms,
    ms.map(instants.to_text),
    st.integers(0, 4 * 10**9).map(lambda seconds: instants.to_sqlite_text(seconds * 1000)),
    st.sampled_from(["", "CURRENT_TIMESTAMP", "2025-01-10T12:30:00+02:00", "2025-01-10", "yesterday", {}, True]),
    floats,
)
json_texts = st.sampled_from(
    [
        '{"a":1}',
        '{ "a": 1 }',
        "[]",
        '["x","y"]',
        '"[\\"x\\"]"',
        '{"a":1,"a":2}',
        "[0.1,2]",
        "null",
        "NaN",
        '{"$bytes":"eA=="}',
        "",
    ]
)
plausible = st.one_of(
    dates,
    json_texts,
    st.sampled_from(
        ["a", "1", "true", "H4sIAAAA", 0, 1, 50, 150, 0.5, 1.0, True, False, None, [], ["a"], {"text": "x"}]
    ),
    st.lists(st.floats(-1, 1), max_size=3),
)
ids = st.one_of(st.text(min_size=1, max_size=6), st.integers(0, 9), st.sampled_from(["p1", "m1"]))


def documents(dialect: str, mapping: Mapping | None) -> st.SearchStrategy[dict[str, Any]]:
    """Documents of one collection: some of its keys, some others, values of every sort."""
    assert isinstance(mapping, Fields)
    keys = sorted({key for field in mapping.fields for key in field.keys})
    strange = st.sampled_from(["$original", "$absent", "$value", "$$x", "_meta", "metadata", "kept", "$pjais"])
    if dialect in ROW_DIALECTS:
        values: st.SearchStrategy[Any] = st.one_of(
            st.none(),
            st.integers(-(2**63), 2**63 - 1),
            floats,
            texts,
            st.binary(max_size=8),
            json_texts,
            dates.filter(lambda value: isinstance(value, str | float) or (type(value) is int and abs(value) < 2**63)),
        )
    else:
        values = plausible | json_values
    base = st.dictionaries(st.sampled_from(keys) | strange | texts, values, max_size=len(keys) + 3)
    return st.builds(lambda document, own_id: {**document, "id": own_id}, base, ids)


COLLECTIONS = [
    *((dialect, name) for dialect, names in MAPPINGS.items() for name, one in names.items() if isinstance(one, Fields)),
    *(key for key, one in mappings_of(TABLES).items() if isinstance(one, Fields)),
]
"""Every collection whose fields are known: (dialect, collection)."""
