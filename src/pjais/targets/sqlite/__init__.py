"""The SQLite target: builder, ledger, history triggers, hash chain, comparison, cutover."""
