"""The SQLite target: builder, ledger, history triggers, chain, comparison, cutover."""
