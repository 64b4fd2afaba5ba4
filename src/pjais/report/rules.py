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
    "bytes-missing": "An attachment without the bytes whose SHA-256 is its id; it is refused.",
    "size-differs": "An attachment whose size is not that of its bytes; it is refused.",
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
    # -- files of AI apps
    "asset-missing": "A file that a card names does not come with it; its name is kept.",
    "asset-unreadable": "A file that comes with a card cannot be read; it is in the backup.",
    "attachment-changed": "The content of a file in a vault no longer matches the hash in its name.",
    "attachment-too-large": "A file is larger than a store can hold in one value; it is in the backup.",
    "attachment-unreadable": "A file beside the conversations cannot be read; its name is kept.",
    "block-missing": "A message names a part that is not in the file.",
    "card-chunks-differ": "The two cards in a picture say different things; the newer form counts, the other is kept.",
    "copies": "A second copy of data that was already read; not imported again.",
    "copies-not-imported": "Backups of chats that are in the folder themselves; superseded.",
    "copies-of-lost-chats": "Backups of chats that are no longer in the folder; name one to import it.",
    "current-missing": "The file does not name the message on screen; the branch with the newest message is shown.",
    "cut-conversation": "The file breaks off inside a conversation; the messages before that are kept.",
    "cut-off": "The list has exactly the default number of entries: it was probably cut off.  Export more.",
    "dangling-relation": "A relation to a name that is not in the file; kept in a table of its own, and written again.",
    "date-ambiguous": "Dates that can be read in two ways, or in none; set to null, the text is kept.",
    "default-twice": "The default assistant is in the file twice; empty fields are filled from the second one.",
    "deleted-in-app": "Deleted in the app, and still in its database; kept as archived.",
    "deleted-since": "The memory was deleted after the export, says the history; it has a date of deletion.",
    "duplicate-key": "A key occurs twice in one object; the last one counts.",
    "empty-chat": "A chat file without content.",
    "empty-conversation": "A conversation without messages; kept as it is.",
    "empty-export": "The file is intact, and has no persona, memory or conversation.",
    "foreign-file": "A file in the folder that is not from this app; not read.",
    "foreign-note": "A note that pjais did not write; not read.",
    "history-differs": "The last text of a memory in the history differs from the export; both are kept.",
    "invalid-utf8": "Bytes that are not UTF-8; they are kept.",
    "left-out": "Data of the app that is deliberately not read: accounts, server settings, caches.",
    "local-dates": "Dates without a time zone, read in that of --timezone.",
    "manifest-not-kept": "The manifest of an export names links that work once; it is not stored.",
    "message-empty": "A message without any part; kept without a text.",
    "message-id-twice": "Two messages of a conversation have one id; both are kept.",
    "message-in-two-topics": "A message with the id of one in another conversation; both are kept.",
    "versions-kept": "A memory and its earlier versions come from different files; it has both.",
    "messages-kept": "A newer export of a conversation lacks messages; kept, unless --accept-deletions is given.",
    "messages-let-go": "Messages kept from an earlier export of a conversation; removed by --accept-deletions.",
    "name-twice": "Two entities with the same name; the server finds the first, both are kept.",
    "newer-version": "The file has a newer version than is known; what is unknown is kept as it is.",
    "no-indexeddb": "The backup has no IndexedDB, in which the messages are.",
    "no-local-storage": "The backup has no Local Storage, in which titles and personas are.",
    "no-name": "A card without a name.",
    "not-gemini": "Entries and files of other products; not read, they are only in the raw backup.",
    "not-typingmind": "A file that is not a known part of TypingMind's export; not read.",
    "observations-unread": "Observations that are not text; kept with their entity.",
    "odd-message": "An element of a conversation that is not a message; kept as it is.",
    "odd-messages": "The messages of a conversation are no list; kept as they are.",
    "one-branch": "The conversation was exported without its other branches.",
    "only-in-history": "Memories that only the history has; their owner is not known.",
    "other-database": "Another program's database beside the app's; not read.",
    "other-origins": "Items stored by web pages, not by the app; not read.",
    "other-topic-id": "Messages that name another conversation; they belong to the one that lists them.",
    "parent-cycle": "Messages that follow each other in a cycle; all are kept.",
    "parent-missing": "A message follows one that is missing; it begins a branch.",
    "part-missing": "The manifest names a part of the export that is missing; download and import it.",
    "persona-differs": "Two places describe one persona differently; the first counts, the other is kept.",
    "persona-missing": "The persona of a conversation is not in the file.",
    "personal-data": "Names, addresses and telephone numbers of the account; only its id is stored.",
    "picture-cut": "The picture is damaged after the card; the card was read all the same.",
    "prompt-prefix-unknown": "The language of the log is not known; the first words of each title stay in its text.",
    "row-left": "A row that belongs to nothing; kept whole.",
    "same-name": "Two cards with the same name and different content, perhaps two versions; two personas.",
    "secret-redacted": "Keys, tokens or passwords; not stored, they are only in the raw backup.",
    "secrets-not-read": "A file of credentials; never read.",
    "session-missing": "The index names conversations that are not in the file.",
    "several-users": "The database has several users; their records are told apart by their ids.",
    "side-file": "A file with the name of a side file of a graph that is not one; not read.",
    "superseded-copy": "An older copy of a conversation in the same file; the other one counts.",
    "thread-missing": "A thread whose own file is missing; its messages are kept.",
    "topic-listed-twice": "A conversation belongs to two personas; the first counts.",
    "topic-missing": "A conversation that is only listed: its messages are not in the file.",
    "topic-without-metadata": "A conversation without a title and owner: the app's state does not list it.",
    "unknown-note": "A note of a kind that this version does not know; kept whole.",
    "unknown-timezone": "An unknown time zone; dates without a zone are read as UTC.",
    "unknown-type": "A message of a type that is not known; kept as it is.",
    "unsafe-member": "A member of an archive that leads out of it, a link, or a second one of its name; not read.",
    "update-missing": "A conversation without a date of its last change.",
    "vectors-left": "Vectors of a memory database; not read, they can be recomputed.",
    "wrong-checksum": "A checksum in a picture is wrong; it was read all the same.",
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
