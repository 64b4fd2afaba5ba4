"""Explanations of every code: errors, outcomes and the rules of findings.

`pjais explain CODE` and the generated table in the docs both read this.
"""

from __future__ import annotations

from pjais.errors import all_errors

OUTCOMES = {
    "done": "The migration is done; every record was verified by digest.  Next: pjais verify, whenever you like.",
    "already_migrated": "Nothing to do: everything in the sources has been migrated before.",
    "empty": "The sources are there, were read, and hold no documents.  An empty target is in place.",
    "quarantined": "Done, and some documents were rejected.  They are kept whole, with the reasons.  "
    "Next: pjais quarantine list",
}

RULES = {
    "absent-text": "A text that the target needs was absent; it is stored as empty, the absence is kept.",
    "another-key": "The document's key is of another kind than the keys of its table, which could not tell both "
    "apart; it is kept whole in quarantine.",
    "no-table": "A document of a collection that appeared while the source was read.  Run the migration again.",
    "content-cold": "The content is in the app's compressed cold form, kept as it is; --expand-cold expands it.",
    "content-encrypted": "The content was encrypted by the app with a key of that machine; it is kept as it is.",
    "content-not-json": "The content should be JSON and is not; it is kept as text.",
    "count-fraction": "A counter had a fraction; it is cut off, the original is kept.",
    "date-empty": "An empty date; it becomes null, the original is kept.",
    "date-form": "A date in another form or zone; it is converted to UTC, the original is kept.",
    "date-fraction": "A date with a fraction of a millisecond; it is cut off, the original is kept.",
    "date-lost": "A date that the app had lost when it wrote it (an empty object); it becomes null.",
    "date-unknown": "The text CURRENT_TIMESTAMP in place of a date: the time is unknown; it becomes null.",
    "date-unreadable": "Not a date; it becomes null, the original is kept.",
    "date-seconds": "A date in Unix seconds: the default of its column (unixepoch(), strftime('%s')) shows it.",
    "looks-like-seconds": "A number that is in the first weeks of 1970 as milliseconds, and a likely date as Unix "
    "seconds.  It is read as milliseconds, since nothing says that the source uses seconds; look at it.",
    "no-date": "A record without a date of creation: no filter by date finds it; lists say how many they leave out.",
    "decided": "Its owner decided about this document in quarantine before; it is not asked about again.",
    "edit-superseded": "Edited in the target, later changed in a source: the later counts, the edit is in the history.",
    "embedding-mix": "Embeddings of different lengths carry one model name; all are kept.",
    "embedding-unreadable": "An embedding that is no list of numbers becomes null; the original is kept.",
    "export-total": "The metadata of an export counts other records than its file has; what the file has is imported.",
    "id-number": "An id written as a number; it becomes text.",
    "id-returned": "The app's own migrator had given the memory a new id; its original one is restored.",
    "json-as-text": "A list or object that was written as text; it is read, the original is kept.",
    "not-decoded": "A record is not as the library that it seems to be of writes it: the record itself is migrated, "
    "the document that it should mean is not.",
    "torn-tail": "A log or WAL ends in what was being written when the app was stopped.  Whole transactions before "
    "it are read, as the app itself would read them.",
    "key-twice": "A key occurs twice in one JSON object; the last one counts, as for every JSON reader, and the raw "
    "text is kept.",
    "another-log": "A second event log is beside a LiveStore store's own; the longer one is read.",
    "event-misses": "An event changes a record that no event of its log brought; it is kept whole.",
    "event-unread": "An event that cannot be read, and whose effect the state holds; nothing is lost.",
    "log-only": "A row that only LiveStore's event log has, not its state; it is taken from the log.",
    "no-log": "A LiveStore state without its event log: the rows are there, what led to them is not.",
    "older-state": "LiveStore leaves the state files of earlier schemas behind; the current one counts.",
    "state-behind": "LiveStore's state had not seen the last events; the row is taken from the event log.",
    "state-dates": "Old events carry no times; the dates are taken from the state, as the app showed them.",
    "state-differs": "LiveStore's state and log differ in a field; the state counts, since the app showed it.",
    "state-lacks": "A column that LiveStore's state does not have, and that only the log has; taken from the log.",
    "state-lossy": "LiveStore's state cuts texts at NUL and replaces lone surrogates; the log has the whole text, "
    "which is taken.",
    "unknown-event": "An event of a name that pjais does not know.  Where the state has not seen it, it is carried "
    "whole.",
    "unknown-log": "An event log whose columns pjais does not know; its rows are kept as they are.",
    "likely-twins": "Personas of one name, however it is written, likely the same in two apps.  Nothing is merged; "
    "`pjais personas link` lists them, and with their ids it links them.",
    "list-as-text": "A plain text where a list belongs; it becomes a list of one.",
    "list-unreadable": "An empty text where a list belongs; it becomes an empty list.",
    "nested-type": "A member of an object is not of the type that guide B gives it (privacyLevel: low, medium, high); "
    "it is kept as it is.",
    "no-id": "A record without a usable id means nothing to the records around it; it is refused.",
    "not-a-list": "A collection that is no list; it is refused as a whole.",
    "not-an-object": "Not an object where one belongs; kept as $value, or refused if it was a record.",
    "not-finite": "NaN or infinity where a number belongs; the default is used, the original is kept.",
    "not-json": "An empty text where JSON belongs; it becomes null, the original is kept.",
    "not-text": "A number or bytes where text belongs; its text is used, the original is kept.",
    "number-as-text": "A number written as text; it is read.",
    "number-too-large": "An integer beyond 64 bits; stored as a float, the original is kept.",
    "orphan": "The record refers to one that does not exist.  If that one was refused too, fix it first.",
    "out-of-range": "A value outside its range (importance is 0-100); it is kept as it is.",
    "passed-over": "A file that looks like data and was not migrated: of no kind that pjais knows, or a link that "
    "leaves the folder.",
    "several-active": "More than one persona is active.  All stay so; activating one deactivates the others.",
    "tag-not-text": "A tag that is no text; its JSON text is used.",
    "text-not-unicode": "Text that is not valid Unicode; shown with U+FFFD, the original is kept.",
    "too-deep": "Nested too deeply to be read or stored; it is refused.",
    "truth-form": "A truth value in another form ('true', '1'); it is read.",
    "unreadable": "A piece of the source that cannot be read; it is kept as raw bytes, with its place.",
    "unsound-file": "SQLite's integrity check failed; the file was read page by page.",
    "wrong-type": "A value of a type that no rule can read; the record is refused.",
}
"""Every rule of a finding: the condition and the action."""


def explain(code: str) -> str | None:
    """Return the meaning of a code and what to do; None for a code that does not exist."""
    for error in all_errors():
        if error.code.lower() == code.lower():
            first = (error.__doc__ or "").strip().split("\n")[0]
            return (
                f"{error.code} (exit code {error.exit_code})\n{first}\n{error.safe_default}\nNext: {error.next_default}"
            )
    return OUTCOMES.get(code.lower()) or RULES.get(code.lower())


def all_codes() -> tuple[str, ...]:
    """Return every code that `explain` knows."""
    return (*(error.code for error in all_errors()), *OUTCOMES, *RULES)
