"""USR2: a new supervisor in the same process.

`command` is what is run, `check` asks it whether it would start, `note` is what one supervisor leaves to the next,
`becoming` the exec() between the two. Runs in: supervisor.
"""
