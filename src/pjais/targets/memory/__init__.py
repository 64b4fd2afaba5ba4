"""The target in memory: the smallest one, for tests and as an example."""
