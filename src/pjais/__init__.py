"""Migrate AI personas, memories and conversations to plain SQLite, verify every record, and manage them there.

    import pjais

    store = pjais.open("~/.local/share/PJais")     # migrates first when there is something new
    for found in store.memories.search("tea ceremony"):
        print(found.memory.name, found.snippet)

Names are imported on first use.
"""

from __future__ import annotations

from importlib import import_module

from pjais.version import __version__

TYPE_CHECKING = False  # what type checkers take for true; to import `typing` costs more than all else here
if TYPE_CHECKING:
    from typing import Any

    from pjais.api import migrate, open, open_livestore, plan, rollback, verify
    from pjais.core.results import Plan, Proof, Report
    from pjais.errors import PjaisError
    from pjais.models.persona.records import Conversation, Memory, Other, Persona, Plugin, Relationship
    from pjais.persona.store import Store

__all__ = [
    "Conversation",
    "Memory",
    "Other",
    "Persona",
    "PjaisError",
    "Plan",
    "Plugin",
    "Proof",
    "Relationship",
    "Report",
    "Store",
    "__version__",
    "migrate",
    "open",
    "open_livestore",
    "plan",
    "rollback",
    "verify",
]

_HOMES = {
    "pjais.api": ("migrate", "open", "open_livestore", "plan", "rollback", "verify"),
    "pjais.errors": ("PjaisError",),
    "pjais.core.results": ("Plan", "Proof", "Report"),
    "pjais.models.persona.records": ("Conversation", "Memory", "Other", "Persona", "Plugin", "Relationship"),
    "pjais.persona.store": ("Store",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        return getattr(import_module(_HOME_OF[name]), name)
    raise AttributeError(f"module 'pjais' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
