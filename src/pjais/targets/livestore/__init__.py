"""The LiveStore target: an event log that an app boots, and our SQLite store of its content beside it."""
