"""Attachments: files that messages refer to by the SHA-256 of their bytes; the store has the bytes once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from pjais import choices, files
from pjais.errors import StoreFailed, UsageError
from pjais.models.documents import blobs
from pjais.models.persona.records import Attachment
from pjais.models.persona.tables import ATTACHMENTS
from pjais.store.records import Records

_BATCH = 500
_LONGEST = 200
"""Bytes of a file's name, on every file system in use, with room for a suffix."""


class Attachments(Records[Attachment]):
    """The attachments of a store."""

    table = ATTACHMENTS
    order = "t.name, t.id"

    def all(self) -> Iterator[Attachment]:
        """Yield all attachments, without their bytes, ordered by id; each is read as it is when it is reached."""
        after = ""
        while True:
            found = self._select("WHERE t.id > ? ORDER BY t.id LIMIT ?", (after, _BATCH))
            yield from found
            if len(found) < _BATCH:
                return
            after = found[-1].id

    def create(self, **_: Any) -> NoReturn:
        """Raise UsageError: a record without its bytes would fail the proof."""
        raise UsageError(
            "attachments come with their bytes, by a migration or an import", next_command="pjais import --help"
        )

    def read(self, sha256: str) -> bytes:
        """Return the bytes of an attachment.

        Raises UsageError if there is none of this SHA-256, StoreFailed if its bytes are missing or were changed.
        """
        self.need(sha256)
        with self._pool.view() as db:
            data = blobs.named(db, {sha256}).get(sha256)
        if data is None or blobs.digest(data) != sha256:
            raise StoreFailed(
                "the bytes of an attachment are missing" if data is None else "the bytes of an attachment were changed",
                where=[sha256],
                next_command="pjais verify",
            )
        return data

    def save(self, sha256: str, file: str | os.PathLike[str] | None = None) -> Path:
        """Write the bytes of an attachment to a new file; return its path.

        `file`: None for the attachment's own name, or its SHA-256 if it has none, in the current folder.  Raises
        UsageError if the file exists.
        """
        wanted = choices.maybe_path("file", file)
        path = _file_name(self.need(sha256)) if wanted is None else wanted
        data = self.read(sha256)
        if path.exists() or path.is_symlink():
            raise UsageError("file already exists; not replaced", where=[str(path)], advice="name another file by -o")
        files.write_atomically(path, data)
        return path


def _file_name(record: Attachment) -> Path:
    """Return the file that an attachment's name means: never one outside the current folder, nor a hidden one."""
    last = (record.name or "").replace("\\", "/").rpartition("/")[2]
    name = "".join("_" if one in _NOT_IN_NAMES else one for one in last if one.isprintable()).lstrip(". ").rstrip()
    name = f"_{name}" if files.is_device(name) else name
    return Path(name if name and len(name.encode("utf-8")) <= _LONGEST else record.id)


_NOT_IN_NAMES = '<>:"|?*'
"""Characters that some file systems refuse, or take for something else."""
