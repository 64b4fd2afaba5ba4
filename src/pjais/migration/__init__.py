"""The order of things: the only package that knows which stage follows which.

`run` plans and migrates, `recover` cleans up after an interruption, `verify` proves, `rollback` goes back,
`quarantine` holds what could not go in, `backups` looks after backups and old sources, `state` tells what is there.
"""
