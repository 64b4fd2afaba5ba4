"""Read what SillyTavern keeps of a user: cards, chats, World Info, personas of the user, groups, settings."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from pjais.core.document import Document, Piece, Remark, Unreadable
from pjais.formats import png
from pjais.formats.container import Container, ContainerDamaged
from pjais.formats.json_stream import Value
from pjais.sources.apps import redaction, values
from pjais.sources.apps.character_card import card as cards
from pjais.sources.apps.character_card import pictures
from pjais.sources.apps.character_card import reader as card_reader
from pjais.sources.apps.character_card.pictures import Carried
from pjais.sources.apps.sillytavern import chat, dates, people, places, world
from pjais.sources.apps.sillytavern.chat import KIND
from pjais.sources.apps.sillytavern.places import Place
from pjais.sources.apps.values import as_dict, as_list
from pjais.sources.contract import Wishes

GROUPS = "sillytavern_groups"
"""The collection of groups of characters, each whole."""
FILES = "sillytavern_files"
"""The collection of all other JSON of a user's folder, each file whole, without credentials."""
_OWN_KEY = re.compile(r"api_key|_auth$", re.IGNORECASE)
"""In names of settings that are credentials for other programs: `api_key_openai`, `auto_auth` (user and password)."""
_NAMED = 10
"""Names that a note lists."""


def holds(container: Container) -> bool:
    """Return whether a container is of SillyTavern."""
    if container.form == "file":
        return places.of_file(container, container.names[0]) is not None
    return places.root_of(container) is not None


def pieces(container: Container, wishes: Wishes) -> Iterator[Piece]:
    """Yield everything in a file, a folder or a backup."""
    if container.form == "file":
        (name,) = container.names
        found = [Place(name, name, places.of_file(container, name) or "json")]
    else:
        found = places.sort(container, places.root_of(container) or "")
    yield from _Reading(container, wishes, found).pieces()


