"""Checks of a finished migration: the app's store, the checklist, the support bundle."""
