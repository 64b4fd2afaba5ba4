"""What a tool is here: its description for the client, and the function that answers a call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pjais.mcp.answers import Answer
from pjais.mcp.home import Home
from pjais.mcp.pages import Cursors

CURSOR = {
    "cursor": {"type": "string", "description": "The cursor that an earlier answer of this call gave, for what follows"}
}


class Call(NamedTuple):
    """A call of a tool: the server's store, its cursors, the name of the client, and the checked arguments."""

    home: Home
    cursors: Cursors
    client: str
    tool: str
    arguments: Mapping[str, Any]

    @property
    def key(self) -> str:
        """Return what a cursor of this call must fit."""
        from pjais import canonical

        asked = {name: value for name, value in self.arguments.items() if name not in ("cursor", "limit")}
        return canonical.dumps([self.tool, asked], sort=True)


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool: what the client is told of it, what answers, and what it may do.

    `strict`: arguments that it does not know are refused; the MCP memory server passes over them.
    """

    told: Mapping[str, Any]
    run: Callable[[Call], Answer]
    writes: bool = False
    deletes: bool = False
    strict: bool = True
    name: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.told["name"])
