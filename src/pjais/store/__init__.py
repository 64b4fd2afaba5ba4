"""The store in SQLite, whatever its model: connections, records, live queries, history, undo, upgrade."""
