"""Web storage in a browser profile: localStorage, sessionStorage and the storage of extensions."""

from __future__ import annotations

from pjais.sources.web_storage.detector import Detector
from pjais.sources.web_storage.everything import sources

__all__ = ["Detector", "sources"]
