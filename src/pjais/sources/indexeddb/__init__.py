"""IndexedDB in a browser profile: the folders that browsers keep it in, and the kind that takes any app's databases.

A LevelDB holds all databases of an origin; Firefox and Chromium's next backend have a SQLite file for each.  Kinds
whose data are in IndexedDB derive from one of these layouts (`layouts`) and say which databases they take
(`Source.in_indexeddb`).
"""

from __future__ import annotations

from pjais.sources.indexeddb.detector import Detector
from pjais.sources.indexeddb.everything import sources

__all__ = ["Detector", "sources"]
