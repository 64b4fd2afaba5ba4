"""SQLite's files on disk: their magic bytes and side files.  A module of its own, which does not load SQLite."""

from __future__ import annotations

MAGIC = b"SQLite format 3\x00"
"""The first 16 bytes of every SQLite file."""

SIDE_FILES = ("-wal", "-shm", "-journal")
"""Suffixes of the files beside a SQLite file that belong to it."""
