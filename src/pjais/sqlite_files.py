"""SQLite's files as they lie on a disk: how one begins, and what lies beside it.  Known without loading SQLite."""

from __future__ import annotations

MAGIC = b"SQLite format 3\x00"
"""The first 16 bytes of every SQLite file (SQLite file format, §1.3.1)."""

SIDE_FILES = ("-wal", "-shm", "-journal")
"""What may lie beside a SQLite file and belongs to it."""
