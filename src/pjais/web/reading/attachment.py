"""Hand out the bytes of an attachment, so that no browser ever takes them for a page or a program of ours.

Only pictures of a few plain formats are shown, and their format is told by the bytes themselves, never by a name or
by what the source says; everything else is a file to save.  The guard adds `nosniff` and a sandbox.
"""

from __future__ import annotations

from urllib.parse import quote

from fastapi.responses import Response

from pjais.web.session import Session
from pjais.web.view_values import Missing

PICTURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"RIFF": "image/webp",
}
"""The formats that are shown, by the bytes with which they begin."""
_WEBP = slice(8, 12)


def kind_of(data: bytes) -> str | None:
    """Return the media type of a picture that may be shown; None for any other bytes."""
    found = next((kind for head, kind in PICTURES.items() if data.startswith(head)), None)
    return None if found == "image/webp" and data[_WEBP] != b"WEBP" else found


def answer(session: Session, key: str, *, save: bool) -> Response:
    """Return the bytes of an attachment by its SHA-256.  Raises Missing, StoreFailed."""
    with session.store() as store:
        record = store.attachments.get(key)
        if record is None:
            raise Missing("attachment not found", where=[key])
        data = store.attachments.read(key)
    kind = kind_of(data)
    name = quote((record.name or key).encode("utf-8", "replace"), safe="")
    how = "attachment" if save or kind is None else "inline"
    return Response(
        data,
        media_type=kind or "application/octet-stream",
        headers={"content-disposition": f"{how}; filename*=UTF-8''{name}"},
    )
