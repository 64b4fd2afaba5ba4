"""The step to schema 4: a table of attachments, and the messages of conversations as rows with a full-text index.

The SQL is written out, in a file beside this one: it must go on producing schema 4, whatever the tables are later.
"""

from __future__ import annotations

from pjais import sqlite
from pjais.core.model import Dialects

_NAMES = ("attachments", "conversation_messages", "message_fts")


def obstacle(db: sqlite.Connection) -> str | None:
    """Return why a store cannot be upgraded: another table has a name that is needed; None if it can."""
    marks = ", ".join("?" * len(_NAMES))
    taken = sqlite.first(db, f"SELECT name FROM sqlite_schema WHERE name IN ({marks})", _NAMES)
    return None if taken is None else f"the name {taken[0]} is needed, and another table has it"


def apply(db: sqlite.Connection, _: Dialects) -> None:
    """Upgrade a store; one that holds another app's documents alone gets no tables of ours."""
    from importlib.resources import files  # loaded on demand: few stores are still to be upgraded

    if sqlite.column_names(db, "personas"):
        db.execute(files(__package__).joinpath("schema_4.sql").read_text("utf-8"))
