"""Read a backup of NextChat, one session at a time: first its masks, then its sessions, then the rest.

Pieces that cannot be read keep no bytes, as the keys are in the same file: the raw backup has them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, tzinfo
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pjais.core.document import Document, Piece, Remark, Unreadable
from pjais.formats.container import Container
from pjais.formats.json_stream import Broken, JsonStream, Value
from pjais.sources.apps import data_urls, values
from pjais.sources.apps.nextchat import session
from pjais.sources.apps.nextchat.dates import instants_of
from pjais.sources.apps.nextchat.session import SESSION, STATE
from pjais.sources.apps.redaction import redacted_settings, remarks
from pjais.sources.contract import Wishes

_CHAT, _ACCESS, _MASKS, _PROMPTS = "chat-next-web-store", "access-control", "mask-store", "prompt-store"
_STORES = frozenset({_CHAT, _ACCESS, _MASKS, _PROMPTS, "app-config"})
PROMPTS = "nextchat_prompts"
_OF = {_CHAT: "conversations", _MASKS: "personas", _PROMPTS: PROMPTS}
_INSIDE = {_CHAT: "sessions", _MASKS: "masks", _PROMPTS: "prompts"}
"""Where the records of a store are in it."""


class Item(NamedTuple):
    """One record of a store, or, with the name of the store alone, all that is left of it."""

    store: str
    key: str | None
    place: str
    value: Any
    bad_bytes: bool = False


def member(container: Container) -> str | None:
    """Return the member that is a backup; None if there is none."""
    if container.form == "folder":
        return None
    names = container.names if container.form == "file" else container.called("*.json")
    return next((name for name in names if _is_one(container, name)), None)


def _is_one(container: Container, name: str) -> bool:
    head = values.json_head(container, name)
    return head.form == "object" and (_CHAT in head.keys or len(head.keys & _STORES) > 1)


def pieces(container: Container, wishes: Wishes) -> Iterator[Piece]:
    """Yield everything in a backup."""
    name = member(container)
    if name is None:
        return
    masks: dict[str, Document] = {}
    others: dict[str, Document] = {}
    found: list[Remark] = []
    for item in _items(container, name):
        if isinstance(item, Item) and item.store == _MASKS and item.key is not None:
            found += _mask(item, item.value, masks, item.key)
        elif isinstance(item, Item) and item.store == _CHAT and item.key is not None:
            held = values.as_dict(values.as_dict(item.value).get("mask"))
            if session.is_persona(held):
                found += _mask(item, held, others)
    personas = {**others, **masks}
    yield from found
    yield from personas.values()
    yield from _records(container, name, wishes, frozenset(personas))


def _mask(item: Item, mask: Any, masks: dict[str, Document], key: str | None = None) -> list[Remark]:
    """Note the persona of a mask; of several of one id the first counts, each session keeps its own."""
    if not isinstance(mask, dict) or (record_id := session.mask_id(mask, key)) in masks:
        return []
    safe, found = redacted_settings(mask)
    masks[record_id] = Document("personas", str(mask.get("id") or key), item.place, session.persona(safe, record_id))
    return list(remarks("personas", item.place, found))


def _records(container: Container, name: str, wishes: Wishes, personas: frozenset[str]) -> Iterator[Piece]:
    zone, unknown = _zone(wishes.timezone)
    if unknown:
        yield unknown
    met: set[str] = set()
    for item in _items(container, name):
        if not isinstance(item, Item):
            yield item
        elif item.key is None:
            yield from _rest(item)
        elif not isinstance(item.value, dict):
            yield Unreadable(_OF[item.store], item.place, b"", "not an object; it is only in the raw backup")
        elif item.store == _CHAT:
            yield from _session(item, zone, personas, met)
        elif item.store == _PROMPTS:
            yield Document(PROMPTS, item.key, item.place, item.value)


def _zone(name: str) -> tuple[tzinfo, Remark | None]:
    try:
        return (UTC if name == "UTC" else ZoneInfo(name)), None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC, Remark("unknown-timezone", "$file", name, "unknown time zone; dates without one are read as UTC")


def _session(item: Item, zone: tzinfo, personas: frozenset[str], met: set[str]) -> Iterator[Piece]:
    native: dict[str, Any] = item.value
    mask = native.get("mask")
    if isinstance(mask, dict):
        safe, found = redacted_settings(mask)
        yield from remarks("conversations", item.place, found)
        native = {**native, "mask": safe} if found else native
    texts = session.dates(native)
    sent = instants_of(texts, session.last_update(native), zone)
    everything = session.turns(native, sent)
    yield from _faults(item.place, native, texts, sent, len(everything))
    for turn in everything:
        message = native["messages"][turn.path[-1]]
        for address in session.addresses(message):
            document = data_urls.attachment(address, item.place)
            told = yield from values.attached(document, met, _called(address))
            turn.metadata.setdefault("attachments", []).append(told)
    record_id = session.mask_id(mask) if isinstance(mask, dict) else None
    more = {"id": session.session_id(native), "personaId": record_id if record_id in personas else None}
    name = native.get("id")
    yield Document(
        "conversations",
        str(name) if isinstance(name, str | int) else None,
        item.place,
        SESSION.document(native, more, turns=everything),
        notes=("invalid-utf8",) if item.bad_bytes else (),
    )


def _called(address: str) -> str:
    """Return what a picture that is elsewhere is called: the last part of its address, never a whole data URL."""
    if address[:5].lower() == "data:":
        return "data URL that cannot be decoded"
    return address.split("?")[0].rstrip("/").rpartition("/")[2] or "picture"


def _faults(
    place: str, native: dict[str, Any], texts: list[object], sent: list[int | None], turns: int
) -> Iterator[Remark]:
    """Yield what is wrong with the messages of a session."""
    unknown = [text for text, at in zip(texts, sent, strict=True) if at is None and text not in (None, "")]
    if unknown:
        message = f"{len(unknown)} dates in an unknown language, or order of day and month; their texts are kept"
        yield Remark("date-ambiguous", "conversations", place, message)
    listed = native.get("messages")
    if listed is not None and not isinstance(listed, list):
        yield Remark("odd-message", "conversations", place, "its messages are not a list; kept as they are")
    elif len(texts) > turns:
        message = f"{len(texts) - turns} of its messages are not objects; kept as they are"
        yield Remark("odd-message", "conversations", place, message)
    if session.last_update(native) is None:
        yield Remark("update-missing", "conversations", place, "it has no date of its last change")


def _rest(item: Item) -> Iterator[Document | Remark]:
    """Yield what is left of a store without its records; of `access-control` nothing but its names."""
    everything: tuple[str, ...] = ("*",) if isinstance(item.value, dict | list) else ()
    value, found = redacted_settings(item.value, *((everything,) if item.store == _ACCESS else ()), texts=True)
    yield from remarks(STATE, item.store, found)
    yield Document(STATE, item.store, item.place, {"id": item.store, "value": value})


# -- the file


def _items(container: Container, name: str) -> Iterator[Item | Unreadable]:
    """Yield the records of the stores, and what is left of each, in the order of the file."""

    def each(stream: JsonStream) -> Iterator[Item | Unreadable]:
        for store in stream.members():
            yield from _of_store(stream, store, name)

    return values.streamed(container.open(name), name, "$file", each, values.hidden)


def _of_store(stream: JsonStream, store: str, name: str) -> Iterator[Item | Unreadable]:
    inside, place = _INSIDE.get(store), values.place(name, stream.place)
    if inside is None or stream.peek() != "{":
        whole = stream.value()
        yield values.hidden(STATE, name, whole) if isinstance(whole, Broken) else Item(store, None, place, whole.value)
        return
    left: dict[str, Any] = {}
    for key in stream.members():
        if key == inside and stream.peek() == "[":
            for number, one in enumerate(stream.items()):
                yield _record(store, str(number), name, one)
        elif key == inside and stream.peek() == "{":
            for each in stream.members():
                yield _record(store, each, name, stream.value())
        elif isinstance(one := stream.value(), Broken):
            yield values.hidden(STATE, name, one)
        else:
            left[key] = one.value
    if left:
        yield Item(store, None, place, left)


def _record(store: str, key: str, name: str, one: Value | Broken) -> Item | Unreadable:
    if isinstance(one, Broken):
        return values.hidden(_OF[store], name, one)
    return Item(store, key, values.place(name, one.place), one.value, one.bad_bytes)
