"""The origin-private file system of Chromium: SQLite files that web pages keep there."""
