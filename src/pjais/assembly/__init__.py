"""Snapshots to records in a new store: reading, normalising, validating and writing meet here."""
