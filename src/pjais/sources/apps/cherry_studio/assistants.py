"""Assistants of Cherry Studio as personas, and what its state says of their topics.

The state has the default assistant twice: in the list, and in a place of its own, each edited without the other.  The
one in the list counts, the other fills in what is empty there; it is kept, too.  Topics are listed inside of their
assistants: each entry goes with its topic, and what is left is the order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from pjais.core.document import Document, Remark, Unreadable
from pjais.sources.apps import shape, values
from pjais.sources.apps.cherry_studio.credentials import cleaned
from pjais.sources.apps.cherry_studio.databases import Row, column, instant, json_of
from pjais.sources.apps.cherry_studio.topic import KIND
from pjais.sources.apps.redaction import remarks
from pjais.sources.apps.shape import Shape

ORDER = "cherry_studio_topic_order"
"""The collection that has the order of the topics of each assistant."""
_WHERE = "persist:cherry-studio assistants"
_TOPICS = "topics"


class Meta(NamedTuple):
    """What the state says of a topic: its entry, and the assistant that it belongs to."""

    entry: dict[str, Any]
    owner: str


class Assistants:
    """The assistants of a state, put in order when it is made; `state` is the slice `assistants`."""

    def __init__(self, state: Any) -> None:
        told = values.as_dict(state)
        self.left = {key: one for key, one in told.items() if key not in ("assistants", "presets", "defaultAssistant")}
        """The rest of the slice."""
        self.metas: dict[str, Meta] = {}
        self._found: dict[tuple[bool, str], list[dict[str, Any]]] = {}
        self._orders: dict[str, list[Any]] = {}
        self._bad: list[tuple[str, Any]] = []
        for key in ("assistants", "presets", "defaultAssistant"):
            held = told.get(key)
            several = [held] if key == "defaultAssistant" and held is not None else values.as_list(held)
            for number, one in enumerate(several):
                self._add(key, number, one)
            if key != "defaultAssistant" and held is not None and not isinstance(held, list):
                self._bad.append((key, held))

    def _add(self, key: str, number: int, one: Any) -> None:
        name = one.get("id") if isinstance(one, dict) else None
        if type(name) is int:
            name = str(name)
        if not isinstance(name, str) or not name:
            self._bad.append((f"{key}[{number}]", one))
            return
        self._found.setdefault((key == "presets", name), []).append(one)
        order = self._orders.setdefault(name, [])
        for entry in values.as_list(one.get(_TOPICS)):
            topic = entry.get("id") if isinstance(entry, dict) else None
            if isinstance(topic, str) and topic and topic not in self.metas:
                self.metas[topic] = Meta(entry, name)
                order.append(topic)
            else:
                order.append(entry)

    def pieces(self) -> Iterator[Document | Unreadable | Remark]:
        """Yield the personas, the order of their topics, and what is wrong."""
        for (is_preset, name), several in self._found.items():
            yield from self._persona(name, several, is_preset=is_preset)
        for place, _ in self._bad:
            yield Unreadable(
                "personas", f"{_WHERE} {place}", b"", "an assistant without an id; it is only in the raw backup"
            )
        for name, order in self._orders.items():
            if order:
                yield Document(ORDER, name, f"{_WHERE} {name}", {"id": name, "topics": order})
                again = sum(not isinstance(one, str) for one in order)
                if again:
                    message = (
                        f"{again} topics of the assistant {name} are listed before, or have no id; kept in the order"
                    )
                    yield Remark("topic-listed-twice", "personas", f"{_WHERE} {name}", message)

    def _persona(self, name: str, several: list[dict[str, Any]], *, is_preset: bool) -> Iterator[Document | Remark]:
        where = f"{_WHERE} {name}"
        bare: list[dict[str, Any]] = []
        for one in several:
            safe, found = cleaned(_without_topics(one), texts=False)
            bare.append(safe)
            yield from remarks("personas", where, found)
        first = bare[0]
        if len(bare) > 1:
            message = "it is in the list and the default one, too; the first counts, its empty fields are filled"
            yield Remark("default-twice", "personas", where, message)
        more: dict[str, Any] = {
            "id": values.derived(KIND, "preset", name) if is_preset else values.identity(KIND, name),
            "description": _first_text(bare, "description"),
            "avatar": _first_text(bare, "emoji") or _first_text(bare, "avatar"),
            "settings": _settings(bare),
        }
        tags = [tag for tag in values.as_list(first.get("tags")) if isinstance(tag, str)]
        if tags:
            more["personality"] = {"tags": tags}
        extra = {key: value for key, value in (("preset", is_preset), ("sameId", bare[1:])) if value}
        named = isinstance(first.get("name"), str)
        value = _shape(first).document(first, more if named else {**more, "name": name}, extra=extra)
        yield Document("personas", name, where, value)


def _without_topics(assistant: dict[str, Any]) -> dict[str, Any]:
    listed = isinstance(assistant.get(_TOPICS), list)
    return {key: part for key, part in assistant.items() if key != _TOPICS} if listed else assistant


def _first_text(several: list[dict[str, Any]], key: str) -> str | None:
    return next((one[key] for one in several if isinstance(one.get(key), str) and one[key]), None)


def _settings(several: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what an assistant is set to: its prompt, its model, and the values that it sends along."""
    told: dict[str, Any] = {}
    for one in reversed(several):
        told |= {
            key: value for key, value in values.as_dict(one.get("settings")).items() if value not in (None, "", [], {})
        }
    model: dict[str, Any] = next((one["model"] for one in several if isinstance(one.get("model"), dict)), {})
    mine = {"systemPrompt": _first_text(several, "prompt"), "model": model.get("id"), "provider": model.get("provider")}
    return {**told, **{key: value for key, value in mine.items() if isinstance(value, str)}}


def of_row(row: Row, place: str) -> Iterator[Document | Remark]:
    """Yield the persona of an assistant of version 7."""
    safe, found = cleaned(row, texts=False)
    name = str(column(safe, "id"))
    settings = values.as_dict(json_of(column(safe, "settings")))
    settings, its = cleaned(settings, texts=False)
    if its:
        safe = {**safe, "settings": settings}
    yield from remarks("personas", place, (*found, *its))
    mine = {"systemPrompt": column(safe, "prompt"), "model": column(safe, "modelId")}
    value = {
        "id": values.identity(KIND, name),
        "name": values.text_or_none(column(safe, "name")) or name,
        "description": values.text_or_none(column(safe, "description")),
        "avatar": values.text_or_none(column(safe, "emoji")),
        "settings": {**settings, **{key: one for key, one in mine.items() if isinstance(one, str) and one}},
        "createdAt": values.iso(instant(column(safe, "createdAt"))),
        "updatedAt": values.iso(instant(column(safe, "updatedAt"))),
        "extra": {KIND: safe},
    }
    yield Document("personas", name, place, value)


def native(value: dict[str, Any]) -> Any:
    """Return the assistant that a persona was made of, without its topics."""
    return _shape(value["extra"][KIND]).native(value)


def _shape(assistant: Any) -> Shape:
    """Return the shape of an assistant: one without a name is called by its id, which is not written back."""
    return Shape(KIND, *((shape.text("name", "name"),) if isinstance(assistant.get("name"), str) else ()))
