"""Views of any app's tables, of SQL, quick open and settings."""
