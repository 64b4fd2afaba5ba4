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


class TouchedRecord(Shape):
    """A record of a change: its table, id and name, what was done to it, and the fields that changed."""

    table: str
    id: str
    name: str
    done: str
    fields: list[str]


class HistoryEntry(Shape):
    """Changes that belong together, from `first` to `last`, and who made them.

    `who`: app, page, assistant, cli, program or other.  `title` says what was done, `detail` how; `by` names the
    assistant, the apps or the client; `run` leads to the proof.  `kind`: do, undo or redo of an operation, else an
    empty text.
    """

    first: int
    last: int
    at: str | None
    who: str
    by: str
    run: str | None
    kind: str
    operation: int | None
    undone: bool
    title: str
    detail: str
    records: int
    touched: list[TouchedRecord]


class NamedChange(schemas.Change):
    """A change of a field, with the name of its record."""

    name: str


class Selected(Shape):
    """The change after which the store is looked at: what it changed, and why it cannot be undone (null: it can)."""

    entry: HistoryEntry
    changes: list[NamedChange]
    more: int
    refused: str | None


class Tick(Shape):
    """A mark on the axis of the history: the day of a change, or its time if all marks are of one day."""

    seq: int
    day: str


class History(schemas.Time):
    """The history: its entries up to a point in time, who made them, and what is different now.

    `who`: the filter.  `shares`: changes by who made them.  `earlier`: the point at which the next page begins.
    `previous` and `following`: the points before and after one entry.  `growth`: the number of records at equal steps
    of the history.
    """

    who: str
    shares: dict[str, int]
    entries: list[HistoryEntry]
    earlier: int | None
    previous: int | None
    following: int | None
    selected: Selected | None
    growth: list[int]
    ticks: list[Tick]
    tally: dict[str, int]
    names: dict[str, str]


class Count(Shape):
    """A name and how often it occurs."""

    name: str
    count: int


class Insights(schemas.Pictures):
    """Figures to look at, and what is to be said beside them.

    `tags`: the most frequent ones, of `different_tags`.  `median`: of the importance, in tens.  `unrated`: memories
    with the default importance.  `groups`: the types on the map, the most frequent first.  `dimensions`: of the
    embeddings.  `embedded`: memories that have one.
    """

    tags: list[Count]
    different_tags: int
    unrated: int
    embedded: int
    dimensions: int | None
    groups: list[Count]
