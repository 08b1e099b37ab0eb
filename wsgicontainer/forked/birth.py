"""What a child sets right after the fork, before anything else: signals, its name, where its stacks go.

Signals were blocked around the fork, so none meets a half-made process. Runs in: worker, before its reactor.
"""

from __future__ import annotations

import faulthandler
import signal

from wsgicontainer.process import prctl
from wsgicontainer.process.signals import HELD

STACKS = signal.SIGRTMAX - 3
"""The signal on which a process writes the stacks of its threads, also when its interpreter lock is stuck."""


def hold_signals() -> None:
    """Have signals wait. Runs in: zygote, before a fork."""
    signal.pthread_sigmask(signal.SIG_BLOCK, HELD)


def let_signals_come() -> None:
    """Have them delivered."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)


def pass_over(_number: int, _frame: object) -> None:
    """Do nothing: a function, as programs that the application starts would inherit SIG_IGN."""


def pass_all_over() -> None:
    """Leave signals to the supervisor, whose end is ours; a control group is sent them all at once. Runs in: zygote.

    It was started with them blocked.
    """
    for number in HELD:
        signal.signal(number, pass_over)
    let_signals_come()


def set_right(stacks: int, zygote: int) -> None:
    """Make a forked child a process of its own; `stacks` is where its stacks go, `zygote` who has forked it.

    A terminal's signals are for the supervisor, which tells the workers. SIGCHLD is the application's. While the worker
    imports, it does not see that the supervisor has ended; the zygote does, and the kernel then ends the worker.
    """
    prctl.end_with(zygote)
    signal.set_wakeup_fd(-1)
    for number in HELD - {signal.SIGTERM, signal.SIGCHLD}:
        signal.signal(number, pass_over)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    faulthandler.register(STACKS, file=stacks, all_threads=True)
    let_signals_come()
