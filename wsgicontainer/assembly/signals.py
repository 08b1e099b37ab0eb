"""What a signal does: to end is the same for all; what else, in a process that serves by itself and in a worker.

Runs in: reactor thread.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from functools import partial

from twisted.logger import Logger

from wsgicontainer.process.leaving import WayOut
from wsgicontainer.serving import WebService

_log = Logger()
Signals = dict[signal.Signals, Callable[[], object]]
_OF_A_SUPERVISOR = (signal.SIGUSR2, signal.SIGTTIN, signal.SIGTTOU)


def signals_to_end(way_out: WayOut, hurry: Callable[[], object]) -> Signals:
    """TERM drains; INT and QUIT, or any second one, end at once."""
    asked: list[bool] = []

    def stop(at_once: bool) -> None:
        if at_once or asked:
            hurry()
        asked.append(True)
        way_out.drain()

    return {
        signal.SIGTERM: lambda: stop(False),
        signal.SIGINT: lambda: stop(True),
        signal.SIGQUIT: lambda: stop(True),
    }


def signals_of_single(
    way_out: WayOut, web: WebService, reopen: Callable[[], object], reload: Callable[[], object]
) -> Signals:
    """HUP reloads; USR1 reopens the log.

    What only a supervisor can do is told, and done by nobody: by default USR2 would end the process, TTIN halt it.
    """
    return {
        **signals_to_end(way_out, web.hurry),
        signal.SIGUSR1: reopen,
        signal.SIGHUP: reload,
        **{number: partial(_needs_workers, number.name) for number in _OF_A_SUPERVISOR},
    }


def _needs_workers(name: str) -> None:
    _log.warn("{signal} needs a supervisor: start with --workers 2 or more", signal=name)


def signals_of_worker(drain: Callable[[], object], reopen: Callable[[], object]) -> Signals:
    """TERM drains. A terminal sends INT and QUIT to the supervisor, too, which says what to do."""
    return {
        signal.SIGTERM: drain,
        signal.SIGINT: bool,
        signal.SIGQUIT: bool,
        signal.SIGUSR1: reopen,
        signal.SIGHUP: bool,
    }
