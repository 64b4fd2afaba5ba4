"""Compare what a target reads back with its store, document by document, as a merge of two sorted streams.

Memory stays flat however much there is: both sides come list by list, each list sorted by id.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from pjais import canonical, sqlite
from pjais.core.model import Model
from pjais.core.results import Difference
from pjais.targets.sqlite import exported

Documents = Iterable[tuple[str, dict[str, Any]]]
"""(name of the list in our export: personas, memories, ..., document in our export's form)."""

_Key = tuple[int, str, str, str]


def of_store(store: Path, model: Model) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every document of a store, list by list, each list sorted by id."""
    with closing(sqlite.open_reader(store)) as db:
        yield from exported.documents(db, model)


def compare(store: Path, model: Model, found: Documents) -> tuple[int, list[Difference]]:
    """Compare what was read back with a store, both ways; return the number of documents and the differences."""
    count = 0

    def counted() -> Iterator[tuple[str, dict[str, Any]]]:
        nonlocal count
        for one in of_store(store, model):
            count += 1
            yield one

    rank = {name: number for number, name in enumerate(model.lists)}
    differences = list(_merged(counted(), found, rank))
    return count, differences


def _merged(
    wanted: Iterator[tuple[str, dict[str, Any]]], found: Documents, rank: Mapping[str, int]
) -> Iterator[Difference]:
    expected = next(wanted, None)
    last: _Key | None = None
    for name, document in found:
        key = _key(rank, name, document)
        if last is not None and key <= last:
            yield Difference(name, key[3], None, "read back twice, or not in the order of lists and ids")
            continue
        last = key
        while expected is not None and _key(rank, *expected) < key:
            yield _missing(*expected)
            expected = next(wanted, None)
        if expected is None or _key(rank, *expected) != key:
            yield Difference(name, key[3], None, "in the target, and not in its store")
            continue
        yield from _fields(name, key[3], expected[1], document)
        expected = next(wanted, None)
    while expected is not None:
        yield _missing(*expected)
        expected = next(wanted, None)


def _key(rank: Mapping[str, int], name: str, document: dict[str, Any]) -> _Key:
    """Return the position of a document: by list, collection (of documents carried whole) and id."""
    return (
        rank.get(name, len(rank)),
        name,
        str(document.get("table", document.get("collection", ""))),
        str(document.get("id")),
    )


def _missing(name: str, document: dict[str, Any]) -> Difference:
    return Difference(name, str(document["id"]), None, "in the store, and not in its target")


def _fields(name: str, record_id: str, wanted: dict[str, Any], found: dict[str, Any]) -> Iterator[Difference]:
    """Yield the fields in which two documents differ."""
    if canonical.dumps(wanted, sort=True) == canonical.dumps(found, sort=True):
        return
    for field in sorted({*wanted, *found}):
        both = [canonical.dumps([one[field]] if field in one else [], sort=True) for one in (wanted, found)]
        if both[0] != both[1]:
            yield Difference(name, record_id, field, "the target holds something else than its store")
