"""Blobs in tagged values: `{"$blob": {"sha256", ...}}`, with their bytes beside the value, or as `data` in it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Blob = dict[str, Any]
"""What a tagged value says of a Blob: `sha256`, `type`, `size`, and of a File its name and date."""


def within(value: Any) -> Iterator[Blob]:
    """Yield what a tagged value says of each Blob in it."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if type(one) is list:
            waiting += one
        elif type(one) is dict:
            told = one.get("$blob")
            if isinstance(told, dict):
                yield told
            else:
                waiting += one.values()


def replaced(value: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """Return a tagged value with each of its Blobs changed."""
    if type(value) is list:
        return [replaced(one, change) for one in value]
    if type(value) is not dict:
        return value
    return change(value) if "$blob" in value else {key: replaced(one, change) for key, one in value.items()}


def inlined(value: Any, held: Mapping[str, bytes]) -> Any:
    """Return a tagged value with the bytes of its Blobs in it, as far as they are there."""

    def with_data(blob: dict[str, Any]) -> dict[str, Any]:
        data = held.get(blob["$blob"].get("sha256"))
        return blob if data is None else {**blob, "data": base64.b64encode(data).decode("ascii")}

    return replaced(value, with_data) if held else value


def taken_out(value: Any) -> tuple[Any, dict[str, bytes]]:
    """Return a tagged value without the bytes that are in it, and those by their SHA-256; the inverse of `inlined`."""
    found: dict[str, bytes] = {}

    def without_data(blob: dict[str, Any]) -> dict[str, Any]:
        data = decoded(blob["$blob"].get("sha256"), blob.get("data"))
        if data is None:
            return blob
        found[blob["$blob"]["sha256"]] = data
        return {name: one for name, one in blob.items() if name != "data"}

    changed = replaced(value, without_data)
    return (changed, found) if found else (value, found)


def decoded(digest: object, text: object) -> bytes | None:
    """Return bytes from base64; None if they are not what their hash says."""
    import hashlib  # loaded on demand: opening a store computes no digest

    try:
        data = base64.b64decode(text) if isinstance(text, str) else b""
    except ValueError:
        return None
    return data if hashlib.sha256(data).hexdigest() == digest and isinstance(text, str) else None
