"""The rules of a run as sentences: "11 creation dates unknown, left empty", instead of a table of codes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

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
    "secret-redacted": "{values} holding keys or passwords, only in the raw backup",
}
"""What is told of a rule; the first word in braces is the noun that is counted."""

_LEVELS = {"error": 0, "repair": 1, "note": 2}


def sentences(rules: Mapping[str, int]) -> list[str]:
    """Return a sentence for each rule that found something, rejections first, then the most frequent.

    `rules`: numbers of findings, keyed `level:rule:field` as a report has them.
    """
    found: Counter[tuple[str, str, str]] = Counter()
    for key, count in rules.items():
        level, rule, field = key.split(":", 2)
        found[level, rule, snake(field) if "{" in _SENTENCES.get(rule, "") else ""] += count
    told = [
        (_LEVELS.get(level, 3), -count, _sentence(rule, field, count) + (", rejected" if level == "error" else ""))
        for (level, rule, field), count in found.items()
    ]
    return [sentence for *_, sentence in sorted(told)]


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
    return kind[:-1], kind
