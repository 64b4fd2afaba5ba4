"""All errors of pjais, in one tree with one root.

    PjaisError
    ├── UsageError            PJAIS_USAGE     2   the call itself is wrong
    ├── ConfirmationNeeded    PJAIS_CONFIRM   3   a confirmation was not given
    ├── NoSourceFound         MIGRATION_001  11   nothing to migrate was found
    ├── BackupFailed          MIGRATION_002  12   no safe copy could be made
    ├── ValidationFailed      MIGRATION_003  13   records are invalid
    ├── MigrationFailed       MIGRATION_004  14   the run failed and was rolled back
    ├── SourceInUse           MIGRATION_005  15   no consistent snapshot is possible
    ├── SourceDamaged         MIGRATION_006  16   a source cannot be read as a whole
    ├── ForeignTarget         MIGRATION_007  17   the target is not ours, or newer
    ├── VerificationFailed    MIGRATION_008  18   the proof found differences
    ├── PasswordNeeded        MIGRATION_009  19   an encrypted source, no or a wrong password
    ├── NoSpace               MIGRATION_010  20   the disk is too full to begin
    ├── RunActive             MIGRATION_011  21   another run holds the data folder
    ├── StoreFailed           PJAIS_STORE    22   the open store cannot be read or written now
    └── FileFailed            PJAIS_FILE     74   a file or folder cannot be read or written

An error answers four questions: what happened, where (which record or file), the impact, and what to do next:
advice in words if it takes more than a command, and one command that can be pasted and works.
The codes and exit codes are a contract with scripts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar


class PjaisError(Exception):
    """The root of all errors of this package.

    `what` is one sentence; `where` names records or files; `safe` states the impact; `advice` says in words what to
    do first, if anything; `next_command` is one command line to paste, and nothing else.  `report` holds
    the run's report if there is one; `logged`: it is in `migration.log`.
    """

    code: ClassVar[str] = "PJAIS_ERROR"
    exit_code: ClassVar[int] = 14
    safe_default: ClassVar[str] = "No changes were made to your source data."
    advice_default: ClassVar[str] = ""
    next_default: ClassVar[str] = "pjais status"

    def __init__(
        self,
        what: str,
        *,
        where: Sequence[str] = (),
        safe: str | None = None,
        advice: str | None = None,
        next_command: str | None = None,
        report: Any = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = tuple(where)
        self.safe = self.safe_default if safe is None else safe
        self.advice = self.advice_default if advice is None else advice
        self.next_command = self.next_default if next_command is None else next_command
        self.report = report
        self.logged = False

    def as_dict(self) -> dict[str, Any]:
        """Return the error as a JSON object, as `--json` prints it."""
        return {
            "code": self.code,
            "exit_code": self.exit_code,
            "what": self.what,
            "where": list(self.where),
            "safe": self.safe,
            "advice": self.advice,
            "next": self.next_command,
        }


class UsageError(PjaisError):
    """The call itself is wrong; nothing was begun."""

    code = "PJAIS_USAGE"
    exit_code = 2
    safe_default = "Nothing was read or written."
    next_default = "pjais --help"


class ConfirmationNeeded(PjaisError):
    """The call would remove or discard something, and the confirmation for it was not given."""

    code = "PJAIS_CONFIRM"
    exit_code = 3
    safe_default = "No changes were made."


class NoSourceFound(PjaisError):
    """No earlier data was found in the places that were searched."""

    code = "MIGRATION_001"
    exit_code = 11
    safe_default = "Nothing was written."
    advice_default = "name the folder or file with the app's data"
    next_default = "pjais detect --help"


class BackupFailed(PjaisError):
    """The backup could not be made or does not restore; the migration did not begin."""

    code = "MIGRATION_002"
    exit_code = 12
    next_default = "pjais backup create"


class ValidationFailed(PjaisError):
    """Some records are invalid, and the run was told to stop on such records."""

    code = "MIGRATION_003"
    exit_code = 13
    safe_default = "No changes were made to your source data or the target; the backup is kept."
    next_default = "pjais migrate --on-invalid quarantine"


class MigrationFailed(PjaisError):
    """The run failed after the backup; the target is as it was before."""

    code = "MIGRATION_004"
    exit_code = 14
    safe_default = "No changes were made to your source data or the target; the backup is kept."
    next_default = "pjais migrate"


class SourceInUse(PjaisError):
    """A source changed or vanished while it was copied, every time it was tried."""

    code = "MIGRATION_005"
    exit_code = 15
    advice_default = "close the app first"
    next_default = "pjais migrate"


class SourceDamaged(PjaisError):
    """A source, or a piece of one, cannot be read."""

    code = "MIGRATION_006"
    exit_code = 16
    safe_default = "No changes were made to your source data or the target."
    advice_default = "migrate what is readable; the rest is kept in quarantine"
    next_default = "pjais migrate --on-invalid quarantine"


class ForeignTarget(PjaisError):
    """The target file belongs to another program, or to a newer version of this one."""

    code = "MIGRATION_007"
    exit_code = 17
    safe_default = "No changes were made to the file."
    advice_default = "choose another file for the new store"
    next_default = "pjais migrate --target pjais-new.sqlite"


class OlderStore(ForeignTarget):
    """The store was made by an older version of this program, and has to be upgraded before it is used."""

    safe_default = "No changes were made to the store."
    next_default = "pjais migrate"


class VerificationFailed(PjaisError):
    """Source and target differ, and the target's history does not explain it."""

    code = "MIGRATION_008"
    exit_code = 18
    safe_default = "The backup of the sources is kept."
    next_default = "pjais backup verify"


class PasswordNeeded(PjaisError):
    """A source is encrypted, and the password is missing or wrong."""

    code = "MIGRATION_009"
    exit_code = 19
    next_default = "pjais migrate --password-file -"


class NoSpace(PjaisError):
    """The disk has less free space than the run needs; nothing was written."""

    code = "MIGRATION_010"
    exit_code = 20
    safe_default = "Nothing was written."
    advice_default = "free some space, or choose a --data-dir on another disk"
    next_default = "pjais plan"


class RunActive(PjaisError):
    """Another run is active in this data folder."""

    code = "MIGRATION_011"
    exit_code = 21
    safe_default = "No changes were made; the other run continues."
    advice_default = "wait for it to end"


class StoreFailed(PjaisError):
    """The open store cannot be read or written now: busy for too long, replaced, or its disk is full."""

    code = "PJAIS_STORE"
    exit_code = 22
    safe_default = "Nothing was written; earlier commits are safe."
    advice_default = "try again"


class FileFailed(PjaisError):
    """A file or folder cannot be read or written: a permission, a disk, a path that leads nowhere."""

    code = "PJAIS_FILE"
    exit_code = 74
    safe_default = "No store was replaced; no changes were made to your source data."


def all_errors() -> tuple[type[PjaisError], ...]:
    """Return every class of the tree, in the order of their codes."""
    return tuple(sorted(PjaisError.__subclasses__(), key=lambda error: error.exit_code))
