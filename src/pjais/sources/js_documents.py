"""Documents of what an app keeps as JavaScript values: key and value in tagged JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pjais import canonical, tagged
from pjais.core.document import Document, Unreadable


class Where(NamedTuple):
    """A collection of a browser's store: its name, its database, the web origin that owns it."""

    collection: str
    database: str
    origin: str | None

    def unreadable(self, place: str, raw: bytes, reason: str) -> Unreadable:
        """Return a piece of it that cannot be read."""
        return Unreadable(self.collection, place, raw, reason, self.database, self.origin)

    def with_missing(
        self, key: Any, value: Any, place: str, blobs: Mapping[str, bytes], missing: Sequence[str]
    ) -> Iterator[Document | Unreadable]:
        """Yield a document of it, and after it each Blob whose bytes are missing (`missing`: the reasons)."""
        yield self.document(key, value, place, blobs)
        for reason in missing:
            yield self.unreadable(f"{place} {reason.partition(':')[0]}", b"", reason)

    def document(self, key: Any, value: Any, place: str, blobs: Mapping[str, bytes]) -> Document | Unreadable:
        """Return a document of it; one that is nested deeper than any step can take is unreadable."""
        try:
            form = tagged.tag(value)
            too_deep = canonical.nested_deeper(form)
        except RecursionError:
            too_deep = True
        if too_deep:
            return self.unreadable(place, b"", "nested too deeply")
        key_form, native_id = tagged.tag(key), tagged.key_text(key)
        return Document(
            self.collection,
            native_id,
            place,
            form,
            database=self.database,
            origin=self.origin,
            key=None if key_form == native_id else key_form,
            blobs=blobs,
            is_tagged=True,
        )
