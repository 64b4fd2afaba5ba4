"""A session of NextChat, with its mask: what the app keeps of a conversation and of a persona."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pjais.sources.apps import parts, shape, values
from pjais.sources.apps.shape import Held, Path, Shape, Turn

KIND = "nextchat"
STATE = "nextchat_state"
"""The collection of what is left of the stores, by the name of the store."""

SESSION = Shape(
    KIND,
    shape.text("title", "topic"),
    Held("summary", ("memoryPrompt",), lambda raw: raw if isinstance(raw, str) and raw else None),
    shape.milliseconds("updatedAt", "lastUpdate"),
)
_MASK = (shape.text("avatar", "avatar"), shape.milliseconds("createdAt", "createdAt"))
_NAMED = Shape(KIND, shape.text("name", "name"), *_MASK)
_NAMELESS = Shape(KIND, *_MASK)
_EMPTY_AVATARS = frozenset({"gpt-bot", ""})
"""What the mask of a session has that was begun without one."""


def native(collection: str, value: dict[str, Any]) -> Any:
    """Return the app's own object that a document was made of."""
    if collection == "conversations":
        return SESSION.native(value)
    if collection == "personas":
        return _mask_shape(value["extra"][KIND]).native(value)
    return value["value"] if collection == STATE else value


# -- sessions


def session_id(session: dict[str, Any]) -> str:
    """Return the id of the record of a session; one without an id is known by its first message."""
    name = session.get("id")
    if (isinstance(name, str) and name) or type(name) is int:
        return values.identity(KIND, name)
    first = next(iter(values.as_list(session.get("messages"))), None)
    told = [values.as_dict(first).get(key) for key in ("id", "date", "content")]
    return values.derived(KIND, "session", told if isinstance(first, dict) else values.fingerprint(session))


def dates(session: dict[str, Any]) -> list[object]:
    """Return the dates of the messages of a session, as they are written."""
    return [values.as_dict(one).get("date") for one in values.as_list(session.get("messages"))]


def last_update(session: dict[str, Any]) -> int | None:
    """Return when a session was last changed, in ms."""
    raw = session.get("lastUpdate")
    return values.ms_of_text(raw) if isinstance(raw, str) else values.ms_of_ms(raw)


def turns(session: dict[str, Any], sent: Sequence[int | None]) -> list[Turn]:
    """Return the messages of a session; `sent`: their instants in ms, by their place in the list."""
    found: list[Turn] = []
    for number, one in enumerate(values.as_list(session.get("messages"))):
        if isinstance(one, dict):
            found.append(_turn(number, one, sent[number], found[-1].id if found else None))
    return found


def _turn(number: int, message: dict[str, Any], at: int | None, parent: str | None) -> Turn:
    text, text_at = text_of(message)
    role = message.get("role")
    role = values.first_text(role) or "unknown"
    metadata: dict[str, Any] = {} if role in ("user", "assistant") else {"hidden": True}
    if message.get("isError") is True:
        metadata["kind"] = "error"
    if isinstance(message.get("model"), str) and message["model"]:
        metadata["model"] = message["model"]
    name = message.get("id")
    native_id = name if isinstance(name, str) and name else None
    return Turn(("messages", number), role, text, at, native_id, parent, text_at, metadata)


def text_of(message: dict[str, Any]) -> tuple[str, Path | None]:
    """Return the text of a message, and its path if it is one piece; pictures are other parts."""
    return parts.text_of(message.get("content"), ("content",))


def addresses(message: dict[str, Any]) -> list[str]:
    """Return the addresses of the pictures and sounds of a message."""
    found = [
        values.as_dict(one.get("image_url")).get("url")
        for one in values.as_list(message.get("content"))
        if isinstance(one, dict) and one.get("type") == "image_url"
    ]
    return [one for one in (*found, message.get("audio_url")) if isinstance(one, str) and one]


# -- masks


def is_persona(mask: dict[str, Any]) -> bool:
    """Return whether a session's mask says anything: that of a session that was begun without one does not."""
    told = any(text_of(one)[0] for one in values.as_list(mask.get("context")) if isinstance(one, dict))
    avatar = mask.get("avatar")
    return told or mask.get("builtin") is True or (isinstance(avatar, str) and avatar not in _EMPTY_AVATARS)


def mask_id(mask: dict[str, Any], key: str | None = None) -> str:
    """Return the id of the record of a mask; `key`: under which it stands.  One without both is known by its texts.

    The numbers of the masks that come with the app change with its versions: those are known by language and name.
    """
    if mask.get("builtin") is True:
        return values.derived(KIND, "builtin", mask.get("lang"), mask.get("name"))
    name = mask.get("id") or key
    if (isinstance(name, str) and name) or type(name) is int:
        return values.identity(KIND, name)
    return values.derived(KIND, "mask", mask.get("name"), mask.get("context"))


def persona(mask: dict[str, Any], record_id: str) -> dict[str, Any]:
    """Return the persona of a mask: its texts for the system are the prompt, other messages the context."""
    context = [one for one in values.as_list(mask.get("context")) if isinstance(one, dict)]
    prompts = [text for one in context if one.get("role") == "system" and (text := text_of(one)[0])]
    model = values.as_dict(mask.get("modelConfig"))
    told = {
        "systemPrompt": "\n\n".join(prompts) or None,
        "model": model.get("model"),
        "provider": model.get("providerName"),
    }
    told |= {key: model[key] for key in ("temperature", "top_p", "max_tokens") if key in model}
    others = [{"role": one.get("role"), "text": text_of(one)[0]} for one in context if one.get("role") != "system"]
    more: dict[str, Any] = {"id": record_id, "settings": {key: one for key, one in told.items() if one is not None}}
    made = _mask_shape(mask)
    if made is _NAMELESS:
        more["name"] = str(mask.get("id") or record_id)
    return made.document(mask, more, extra={"context": others} if others else None)


def _mask_shape(mask: Any) -> Shape:
    """Return the shape of a mask: one without a name is called by its id, which is not written back."""
    return _NAMED if isinstance(values.as_dict(mask).get("name"), str) else _NAMELESS
