"""Attachments: files that messages refer to by the SHA-256 of their bytes; the store has the bytes once."""

from __future__ import annotations

from collections.abc import Iterator

from pjais import choices, sqlite
from pjais.errors import StoreFailed, UsageError
from pjais.models.documents import blobs
from pjais.models.persona.records import Attachment
from pjais.models.persona.tables import ATTACHMENTS
from pjais.store.pool import Pool

_BATCH = 500


class Attachments:
    """The attachments of a store."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def __len__(self) -> int:
        with self._pool.reader() as db:
            return int(sqlite.value(db, f"SELECT count(*) FROM {ATTACHMENTS.sql}"))

    def all(self) -> Iterator[Attachment]:
        """Yield all attachments, without their bytes, ordered by id; each is read as it is when it is reached."""
        after = ""
        while True:
            found = self._select("WHERE id > ? ORDER BY id LIMIT ?", after, _BATCH)
            yield from found
            if len(found) < _BATCH:
                return
            after = found[-1].id

    def get(self, sha256: str) -> Attachment | None:
        """Return the attachment whose bytes have this SHA-256 (lower-case hex), or None."""
        found = self._select("WHERE id = ?", choices.text("sha256", sha256))
        return found[0] if found else None

    def need(self, sha256: str) -> Attachment:
        """Return the attachment whose bytes have this SHA-256.  Raises UsageError if there is none."""
        found = self.get(sha256)
        if found is None:
            raise UsageError("attachment not found", where=[sha256], next_command="pjais attachments")
        return found

    def read(self, sha256: str) -> bytes:
        """Return the bytes of an attachment.

        Raises UsageError if there is none of this SHA-256, StoreFailed if its bytes are missing or were changed.
        """
        self.need(sha256)
        with self._pool.reader() as db:
            data = blobs.named(db, {sha256}).get(sha256)
        if data is None or blobs.digest(data) != sha256:
            raise StoreFailed(
                "the bytes of an attachment are missing" if data is None else "the bytes of an attachment were changed",
                where=[sha256],
                next_command="pjais verify",
            )
        return data

    def _select(self, rest: str, *values: str | int) -> list[Attachment]:
        with self._pool.reader() as db:
            rows = sqlite.fetch(db, f"SELECT {ATTACHMENTS.column_list} FROM {ATTACHMENTS.sql} {rest}", values)
        return [ATTACHMENTS.to_record(row) for row in rows]
