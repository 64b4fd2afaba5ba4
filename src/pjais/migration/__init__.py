"""Migration: the only package that knows the order of the phases.

`run` plans and migrates, `recover` cleans up after an interruption, `verify` proves, `rollback` reverts a run,
`quarantine` handles rejected documents, `backups` manages backups, `state` reads the state of a data folder.
"""
