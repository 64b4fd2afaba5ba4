"""Types of the values of the views for reading and understanding: conversations, history and insights."""

from __future__ import annotations

from typing import Any

from pjais.web import schemas
from pjais.web.schemas import Page, RecordSource, Shape


class ListedConversation(Shape):
    """A conversation as lists show it: `title` is never empty; `beginning` is of its first message by a person.

    `snippet`: where messages were searched, a piece of the best one (hits between U+E000 and U+E001), and its position.
    """

    id: str
    title: str
    beginning: str
    persona: str | None
    at: str | None
    messages: int
    archived: bool
    source: RecordSource
    snippet: str | None = None
    position: int | None = None


class Conversations(schemas.Conversations):
    """Conversations, latest first, or those with words in their title or messages; how many there are of each kind."""

    q: str
    listed: list[ListedConversation]
    archived: int
    current: int


class HiddenPart(Shape):
    """A part of a message that is shown folded; `data`: JSON, where it is no text."""

    kind: str
    name: str
    text: str
    data: Any


class Attached(Shape):
    """A file of a message; `id` is the SHA-256 of its bytes where the store has them.  `size` in bytes."""

    id: str | None
    name: str
    media_type: str | None
    size: int | None
    picture: bool


class Turn(Shape):
    """A message of the branch that is shown.

    `number`: its place among all messages of the conversation; those of other branches come after the ones that were
    on screen.  `key` names it in `branch`.  `version` of `versions`: answers to the same message; `earlier` and
    `later` are the keys of the ones beside it.  `hit`: it holds what is searched; `at_hit`: it is the hit that is
    visited.
    """

    number: int
    key: str
    role: str
    author: str | None
    model: str | None
    at: Any
    text: str
    folded: bool
    kept: bool
    failed: bool
    parts: list[HiddenPart]
    attachments: list[Attached]
    version: int
    versions: int
    earlier: str | None
    later: str | None
    hit: bool
    at_hit: bool


class Branch(Shape):
    """A branch: the key of its last message, how the message begins that parts it from the others, and its length."""

    key: str
    beginning: str
    role: str
    messages: int
    at: str | None
    shown: bool


class Found(Shape):
    """A search inside of a conversation: which hit of how many is visited, and where more are, on other branches."""

    q: str
    hit: int
    hits: int
    elsewhere: int
    branch: str | None


class ConversationView(schemas.ConversationView):
    """One conversation: a window of the branch that is shown, and what else it has."""

    page: Page
    branch: str | None
    turns: list[Turn]
    spoken: int
    hidden: dict[str, int]
    first: str | None
    last: str | None
    branches: list[Branch]
    attachments: list[Attached]
    found: Found | None
    beside: list[ListedConversation]