class _Reading:
    """One reading of a container: what of it is met again is found by its path."""

    def __init__(self, container: Container, wishes: Wishes, found: list[Place]) -> None:
        self._container, self._wishes = container, wishes
        self._zone = dates.zone_of(wishes.timezone)
        self._by_kind: dict[str, list[Place]] = defaultdict(list)
        for one in found:
            self._by_kind[one.what].append(one)
        self._files: dict[str, dict[str, Any]] = {}
        """What is known of the attachments, by their path."""
        self._personas: dict[str, str] = {}
        """The ids of personas by the file of their card, without its ending."""
        self._people: dict[str, dict[str, Any]] = {}
        self._entries: set[str] = set()
        self._conversations: dict[tuple[str, str], str] = {}

    def pieces(self) -> Iterator[Piece]:
        yield from self._not_read()
        for one in self._by_kind["file"]:
            yield from self._attachment(one)
        names = card_reader.Names()
        for one in self._by_kind["card"]:
            yield from self._card(one, names)
        for one in self._by_kind["world"]:
            yield from self._world(one)
        for one in (*self._by_kind["settings"], *self._by_kind["people"]):
            yield from self._whole(one)
        for one in self._by_kind["group"]:
            yield from self._group(one)
        yield from self._chats()
        for one in self._by_kind["json"]:
            yield from self._whole(one)

    def _not_read(self) -> Iterator[Remark]:
        for one in self._by_kind["secret"]:
            message = "credentials of SillyTavern: never read, not stored"
            yield Remark("secrets-not-read", "$file", one.name, message)
        made = Counter(places.derived(one.path) for one in self._by_kind["derived"])
        for what, count in made.items():
            yield Remark("left-out", FILES, what, f"{count:,} files: {what}, which SillyTavern regenerates; not kept")

    def _attachment(self, one: Place) -> Iterator[Piece]:
        document = values.attachment(self._container, one.name)
        if isinstance(document, Document):
            content = document.blobs[document.value["id"]]
            document.value["mediaType"] = pictures.media_type(one.name, content[:64])
            self._files[one.path] = {**values.reference(document), "path": one.path}
        yield document

    # -- cards

    def _card(self, one: Place, names: card_reader.Names) -> Iterator[Piece]:
        found = list(self._carried(one))
        if not any(isinstance(piece, Carried | Unreadable) for piece in found):
            yield from self._attachment(one)
            return
        for piece in found:
            if not isinstance(piece, Carried):
                yield piece
                continue
            self._personas.setdefault(places.stem(one.path), cards.identity(piece.card))
            yield from card_reader.of_card(piece, one.name, names)

    def _carried(self, one: Place) -> Iterator[Carried | Piece]:
        try:
            if one.name.lower().endswith(".json"):
                for item in values.items(self._container, one.name, "personas"):
                    if isinstance(item, Unreadable):
                        yield item
                    elif cards.form_of(item.value):
                        yield Carried("json", item.value)
                    else:
                        yield values.unexpected("personas", one.name, item, "not a character card")
                return
            data = self._container.read(one.name)
            if png.is_png(data):
                yield from pictures.of_png(data, one.name)
        except ContainerDamaged as error:
            yield Unreadable("personas", one.name, b"", f"cannot be read: {error}")

    # -- World Info

    def _world(self, one: Place) -> Iterator[Piece]:
        for item in values.items(self._container, one.name, "memories"):
            if isinstance(item, Unreadable):
                yield item
            elif not world.is_world(item.value):
                yield values.unexpected(world.WORLDS, one.name, item, "not World Info: its entries are not an object")
            else:
                key = world.identity(item.value)
                if key in self._entries:  # a copy under another name, which may have changed since
                    key = values.derived(KIND, key, places.stem(one.path))
                self._entries.add(key)
                kept = {"id": key, "name": places.stem(one.path), "world": world.without_entries(item.value)}
                yield values.document(world.WORLDS, key, one.name, item, kept)
                for number, memory in world.memories(item.value, key):
                    if memory["id"] in self._entries:
                        memory["id"] = world.repeated(key, memory["id"])
                    self._entries.add(memory["id"])
                    yield Document("memories", memory["id"], f"{one.name} entry {number}", memory)

    # -- settings, personas of the user, groups

    def _whole(self, one: Place) -> Iterator[Piece]:
        """Yield a JSON file whole, without credentials, and the personas of the user in it."""
        for item in values.items(self._container, one.name, FILES):
            if isinstance(item, Unreadable):
                reason = f"{item.reason}; its bytes may hold credentials and are only in the raw backup"
                yield item if one.what == "people" else item._replace(raw=b"", reason=reason)
                continue
            value = item.value
            holder = as_dict(as_dict(value).get("power_user")) if one.what == "settings" else as_dict(value)
            if one.what in ("settings", "people"):
                yield from self._of_people(holder, one.name)
            if one.what == "people":
                value = {
                    key: each for key, each in as_dict(value).items() if key not in (people.NAMES, people.DESCRIPTIONS)
                }
            clean, found = _without_credentials(value)
            yield from redaction.remarks(FILES, one.name, found)
            yield Document(FILES, one.path, one.name, {"id": one.path, "name": one.path, "value": clean})

    def _of_people(self, holder: dict[str, Any], name: str) -> Iterator[Piece]:
        for one in people.people(holder):
            known = self._people.get(one["avatar"])
            if known is not None:
                if known != one:
                    message = f"the persona of the user {one['avatar']} is otherwise in another file; the first is read"
                    yield Remark("persona-differs", "memories", name, message)
                continue
            self._people[one["avatar"]] = one
            picture = self._files.get(f"User Avatars/{one['avatar']}")
            yield people.document(one, name, picture, as_persona=self._wishes.user_personas)

    def _group(self, one: Place) -> Iterator[Piece]:
        for item in values.items(self._container, one.name, GROUPS):
            if isinstance(item, Unreadable):
                yield item
            elif not isinstance(item.value, dict):
                yield values.unexpected(GROUPS, one.name, item, "not a group: not an object")
            else:
                native = item.value.get("id")
                key = values.derived(KIND, "group", native if native is not None else places.stem(one.path))
                kept = {"id": key, "name": values.text_or_none(item.value.get("name")), "group": item.value}
                yield values.document(GROUPS, key, one.name, item, kept)

    # -- chats

    def _chats(self) -> Iterator[Piece]:
        found = self._by_kind["chat"]
        headers = {one.name: places.header(self._container, one.name) for one in found}
        owners = _owners(found, headers)
        origins: list[tuple[str, str, str]] = []
        for one in found:
            yield from self._chat(one, owners, origins)
        for key, folder, origin in origins:
            there = self._conversations.get((folder, origin))
            if there is not None and there != key:
                link = {"fromId": key, "toId": there, "type": "branch_of"}
                name = values.derived(KIND, "branch", key, there)
                yield Document("relationships", name, origin, {"id": name, **link, "extra": {KIND: "main_chat"}})
        yield from self._copies(owners)

    def _chat(self, one: Place, owners: dict[str, str], origins: list[tuple[str, str, str]]) -> Iterator[Piece]:
        lines: list[Any] = []
        numbers: list[int] = []
        first: Value | None = None
        is_bad = False
        for number, item in enumerate(values.lines(self._container, one.name, "conversations"), 1):
            if isinstance(item, Unreadable):
                yield item
                continue
            first, is_bad = first or item, is_bad or item.bad_bytes
            lines.append(item.value)
            numbers.append(number)
        if first is None:
            yield Remark("empty-chat", "conversations", one.name, "the chat holds nothing")
            return
        if not any(chat.is_header(line) or chat.is_message(line) for line in lines):
            yield values.unexpected("conversations", one.name, first, "not a chat of SillyTavern")
            return
        place = places.chat_place(one.path)
        if self._container.form == "file":
            place.pop("folder", None)
        folder = str(place.get("folder") or chat.character_of(lines) or "")
        key = _identity(lines, folder, place, one.name, owners)
        self._conversations[folder, place["file"]] = key
        origin = chat.metadata_of(lines).get("main_chat")
        if isinstance(origin, str) and origin:
            origins.append((key, folder, origin))
        value = chat.document(lines, key, place, self._persona(place, lines), self._zone, numbers)
        if any(isinstance(line, dict) and dates.is_local(line.get("send_date")) for line in lines):
            message = f"dates without a zone, read as {self._wishes.timezone}; --timezone names another"
            yield Remark("local-dates", "conversations", one.name, message)
        self._attach(lines, numbers, value)
        yield values.document("conversations", key, one.name, first._replace(text=None, bad_bytes=is_bad), value)

    def _persona(self, place: dict[str, Any], lines: list[Any]) -> str | None:
        """Return the persona of a chat: that of its folder, else that of the card which its messages name."""
        if place.get("group"):
            return None
        if isinstance(place.get("folder"), str) and place["folder"] in self._personas:
            return self._personas[place["folder"]]
        for line in lines:
            avatar = line.get("original_avatar") if chat.is_message(line) else None
            if isinstance(avatar, str) and places.stem(avatar) in self._personas:
                return self._personas[places.stem(avatar)]
        return None

    def _attach(self, lines: list[Any], numbers: list[int], value: dict[str, Any]) -> None:
        """Name the files of messages: those that are there, and those that are missing."""
        named = {
            str(number): found for number, line in zip(numbers, lines, strict=True) if (found := self._named(line))
        }
        shown = [one for one in value["messages"] if one["metadata"][KIND]["path"][1:] == []]
        for message in shown:
            number = str(numbers[message["metadata"][KIND]["path"][0]])
            if number in named:
                message["metadata"]["attachments"] = named[number]

    def _named(self, line: Any) -> list[dict[str, Any]]:
        more = as_dict(as_dict(line).get("extra"))
        listed = [*as_list(more.get("media")), *as_list(more.get("files")), more.get("file")]
        listed += [{"url": more.get("image")}, *({"url": one} for one in as_list(more.get("image_swipes")))]
        found: list[dict[str, Any]] = []
        met: set[str] = set()
        for one in listed:
            url = as_dict(one).get("url")
            if not isinstance(url, str) or not url or url.startswith(("data:", "http:", "https:")) or url in met:
                continue
            met.add(url)
            path = unquote(url.partition("?")[0]).lstrip("/")
            name = values.text_or_none(as_dict(one).get("name")) or path.rpartition("/")[2]
            there = self._files.get(path)
            found.append(
                values.missing(name, None, as_dict(one).get("size")) if there is None else {**there, "name": name}
            )
        return found

    def _copies(self, owners: dict[str, str]) -> Iterator[Remark]:
        """Yield what is in the folder of copies: none of it is a conversation of its own."""
        found = self._by_kind["copy"]
        if not found:
            return
        alone = []
        for one in found:
            if one.path.rpartition("/")[2].startswith("chat_"):
                integrity = as_dict(places.header(self._container, one.name).get("chat_metadata")).get("integrity")
                if isinstance(integrity, str) and integrity not in owners:
                    alone.append(one.path)
        shown = ", ".join(one.path for one in found[:_NAMED]) + (" and more" if len(found) > _NAMED else "")
        message = f"{len(found):,} copies that SillyTavern keeps; none is a conversation of its own: {shown}"
        yield Remark("copies-not-imported", "conversations", "backups", message)
        if alone:
            message = (
                f"copies of chats that are no longer in the folder, name one to import it: {', '.join(alone[:_NAMED])}"
            )
            yield Remark("copies-of-lost-chats", "conversations", "backups", message)


