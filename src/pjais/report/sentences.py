"""Say in sentences what a report holds as codes: rules that were applied, checks, kinds of sources.

The same words in the terminal, on the web UI and in `report.html`.  A code without a sentence of its own is told by its
meaning, so nothing is left out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from pjais.display import counted, snake
from pjais.report.rules import RULES

_DATES = {
    "created_at": "creation date",
    "updated_at": "date of last change",
    "deleted_at": "deletion date",
    "last_used": "date of last use",
    "last_accessed": "date of last access",
    "timestamp": "message date",
}
"""Fields that are dates, as people call them; any other is named."""

_SENTENCES = {
    "date-unknown": "{dates} unknown, left empty",
    "date-form": "{dates} converted to UTC",
    "date-empty": "{dates} empty, stored as none",
    "date-fraction": "{dates} cut to the millisecond",
    "date-lost": "{dates} lost by the app, left empty",
    "date-unreadable": "{dates} not readable, left empty",
    "date-seconds": "{dates} read as Unix seconds",
    "looks-like-seconds": "{dates} in the first weeks of 1970, perhaps Unix seconds: look at them",
    "no-date": "{records} without a creation date",
    "id-returned": "{records} given back the original id",
    "id-number": "{records} with a number as id, read as text",
    "json-as-text": "{values} written as text, read as JSON",
    "nested-type": "{values} of an unexpected type, kept as they are",
    "out-of-range": "{values} out of range, kept as they are",
    "content-cold": "{texts} in the app's compressed form, kept (--expand-cold expands them)",
    "content-encrypted": "{texts} encrypted by the app, kept as they are",
    "content-not-json": "{texts} not JSON, kept as text",
    "absent-text": "{values} absent, stored as empty text",
    "text-not-unicode": "{texts} not valid Unicode, shown with U+FFFD, the original kept",
    "key-twice": "{records} with a key that occurs twice, the last one counts",
    "count-fraction": "{values} with a fraction, cut off",
    "list-as-text": "{values} a plain text, read as a list of one",
    "list-unreadable": "{values} empty, read as an empty list",
    "not-finite": "{values} not finite, replaced by the default",
    "not-json": "{values} empty, stored as none",
    "not-text": "{values} not text, stored as text",
    "number-as-text": "{values} written as text, read as numbers",
    "number-too-large": "{values} beyond 64 bits, stored as floats",
    "tag-not-text": "{values} with a tag that is no text, stored as JSON text",
    "truth-form": "{values} in another form of true or false, read",
    "orphan": "{records} referring to one that does not exist",
    "no-id": "{records} without a usable id",
    "not-an-object": "{records} not an object",
    "not-a-list": "{collections} not a list",
    "too-deep": "{records} nested too deeply",
    "wrong-type": "{values} of a type that cannot be read",
    "unreadable": "{pieces} not readable, kept as raw bytes",
    "decided": "{records} decided about in quarantine before",
    "edit-superseded": "{records} edited here and later changed in a source: the later counts",
    "passed-over": "{files} found and not migrated",
    "unsound-file": "{findings} of SQLite's integrity check, the file was read page by page",
    "torn-tail": "{logs} ending in an unfinished write, everything before it read",
    "likely-twins": "{names} shared by several personas, likely the same",
    "several-active": "{findings} of several active personas: activating one deactivates the others",
    "bytes-missing": "{attachments} without their bytes",
    "copies": "{copies} of data already imported, left out",
    "embedding-mix": "{models} with embeddings of different lengths, all kept",
    "embedding-unreadable": "{embeddings} not readable, left empty",
    "log-only": "{rows} taken from the event log",
    "state-behind": "{rows} newer in the event log, taken from there",
    "state-differs": "{fields} different in state and event log, the state counts",
    "secret-redacted": "{values} holding keys or passwords, only in the raw backup",
}
"""The sentence for a rule; the first word in braces is the noun that is counted."""

CHECKS = {
    "integrity": "The file is intact",
    "schema": "The schema is as it was made",
    "foreign keys": "References resolve",
    "search index": "The search index is complete",
    "balance": "Counts add up",
    "sources unchanged": "Sources are unchanged",
    "sources": "Sources were written to meanwhile",
    "chain": "The chain of runs is unbroken",
    "head": "The history is complete",
    "documents": "Documents equal their originals",
    "event log": "The event log is complete",
    "text": "Texts are whole",
    "attachments": "Attachments are complete",
    "runs": "Every run is there",
}
"""The claim that a check of a proof supports, by its name."""

_KINDS = {
    "rxdb-profile": "RxDB in a browser profile",
    "rxdb-dump": "RxDB dump",
    "rxdb-export": "RxDB export",
    "json": "JSON file",
    "pjais": "pjais export",
    "pjais-files": "Folder of JSON files",
    "pjais-drizzle": "SQLite (Drizzle)",
    "pjais-flat": "SQLite (flat tables)",
    "livestore": "LiveStore",
    "livestore-db": "LiveStore",
    "livestore-opfs": "LiveStore in a browser",
    "opfs-sqlite": "SQLite in a browser",
    "sqlite": "SQLite",
    "indexeddb": "IndexedDB",
    "web-storage": "Web storage",
    "big-agi": "big-AGI",
    "character-card": "Character card",
    "chatgpt": "ChatGPT export",
    "claude": "Claude export",
    "gemini-takeout": "Gemini (Takeout)",
    "letta-af": "Letta agent file",
    "librechat": "LibreChat",
    "lobechat": "LobeChat",
    "nextchat": "NextChat",
    "open-webui": "Open WebUI",
    "sillytavern": "SillyTavern",
    "typingmind": "TypingMind",
    "mcp-memory": "MCP memory server",
    "langchain": "LangChain",
    "mem0": "mem0",
}

COMPARED = "Records equal their originals"
"""The check of every record by its digest, which a proof counts apart from the others."""


class Sentence(NamedTuple):
    """The effect of a rule: its level (error, repair, note), its sentence, how often, and in which fields."""

    level: str
    rule: str
    text: str
    times: int
    fields: tuple[str, ...]


_LEVELS = {"error": 0, "repair": 1, "note": 2}


def of_rules(rules: Mapping[str, int]) -> list[Sentence]:
    """Return a sentence for each rule of a report (`level:rule:field` -> times), rejections first, then by number."""
    times: Counter[tuple[str, str, str]] = Counter()
    fields: dict[tuple[str, str, str], list[str]] = {}
    for key, count in rules.items():
        level, rule, field = key.split(":", 2)
        one = level, rule, snake(field) if _SENTENCES.get(rule, "")[1:].startswith(_OF_A_FIELD) else ""
        times[one] += count
        fields.setdefault(one, []).extend([field] if field else [])
    found = [
        Sentence(level, rule, _sentence(rule, field, count), count, tuple(fields[level, rule, field]))
        for (level, rule, field), count in times.items()
    ]
    return sorted(found, key=lambda one: (_LEVELS.get(one.level, 3), -one.times, one.text))


def sentences(rules: Mapping[str, int]) -> list[str]:
    """Return the sentences of the rules of a report as lines of text; what was rejected says so."""
    return [one.text + (", rejected" if one.level == "error" else "") for one in of_rules(rules)]


_OF_A_FIELD = ("dates}", "values}", "texts}")
"""Nouns that stand for the values of one field, so each field has its sentence."""


def _sentence(rule: str, field: str, count: int) -> str:
    form = _SENTENCES.get(rule)
    if form is None:
        meaning = RULES.get(rule, rule).split(".  ")[0].rstrip(".")
        return f"{count:,} x {meaning[:1].lower()}{meaning[1:]}"
    kind, mark, rest = form[1:].partition("}")
    return counted(count, *_noun(kind, field)) + (rest if mark else "")


def _noun(kind: str, field: str) -> tuple[str, str]:
    """Return what is counted, one and many of it; dates, values and texts are those of a field."""
    if kind == "dates":
        one = _DATES.get(field) or (f"date in {field}" if field else "date")
        first, space, rest = one.partition(" of ") if " of " in one else one.partition(" in ")
        return one, f"{first}s{space}{rest}"
    if kind in ("values", "texts"):
        one = kind[:-1]
        return (f"{one} of {field}", f"{kind} of {field}") if field else (one, kind)
    return {"copies": "copy"}.get(kind, kind[:-1]), kind


def check(name: str) -> str:
    """Return the claim that a check supports."""
    if dated := re.match(r"backup (\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)", name):
        return "The backup of {}-{}-{}, {}:{} UTC is unchanged".format(*dated.groups())
    return CHECKS.get(name, name[:1].upper() + name[1:])


def kind(name: str) -> str:
    """Return the name of a kind of source for people; that of another package's kind is its own."""
    return _KINDS.get(name, name[:1].upper() + name[1:].replace("-", " ") if name.islower() else name)


def source(name: str) -> str:
    """Return the name of a source for people."""
    return "The data folder" if name == "." else name
