"""The commands: the module of each, and the line about it that `pjais --help` prints without loading any of them."""

from __future__ import annotations

COMMANDS = {
    "detect": ("migrating", "Say what is here: kind, path, version, records, size, in use or not."),
    "plan": ("migrating", "Show what `migrate` would do."),
    "migrate": ("migrating", "Back up, migrate, verify, and put the new store in place."),
    "verify": ("migrating", "Prove every record against the backups, again."),
    "rollback": ("migrating", "Go back to before a run."),
    "status": ("migrating", "Say what is where: the store, the runs, the backups, and what is new in the sources."),
    "cleanup": ("keeping", "Remove old data after a verified migration: databases of a profile, stores, files."),
    "backup": ("keeping", "Make, list, verify, restore and prune backups."),
    "quarantine": ("triaging", "Look at documents that could not go in, mend them, bring them in."),
    "export": ("moving", "Write a store, or any source, as canonical JSON: byte-equal for equal data."),
    "import": ("moving", "Import exports, or any other source files, into the store: all of them in one run, or none."),
    "search": ("living", "Find memories that hold all words, best first."),
    "personas": ("living", "List the personas; or show, create, update, remove one, or its numbers."),
    "memories": (
        "living",
        "List memories, most important first; or show, update, delete, restore, promote, demote one.",
    ),
    "conversations": ("living", "List conversations, latest first; or show, archive, restore one."),
    "plugins": ("living", "List the app's plugins; or enable, disable one."),
    "activate": ("living", "Make a persona the active one, and no other."),
    "remember": ("living", "Write a memory down; without --persona it is the active persona's."),
    "explain": ("about", "Say what a code means and what to do."),
    "demo": (
        "about",
        "Migrate the packaged sample and verify it; then go RxDB to LiveStore to SQLite, and look back in time.",
    ),
    "livestore": ("stores", "LiveStore stores: their schema, their health, their storage formats."),
    "events": ("travelling", "List the events of a LiveStore store."),
    "at": ("travelling", "Show a store as it was after an event, or at a time."),
    "diff": ("travelling", "Show what differs between two moments: record by record, field by field."),
    "history": ("travelling", "Show every event that changed a record, and what it changed."),
    "restore-record": ("travelling", "Bring a record, or one field of it, back as it was; the log grows by one event."),
    "undo": (
        "looking_back",
        "Take back the last operation, or the last N, all or none; nothing is erased, `redo` does them again.",
    ),
    "redo": (
        "looking_back",
        "Do the last undone operation again, or the last N; a new operation ends what can be redone.",
    ),
    "verify-app": (
        "checking",
        "Check that an app can live with the store: health, integrity, performance, features; on a scratch copy.",
    ),
    "checklist": (
        "checking",
        "The migration's checklists: each line checked where that can be done, the rest asked on a terminal.",
    ),
    "follow": ("siding", "Bring over what the still-running old app writes, increment by increment."),
    "shadow": ("siding", "Compare old and new, record by record; say for how long they have agreed."),
    "switch": (
        "siding",
        "Make the new side live: a last increment, the comparison, the proof, the final backup, one recorded step.",
    ),
    "ui": ("showing", "Open the local web page: migrate, look, search, travel in time."),
    "support-bundle": (
        "helping",
        "Write two small files for whoever helps you: versions, layout, states, codes and counts.",
    ),
}
"""(module, the first sentence of its help) of each command, in the order in which one meets them."""
