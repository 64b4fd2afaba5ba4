"""Read the activity of Gemini: once to see which entries belong together, then one conversation at a time."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any, NamedTuple

from pjais.core.document import Piece, Remark, Unreadable
from pjais.formats.container import Container
from pjais.formats.json_stream import Value
from pjais.sources.apps import values
from pjais.sources.apps.gemini_takeout import members, prompts
from pjais.sources.apps.gemini_takeout.prompts import KIND, SHAPE
from pjais.sources.contract import Wishes

ACTIVITY, OTHERS = "gemini_takeout_activity", "gemini_takeout_files"
"""The collections of entries that are not prompts, and of other files of Gemini."""


class _Prompt(NamedTuple):
    """A prompt while it is sorted: its time in ms, and its place, by which a later one in the file is the older."""

    at: int
    member: int
    place: int


def pieces(container: Container, wishes: Wishes) -> Iterator[Piece]:
    """Yield everything of Gemini in a container."""
    forms = members.found(container)
    reader = _Reader(container, wishes, [name for name, form in forms.items() if form == "activity"])
    yield from reader.activity()
    for name in (one for one, form in forms.items() if form == "studio"):
        yield from reader.studio(name)
    folders = {name.rpartition("/")[0] for name, form in forms.items() if form == "activity"}
    left = 0
    for name in container.names if container.form != "file" else ():
        if name in forms or name in reader.taken:
            continue
        if not (name.rpartition("/")[0] in folders or members.PRODUCT.search(name)):
            left += 1
        elif name.lower().endswith(".json"):
            yield from values.kept_whole(OTHERS, container, name)
        else:
            yield values.attachment(container, name)
    if left:
        message = f"{left} files of other products, or about the archive; not read, they are only in the raw backup"
        yield Remark("not-gemini", "$file", container.path.name, message)


class _Reader:
    """Reads one container; `taken`: the members that messages name."""

    def __init__(self, container: Container, wishes: Wishes, activity: list[str]) -> None:
        self.container = container
        self.taken: set[str] = set()
        self._activity = activity
        self._gap = wishes.gap * 60_000
        self._known = False
        """Whether the language of the titles is known, so that what does not begin as a prompt is none."""
        self._group: dict[tuple[int, int], int] = {}
        self._sizes: list[int] = []
        self._met: set[str] = set()

    def activity(self) -> Iterator[Piece]:
        """Yield the conversations of the activity, and what else is in it."""
        self._survey()
        waiting: dict[int, list[tuple[int, str, Value]]] = {}
        foreign = 0
        for number, name in enumerate(self._activity):
            for place, item in enumerate(values.items(self.container, name, "conversations")):
                if isinstance(item, Unreadable):
                    yield item
                elif not isinstance(item.value, dict):
                    yield values.unexpected("conversations", name, item, "not an entry: not an object")
                elif not members.is_of_gemini(item.value):
                    foreign += 1
                elif self._is_prompt(item.value):
                    group = self._group.get((number, place))
                    held = waiting.setdefault(group, []) if group is not None else []
                    held.append((-place, name, item))
                    if group is None or len(held) == self._sizes[group]:
                        yield from self._conversation(held)
                        waiting.pop(-1 if group is None else group, None)
                else:
                    yield values.document(ACTIVITY, values.fingerprint(item.value), name, item, item.value)
        if foreign:
            message = f"{foreign} entries of other products; not read, they are only in the raw backup"
            yield Remark("not-gemini", ACTIVITY, self._activity[0], message)
        if self._activity and self._sizes and not self._known:
            message = "the titles of prompts are in an unknown language; their first words stay in the text"
            yield Remark("prompt-prefix-unknown", "conversations", self._activity[0], message)

    def _is_prompt(self, entry: dict[str, Any]) -> bool:
        return prompts.has_prefix(entry) or (not self._known and prompts.has_answer(entry))

    def _survey(self) -> None:
        """Find out which prompts are one conversation; memory holds three numbers for each."""
        begun: list[_Prompt] = []
        likely: list[_Prompt] = []
        for number, name in enumerate(self._activity):
            for place, item in enumerate(values.items(self.container, name, "conversations")):
                entry = item.value if isinstance(item, Value) and isinstance(item.value, dict) else {}
                at = prompts.time_of(entry) if members.is_of_gemini(entry) else None
                if at is None:
                    self._known = self._known or (members.is_of_gemini(entry) and prompts.has_prefix(entry))
                elif prompts.has_prefix(entry):
                    begun.append(_Prompt(at, -number, -place))
                elif prompts.has_answer(entry):
                    likely.append(_Prompt(at, -number, -place))
        self._known = self._known or bool(begun)
        last: int | None = None
        for one in sorted(begun if self._known else likely):
            if last is None or one.at - last > self._gap:
                self._sizes.append(0)
            self._group[-one.member, -one.place] = len(self._sizes) - 1
            self._sizes[-1] += 1
            last = one.at

    def _conversation(self, held: list[tuple[int, str, Value]]) -> Iterator[Piece]:
        held = sorted(held, key=lambda one: (prompts.time_of(one[2].value) or 0, one[0]))
        entries = [item.value for _, _, item in held]
        _, name, item = held[0]
        where = values.place(name, item.place)
        found = prompts.turns(entries)
        for turn in found:
            if len(turn.path) == 1:
                place = int(turn.path[0])
                attached = yield from self._attached(held[place][1], entries[place])
                if attached:
                    turn.metadata["attachments"] = attached
        times = [at for at in map(prompts.time_of, entries) if at is not None]
        if not times:
            message = "a time that cannot be read; the prompt is a conversation of its own"
            yield Remark("date-unreadable", "conversations", where, message)
        key = prompts.key_of(entries[0])
        more = {
            "id": values.derived(KIND, "conversation", key),
            "createdAt": values.iso(min(times, default=None)),
            "updatedAt": values.iso(max(times, default=None)),
        }
        bad = any(one.bad_bytes for _, _, one in held)
        value = SHAPE.document(entries, more, turns=found)
        yield values.document("conversations", key, name, item._replace(text=None, bad_bytes=bad), value)

    def _attached(self, activity: str, entry: dict[str, Any]) -> Generator[Piece, None, list[dict[str, Any]]]:
        told: list[dict[str, Any]] = []
        for called in prompts.files_of(entry):
            there = members.beside(self.container, activity, called)
            document = None if there is None else values.attachment(self.container, there, called)
            if there is not None:
                self.taken.add(there)
            told.append((yield from values.attached(document, self._met, called)))
        return told

    def studio(self, name: str) -> Iterator[Piece]:
        """Yield the conversation of a file of AI Studio."""
        for item in values.items(self.container, name, "conversations"):
            if isinstance(item, Unreadable):
                yield item
                continue
            if not isinstance(item.value, dict) or "chunkedPrompt" not in item.value:
                yield values.unexpected("conversations", name, item, "not a prompt of AI Studio")
                continue
            native = item.value
            found = prompts.studio_turns(native)
            for turn in found:
                if turn.path[0] == "chunkedPrompt":
                    attached = yield from self._inside(prompts.chunks(native)[int(turn.path[2])], name)
                    if attached:
                        turn.metadata["attachments"] = attached
            times = [turn.at for turn in found if turn.at is not None]
            identity = prompts.studio_identity(native)
            more: dict[str, Any] = {"id": identity}
            if times:
                more |= {"createdAt": values.iso(min(times)), "updatedAt": values.iso(max(times))}
            value = SHAPE.document(native, more, turns=found)
            yield values.document("conversations", identity, name, item, value)

    def _inside(self, chunk: Any, name: str) -> Generator[Piece, None, list[dict[str, Any]]]:
        import base64
        import binascii

        told: list[dict[str, Any]] = []
        for one in prompts.studio_files(chunk):
            try:
                data = base64.b64decode(one.data or "", validate=True)
            except (binascii.Error, ValueError):
                data = b""
            document = values.attachment_of(data, name, one.name, one.media_type) if data else None
            told.append((yield from values.attached(document, self._met, one.name, one.media_type)))
        return told
