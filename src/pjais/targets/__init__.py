"""Targets: destinations of data, built out of sight and put in place in one atomic step."""
