"""Signal handlers, set once the reactor runs and has set its own. The handlers run in the reactor thread."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from typing import Any

from twisted.application.service import Service

Handlers = Mapping[signal.Signals, Callable[[], object]]


class SignalHandlers(Service):
    """Calls a function in the reactor's turn for each signal."""

    name = "signals"

    def __init__(self, reactor: Any, handlers: Handlers) -> None:
        """Wait for the start."""
        self._reactor, self._handlers = reactor, handlers

    def startService(self) -> None:
        """Set the handlers as soon as the reactor runs; it sets its own at that moment."""
        super().startService()
        self._reactor.callWhenRunning(self._install)

    def _install(self) -> None:
        for number in self._handlers:
            signal.signal(number, self._received)

    def _received(self, number: int, _frame: object) -> None:
        self._reactor.callFromThread(self._handlers[signal.Signals(number)])
