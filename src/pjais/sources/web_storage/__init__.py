"""Web storage in a browser profile: named, with its origins and the number of items; not migrated yet."""

from __future__ import annotations

from pjais.sources.web_storage import everything
from pjais.sources.web_storage.detector import Detector

__all__ = ["Detector", "everything"]
