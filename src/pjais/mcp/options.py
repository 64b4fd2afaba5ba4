"""What the owner of a store lets an assistant see and do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pjais.persona.filters import Filters, folded
from pjais.persona.message_search import MessageFilters

Toolset = Literal["memory", "native"]
ACTIVE = "active"
"""In the place of a persona's id: the one that is active when a tool is called."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options of one server.

    `persona`: an id, or `active`; None: all personas.  `hide_tiers`, `hide_tags`: memories that assistants never see.
    `tools`: the sets of tools that are offered.
    """

    read_only: bool = False
    persona: str | None = None
    hide_tiers: tuple[str, ...] = ()
    hide_tags: tuple[str, ...] = ()
    allow_delete: bool = False
    tools: tuple[Toolset, ...] = ("memory", "native")

    def scope(self, persona: str | None) -> Filters:
        """Return the filters of every query; `persona` is the one that is meant now."""
        found: Filters = {}
        if persona is not None:
            found["persona"] = persona
        if self.hide_tiers:
            found["without_tiers"] = self.hide_tiers
        if self.hide_tags:
            found["without_tags"] = self.hide_tags
        return found

    def message_scope(self, persona: str | None) -> MessageFilters:
        """Return the same for messages: conversations have topics in the place of tags."""
        found: MessageFilters = {}
        if persona is not None:
            found["persona"] = persona
        if self.hide_tags:
            found["without_topics"] = self.hide_tags
        return found

    def hides(self, tag: str) -> bool:
        """Return whether a tag is hidden."""
        return folded(tag) in {folded(one) for one in self.hide_tags}
