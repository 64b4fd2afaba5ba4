"""The commands, in the order in which one meets them, and the line that `pjais --help` prints about each."""

from __future__ import annotations

COMMANDS = {
    "detect": "Say what is here: kind, path, version, records, size, in use or not.",
    "plan": "Show what `migrate` would do.",
    "migrate": "Back up, migrate, verify, and put the new store in place.",
    "verify": "Prove every record against the backups, again.",
    "rollback": "Go back to before a run.",
    "status": "Say what is where: the store, the runs, the backups, and what is new in the sources.",
    "cleanup": "Remove old data after a verified migration: databases of a profile, stores, files.",
    "backup": "Make, list, verify, restore and prune backups.",
    "quarantine": "Look at documents that could not go in, mend them, bring them in.",
    "export": "Write a store, or any source, as canonical JSON: byte-equal for equal data.",
    "import": "Import exports, or any other source files, into the store: all of them in one run, or none.",
    "search": "Find memories that hold all words, best first.",
    "personas": "List the personas; or show, create, update, remove one, or its numbers.",
    "memories": "List memories, most important first; or show, update, delete, restore, promote, demote one.",
    "conversations": "List conversations, latest first; or show, archive, restore one.",
    "plugins": "List the app's plugins; or enable, disable one.",
    "activate": "Make a persona the active one, and no other.",
    "remember": "Write a memory down; without --persona it is the active persona's.",
    "explain": "Say what a code means and what to do.",
    "demo": "Migrate the packaged sample and verify it; then go RxDB to LiveStore to SQLite, and look back in time.",
    "livestore": "LiveStore stores: their schema, their health, their storage formats.",
    "events": "List the events of a LiveStore store.",
    "at": "Show a store as it was after an event, or at a time.",
    "diff": "Show what differs between two moments: record by record, field by field.",
    "history": "Show every event that changed a record, and what it changed.",
    "restore-record": "Bring a record, or one field of it, back as it was; the log grows by one event.",
    "undo": "Take back the last operation, or the last N, all or none; nothing is erased, `redo` does them again.",
    "redo": "Do the last undone operation again, or the last N; a new operation ends what can be redone.",
    "verify-app": (
        "Check that an app can live with the store: health, integrity, performance, features; on a scratch copy."
    ),
    "checklist": "The migration's checklists: each line checked where that can be done, the rest asked on a terminal.",
    "follow": "Bring over what the still-running old app writes, increment by increment.",
    "shadow": "Compare old and new, record by record; say for how long they have agreed.",
    "switch": (
        "Make the new side live: a last increment, the comparison, the proof, the final backup, one recorded step."
    ),
    "ui": "Open the local web page: migrate, look, search, travel in time.",
    "support-bundle": "Write two small files for whoever helps you: versions, layout, states, codes and counts.",
}
"""The first sentence of the help of each command; it is in the module of its name, which this does not load."""
