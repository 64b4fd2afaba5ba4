"""The messages of conversations as rows: a derived table, and the full-text index over what they say.

SQLite makes them of the JSON in `conversations.messages`, by the expressions below, whoever writes it.  A message that
is no object has no row.  Text is what a message has under `content`; other JSON is its own text, null nothing.  A time
is ISO-8601, or a number of milliseconds since 1970; anything else is none.
"""

from __future__ import annotations

from pjais.core.table import Parts, Search


def _text(path: str) -> str:
    return f"CAST(json_extract(item.value, '{path}') AS TEXT)"


_TIME = "json_extract(item.value, '$.timestamp')"
_ISO = "'%Y-%m-%dT%H:%M:%fZ'"
_TO_MS = (
    f"CASE WHEN {_TIME} GLOB '????-??-??[T ]??:??:??.[0-9][0-9][0-9]*' "
    f"THEN substr({_TIME}, 1, 23) || ltrim(substr({_TIME}, 24), '0123456789') ELSE {_TIME} END"
)
"""A written time without what is finer than milliseconds, which versions of SQLite round in different ways."""

_AT = (
    "CASE json_type(item.value, '$.timestamp') "
    f"WHEN 'text' THEN CASE WHEN {_TIME} GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' "
    f"THEN strftime({_ISO}, {_TO_MS}) END "
    f"WHEN 'integer' THEN strftime({_ISO}, {_TIME} / 1000.0, 'unixepoch') "
    f"WHEN 'real' THEN strftime({_ISO}, {_TIME} / 1000.0, 'unixepoch') END"
)

_CONTENT = (
    "CASE json_type(item.value, '$.content') WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' "
    f"ELSE {_text('$.content')} END"
)

MESSAGES = Parts(
    "conversation_messages",
    "messages",
    "conversation_id",
    (
        ("message_id", "TEXT", _text("$.id")),
        ("role", "TEXT", _text("$.role")),
        ("at", "TEXT", _AT),
        ("hidden", "INTEGER NOT NULL", "coalesce(json_type(item.value, '$.metadata.hidden') = 'true', 0)"),
        ("content", "TEXT", _CONTENT),
    ),
    "item.type = 'object'",
    Search("message_fts", ("content",), (1.0,)),
)
"""The derived table of the conversations' messages."""
