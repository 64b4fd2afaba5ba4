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

    from pjais.api import backup, livestore, quarantine
    from pjais.api.checks import checklist, explain, support_bundle, verify_app
    from pjais.api.exchange import export, import_file
    from pjais.api.migration import cleanup, detect, migrate, plan, rollback, status, verify
    from pjais.api.opening import open, open_livestore, profile
    from pjais.api.side_by_side import agreement, follow, shadow, switch, switch_back
    from pjais.core.document import Document, Piece, Unreadable
    from pjais.core.results import Plan, Proof, Report
    from pjais.core.snapshot import Snapshot
    from pjais.errors import PjaisError
    from pjais.livestore_tools.store import LiveStore
    from pjais.models.persona.records import Conversation, Memory, Other, Persona, Plugin, Relationship
    from pjais.persona.store import Store
    from pjais.side_by_side.service import Service

__all__ = [
    "Conversation",
    "Document",
    "LiveStore",
    "Memory",
    "Other",
    "Persona",
    "Piece",
    "PjaisError",
    "Plan",
    "Plugin",
    "Proof",
    "Relationship",
    "Report",
    "Service",
    "Snapshot",
    "Store",
    "Unreadable",
    "__version__",
    "agreement",
    "backup",
    "checklist",
    "cleanup",
    "detect",
    "explain",
    "export",
    "follow",
    "import_file",
    "livestore",
    "migrate",
    "open",
    "open_livestore",
    "plan",
    "profile",
    "quarantine",
    "rollback",
    "shadow",
    "status",
    "support_bundle",
    "switch",
    "switch_back",
    "verify",
    "verify_app",
]

_HOMES = {
    "pjais.api.checks": ("checklist", "explain", "support_bundle", "verify_app"),
    "pjais.api.exchange": ("export", "import_file"),
    "pjais.api.migration": ("cleanup", "detect", "migrate", "plan", "rollback", "status", "verify"),
    "pjais.api.opening": ("open", "open_livestore", "profile"),
    "pjais.api.side_by_side": ("agreement", "follow", "shadow", "switch", "switch_back"),
    "pjais.core.document": ("Document", "Piece", "Unreadable"),
    "pjais.core.results": ("Plan", "Proof", "Report"),
    "pjais.core.snapshot": ("Snapshot",),
    "pjais.errors": ("PjaisError",),
    "pjais.livestore_tools.store": ("LiveStore",),
    "pjais.models.persona.records": ("Conversation", "Memory", "Other", "Persona", "Plugin", "Relationship"),
    "pjais.persona.store": ("Store",),
    "pjais.side_by_side.service": ("Service",),
}
_MODULES = ("backup", "livestore", "quarantine")
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"pjais.api.{name}")
    if name in _HOME_OF:
        return getattr(import_module(_HOME_OF[name]), name)
    raise AttributeError(f"module 'pjais' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
