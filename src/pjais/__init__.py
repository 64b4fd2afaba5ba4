"""Moves AI personas, memories and conversations into plain SQLite, and proves that nothing was lost."""
