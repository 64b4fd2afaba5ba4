"""The app's cold form of a memory's content: base64 of gzip of JSON, perhaps quoted once more.

The app's own read order is JSON first, then base64 and gzip; so is ours.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import Any

from pjais import canonical
from pjais.core.rules import NO_JSON, parse_json

LIMIT = 256 << 20
"""The largest content (bytes) that is expanded; more is kept as it is."""


def expand(content: str) -> Any | None:
    """The content in plain, or None where it is not in the cold form or does not unpack."""
    text = parse_json(content) if content.startswith('"') else content
    if not isinstance(text, str) or not text.startswith("H4sI"):
        return None
    import gzip  # loaded on demand: only the old app wrote this form
    import io

    try:
        packed = base64.b64decode(text, validate=True)
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
            plain = file.read(LIMIT + 1)
    except (ValueError, binascii.Error, OSError, EOFError, zlib.error):
        return None
    if len(plain) > LIMIT:
        return None
    decoded = plain.decode("utf-8", "replace")
    value = parse_json(decoded)
    if value is NO_JSON or value is None:
        value = decoded
    return canonical.replace_surrogates(value) if isinstance(value, str) else value
