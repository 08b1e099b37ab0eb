"""The supervisor: many processes serve, one looks after them.

`supervisor` is the service, to be read first. `rounds` has done what is due; `plan` decides what that is, beside
`backoff`, `lifetime` and `slots`. `generations` says who serves, follows and leaves; each is a `crew`: its `zygote` and
its `worker`s. `changes` is HUP and USR2, `places` TTIN and TTOU, `departure` TERM, `watching` the clocks; `upgrade`
carries all of it through an exec(). Runs in: supervisor; no application is imported there.
"""

from wsgicontainer.workers.supervisor import Supervisor

__all__ = ["Supervisor"]
