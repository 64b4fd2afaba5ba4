"""What of a Takeout is Gemini's: members that list its activity, files of AI Studio, files beside them.

Names of files and folders are in the owner's language; the name of the product is not.
"""

from __future__ import annotations

import json
import re
from typing import Any, Literal

from pjais.formats.container import Container, ContainerDamaged
from pjais.sources.apps import values

Form = Literal["activity", "studio"]

PRODUCT = re.compile(r"gemini|bard", re.IGNORECASE)
_NAMED = re.compile(r'"(?:header|products|activityControls)"\s*:\s*\[?\s*"[^"]*(?:gemini|\bbard\b)', re.IGNORECASE)
_LIKELY = re.compile(r"gemini|bard|activity|ai.?studio", re.IGNORECASE)
_MOST_LOOKS = 1000
"""A Takeout may hold a JSON file for each of many photographs; beyond so many only likely names are looked into."""
_LARGEST_ACTIVITY = 64 << 20
_HTML = re.compile(r"<(?:!doctype html|html)", re.IGNORECASE)
_ACTIVITY_HTML = re.compile(r"outer-cell|mdl-grid")
_HTML_LOOK = 1 << 20


def is_of_gemini(entry: dict[str, Any]) -> bool:
    """Return whether an entry of the activity is of Gemini; the list may mix products."""
    told = [entry.get("header"), *values.as_list(entry.get("products")), *values.as_list(entry.get("activityControls"))]
    return any(isinstance(one, str) and PRODUCT.search(one) for one in told)


def found(container: Container) -> dict[str, Form]:
    """Return the members that hold conversations, in order of their names."""
    if container.form == "file":
        names = container.names
    else:
        names = tuple(name for name in container.names if _may_be(name))
        if len(names) > _MOST_LOOKS:
            names = tuple(name for name in names if _LIKELY.search(name))
    forms = {name: form_of(container, name) for name in names}
    return {name: form for name, form in forms.items() if form is not None}


def _may_be(name: str) -> bool:
    last = name.rpartition("/")[2]
    return (
        last.lower().endswith(".json") or "." not in last or re.search(r"ai.?studio", name, re.IGNORECASE) is not None
    )


def form_of(container: Container, name: str) -> Form | None:
    """Return what a member holds; None if it is not Gemini's."""
    head = values.json_head(container, name)
    if head.form == "object" and "chunkedPrompt" in head.keys:
        return "studio"
    if head.form != "list" or not {"title", "time"} <= head.keys or not head.keys & {"header", "products"}:
        return None
    return "activity" if _NAMED.search(head.text) else None


def is_export(container: Container) -> bool:
    """Return whether a container holds conversations of Gemini; a folder only if all files in it belong to them."""
    if container.form != "folder":
        return bool(found(container))
    activity = [name for name in container.top if name.lower().endswith(".json") and _is_activity(container, name)]
    if not activity:
        return False
    others = [name for name in container.top if name not in activity]
    return PRODUCT.search(container.path.name) is not None or _all_named(container, activity, others)


def _is_activity(container: Container, name: str) -> bool:
    return form_of(container, name) == "activity"


def _all_named(container: Container, activity: list[str], others: list[str]) -> bool:
    """Return whether the activity names all the other files, so that a folder of downloads is not taken."""
    try:
        text = "".join(container.read(name, _LARGEST_ACTIVITY).decode("utf-8", "replace") for name in activity)
    except ContainerDamaged:
        return not others
    return all(name in text or json.dumps(name)[1:-1] in text for name in others)


def to_ask_for(container: Container) -> str | None:
    """Return what to say of a Takeout that has Gemini's activity as HTML; None for anything else."""
    pages = [name for name in container.names if name.lower().endswith((".html", ".htm"))]
    named = pages if container.form == "file" else [name for name in pages if PRODUCT.search(name)]
    if container.form == "folder" or not any(_is_page(container, name) for name in named[:20]):
        return None
    return (
        "the activity of Gemini as HTML, which is made for people; ask Takeout for JSON: My Activity, "
        "“Multiple formats”, choose JSON for “Activity records”, and Gemini Apps among the products"
    )


def _is_page(container: Container, name: str) -> bool:
    try:
        text = container.read(name, _HTML_LOOK).decode("utf-8", "replace")
    except ContainerDamaged:
        return False
    is_html = _HTML.search(text[:1000]) is not None
    return is_html and _ACTIVITY_HTML.search(text) is not None and PRODUCT.search(text) is not None


def beside(container: Container, activity: str, called: str) -> str | None:
    """Return the member that an entry of the activity names; None if it is not there."""
    from urllib.parse import unquote

    if container.form == "file":
        return None
    folder = activity.rpartition("/")[0]
    for name in (called, unquote(called)):
        path = f"{folder}/{name}" if folder else name
        if path in container.names:
            return path
    return None
