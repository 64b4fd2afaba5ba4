"""Parse and write the front matter of a note, in which every scalar is text.

A general YAML loader turns `no` into false, `2026-01-01` into a date and `00123` into 83, and expands anchors.  This
one knows the forms that people and Obsidian write (`key: text`, quotes, `[lists]`, `{objects}`, block lists, block
texts), has no types, and reads anchors, aliases and tags as text.  Who asks for a key says what its value means.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

_FENCE = re.compile(r"---[ \t]*\r?\n")
_COLON = re.compile(r":(?=[ \t]|$)")
_NO_KEY = frozenset("#[]{},|>%@`?-")
_BLOCK = re.compile(r"([|>])(?:[+-]?[1-9]?|[1-9][+-])(?:[ \t]+#.*)?")
_COMMENT = re.compile(r"[ \t]#.*")
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "v": "\v"} | {
    "N": "\x85",
    "_": "\xa0",
    "L": "\u2028",
    "P": "\u2029",
}
_DEEPEST = 50
_PLAIN = re.compile(r"[^\W\d_][\w ./()+-]*(?<! )")
_WORDS = frozenset(["true", "false", "yes", "no", "on", "off", "null", "y", "n", "nan", "inf"])
_NOT_RAW = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


class Broken(Exception):
    """A front matter that cannot be read; the text says where and why."""


class _TooDeep(Broken):
    """Lists and objects in each other, more than anybody writes by hand."""


class Entry:
    """A value, and `raw`: as the file has it."""

    def __init__(self, raw: str, value: Any = None, inline: str | None = None, line: int = 0) -> None:
        self.raw = raw
        self._value = value
        self._inline = inline
        self._line = line

    @property
    def value(self) -> Any:
        """Return text, a list, an object, or None for an empty one or a plain `null`.  Raises Broken.

        A list or object that is nested too deeply is text, too.
        """
        if self._inline is not None:
            try:
                self._value, self._inline = _inline(self._inline), None
            except Broken as error:
                raise Broken(f"line {self._line} of the front matter: {error}") from None
        return self._value


class FrontMatter(NamedTuple):
    """`entries` by key, the last of equal ones; `twice`: keys that occur twice; `odd`: those with YAML's own."""

    entries: dict[str, Entry]
    twice: tuple[str, ...]
    odd: tuple[str, ...]


def split(text: str) -> tuple[str, str] | None:
    """Return a note's front matter, both fences and a BOM included, and its body; None if it has none."""
    start = 1 if text.startswith("\ufeff") else 0
    opening = _FENCE.match(text, start)
    if opening is None:
        return None
    at = opening.end()
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end + 1
        if text[at:end].rstrip(" \t\r\n") == "---" and text[at] == "-":
            return text[:end], text[end:]
        at = end
    return None


def parse(front: str) -> FrontMatter:
    """Return the entries of a front matter, fences included.  Raises Broken."""
    lines = [one.removesuffix("\r") for one in front.removeprefix("\ufeff").split("\n")][1:-1]
    while lines and not lines[-1].strip("- \t"):
        lines.pop()
    entries: dict[str, Entry] = {}
    twice: list[str] = []
    odd: list[str] = []
    for key, entry in _mapping(lines, 2):
        if key in entries:
            twice.append(key)
        if entry.raw[:1] in ("&", "*", "!"):
            odd.append(key)
        entries[key] = entry
    return FrontMatter(entries, tuple(dict.fromkeys(twice)), tuple(odd))


def _mapping(lines: list[str], first: int, depth: int = 0) -> Iterator[tuple[str, Entry]]:
    """Yield the entries of lines, of which the first is line number `first` of the file."""
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line.strip() or line.lstrip().startswith("#"):
            at += 1
            continue
        found = _key(line)
        if found is None or depth > _DEEPEST:
            raise Broken(f"line {first + at} of the front matter is no `key: value`")
        until = at + 1
        while until < len(lines) and _goes_on(lines[until]):
            until += 1
        while not lines[until - 1].strip():
            until -= 1
        name, raw = found
        yield name, _entry(raw, lines[at + 1 : until], first + at, depth)
        at = until


def _key(line: str) -> tuple[str, str] | None:
    """Return the key and the value of a line; None if it has none."""
    at = 0
    if line[0] in "\"'":
        try:
            at = _end_of_quotes(line, 0)
        except Broken:
            return None
    elif line[0] in _NO_KEY or line[0] in " \t":
        return None
    colon = _COLON.search(line, at)
    if colon is None or (at and line[at : colon.start()].strip()):
        return None
    return _unquoted(line[: at or colon.start()].strip()), line[colon.end() :].strip()


def _goes_on(line: str) -> bool:
    return not line.strip() or line[0] in " \t" or line.startswith("- ") or line == "-"


def _entry(raw: str, more: list[str], line: int, depth: int) -> Entry:
    whole = "\n".join([raw, *more])
    block = _BLOCK.fullmatch(raw)
    if block is not None:
        return Entry(whole, _block_text(raw, more, folded=block[1] == ">"))
    if raw.startswith("#"):
        raw = ""
    if raw == "":
        held = [one for one in more if one.strip() and not one.lstrip().startswith("#")]
        if not held:
            return Entry("")
        if all(re.match(r"[ \t]*-(?:[ \t]|$)", one) for one in held):
            items = [Entry(one, inline=one.strip()[1:].strip(), line=line) for one in held]
            return Entry(whole, [one.value or "" for one in items])
        indent = len(held[0]) - len(held[0].lstrip())
        inner = _mapping([one[indent:] for one in more], line + 1, depth + 1)
        return Entry(whole, {key: one.value for key, one in inner})
    joined = " ".join([raw, *(one.strip() for one in more if one.strip())])
    return Entry(whole if more else raw, inline=joined, line=line)


