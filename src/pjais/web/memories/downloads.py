"""Download the memories of a list as a file: all that pass the filters, however many, in the order of the list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi.responses import Response, StreamingResponse

from pjais.errors import UsageError
from pjais.exchange import record_lists
from pjais.models.persona.model import MODEL
from pjais.web.memories.lists import Asked, with_words
from pjais.web.schemas import Memory
from pjais.web.session import Session

_BATCH = 500


def answer(session: Session, chosen: Asked, shape: str, order: str) -> Response:
    """Return the file.  Raises UsageError for an unknown format, or filters that mean nothing."""
    if shape not in record_lists.FORMATS:
        raise UsageError("unknown format", where=[shape[:80], f"one of: {', '.join(record_lists.FORMATS)}"])
    with session.store() as store:
        numbers = store.memories.numbers(order or None, **with_words(store, chosen))
    names = [*Memory.model_fields, "source"]
    said = record_lists.written(shape, names, _documents(session, numbers))
    return StreamingResponse(
        (one.encode("utf-8", "backslashreplace") for one in said),
        media_type=f"{record_lists.FORMATS[shape]}; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="memories.{record_lists.SUFFIXES[shape]}"'},
    )


def _documents(session: Session, numbers: Any) -> Iterator[dict[str, Any]]:
    """Yield the memories of these numbers, batch by batch: the store is never held while the browser is waited for."""
    for at in range(0, len(numbers), _BATCH):
        with session.store() as store:
            some = store.memories.numbered(numbers[at : at + _BATCH])
            sources = store.memories.provenance([one.id for one in some])
        for one in some:
            yield {**MODEL.as_document(one), "source": sources[one.id].as_dict()}
