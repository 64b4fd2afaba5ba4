"""The help of `pjais` itself: its commands in the order in which one meets them, and the options that all share.

It stands apart from the command line, so that `pjais --help` loads neither click nor any command.
"""

from __future__ import annotations

import textwrap

ABOUT = "Move AI personas, memories and conversations into plain SQLite, verified and reversible."

DATA_DIR = "The data folder (also PJAIS_DATA_DIR)."
JSON = "JSON on stdout, and nothing else there."
VERBOSE = "Verbose output; -vv shows tracebacks."
QUIET = "Suppress progress output."

COMMANDS = {
    "detect": "List sources: kind, path, version, records, size, in use or not.",
    "plan": "Show what `migrate` would do.",
    "migrate": "Back up, migrate, verify, and put the new store in place.",
    "verify": "Verify every record against the backups, again.",
    "rollback": "Restore the state before a run.",
    "status": "Show the store, the runs, the backups, and what is new in the sources.",
    "cleanup": "Remove old data after a verified migration: databases of a profile, stores, files.",
    "backup": "Make, list, verify, restore and prune backups.",
    "quarantine": "List rejected documents, edit them, import them.",
    "export": "Write a store, or any source, as canonical JSON: byte-equal for equal data.",
    "import": "Import exports, or any other source files, into the store: all of them in one run, or none.",
    "search": "Find memories and messages that contain all words, best first.",
    "personas": "List the personas; or show, create, update, remove, link one, or its numbers.",
    "memories": "List memories, most important first; or show, update, delete, restore, promote, demote one.",
    "conversations": "List conversations, latest first; or show, archive, restore one.",
    "attachments": "List the attachments of messages; or save one to a file.",
    "plugins": "List the app's plugins; or enable, disable one.",
    "activate": "Make a persona the active one, and no other.",
    "remember": "Add a memory; without --persona it is the active persona's.",
    "explain": "Explain a code: what it means and what to do.",
    "demo": "Migrate the packaged sample and verify it; then go RxDB to LiveStore to SQLite, and show earlier states.",
    "livestore": "LiveStore stores: their schema, their health, their storage formats.",
    "events": "List the events of a LiveStore store.",
    "at": "Show a store as it was after an event, or at a time.",
    "diff": "Show what differs between two points in time: record by record, field by field.",
    "history": "Show every event that changed a record, and what it changed.",
    "restore-record": "Restore a record, or one field of it, as it was; the log grows by one event.",
    "undo": "Undo the last operation, or the last N, all or none; nothing is erased, `redo` does them again.",
    "redo": "Do the last undone operation again, or the last N; a new operation ends what can be redone.",
    "verify-app": ("Check that an app can use the store: health, integrity, performance, features; on a scratch copy."),
    "checklist": "The migration's checklists: each line checked where that can be done, the rest asked on a terminal.",
    "follow": "Sync what the still-running old app writes, increment by increment.",
    "shadow": "Compare old and new, record by record; show for how long they have agreed.",
    "switch": (
        "Make the new side live: a last increment, the comparison, the proof, the final backup, one recorded step."
    ),
    "ui": "Open the local web page: migrate, browse, search, see earlier states.",
    "support-bundle": "Write two small files for support: versions, layout, states, codes and counts.",
}
"""The first sentence of the help of each command; it is in the module of its name, which this does not load."""

_OPTIONS = {
    "--version": "Show the version and exit.",
    "--data-dir PATH": DATA_DIR,
    "--json": JSON,
    "-v, --verbose": VERBOSE,
    "-q, --quiet": QUIET,
    "-h, --help": "Show this message and exit.",
}


def help_text(width: int | None = None) -> str:
    """Return what `pjais --help` prints, in at most so many columns (None: those of the terminal)."""
    import shutil  # loaded on demand: the command line knows its width

    width = max(min(shutil.get_terminal_size().columns, 80) - 2, 50) if width is None else width
    about = textwrap.fill(ABOUT, width, initial_indent="  ", subsequent_indent="  ")
    options, commands = _two_columns(_OPTIONS, width), _two_columns(COMMANDS, width)
    return f"Usage: pjais [OPTIONS] COMMAND [ARGS]...\n\n{about}\n\nOptions:\n{options}\nCommands:\n{commands}"


def _two_columns(lines: dict[str, str], width: int) -> str:
    """Return names and what each is about, one line each, cut where the line ends."""
    first = max(map(len, lines))
    cut = textwrap.TextWrapper(width - first - 4, max_lines=1, placeholder="...", break_on_hyphens=False)
    return "".join(f"  {name:{first}}  {cut.fill(text)}\n" for name, text in lines.items())
