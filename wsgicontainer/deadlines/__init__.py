"""The deadline of a request, queue included (`--timeout`); nothing here runs when that is off.

`exchange` is a request that thread and reactor may both answer, and its law: whoever takes the right to answer first
does; `watch` looks at all of them, answers 504, and has threads that do not come back replaced; `interrupt` raises
`RequestTimeout` inside another thread.
"""

from wsgicontainer.deadlines.watch import PERIOD, Watch

__all__ = ["PERIOD", "Watch"]
