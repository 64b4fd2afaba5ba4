"""Files inside an address (`data:image/png;base64,...`), as attachments."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

from pjais.core.document import Document
from pjais.sources.apps import values

_DATA_URL = re.compile(r"data:([^;,]*)((?:;[^;,]*)*),", re.ASCII | re.IGNORECASE)


def attachment(address: str, place: str, called: str | None = None) -> Document | None:
    """Return the attachment in an address; None for any other address, and for one that cannot be decoded."""
    match = _DATA_URL.match(address)
    if match is None:
        return None
    data = unquote_to_bytes(address[match.end() :].encode("utf-8", "surrogatepass"))
    if match[2].lower().endswith(";base64"):
        try:
            data = base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError):
            return None
    return values.attachment_of(data, place, called, match[1] or None)
