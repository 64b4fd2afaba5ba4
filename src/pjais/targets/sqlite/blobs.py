"""The bytes of Blobs and Files in documents: once by their SHA-256, in `_blobs`."""

from __future__ import annotations

import hashlib

from pjais import canonical, instants, sqlite
from pjais.core import blobs
from pjais.core.document import Document


def keep(db: sqlite.Connection, document: Document) -> None:
    """Keep the bytes of a document's Blobs; media type, name and date are those of the first that has the bytes."""
    told = {one.get("sha256"): one for one in blobs.within(document.value)}
    for digest, data in document.blobs.items():
        if digest not in told:
            continue  # a large value that the browser keeps in a file: it is no Blob of the app's
        one = told[digest]
        name, modified = one.get("name"), one.get("lastModified")
        db.execute(
            "INSERT OR IGNORE INTO _blobs (sha256, media_type, name, size, last_modified, data) VALUES (?,?,?,?,?,?)",
            (
                digest,
                canonical.mend(str(one["type"])) if one.get("type") else None,
                canonical.mend(name) if isinstance(name, str) else None,
                len(data),
                instants.to_text(int(modified)) if isinstance(modified, int | float) else None,
                data,
            ),
        )


def check(db: sqlite.Connection) -> tuple[str, bool, str] | None:
    """Compare the bytes of all Blobs with their hashes; None for a store that has none."""
    if not sqlite.column_names(db, "_blobs"):
        return None
    count = 0
    wrong: list[str] = []
    for digest, size, data in sqlite.each(db, "SELECT sha256, size, data FROM _blobs"):
        count += 1
        if type(data) is not bytes or len(data) != size or hashlib.sha256(data).hexdigest() != digest:
            wrong.append(str(digest))
    if not count:
        return None
    told = f"not what was migrated: {', '.join(wrong[:20])}" if wrong else f"all {count} have their hash"
    return "blobs", not wrong, told
