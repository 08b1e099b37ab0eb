"""The supervisor: many processes serve, one looks after them.

`supervisor` is the service; `crew` is one code generation: its zygote and its workers; `plan` decides what is due,
beside `backoff`, `lifetime` and `slots`; `takeover` carries all of it through an exec(). Runs in: supervisor; no
application is imported there.
"""

from wsgicontainer.workers.supervisor import Supervisor

__all__ = ["Supervisor"]
