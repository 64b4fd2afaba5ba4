"""The target's shape, described once: readers, writers, verification and the store all work from it."""
