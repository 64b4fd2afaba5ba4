"""The two forms of LobeChat's export: recognise them, and read their tables row by row.

The older one has its tables in `state`, the other one in `data`; the names of both are the same but for a few.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pjais.core.document import Unreadable
from pjais.formats.container import Container
from pjais.formats.json_stream import Value
from pjais.sources.apps import entries, values

ENTRIES = "lobechat_entries"
"""The collection of what is not a table: settings, version, export type."""

NEWEST = 7
"""The newest version of the older form: it was replaced by the other one."""

OLDER, NEWER = "state", "data"

_TYPE = re.compile(r'"exportType"\s*:\s*"(?:agents|sessions|singleSession|settings|all)"')
_MODE = re.compile(r'"mode"\s*:\s*"(pglite|postgres)"')
_VERSION = re.compile(r'"version"\s*:\s*(\d{1,9})\s*[,}]')


def version(container: Container) -> str | None:
    """Return the version of an export, or the database that its tables are of; None for what is not an export."""
    if container.form != "file":
        return None
    head = values.json_head(container, container.names[0])
    if head.form != "object" or not head.keys & {"exportType", "mode", "schemaHash", OLDER, NEWER}:
        return None
    text = head.text
    if len(text) >= 1000 or OLDER in head.keys or NEWER in head.keys:
        text += "\n" + entries.tail(container)
    if head.keys <= {"exportType", OLDER, "version"} and _TYPE.search(text):
        found = _VERSION.findall(text)
        return f"version {found[-1]}" if found else "legacy"
    mode = _MODE.search(text)
    if head.keys <= {"mode", "schemaHash", NEWER} and mode and '"schemaHash"' in text:
        return mode[1]
    return None


def read(container: Container) -> Iterator[tuple[str, bool, Value | Unreadable]]:
    """Yield (table, True, row) of every table; (name, False, value) of what is not a table."""
    found = entries.entries(
        container,
        container.names[0],
        lambda keys: f"lobechat_{keys[1]}" if len(keys) > 1 else ENTRIES,
        objects=frozenset({(OLDER,), (NEWER,)}),
        lists=lambda keys: len(keys) == 2,
    )
    for keys, item, is_row in found:
        yield keys[-1] if keys else "", is_row, item
