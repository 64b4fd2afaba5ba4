"""Projects, their documents, and memories of Claude, as documents of ours and back.

The export gives one text of memories for the account and one for each project, without ids and times: each is a memory
known by its account and project, so that a changed text is an update.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pjais.sources.apps import shape, values
from pjais.sources.apps.claude.conversation import KIND
from pjais.sources.apps.shape import Held, Shape

OF_ACCOUNT, OF_PROJECTS = "conversations_memory", "project_memories"


def _prompt(raw: Any) -> dict[str, Any]:
    return {"systemPrompt": raw} if isinstance(raw, str) and raw else {}


PROJECT = Shape(
    KIND,
    Held("name", ("name",), lambda raw: raw if isinstance(raw, str) and raw.strip() else "Untitled project"),
    shape.text("description", "description"),
    Held("settings", ("prompt_template",), _prompt, lambda held: values.as_dict(held).get("systemPrompt")),
    shape.dated("createdAt", "created_at"),
    shape.dated("updatedAt", "updated_at"),
)

DOCUMENT = Shape(
    KIND,
    shape.text("name", "filename"),
    Held("content", ("content",), lambda raw: raw if isinstance(raw, str) else ""),
    shape.dated("createdAt", "created_at"),
)


def project(native: dict[str, Any], identity: str) -> dict[str, Any]:
    """Return the persona of a project; its documents are in its `extra`, too, so that it can be written again."""
    return PROJECT.document(native, {"id": identity})


def documents(native: dict[str, Any], persona: str) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """Yield (id in the app, memory) of each document of a project."""
    for place, one in enumerate(values.as_list(native.get("docs"))):
        if isinstance(one, dict):
            found = values.first_text(one.get("uuid"))
            unique = values.is_unique(found)
            identity = (
                found if unique else values.derived(KIND, "document", persona, found or one.get("filename") or place)
            )
            yield found, DOCUMENT.document(one, {"id": identity, "personaId": persona, "type": "document"})


def memories(native: dict[str, Any]) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """Yield (uuid of the project or None, memory without its persona) of each text of memories."""
    account = {key: native[key] for key in ("account_uuid",) if key in native}
    text = native.get(OF_ACCOUNT)
    if isinstance(text, str) and text.strip():
        yield None, _memory({OF_ACCOUNT: text, **account}, None)
    for name, one in values.as_dict(native.get(OF_PROJECTS)).items():
        if isinstance(one, str) and one.strip():
            yield name, _memory({OF_PROJECTS: {name: one}, **account}, name)


def rest(native: dict[str, Any]) -> dict[str, Any]:
    """Return what of an object of memories is not a text of memories: empty texts, and what is not known."""
    left = {key: one for key, one in native.items() if key not in (OF_ACCOUNT, OF_PROJECTS, "account_uuid")}
    text, projects = native.get(OF_ACCOUNT), native.get(OF_PROJECTS)
    if text is not None and not (isinstance(text, str) and (text.strip() or not text)):
        left[OF_ACCOUNT] = text
    if isinstance(projects, dict):
        odd = {name: one for name, one in projects.items() if not (isinstance(one, str) and one.strip())}
        left |= {OF_PROJECTS: odd} if odd else {}
    elif projects is not None:
        left[OF_PROJECTS] = projects
    return left


def _memory(native: dict[str, Any], project_id: str | None) -> dict[str, Any]:
    identity = values.derived(KIND, "memory", values.text_or_none(native.get("account_uuid")) or "", project_id)
    return _shape_of(native).document(native, {"id": identity, "type": "summary"})


def _shape_of(native: dict[str, Any]) -> Shape:
    if OF_ACCOUNT in native:
        return Shape(KIND, shape.text("content", OF_ACCOUNT))
    if OF_PROJECTS in native:
        return Shape(KIND, shape.text("content", OF_PROJECTS, *native[OF_PROJECTS]))
    return DOCUMENT


def native(collection: str, value: dict[str, Any]) -> Any:
    """Return the app's object of a document; that of a memory is the part of `memories.json` that holds its text."""
    if collection == "personas":
        return PROJECT.native(value)
    if collection == "memories":
        return _shape_of(value["extra"][KIND]).native(value)
    return value
