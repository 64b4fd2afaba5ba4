"""Checks of a finished migration: of the app's store, of the checklist, for whoever supports it."""
