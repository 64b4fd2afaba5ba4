"""Problems of documents, and notes about them, that are the same for every mapping."""

from __future__ import annotations

from collections.abc import Iterator

from pjais.core.document import Document

Problem = tuple[str, str, str | None, str]
"""(level, rule, field, message)."""

NO_DATE: Problem = ("note", "no-date", "created_at", "no date of creation: no filter by date finds it")
KEY_TWICE: Problem = ("repair", "key-twice", None, "a key occurs twice; the last one counts, the raw text is kept")
NOT_AN_OBJECT: Problem = ("error", "not-an-object", None, "not an object, so no record")
_NOTES: dict[str, Problem] = {
    "invalid-utf8": ("repair", "text-not-unicode", None, "bytes that are not UTF-8; they are kept"),
    "seconds": ("note", "date-seconds", None, "Unix seconds, as the default of the column shows"),
    "state-behind": ("note", "state-behind", None, "taken from the log: the state has not seen its last events"),
    "state-lossy": ("note", "state-lossy", None, "the state has lost a part of this text; taken from the log"),
    "state-dates": ("note", "state-dates", None, "the log carries no time for this row; taken from the state"),
    "state-lacks": ("note", "state-lacks", None, "the state has no such column; taken from the log"),
    "state-differs": ("note", "state-differs", None, "state and log differ; the state counts, as the app showed it"),
    "log-only": ("note", "log-only", None, "only the log has this row; taken from there"),
    "event-misses": ("note", "event-misses", None, "it changes a record that no event brought; kept whole"),
    "unknown-event": ("note", "unknown-event", None, "an event of a name that pjais does not know, kept whole"),
}
"""A reader's note about a document as a problem; a note may name a field: `rule:field`."""


def noted(document: Document) -> Iterator[Problem]:
    """Yield the notes of a document's reader as problems."""
    for note in document.notes:
        rule, _, field = note.partition(":")
        level, name, _, message = _NOTES[rule]
        yield level, name, field or None, message
