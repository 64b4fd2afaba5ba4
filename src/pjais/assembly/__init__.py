"""Assemble a new store from snapshots: reading, normalising, validating and writing meet here."""
