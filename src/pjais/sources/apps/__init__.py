"""Files that AI apps write: exports, backups, cards; one folder a kind.

Every kind recognises its files by content, and only where their owner names them or the folder around them.  Each
document that it yields is in the form of our own export, with the app's own object beside it, so that the object can be
written again exactly.  The kinds are found by being here: there is no list of them.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

from pjais.sources.apps.contract import AppSource


def sources() -> tuple[AppSource, ...]:
    """Return all kinds, in the order of their folders' names."""
    folders = sorted(one.name for one in pkgutil.iter_modules(__path__) if one.ispkg)
    return tuple(kind for name in folders for kind in import_module(f"{__name__}.{name}").SOURCES)
