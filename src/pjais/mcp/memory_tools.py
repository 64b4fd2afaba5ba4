"""The nine tools of `@modelcontextprotocol/server-memory`: its names, schemas and answers (`memory_tools.json`).

The three that read take `limit` and `cursor` besides.  How the answers differ is in docs/assistants.md: nothing that
is asked for is left out, but it may come in pages.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any

from pjais.display import counted
from pjais.mcp import pages
from pjais.mcp.answers import MOST, NOTE, Answer, cut_text, dumps, failed, fitting
from pjais.mcp.pages import Position
from pjais.mcp.tools import CURSOR, Call, Tool
from pjais.persona.graph import ALL, Found, Graph, Rows
from pjais.persona.store import Store

_MOST = 1000
_EMPTY: dict[str, Any] = {"entities": [], "relations": []}
_LIMIT = {
    "limit": {
        "type": "integer",
        "minimum": 1,
        "maximum": _MOST,
        "description": "The most entities and relations in one answer; without it as many as fit",
    }
}
_TEXT = 4000
"""Bytes of a text that an answer to a write repeats at most."""


def _read(find: Callable[[Graph, Rows, Mapping[str, Any]], Found]) -> Callable[[Call], Answer]:
    """Return the tool that tells a part of the graph."""

    def run(call: Call) -> Answer:
        return call.home.read(lambda store: told(call, store), Answer((dumps(_EMPTY),), _EMPTY))

    def told(call: Call, store: Store) -> Answer:
        cursor = call.arguments.get("cursor")
        start = Position() if cursor is None else call.cursors.take(call.key, cursor)
        graph = call.home.graph(store)
        with store.pool.view() as db:
            rows = graph.rows(db)
            found = find(graph, rows, call.arguments)
            shown, following = pages.page(rows, found, start, call.arguments.get("limit", _MOST))
            if following is None:
                return pages.answer(call.tool, shown, None, "")
            part = _part(rows, found, following)
        return pages.answer(call.tool, shown, call.cursors.give(call.key, following), part)

    return run


def _part(rows: Rows, found: Found, following: Position) -> str:
    """Say how much was told, of how much."""
    entities = rows.count_entities() if found.places is None else len(found.places)
    relations = rows.count_relations() if found.ids is None else len(rows.relations(found.ids))
    told = following.told
    inside = " (the last one goes on)" if following.within is not None else ""
    return (
        f"This answer is a part: up to here {told[0]:,} of {counted(entities, 'entity', 'entities')}{inside} and "
        f"{told[1]:,} of {counted(relations, 'relation')} were told."
    )


def _write(
    key: str, change: Callable[[Graph, Any], list[Any]], shorten: Callable[[Any], Any]
) -> Callable[[Call], Answer]:
    """Return a tool that adds to the graph and repeats what was added."""

    def run(call: Call) -> Answer:
        argument = next(iter(call.arguments.values()))
        made, _ = call.home.write(call.client, call.tool, lambda store: change(call.home.graph(store), argument))
        shown = [shorten(one) for one in made]
        fits = fitting(shown, MOST - NOTE - 100, 2)
        texts = [dumps(shown[:fits])]
        if fits < len(shown):
            texts.append(f"All {len(shown):,} were written; {len(shown) - fits:,} of them are not repeated here.")
        return Answer(tuple(texts), {key: shown[:fits]})

    return run


def _shortened(one: Any) -> Any:
    """Return what was written, with texts and lists cut that are too long to be repeated."""
    if isinstance(one, str):
        return cut_text(one, _TEXT, "… [cut in this answer; written whole]")
    if isinstance(one, list):
        shown = [_shortened(each) for each in one]
        fits = fitting(shown, 12_000, 4)
        more = len(shown) - fits
        return shown if not more else [*shown[:fits], f"… [{more:,} more in this answer cut; written whole]"]
    return {name: _shortened(value) for name, value in one.items()}


def _delete(what: str, change: Callable[[Graph, Any], int]) -> Callable[[Call], Answer]:
    """Return a tool that deletes; without the owner's leave it says how that is given."""
    told = f"{what} deleted successfully"

    def run(call: Call) -> Answer:
        if not call.home.options.allow_delete:
            return failed(
                f"{call.tool} is not allowed: this server was started without --allow-delete, so nothing was deleted. "
                "The owner of the data can add --allow-delete to the command that starts it (pjais mcp "
                "--allow-delete); deleted memories are marked only and can be restored. Until then, add an "
                "observation that corrects what is wrong."
            )
        argument = next(iter(call.arguments.values()))
        call.home.write(call.client, call.tool, lambda store: change(call.home.graph(store), argument))
        return Answer((told,), {"success": True, "message": told})

    return run


_RUN: dict[str, Callable[[Call], Answer]] = {
    "create_entities": _write("entities", Graph.create_entities, _shortened),
    "create_relations": _write("relations", Graph.create_relations, _shortened),
    "add_observations": _write("results", Graph.add_observations, _shortened),
    "delete_entities": _delete("Entities", Graph.delete_entities),
    "delete_observations": _delete("Observations", Graph.delete_observations),
    "delete_relations": _delete("Relations", Graph.delete_relations),
    "read_graph": _read(lambda *_: ALL),
    "search_nodes": _read(lambda graph, rows, given: graph.search(rows, given["query"])),
    "open_nodes": _read(lambda graph, rows, given: graph.open(rows, given["names"])),
}


def tools() -> list[Tool]:
    """Return the nine tools."""
    text = resources.files("pjais.mcp").joinpath("memory_tools.json").read_text("utf-8")
    found = []
    for told in json.loads(text):
        reads = told["annotations"]["readOnlyHint"]
        if reads:
            told = copy.deepcopy(told)
            told["inputSchema"]["properties"] |= {**_LIMIT, **CURSOR}
        deletes = told["annotations"]["destructiveHint"]
        found.append(Tool(told, _RUN[told["name"]], writes=not reads, deletes=deletes, strict=False))
    return found
