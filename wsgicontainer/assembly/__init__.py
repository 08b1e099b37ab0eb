"""Settings + reactor -> one MultiService. The one place that knows everybody, and the only one that makes neighbors.

    first       the process that somebody starts: it serves by itself, or is the supervisor of those that do
    supervisor  what a supervisor is put together from
    worker      the zygote, and the workers that it forks
    checking    --check-config
    core        what serves in either: threads, connections, log, timers; with `site`, who answers what, and `ports`
    becoming    folder, environment, user, title of a process; `signals` what each signal does

Services start in the order in which they stand, and stop in the opposite one:

    watchdog · signals · identity · pid-file · access-log · threads · deadlines · certificates · timers · web · notices

Ports are opened before all of that (`privilegedStartService`). Runs in: reactor thread, before the reactor runs.
"""

from wsgicontainer.assembly.checking import check
from wsgicontainer.assembly.first import makeService
from wsgicontainer.assembly.worker import makeWorker, prepare

__all__ = ["check", "makeService", "makeWorker", "prepare"]
