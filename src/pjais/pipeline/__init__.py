"""The order of things: the only package that knows which stage follows which.

`run` plans and migrates, `recover` cleans up after an interruption, `prove` verifies, `undo` rolls back,
`triage` handles the quarantine, `transfer` exports and imports, `keep` looks after backups and old sources,
`state` tells what is there.
"""
