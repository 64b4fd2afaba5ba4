"""Write memories as mem0's `get_all` gives them: one file, `{"results": [...]}`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from pjais import canonical
from pjais.display import counted
from pjais.sources.apps import values
from pjais.sources.apps.contract import Content, Records
from pjais.sources.apps.mem0 import item
from pjais.sources.apps.mem0.item import HISTORY, KIND
from pjais.sources.apps.mem0.reader import EXPORTS


def files(records: Records, lost: Callable[[str], None]) -> Iterator[tuple[str, Content]]:
    """Yield the file; `lost` is called first for what mem0 cannot hold."""
    personas = {str(one["id"]): values.bare(one) for one in records.personas()}
    live, homes = set(personas), set[str]()
    count = dict.fromkeys(("vectors", "deleted", "versions"), 0)
    for one in records.memories():
        count["vectors"] += one.get("embedding") is not None
        count["deleted"] += one.get("deletedAt") is not None
        count["versions"] += len(values.as_list(values.as_dict(one.get("extra")).get(HISTORY)))
        if one.get("deletedAt") is None:
            live.add(str(one["id"]))
            homes.add(str(one.get("personaId")))
    related: dict[str, list[dict[str, Any]]] = {}
    cut = 0
    for one in records.relationships():
        ends = str(one.get("fromId")), str(one.get("toId"))
        home = next((end for end in ends if end in live and end not in personas), None)
        if home is None or not set(ends) <= live:
            cut += 1
        else:
            related.setdefault(home, []).append(values.bare(one))
    for number, *what in (
        (count["vectors"], "embedding"),
        (count["deleted"], "deleted memory", "deleted memories"),
        (count["versions"], "version in the history of memories", "versions in the histories of memories"),
        (sum(1 for _ in records.conversations()), "conversation"),
        (len(personas.keys() - homes), "persona without memories", "personas without memories"),
        (cut, "relationship of what is not written", "relationships of what is not written"),
        (sum(1 for _ in records.attachments()), "attachment"),
    ):
        if number:
            lost(counted(number, *what))
    beside = [one for one in records.others(EXPORTS) if "results" not in one]
    if len(beside) > 1:
        lost(f"what stands beside the results of {counted(len(beside), 'file')}")
    yield "mem0.json", _content(records, personas, related, beside[0] if len(beside) == 1 else {})


def _content(
    records: Records,
    personas: dict[str, dict[str, Any]],
    related: dict[str, list[dict[str, Any]]],
    beside: dict[str, Any],
) -> Iterator[bytes]:
    told: set[str] = set()
    yield b'{\n  "results": ['
    before = ""
    for one in records.memories():
        if one.get("deletedAt") is not None:
            continue
        memory = {key: each for key, each in values.bare(one).items() if key != "embedding"}
        home = str(memory.get("personaId"))
        persona = personas.get(home)
        added: dict[str, Any] = {}
        if persona is not None and home not in told:
            told.add(home)
            if not _is_agent(persona):
                added["persona"] = _plain(persona)
        if str(memory["id"]) in related:
            added["relationships"] = [_plain(each) for each in related[str(memory["id"])]]
        agent = None if persona is None else _agent(persona)
        written = item.with_added(item.written(memory, agent), added)
        yield f"{before}\n    {_json(written)}".encode()
        before = ","
    yield b"\n  ]"
    for key, each in beside.items():
        yield f",\n  {json.dumps(key)}: {_json(each)}".encode()
    yield b"\n}\n"


def _agent(persona: dict[str, Any]) -> str:
    """Return the name of a persona as an `agent_id`, in which mem0 takes no white space."""
    own = values.as_dict(values.as_dict(persona.get("extra")).get(KIND)).get("agent_id")
    name = own if isinstance(own, str) else persona.get("name")
    return "-".join(str(name or "").split()) or str(persona["id"])


def _is_agent(persona: dict[str, Any]) -> bool:
    """Return whether a persona is no more than the name of an agent."""
    agent = values.as_dict(values.as_dict(persona.get("extra")).get(KIND)).get("agent_id")
    return isinstance(agent, str) and item.agent_of(agent) == persona


def _plain(value: Any) -> Any:
    return json.loads(canonical.dumps(value))


def _json(value: Any) -> str:
    try:
        return canonical.dumps_plain(value)
    except ValueError:  # NaN, which Python's JSON has
        return json.dumps(value)
