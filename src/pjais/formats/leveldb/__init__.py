"""LevelDB, read from its bytes: no lock is taken, nothing is written."""
