"""Bytes in a store, once by their SHA-256, in `_blobs`: Blobs and Files in documents, and what records are about.

The table is created with the first bytes.  `check` compares all bytes with their hashes, and demands those that records
are about.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from typing import Any

from pjais import canonical, instants, sqlite
from pjais.core import blobs
from pjais.core.document import Document
from pjais.core.model import Model
from pjais.models.documents.catalogue import BLOBS, BLOBS_DDL

_SHOWN = 20


def keep(db: sqlite.Connection, document: Document) -> None:
    """Keep the bytes of a document's Blobs; media type, name and date are those of the first that has the bytes."""
    told = {one.get("sha256"): one for one in blobs.within(document.value)}
    for digest, data in document.blobs.items():
        if digest not in told:
            continue  # a large value that the browser keeps in a file: it is no Blob of the app's
        one = told[digest]
        name, modified = one.get("name"), one.get("lastModified")
        _insert(
            db,
            digest,
            canonical.replace_surrogates(str(one["type"])) if one.get("type") else None,
            canonical.replace_surrogates(name) if isinstance(name, str) else None,
            len(data),
            instants.to_text(int(modified)) if isinstance(modified, int | float) else None,
            data,
        )


def keep_bytes(db: sqlite.Connection, held: Mapping[str, bytes]) -> None:
    """Keep the bytes that records are about, which have name and media type themselves."""
    db.execute(BLOBS_DDL)
    for digest, data in held.items():
        _insert(db, digest, None, None, len(data), None, data)


def _insert(db: sqlite.Connection, *values: Any) -> None:
    db.execute(
        f"INSERT OR IGNORE INTO {BLOBS} (sha256, media_type, name, size, last_modified, data) VALUES (?,?,?,?,?,?)",
        values,
    )


def are_kept(db: sqlite.Connection) -> bool:
    """Return whether a store has the table."""
    return bool(sqlite.column_names(db, BLOBS))


def ids(db: sqlite.Connection, model: Model) -> set[str]:
    """Return the SHA-256 of all bytes that records are about."""
    return {
        str(name)
        for table in model.tables
        if table.of_bytes
        for (name,) in sqlite.each(db, f"SELECT {table.key_list} FROM {table.sql}")
    }


def forget(db: sqlite.Connection, model: Model, gone: Collection[str]) -> None:
    """Remove the bytes of records that a revert removed, unless a document has them; an empty table goes, too."""
    if not are_kept(db):
        return
    if gone:
        kept = _in_documents(db, model)
        db.executemany(f"DELETE FROM {BLOBS} WHERE sha256 = ?", [(one,) for one in gone if one not in kept])
    if not model.catalogue and sqlite.first(db, f"SELECT 1 FROM {BLOBS} LIMIT 1") is None:
        db.execute(f"DROP TABLE {BLOBS}")


def _in_documents(db: sqlite.Connection, model: Model) -> set[str]:
    found: set[str] = set()
    for table in model.tables:
        if table.is_of_documents:
            rows = sqlite.each(db, f"SELECT _document FROM {table.sql} WHERE instr(_document, '\"$blob\"')")
            found.update(
                str(one.get("sha256")) for (text,) in rows for one in blobs.within(canonical.loads_plain(text))
            )
    return found


def check(db: sqlite.Connection, model: Model, run_id: str | None = None) -> tuple[str, bool, str] | None:
    """Compare all bytes with their hashes, and look for those that records are about; None if there are none.

    `run_id`: only those that records of a run are about.
    """
    missing = _missing(db, model)
    count = 0
    wrong: list[str] = []
    of_run = "WHERE ? IS NULL" if run_id is None else f"WHERE sha256 IN ({_OF_RUN})"
    found = sqlite.each(db, f"SELECT sha256, size, data FROM {BLOBS} {of_run}", (run_id,)) if are_kept(db) else ()
    for digest, size, data in found:
        count += 1
        if type(data) is not bytes or len(data) != size or hashlib.sha256(data).hexdigest() != digest:
            wrong.append(str(digest))
    if not count and not missing:
        return None
    told = [
        f"{what}: {', '.join(some[:_SHOWN])}"
        for what, some in (("not what was migrated", wrong), ("missing", missing))
        if some
    ]
    return "blobs", not told, "; ".join(told) or f"all {count} have their hash"


_OF_RUN = "SELECT record_id FROM migration_records WHERE run_id = ? AND outcome = 'migrated'"


def _missing(db: sqlite.Connection, model: Model) -> list[str]:
    """Return the records, as `table id`, whose bytes a store does not have."""
    there = f" WHERE {{}} NOT IN (SELECT sha256 FROM {BLOBS})" if are_kept(db) else ""
    return [
        f"{table.name} {name}"
        for table in model.tables
        if table.of_bytes
        for (name,) in sqlite.each(
            db, f"SELECT {table.key_list} FROM {table.sql}{there.format(table.key_list)} ORDER BY 1"
        )
    ]