def _owners(found: list[Place], headers: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Return which file has the right to an integrity id: of several that have it the one that is not a branch."""
    owners: dict[str, tuple[bool, str]] = {}
    for one in found:
        metadata = as_dict(headers[one.name].get("chat_metadata"))
        integrity = metadata.get("integrity")
        if isinstance(integrity, str) and integrity:
            claim = (bool(metadata.get("main_chat")), one.name)
            owners[integrity] = min(claim, owners.get(integrity, claim))
    return {integrity: name for integrity, (_, name) in owners.items()}


def _identity(lines: list[Any], folder: str, place: dict[str, Any], name: str, owners: dict[str, str]) -> str:
    """Return the id of a chat: ours, else its integrity id, with its file for a copy of it; else folder and file."""
    metadata = chat.metadata_of(lines)
    ours = as_dict(metadata.get("pjais")).get("id")
    if isinstance(ours, str) and ours:
        return ours
    integrity = metadata.get("integrity")
    if isinstance(integrity, str) and integrity:
        if metadata.get("main_chat") or owners.get(integrity, name) != name:
            return values.derived(KIND, "chat", integrity, place["file"])
        return values.identity(KIND, integrity)
    return values.derived(KIND, "chat", "group chats" if place.get("group") else folder, place["file"])


def _without_credentials(value: Any) -> tuple[Any, tuple[str, ...]]:
    """Return settings without credentials, also under the names that it alone has (`api_key_openai`)."""
    clean, found = redaction.redacted_settings(value)
    clean, more = redaction.redacted(clean, *_own_keys(clean))
    return clean, (*found, *more)


def _own_keys(value: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if len(above) > 4 or not isinstance(value, dict):
        return
    for key, one in value.items():
        if _OWN_KEY.search(key) and isinstance(one, str):
            yield (*above, key)
        else:
            yield from _own_keys(one, (*above, key))
