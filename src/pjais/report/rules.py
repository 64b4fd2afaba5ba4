"""Explanations of every code: errors, outcomes and the rules of findings.

`pjais explain CODE` and the generated table in the docs both read this.
"""

from __future__ import annotations

import re

from pjais.commands import EXIT_CODES
from pjais.errors import PjaisError, all_errors

OUTCOMES = {
    "done": "Done, and every record was verified by digest.  Next: pjais verify, at any time.",
    "already_migrated": "Nothing to do; everything in the sources is already migrated.",
    "empty": "The sources were read and have no documents.  The target is empty.",
    "quarantined": "Done, with rejected documents.  They are kept whole, with the reasons.  "
    "Next: pjais quarantine list",
}

RULES = {
    "absent-text": "A text that the target needs was absent; it is stored as empty, the absence is kept.",
    "another-key": "A key of another kind than the others of its table; the table could not tell both "
    "apart; the document is kept whole in quarantine.",
    "no-table": "A collection that appeared while the source was read.  Run the migration again.",
    "content-cold": "Content in the app's compressed cold form; kept as it is, --expand-cold expands it.",
    "content-encrypted": "Content that the app encrypted with a local key; kept as it is.",
    "content-not-json": "The content should be JSON and is not; it is kept as text.",
    "count-fraction": "A counter had a fraction; it is cut off, the original is kept.",
    "date-empty": "An empty date; it becomes null, the original is kept.",
    "date-form": "A date in another form or zone; it is converted to UTC, the original is kept.",
    "date-fraction": "A date with a fraction of a millisecond; it is cut off, the original is kept.",
    "date-lost": "A date that the app wrote as an empty object; it becomes null.",
    "date-unknown": "The text CURRENT_TIMESTAMP in place of a date; the time is unknown; it becomes null.",
    "date-unreadable": "Not a date; it becomes null, the original is kept.",
    "date-seconds": "A date in Unix seconds: the default of its column (unixepoch(), strftime('%s')) shows it.",
    "looks-like-seconds": "A number that may be Unix seconds; it is read as milliseconds, in the first weeks of 1970, "
    "since nothing says that the source uses seconds.  Please check.",
    "no-date": "A record without a date of creation: no filter by date finds it; lists say how many they leave out.",
    "decided": "A document on which its owner has already decided; it does not go to quarantine again.",
    "edit-superseded": "Edited in the target, then changed in a source; the later counts, the edit is in the history.",
    "embedding-mix": "Embeddings of different lengths carry one model name; all are kept.",
    "embedding-unreadable": "An embedding that is not a list of numbers; it becomes null, the original is kept.",
    "export-total": "An export whose metadata gives a wrong count; what the file has is imported.",
    "id-number": "An id written as a number; it becomes text.",
    "id-returned": "A memory that the app had given a new id; its original one is restored.",
    "json-as-text": "A list or object that was written as text; it is read, the original is kept.",
    "not-decoded": "A record that its library would not write so; the record itself is migrated, "
    "the document that it stands for is not.",
    "torn-tail": "A log or WAL whose last write was interrupted.  Whole transactions before "
    "it are read, as the app itself would read them.",
    "key-twice": "A key occurs twice in one JSON object; the last one counts, as in every JSON reader, and the raw "
    "text is kept.",
    "another-log": "A second event log is beside a LiveStore store's own; the longer one is read.",
    "event-misses": "An event on a record that no event created; it is kept whole.",
    "event-unread": "An unreadable event whose effect is in the state; nothing is lost.",
    "log-only": "A row that is in the event log only; it is taken from the log.",
    "no-log": "A LiveStore state without its event log; the rows are there, their history is not.",
    "older-state": "A LiveStore state of an earlier schema; the current one counts.",
    "state-behind": "LiveStore's state had not seen the last events; the row is taken from the event log.",
    "state-dates": "Old events carry no times; the dates are taken from the state, as the app showed them.",
    "state-differs": "LiveStore's state and log differ in a field; the state counts, since the app showed it.",
    "state-lacks": "A column that only the log has, not the state; taken from the log.",
    "state-lossy": "A text that the state has cut or changed; the whole text is taken from the log.",
    "unknown-event": "An event with an unknown name.  Where the state has not seen it, it is kept whole.",
    "unknown-log": "An event log whose columns pjais does not know; its rows are kept as they are.",
    "likely-twins": "Personas that are likely the same, from their names.  Nothing is merged; "
    "`pjais personas link` lists them, and with their ids it links them.",
    "list-as-text": "A plain text where a list belongs; it becomes a list of one.",
    "list-unreadable": "An empty text where a list belongs; it becomes an empty list.",
    "nested-type": "A field whose type differs from the guide's; it is kept as it is.",
    "no-id": "A record without a usable id; it is rejected.",
    "not-a-list": "A collection that is not a list; it is rejected as a whole.",
    "bytes-missing": "An attachment without its bytes; it is rejected.",
    "size-differs": "An attachment whose size differs from its bytes; it is rejected.",
    "not-an-object": "Not an object where one belongs; kept as $value, or rejected if it was a record.",
    "not-finite": "NaN or infinity where a number belongs; the default is used, the original is kept.",
    "not-json": "An empty text where JSON belongs; it becomes null, the original is kept.",
    "not-text": "A number or bytes where text belongs; its text is used, the original is kept.",
    "number-as-text": "A number written as text; it is read.",
    "number-too-large": "An integer beyond 64 bits; stored as a float, the original is kept.",
    "orphan": "A reference to a record that does not exist.  If that one was rejected, too, fix it first.",
    "out-of-range": "A value outside its range (importance is 0-100); it is kept as it is.",
    "passed-over": "A file that looks like data and was not migrated; its kind is unknown, or it is a link that "
    "leaves the folder.",
    "several-active": "More than one persona is active.  All stay so; activating one deactivates the others.",
    "tag-not-text": "A tag that is not text; its JSON text is used.",
    "text-not-unicode": "Text that is not valid Unicode; shown with U+FFFD, the original is kept.",
    "too-deep": "Nested too deeply to be read or stored; it is rejected.",
    "truth-form": "A truth value in another form ('true', '1'); it is read.",
    "unreadable": "A part of the source that cannot be read; it is kept as raw bytes, with its location.",
    "unsound-file": "SQLite's integrity check failed; the file was read page by page.",
    "wrong-type": "A value of a type that no rule can read; the record is rejected.",
    # -- files of AI apps
    "asset-missing": "A file that a card names does not come with it; its name is kept.",
    "asset-unreadable": "A file that comes with a card cannot be read; it is in the backup.",
    "attachment-changed": "A file in a vault no longer matches its hash; both are kept.",
    "attachment-too-large": "A file that is too large for a store; it is in the backup.",
    "attachment-unreadable": "A file beside the conversations cannot be read; its name is kept.",
    "block-missing": "A message names a part that is not in the file.",
    "card-chunks-differ": "A picture with two different cards; the newer form counts, the other is kept.",
    "copies": "A second copy of data that was already read; not imported again.",
    "copies-not-imported": "Backups of chats that are in the folder themselves; superseded.",
    "copies-of-lost-chats": "Backups of chats that are no longer in the folder; name one to import it.",
    "current-missing": "The file does not name the message on screen; the branch with the newest message is shown.",
    "cut-conversation": "The file breaks off inside a conversation; the messages before that are kept.",
    "cut-off": "The list has exactly the default number of entries: it was probably cut off.  Export more.",
    "dangling-relation": "A relation to a name that is not in the file; kept in a table of its own, and written again.",
    "date-ambiguous": "Dates that are ambiguous or unreadable; set to null, the text is kept.",
    "default-twice": "The default assistant is in the file twice; empty fields are filled from the second one.",
    "deleted-in-app": "Deleted in the app, still in its database; kept as archived.",
    "deleted-since": "The memory was deleted after the export; the history gives the date.",
    "duplicate-key": "A key occurs twice in one object; the last one counts.",
    "empty-chat": "A chat file without content.",
    "empty-conversation": "A conversation without messages; kept as it is.",
    "empty-export": "A file without personas, memories or conversations; it is intact.",
    "foreign-file": "A file in the folder that is not from this app; not read.",
    "foreign-note": "A note that pjais did not write; not read.",
    "history-differs": "A memory differs between export and history; both are kept.",
    "invalid-utf8": "Bytes that are not UTF-8; they are kept.",
    "left-out": "Data that is not read, such as accounts and caches; it is only in the raw backup.",
    "local-dates": "Dates without a time zone; read in that of --timezone.",
    "manifest-not-kept": "The manifest of an export names links that work once; it is not stored.",
    "message-empty": "A message without any part; kept without a text.",
    "message-id-twice": "Two messages of a conversation with the same id; both are kept.",
    "message-in-two-topics": "Messages of two conversations with the same id; both are kept.",
    "versions-kept": "A memory whose versions come from several files; it has all of them.",
    "messages-kept": "A newer export of a conversation lacks messages; kept, unless --accept-deletions is given.",
    "messages-let-go": "Messages that a newer export lacks; removed by --accept-deletions.",
    "name-twice": "Two entities with the same name; the server finds the first, both are kept.",
    "newer-version": "The file has a newer version than is known; what is unknown is kept as it is.",
    "no-indexeddb": "The backup has no IndexedDB; the messages were in it.",
    "no-local-storage": "The backup has no Local Storage; titles and personas were in it.",
    "no-name": "A card without a name.",
    "not-gemini": "Entries and files of other products; not read, they are only in the raw backup.",
    "not-typingmind": "An unknown part of TypingMind's export; not read.",
    "observations-unread": "Observations that are not text; kept with their entity.",
    "odd-message": "An element of a conversation that is not a message; kept as it is.",
    "odd-messages": "Messages that are not a list; kept as they are.",
    "one-branch": "A conversation exported without its other branches.",
    "only-in-history": "Memories that only the history has; their owner is not known.",
    "other-database": "Another program's database beside the app's; not read.",
    "other-origins": "Items stored by web pages, not by the app; not read.",
    "other-topic-id": "Messages that name another conversation; they belong to the one that lists them.",
    "parent-cycle": "Messages that follow each other in a cycle; all are kept.",
    "parent-missing": "A message follows one that is missing; it begins a branch.",
    "part-missing": "A part of the export that is missing; download and import it.",
    "persona-differs": "Two places describe one persona differently; the first counts, the other is kept.",
    "persona-missing": "The persona of a conversation is not in the file.",
    "personal-data": "Personal data of the account; only its id is stored.",
    "picture-cut": "The picture is damaged after the card; the card was read all the same.",
    "prompt-prefix-unknown": "The language of the log is not known; the first words of each title stay in its text.",
    "row-left": "A row that belongs to nothing; kept whole.",
    "same-name": "Two different cards with the same name; two personas.",
    "secret-redacted": "Keys, tokens or passwords; not stored, only in the raw backup.",
    "secrets-not-read": "A file of credentials; never read.",
    "session-missing": "Conversations in the index that are not in the file.",
    "several-users": "The database has several users; their records are told apart by their ids.",
    "side-file": "A file that is named like a side file of a graph; not read.",
    "superseded-copy": "An older copy of a conversation in the same file; the other one counts.",
    "thread-missing": "A thread whose own file is missing; its messages are kept.",
    "topic-listed-twice": "A conversation belongs to two personas; the first counts.",
    "topic-missing": "A conversation that is only listed; its messages are not in the file.",
    "topic-without-metadata": "A conversation without a title and owner; the app's state does not list it.",
    "unknown-note": "A note of a kind that this version does not know; kept whole.",
    "unknown-timezone": "An unknown time zone; dates without a zone are read as UTC.",
    "unknown-type": "A message of a type that is not known; kept as it is.",
    "unsafe-member": "An archive member that is a link or leads out of it; not read.",
    "update-missing": "A conversation without a date of its last change.",
    "vectors-left": "Vectors of a memory database; not read, they can be recomputed.",
    "wrong-checksum": "A checksum in a picture is wrong; it was read all the same.",
}
"""Every rule of a finding: the condition and the action."""


def explain(code: str) -> str | None:
    """Return the meaning of a code and what to do; None for a code that does not exist."""
    for error in all_errors():
        if error.code.lower() == code.lower():
            lines = (
                f"{error.code} (exit code {error.exit_code})",
                _first_line(error),
                f"Impact: {error.safe_default}",
                f"Next: {error.next_default}",
            )
            return "\n".join(lines)
    return OUTCOMES.get(code.lower()) or RULES.get(code.lower())


def summaries() -> dict[str, str]:
    """Return every code with its meaning in one short line."""
    errors = dict(text.split(": ", 1) for text in EXIT_CODES.values() if ": " in text)
    return errors | {code: _condition(text) for code, text in {**OUTCOMES, **RULES}.items()}


def _first_line(error: type[PjaisError]) -> str:
    return (error.__doc__ or "").strip().split("\n")[0]


def _condition(text: str) -> str:
    """Return the condition of a rule, which comes before the action."""
    return re.split(r"[;:.](?: |$)", text, maxsplit=1)[0]


def all_codes() -> tuple[str, ...]:
    """Return every code that `explain` knows."""
    return (*(error.code for error in all_errors()), *OUTCOMES, *RULES)
