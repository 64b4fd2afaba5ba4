"""Names under which documents of collections without a model are kept by a target that has one table for all of them.

The collection's own name; if a collection of another database has it, `database.collection`; if one of another web
origin has that too, `origin/database.collection`.  A name once assigned stays, whatever comes later.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, count
from typing import Any

from pjais import canonical, sqlite
from pjais.core.document import full_name
from pjais.core.model import Model
from pjais.targets.sqlite.entries import Entry, Known

Collection = tuple[str | None, str | None, str]
"""The identity of a collection: (web origin, database, its own name)."""

_FROM_ACCOUNT = (
    "SELECT DISTINCT origin, database, collection, record_id ->> '$[0]' FROM migration_records "
    "WHERE record_type = ? AND record_id ->> '$[0]' IS NOT NULL ORDER BY seq"
)


class Names:
    """The names of one store."""

    def __init__(self, model: Model, known: Iterable[tuple[Collection, str]] = ()) -> None:
        self.model = model
        self._names = dict(known)
        self._taken = set(self._names.values())

    def of(self, collection: Collection) -> str:
        """Return the name of a collection; a new one gets the first that no other collection has or could mean."""
        if collection not in self._names and (older := (None, None, full_name(*collection[1:]))) in self._names:
            self._names[collection] = self._names.pop(older)  # as it was named before 0.2
        elif collection not in self._names:
            others = {form for one in self._names for form in forms(one)} | self._taken
            more = (apart(forms(collection)[-1], turn) for turn in count(2))
            name = next(form for form in chain(forms(collection), more) if form not in others)
            self._names[collection] = name
            self._taken.add(name)
        return self._names[collection]

    def placed(self, entry: Entry, earlier: Sequence[Known]) -> Entry:
        """Return a record of such a collection under its name; a key assigned by an earlier run stays."""
        if not self.model.is_carried(entry.table) or entry.row[0] != entry.collection:
            return entry  # our own files hold the name already
        name = self.of(entry[:3])
        live = (one for one in earlier if one.record_type == entry.table and one.outcome != "superseded")
        given = next((json.loads(str(one.record_id)) for one in live), None)
        return entry.under(self.model.by_name[entry.table], (name, entry.row[1]) if given is None else given)

    def has(self, entry: Entry) -> bool:
        """Return whether a record is of a collection that is named here."""
        return self.model.is_carried(entry.table) and entry[:3] in self._names

    def next(self, entry: Entry) -> tuple[str, str]:
        """Return the next key to try for a document whose key is taken by a document of another file."""
        name = self.of(entry[:3])
        turn = re.fullmatch(r" \((\d+)\)", entry.row[0].removeprefix(name))
        return apart(name, int(turn[1]) + 1 if turn else 2), entry.row[1]

    def as_list(self) -> list[list[str | None]]:
        """Return all names as JSON: [origin, database, collection, name] each."""
        return [[*collection, name] for collection, name in self._names.items()]


def forms(collection: Collection) -> tuple[str, ...]:
    """Return the names that a collection could have, shortest first."""
    origin, database, name = collection
    longer = name if database is None else f"{database}.{name}"
    longest = longer if origin is None else f"{origin}/{longer}"
    return tuple(dict.fromkeys(canonical.replace_surrogates(one) for one in (name, longer, longest)))


def apart(name: str, turn: int) -> str:
    """Return the name for documents of a further file: the second, the third, ..."""
    return f"{name} ({turn})"


def known(db: sqlite.Connection, model: Model) -> Iterator[tuple[Collection, str]]:
    """Yield the names of a store, as its last run recorded them; before 0.2 only its ledger has them."""
    text = sqlite.value(db, "SELECT options FROM migration_runs ORDER BY number DESC LIMIT 1")
    options: dict[str, Any] = json.loads(text or "{}")
    carrying = "" if model.carrying is None else model.carrying.name
    listed = options["names"] if "names" in options else sqlite.fetch(db, _FROM_ACCOUNT, (carrying,))
    for origin, database, collection, name in listed:
        yield (origin, database, collection), name
