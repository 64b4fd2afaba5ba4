"""The origin-private file system of Chromium: SQLite files that pages keep there."""
