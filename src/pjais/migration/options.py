"""The owner's choices for a run."""

from __future__ import annotations

from dataclasses import dataclass, field

from pjais import choices
from pjais.assembly.ids import Ids
from pjais.assembly.normalise import EVERYTHING, Choices, Only
from pjais.sources.contract import NO_WISHES, Wishes


@dataclass(frozen=True, slots=True)
class Options:
    """The owner's choices.  `on_invalid`: stop or quarantine, None as the kinds of the sources have it; `ids`: keep or
    new; `imported`: by `import`; `automatic`: unrequested.
    """

    on_invalid: choices.OnInvalid | None = None
    ids: choices.Ids = "keep"
    expand_cold: bool = False
    password: str | None = field(default=None, repr=False)
    imported: bool = False
    only: Only = EVERYTHING
    wishes: Wishes = NO_WISHES
    accept_deletions: bool = False
    automatic: bool = False

    def __post_init__(self) -> None:
        if self.on_invalid is not None:
            choices.check("on_invalid", self.on_invalid, choices.OnInvalid)
        choices.check("ids", self.ids, choices.Ids)

    def of(self, ids: Ids) -> Choices:
        """Return the choices of an assembly that gives records these ids."""
        return Choices(ids, self.expand_cold, self.password, self.only, self.wishes, self.accept_deletions)
