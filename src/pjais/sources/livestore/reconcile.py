"""Reconcile a row of the state with the same row of the log: which value is taken, and why.

Both are rows as SQLite stores them.  The comparison is LiveStore's: numbers by value, JSON by meaning.
"""

from __future__ import annotations

import json
from functools import cache, lru_cache
from typing import Any

from pjais import canonical
from pjais.core.events import Column, LiveTable

Row = dict[str, Any]

_LATER = frozenset({"memoryConfiguration", "privacySettings", "accessCount", "title", "extra"})
"""Columns that not every version of the app has; a row from the log includes them if they are not empty."""


_REFERENCES = frozenset({"personaId", "fromId", "toId"})


def merge(
    table: LiveTable, collection: str, state: Row, log: Row, *, behind: bool, own: bool = False
) -> tuple[Row, tuple[str, ...]]:
    """Return the row to take, and notes on where it differs from the state: `rule` or `rule:column`.

    `behind`: an event that the state has not seen touched the row.  `own`: the schema is ours, so that JSON which
    JavaScript wrote again (1.0 as 1, -0 as 0, digits beyond 2^53 lost) is taken as the log has it.
    """
    as_text = collection != table.name
    columns = table.by_name
    value = dict(state)
    notes: list[str] = []
    log = _counted(state, log)
    if as_text and "content" in log:
        log = {**log, "content": _content_text(log["content"])}
    for name, held in state.items():
        logged = log.get(name)
        if held == logged and type(held) is type(logged):
            continue
        column = columns.get(name)
        if column is None or name == table.key:
            continue
        form = "text" if name == "content" and as_text else column.form
        if _same(form, held, logged):
            value[name] = logged if form == "real" or held == "null" or (own and form == "json") else held
        elif logged is None and form == "date":
            notes.append("state-dates")
        elif name in _REFERENCES and type(held) is str and type(logged) is str and _lost(held, logged):
            continue  # the row that it refers to lost the same part of its id
        elif behind:
            value[name] = logged
            notes.append("state-behind")
        elif (form == "text" and type(held) is str and type(logged) is str and _lost(held, logged)) or (
            type(held) is str and type(logged) is str and not canonical.encodable(held)
        ):
            value[name] = logged
            notes.append(f"state-lossy:{name}")
        else:
            notes.append(f"state-differs:{name}")
    lacking = () if columns.keys() <= state.keys() else [name for name in columns if name not in state]
    for name in lacking:
        if name not in _LATER and name != "sourceId" and _says_something(columns[name], log[name]):
            value[name] = log[name]
            notes.append(f"state-lacks:{name}")
    if "sourceId" in value:
        value = from_state(table, value)
    elif log["sourceId"] is not None and log["sourceId"] != log[table.key]:
        value["sourceId"] = log["sourceId"]
    return value, tuple(dict.fromkeys(notes))


def _says_something(column: Column, logged: Any) -> bool:
    """Return whether a value of the log is more than the default of an event without that value."""
    return logged is not None and logged not in (column.default, "[]", 0)


def from_state(table: LiveTable, state: Row) -> Row:
    """Return a row of the state, without an empty `sourceId`."""
    if "sourceId" in state and state["sourceId"] in (None, state.get(table.key)):
        state = dict(state)
        del state["sourceId"]
    return state


def own_state(table: LiveTable, state: Row) -> Row:
    """Return a row of our own schema's state in the form of our log: whole numbers are integers, null is null."""
    row = dict(state)
    for name in _named(table, "real"):
        held = row.get(name)
        if type(held) is float and held.is_integer():
            row[name] = int(held)
    for name in _named(table, "json"):
        if row.get(name) == "null":
            row[name] = None
    return row


@cache
def _named(table: LiveTable, form: str) -> tuple[str, ...]:
    """Return the names of a table's columns of a form."""
    return tuple(column.name for column in table.columns if column.form == form)


@lru_cache
def _optional(table: LiveTable, columns: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the names of a table's columns that a row has only with a value: those that the app's version may lack."""
    return tuple(name for name in table.column_names if (name not in columns if columns else name in _LATER))


def from_log(
    table: LiveTable, row: Row, *, own: bool, columns: tuple[str, ...] | None = None, text_content: bool = False
) -> Row:
    """Return a row that only the log has, in the form of the app's rows; `columns` are those of its state.

    The row is changed.
    """
    if not own:
        for name in _optional(table, columns):
            if row[name] in (None, 0):
                del row[name]
    if "sourceId" in row and row["sourceId"] in (None, row[table.key]):
        del row["sourceId"]
    if text_content and "content" in row:
        row["content"] = _content_text(row["content"])
    return row


def _counted(state: Row, log: Row) -> Row:
    """Count accesses as connections in the row of the log if the app does (as in guide B, docs/guides.md)."""
    if "accessCount" in state or "connectionCount" not in state or "accessCount" not in log:
        return log
    return {**log, "connectionCount": (log["connectionCount"] or 0) + (log["accessCount"] or 0)}


def _content_text(stored: Any) -> Any:
    """Return content in the form of a text column: the text itself, not its JSON."""
    if type(stored) is not str:
        return stored
    try:
        content = json.loads(stored)
    except ValueError:
        return stored
    return content if type(content) is str else stored


def _same(form: str, left: Any, right: Any) -> bool:
    if form in ("real", "integer", "date", "boolean"):
        return type(left) in (int, float) and type(right) in (int, float) and float(left) == float(right)
    if form == "json" and left == "null" and right is None:
        return True  # how LiveStore stores a null from an event
    if form == "json" and type(left) is str and type(right) is str:
        try:
            return bool(_as_javascript(left) == _as_javascript(right))
        except (ValueError, RecursionError):
            return False
    return False


_as_javascript = json.JSONDecoder(parse_int=float).decode
"""Decode JSON as JavaScript does: integers beyond 2^53 are not exact, and -0 is 0."""


def _lost(held: str, logged: str) -> bool:
    """Return whether a text of the state is the log's as LiveStore stores it: cut at NUL, surrogates replaced."""
    return held in (
        logged.partition("\0")[0],
        canonical.replace_surrogates(logged),
        canonical.replace_surrogates(logged.partition("\0")[0]),
    )
