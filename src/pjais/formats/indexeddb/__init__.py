"""IndexedDB from a closed browser profile, read as bytes: one interface over three storage backends of browsers.

    profile = open_chromium(folder, blobs)      # LevelDB: every Chromium and Electron up to now
    profile = open_chromium_sqlite(file)        # SQLite: Chromium's future backend, one file per database
    profile = open_firefox(file, files)         # Firefox, one file per database
    for store in profile.stores():
        for row in profile.rows(store): ...     # Row or BadRow, as it is on disk
        for one in records(profile, store): ... # Record or BadRow, as the page would get it
    profile.problems                            # other unreadable parts

Nothing here raises because of the content of the bytes.
"""

from __future__ import annotations

from pathlib import Path

from pjais.formats.indexeddb.chromium import ChromiumLevelDB
from pjais.formats.indexeddb.chromium_sqlite import ChromiumSQLite
from pjais.formats.indexeddb.firefox import Firefox
from pjais.formats.indexeddb.records import Record, records
from pjais.formats.indexeddb.values import BadRow, Blob, Damage, Index, KeyPath, Profile, Row, Schema, Store

__all__ = [
    "BadRow",
    "Blob",
    "Damage",
    "Index",
    "KeyPath",
    "Profile",
    "Record",
    "Row",
    "Schema",
    "Store",
    "open_chromium",
    "open_chromium_sqlite",
    "open_firefox",
    "records",
]


def open_chromium(leveldb: Path, blobs: Path | None) -> Profile:
    """The databases of one origin: its `.indexeddb.leveldb` folder, and its `.indexeddb.blob` folder if any."""
    return ChromiumLevelDB(leveldb, blobs)


def open_chromium_sqlite(file: Path) -> Profile:
    """One database in Chromium's SQLite backend.  `file` is a consistent copy that nobody writes."""
    return ChromiumSQLite(file)


def open_firefox(file: Path, files: Path | None) -> Profile:
    """One database of Firefox, and its `.files` folder if there is one.  `file` is a consistent copy."""
    return Firefox(file, files)
