"""Under which name the documents of a collection that no model knows are kept (`other_records.collection`).

The collection's own name; where a collection of another database has that, `database.collection`; where one of another
web origin has that too, `origin/database.collection`.  A name that was given once stays, whatever comes later.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, count
from typing import Any

from pjais import canonical, sqlite
from pjais.core.document import full_name
from pjais.models.persona.tables import OTHERS
from pjais.targets.sqlite.ledger import Entry, Known

Collection = tuple[str | None, str | None, str]
"""What tells a collection from all others: (web origin, database, its own name)."""

_FROM_ACCOUNT = (
    "SELECT DISTINCT origin, database, collection, record_id ->> '$[0]' FROM migration_records "
    "WHERE record_type = 'other_records' AND record_id ->> '$[0]' IS NOT NULL ORDER BY seq"
)


class Names:
    """The names of one store."""

    def __init__(self, known: Iterable[tuple[Collection, str]] = ()) -> None:
        self._names = dict(known)
        self._taken = set(self._names.values())

    def of(self, collection: Collection) -> str:
        """The name of a collection; a new one gets the first that no other collection has or could mean."""
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
        """A record of such a collection under its name; the key that an earlier run gave a document stays."""
        if entry.table != OTHERS.name or entry.row[0] != entry.collection:  # our own files hold the name already
            return entry
        name = self.of(entry[:3])
        live = (one for one in earlier if one.record_type == OTHERS.name and one.outcome != "superseded")
        given = next((json.loads(str(one.record_id)) for one in live), None)
        return entry.under((name, entry.row[1]) if given is None else given)

    def has(self, entry: Entry) -> bool:
        """Return whether a record is of a collection that is named here."""
        return entry.table == OTHERS.name and entry[:3] in self._names

    def next(self, entry: Entry) -> tuple[str, str]:
        """The key for a document whose key is taken by another document, of another file: the next one to try."""
        name = self.of(entry[:3])
        turn = re.fullmatch(r" \((\d+)\)", entry.row[0].removeprefix(name))
        return apart(name, int(turn[1]) + 1 if turn else 2), entry.row[1]

    def as_list(self) -> list[list[str | None]]:
        """All names as JSON: [origin, database, collection, name] each."""
        return [[*collection, name] for collection, name in self._names.items()]


def forms(collection: Collection) -> tuple[str, ...]:
    """The names that a collection could have, the shortest first."""
    origin, database, name = collection
    longer = name if database is None else f"{database}.{name}"
    longest = longer if origin is None else f"{origin}/{longer}"
    return tuple(dict.fromkeys(canonical.mend(one) for one in (name, longer, longest)))


def apart(name: str, turn: int) -> str:
    """The name for documents of another file than those that have theirs: the second, the third, ..."""
    return f"{name} ({turn})"


def known(db: sqlite.Connection) -> Iterator[tuple[Collection, str]]:
    """The names of a store, as its last run wrote them down; before 0.2 only its account tells them."""
    text = sqlite.value(db, "SELECT options FROM migration_runs ORDER BY number DESC LIMIT 1")
    options: dict[str, Any] = json.loads(text or "{}")
    listed = options["names"] if "names" in options else sqlite.fetch(db, _FROM_ACCOUNT)
    for origin, database, collection, name in listed:
        yield (origin, database, collection), name
