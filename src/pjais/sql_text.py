"""Write names and texts into SQL; the names of our own tables."""

from __future__ import annotations

import re

from pjais.sqlite import KEYWORDS


def quoted(name: str) -> str:
    """An SQL identifier, safe for any name."""
    return '"' + name.replace('"', '""') + '"'


_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


def identifier(name: str) -> str:
    """Return a name as SQL writes it: quoted where it has to be."""
    return name if _PLAIN.fullmatch(name) and name.upper() not in KEYWORDS else quoted(name)


def text_literal(text: str) -> str:
    """Return a text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


SYSTEM_NAMES = frozenset(
    {
        "changes",
        "changes_replaced",
        "store_operations",
        "migration_runs",
        "migration_records",
        "migration_quarantine",
        "migration_ids",
        "migration_decisions",
        "migration_chain",
        "migration_changesets",
        "_collections",
        "_columns",
        "_indexes",
        "_schemas",
        "_blobs",
    }
)
"""Our own bookkeeping: never read as data."""
