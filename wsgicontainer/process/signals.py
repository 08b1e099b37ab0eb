"""Signal handlers, set at the start, and again once the reactor runs and has set its own.

In between the server listens already: a signal then waits for the reactor's first turn. The handlers run in the reactor
thread.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from typing import Any

from twisted.application.service import Service

Handlers = Mapping[signal.Signals, Callable[[], object]]
_HELD = ("SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGTTIN", "SIGTTOU", "SIGCHLD")
HELD = frozenset(getattr(signal, name) for name in _HELD if hasattr(signal, name))
"""The signals that wait while a process of a server with several is being made: all that mean something to one."""


class SignalHandlers(Service):
    """Calls a function in the reactor's turn for each signal."""

    name = "signals"

    def __init__(self, reactor: Any, handlers: Handlers, handle: Callable[..., object] = signal.signal) -> None:
        """Wait for the start; `handle` sets a handler, as `signal.signal` does."""
        self._reactor, self._handlers, self._handle = reactor, handlers, handle

    def privilegedStartService(self) -> None:
        """Set the handlers before anybody listens. Runs in: the main thread."""
        super().privilegedStartService()
        self._install()

    def startService(self) -> None:
        """Set the handlers; `twist` begins here. Runs in: the main thread."""
        super().startService()
        self._install()
        self._reactor.callWhenRunning(self._take_over)

    def _take_over(self) -> None:
        self._install()
        if getattr(self._reactor, "_exitSignal", None) is not None:
            # It came just between: the reactor's own handler has asked it to stop. Twisted would also have the process
            # die of that signal in the end, which is no success.
            self._reactor._exitSignal = None  # noqa: SLF001 (there is no other way)

    def _install(self) -> None:
        for number in self._handlers:
            self._handle(number, self._received)

    def _received(self, number: int, _frame: object) -> None:
        self._reactor.callFromThread(self._handlers[signal.Signals(number)])
