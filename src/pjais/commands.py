"""The help of `pjais` itself: its commands in groups, the options that all share, and the exit codes.

It stands apart from the command line, so that `pjais --help` loads neither click nor any command.
"""

from __future__ import annotations

import textwrap
from itertools import chain

ABOUT = "Move AI personas, memories and conversations into plain SQLite, verified and reversible."

DATA_DIR = "Data folder (default: PJAIS_DATA_DIR, or the app's)."
JSON = "Print JSON on stdout, and nothing else."
VERBOSE = "Verbose output; -vv shows tracebacks."
QUIET = "Suppress progress output."
TARGET = "Store to use (default: the current store of the data folder)."

GROUPS: dict[str, dict[str, str]] = {
    "Move": {
        "detect": "List sources: kind, path, version, records, size, in use.",
        "plan": "Show what `migrate` would do, without writing anything.",
        "migrate": "Back up, migrate, verify, and put the new store in place.",
        "verify": "Verify every record against the backups again.",
        "import": "Import exports, or other source files, into the store.",
        "export": "Export a store or a source; equal data gives equal bytes.",
    },
    "Keep safe": {
        "status": "Show the store, runs, backups, and new data in the sources.",
        "rollback": "Restore the state before a run.",
        "backup": "Create, list, verify, restore and prune backups.",
        "quarantine": "List, fix, import and discard rejected documents.",
        "cleanup": "Remove old data after a verified migration.",
    },
    "Look and search": {
        "search": "Search memories and messages, best matches first.",
        "personas": "List, show, create, update, remove and link personas.",
        "memories": "List, show, update, delete, restore and move memories.",
        "conversations": "List, show, archive and restore conversations.",
        "attachments": "List the attachments of messages, or save one to a file.",
        "plugins": "List, enable and disable the app's plugins.",
        "ui": "Open the web UI: migrate, browse, search, view history.",
        "mcp": "Let assistants use the memories: start an MCP server.",
    },
    "Edit": {
        "remember": "Add a memory, by default to the active persona.",
        "activate": "Make a persona the active one, and no other.",
        "undo": "Undo the last operation, or the last N.",
        "redo": "Redo the last undone operation, or the last N.",
    },
    "History": {
        "history": "Show every change of a record.",
        "at": "Show a store as of an event or a point in time.",
        "diff": "Compare two points in time, field by field.",
        "restore-record": "Restore an earlier version of a record, or of one field.",
        "events": "List the events of a LiveStore store.",
    },
    "Cutover": {
        "follow": "Sync what the running app still writes to the target.",
        "shadow": "Compare the source with the target, record by record.",
        "switch": "Cut over to the target; --undo switches back.",
        "verify-app": "Check, on a scratch copy, that an app can use the store.",
        "checklist": "Run the migration checklists: before, during, after.",
    },
    "Tools": {
        "demo": "Migrate the packaged sample data and verify it.",
        "livestore": "Print the LiveStore schema; check or upgrade a store.",
        "support-bundle": "Write two small files for support; no content in them.",
        "completion": "Print or install shell completion (bash, zsh, fish).",
        "explain": "Explain a code; without one, list all codes.",
        "help": "Show the help of a command.",
    },
}
"""The commands in groups, each with the first sentence of its help, which this does not load.

Each fits in one line of 80 columns.
"""

COMMANDS = dict(chain.from_iterable(group.items() for group in GROUPS.values()))
"""All commands with the first sentence of their help, in the order of the help."""

EXIT_CODES = {
    0: "done, or nothing to do; also a dry run (plan, --dry-run)",
    1: "done with rejected documents or differences, or a check failed",
    2: "PJAIS_USAGE: invalid command line",
    3: "PJAIS_CONFIRM: confirmation missing; no changes were made",
    11: "MIGRATION_001: no source found",
    12: "MIGRATION_002: backup failed",
    13: "MIGRATION_003: invalid records",
    14: "MIGRATION_004: migration failed and was rolled back",
    15: "MIGRATION_005: source in use",
    16: "MIGRATION_006: source damaged",
    17: "MIGRATION_007: target not written by pjais, or by a newer version",
    18: "MIGRATION_008: verification found differences",
    19: "MIGRATION_009: password missing or wrong",
    20: "MIGRATION_010: not enough disk space",
    21: "MIGRATION_011: another run is active",
    22: "PJAIS_STORE: store busy, replaced, or not writable",
    70: "PJAIS_BUG: unexpected error; please report it",
    74: "PJAIS_FILE: file or folder not readable or not writable",
    130: "interrupted with Ctrl-C",
    141: "the reader of the output has gone (as in `pjais ... | head`)",
}
"""Every exit code and what it means; a contract with scripts (`pjais.errors`)."""

_OPTIONS = {
    "--version": "Show the version and exit.",
    "--data-dir PATH": DATA_DIR,
    "--json": JSON,
    "-v, --verbose": VERBOSE,
    "-q, --quiet": QUIET,
    "-h, --help": "Show this message and exit.",
}
_ENDING = "`pjais help COMMAND` shows the options of a command; `pjais explain CODE` explains a code."


def help_text(width: int | None = None) -> str:
    """Return what `pjais --help` prints, in at most so many columns (None: those of the terminal)."""
    import shutil  # loaded on demand: the command line knows its width

    width = max(min(shutil.get_terminal_size().columns, 80) - 2, 50) if width is None else width
    about = textwrap.fill(ABOUT, width, initial_indent="  ", subsequent_indent="  ")
    first = max(map(len, [*COMMANDS, *_OPTIONS]))
    groups = "".join(f"\n{name}:\n{two_columns(commands, first, width)}" for name, commands in GROUPS.items())
    codes = two_columns({f"{code:>3}": meaning for code, meaning in EXIT_CODES.items()}, 3, width)
    ending = textwrap.fill(_ENDING, width)
    return (
        f"Usage: pjais [OPTIONS] COMMAND [ARGS]...\n\n{about}\n{groups}"
        f"\nOptions:\n{two_columns(_OPTIONS, first, width)}\nExit codes:\n{codes}\n{ending}\n"
    )


def two_columns(lines: dict[str, str], first: int, width: int) -> str:
    """Return names and what each is about; what does not fit goes on in the next line, nothing is cut."""
    wrapped = (
        textwrap.wrap(
            text,
            width,
            initial_indent=f"  {name:{first}}  ",
            subsequent_indent=" " * (first + 4),
            break_on_hyphens=False,
        )
        for name, text in lines.items()
    )
    return "".join(f"{line}\n" for line in chain.from_iterable(wrapped))