def _block_text(head: str, lines: list[str], *, folded: bool) -> str:
    indents = [len(one) - len(one.lstrip(" ")) for one in lines if one.strip()]
    text = "\n".join(one[min(indents, default=0) :] for one in lines)
    if folded:
        text = re.sub(r"(?<!\n)\n(?=[^\n \t])", " ", text)
    return text if "-" in head.partition("#")[0] or not text else f"{text}\n"


def _inline(raw: str) -> Any:
    """Return a value on one line: None for an empty one and a plain `null`."""
    if raw[:1] in ("[", "{"):
        try:
            value, rest = _flow(raw, 0, 0)
        except _TooDeep:
            return raw
        if not _is_comment(raw[rest:]):
            raise Broken("text after the end of a list or object")
        return value
    if raw[:1] in ('"', "'"):
        end = _end_of_quotes(raw, 0)
        if not _is_comment(raw[end:]):
            raise Broken("text after the end of a quoted text")
        return _unquoted(raw[:end])
    plain = _COMMENT.sub("", raw, count=1).strip() if " #" in raw or "\t#" in raw else raw
    return None if plain in ("", "null") else plain


def _is_comment(rest: str) -> bool:
    bare = rest.strip()
    return not bare or (rest[0] in " \t" and bare[0] == "#")


def _flow(raw: str, at: int, depth: int) -> tuple[Any, int]:
    """Return the list or object that begins at a position, and the position after it."""
    if depth > _DEEPEST:
        raise _TooDeep
    closing = "]" if raw[at] == "[" else "}"
    found: list[Any] = []
    pairs: dict[str, Any] = {}
    at = _blank(raw, at + 1)
    while at < len(raw) and raw[at] != closing:
        value, at = _flow_item(raw, at, depth, ends=",]" if closing == "]" else ":,}")
        at = _blank(raw, at)
        if closing == "]":
            found.append(value)
        else:
            key, value = value if isinstance(value, str) else json.dumps(value), None
            if raw[at : at + 1] == ":":
                value, at = _flow_item(raw, _blank(raw, at + 1), depth, ends=",}")
                at = _blank(raw, at)
            pairs[key] = value
        if raw[at : at + 1] == ",":
            at = _blank(raw, at + 1)
        elif raw[at : at + 1] != closing:
            raise Broken("a list or object that is not closed")
    if at >= len(raw):
        raise Broken("a list or object that is not closed")
    return (found if closing == "]" else pairs), at + 1


def _flow_item(raw: str, at: int, depth: int, *, ends: str) -> tuple[Any, int]:
    mark = raw[at : at + 1]
    if mark in ("[", "{"):
        return _flow(raw, at, depth + 1)
    if mark in ('"', "'"):
        end = _end_of_quotes(raw, at)
        return _unquoted(raw[at:end]), end
    end = at
    while end < len(raw) and (
        raw[end] not in ends or (raw[end] == ":" and raw[end + 1 : end + 2] not in (" ", "\t", ""))
    ):
        end += 1
    return raw[at:end].strip(), end


def _blank(raw: str, at: int) -> int:
    while at < len(raw) and raw[at] in " \t":
        at += 1
    return at


def _end_of_quotes(raw: str, at: int) -> int:
    quotes = re.compile(r'"(?:[^"\\]|\\.)*"' if raw[at] == '"' else r"'(?:[^']|'')*'", re.DOTALL).match(raw, at)
    if quotes is None:
        raise Broken("a quoted text that is not closed")
    return quotes.end()


def _unquoted(raw: str) -> str:
    if raw[:1] == "'":
        return raw[1:-1].replace("''", "'")
    if raw[:1] != '"':
        return raw
    try:
        return str(json.loads(raw))  # pairs of surrogates are one character
    except ValueError:
        return _ESCAPE.sub(_escaped, raw[1:-1])


def _escaped(found: re.Match[str]) -> str:
    code = found[1]
    if len(code) > 1:
        number = int(code[1:], 16)
        return chr(number) if number <= 0x10FFFF else "\ufffd"
    return _ESCAPES.get(code, code)


# -- write


def scalar(text: str) -> str:
    """Return a text as a scalar: plain only where every YAML loader would read the same text."""
    return text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else quoted(text)


def quoted(text: str) -> str:
    """Return a text in double quotes, on one line, as JSON and as YAML."""
    return one_line(json.dumps(text, ensure_ascii=False))


def one_line(text: str) -> str:
    """Return a JSON text with what YAML takes for the end of a line, or does not print, escaped."""
    return _NOT_RAW.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def value(found: Any) -> str | None:
    """Return text, a list or object of texts, or None, as a value; None if it is anything else."""
    if found is None:
        return ""
    if isinstance(found, str):
        return scalar(found)
    written = _flow_text(found)
    return written if isinstance(found, list | dict) else None


def _flow_text(found: Any) -> str | None:
    if isinstance(found, str):
        return scalar(found)
    if isinstance(found, list):
        parts = [_flow_text(one) for one in found]
        return None if None in parts else f"[{', '.join(one for one in parts if one is not None)}]"
    if isinstance(found, dict):
        pairs = [(quoted(key), _flow_text(one)) for key, one in found.items() if isinstance(key, str)]
        whole = len(pairs) == len(found) and all(one is not None for _, one in pairs)
        return "{" + ", ".join(f"{key}: {one}" for key, one in pairs) + "}" if whole else None
    return None
