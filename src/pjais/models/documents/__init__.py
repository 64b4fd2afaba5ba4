"""The documents of any app: one typed table for each collection that no other model claims."""
