"""LiveStore's event log on disk: its tables and columns in every storage format (docs/formats/livestore.md).

A format is recognised by its columns: the number in a file's name is ambiguous (2) or missing (OPFS).
"""

from __future__ import annotations

from typing import NamedTuple

EVENTLOG = "eventlog"
STATUS = "__livestore_sync_status"
CHANGESETS = "__livestore_session_changeset"


class LogFormat(NamedTuple):
    """One storage format: which column holds what; None where the format has no such column.

    `first` is the number of the first event: format 2 counts from 0, which later versions skip in silence.
    """

    label: str
    number: int
    global_: str
    client: str | None
    generation: str | None
    parent_global: str | None
    parent_client: str | None
    parent_generation: str | None
    name: str
    session: bool
    sync: str | None
    created: str | None
    first: int = 1


_SEQ = ("seqNumGlobal", "seqNumClient")
_SEQ_PARENT = ("parentSeqNumGlobal", "parentSeqNumClient")
_SYNC = "syncMetadataJson"

FORMATS = (
    LogFormat(
        "6", 6, *_SEQ, "seqNumRebaseGeneration", *_SEQ_PARENT, "parentSeqNumRebaseGeneration", "name", True, _SYNC, None
    ),
    LogFormat("4", 4, *_SEQ, None, *_SEQ_PARENT, None, "name", True, _SYNC, None),
    LogFormat(
        "3", 3, "idGlobal", "idClient", None, "parentIdGlobal", "parentIdClient", None, "name", True, _SYNC, None
    ),
    LogFormat(
        "2",
        2,
        "idGlobal",
        "idLocal",
        None,
        "parentIdGlobal",
        "parentIdLocal",
        None,
        "mutation",
        False,
        _SYNC,
        "createdAt",
        0,
    ),
    LogFormat("2 (0.1)", 2, "id", None, None, None, None, None, "mutation", False, None, "createdAt", 0),
)
"""All formats, newest first.  5 has the log of 6; its sync status lacks `backendId`."""

LOG_TABLES = ("eventlog", "mutation_log")


def format_of(columns: frozenset[str]) -> LogFormat | None:
    """The format of a log by the columns of its table; None for a table that is no log of LiveStore's."""
    for one in FORMATS:
        wanted = (one.global_, one.client, one.generation, one.parent_global, one.name, one.sync, one.created)
        if "argsJson" in columns and all(name in columns for name in wanted if name is not None):
            return one
    return None


WRITABLE = (6, 4)
"""The formats that can be written: LiveStore 0.4 and 0.3."""

WRITABLE_FIRST = 1
"""The number of the first event in them."""

PAGE_SIZE = 8192

_DDL_6 = """
CREATE TABLE "eventlog" ("seqNumGlobal" integer not null, "seqNumClient" integer not null,
 "seqNumRebaseGeneration" integer not null, "parentSeqNumGlobal" integer not null,
 "parentSeqNumClient" integer not null, "parentSeqNumRebaseGeneration" integer not null, "name" text not null,
 "argsJson" text not null, "clientId" text not null, "sessionId" text not null, "schemaHash" integer not null,
 "syncMetadataJson" text not null, PRIMARY KEY ("seqNumGlobal", "seqNumClient", "seqNumRebaseGeneration")) strict;
CREATE INDEX "idx_eventlog_seqNumGlobal" on "eventlog" ("seqNumGlobal");
CREATE INDEX "idx_eventlog_seqNum" on "eventlog" ("seqNumGlobal", "seqNumClient", "seqNumRebaseGeneration");
CREATE TABLE "__livestore_sync_status" ("head" integer primary key, "backendId" text) strict;
"""
_DDL_4 = """
CREATE TABLE "eventlog" ("seqNumGlobal" integer not null, "seqNumClient" integer not null,
 "parentSeqNumGlobal" integer not null, "parentSeqNumClient" integer not null, "name" text not null,
 "argsJson" text not null, "clientId" text not null, "sessionId" text not null, "schemaHash" integer not null,
 "syncMetadataJson" text not null, PRIMARY KEY ("seqNumGlobal", "seqNumClient")) strict;
CREATE INDEX "idx_eventlog_seqNumGlobal" on "eventlog" ("seqNumGlobal");
CREATE INDEX "idx_eventlog_seqNum" on "eventlog" ("seqNumGlobal", "seqNumClient");
CREATE TABLE "__livestore_sync_status" ("head" integer not null, PRIMARY KEY ("head")) strict;
"""
DDL = {6: _DDL_6, 4: _DDL_4}
"""SQL that creates an empty log of each writable format."""

NO_METADATA = '{"_tag":"None"}'
"""Value of `syncMetadataJson` if there is none; `null` would fail the boot."""


def log_name(number: int) -> str:
    """The file name of a node store's log, as LiveStore writes it."""
    return f"eventlog@{number}.db"
