"""redux-persist: the state of an app under the key `persist:<name>`, in localStorage or in localForage.

The text is JSON of an object; each of its members is a slice of the state, and is JSON text again.  The member
`_persist`, which every version since 5 writes, tells such a text from another app's.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pjais.sources.indexeddb.libraries import javascript_json

PREFIX = "persist:"
"""The beginning of the key, unless the app chose another."""
_MARK = "_persist"


class Slice(NamedTuple):
    """A slice of the state: its name and value; if it is no JSON the stored text, and the reason."""

    name: str
    value: Any
    reason: str | None = None


def slices(stored: Any) -> list[Slice]:
    """Return the slices of what is stored under a key; none if redux-persist did not write it.

    An app that turned serialising off (`serialize: false`) stores an object of values, others a text.
    """
    if type(stored) is not str:
        return [Slice(*one) for one in stored.items()] if type(stored) is dict and _MARK in stored else []
    try:
        state = javascript_json.parse(stored)
    except ValueError:
        return []
    return [_slice(*one) for one in state.items()] if type(state) is dict and _MARK in state else []


def collection(key: Any) -> str | None:
    """Return the name of the collection for what is stored under a key; None if it is not redux-persist's."""
    return f"redux-persist/{key[len(PREFIX) :]}" if type(key) is str and key.startswith(PREFIX) else None


def _slice(name: str, text: Any) -> Slice:
    if type(text) is not str:
        return Slice(name, text, f"the slice {name!r} is no text")
    try:
        return Slice(name, javascript_json.parse(text))
    except ValueError as error:
        return Slice(name, text, f"the slice {name!r} is no JSON: {error}")
