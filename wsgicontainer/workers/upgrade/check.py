"""Asks what is installed now whether it would start: `--check-config`, in a process of its own. Runs in: supervisor."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet.error import ProcessExitedAlready, ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

_MOST_TOLD = 20_000
"""Octets of its complaint that are kept."""


class Check(ProcessProtocol):
    """Runs `--check-config` with what is installed now; `done(fault)` gets "" if all is well."""

    transport: Any

    def __init__(self, reactor: Any, seconds: float, done: Callable[[str], object]) -> None:
        """Give it so many seconds."""
        self._reactor, self._seconds, self._done = reactor, seconds, done
        self._told = b""
        self._clock: Any = None
        self._trigger: Any = None

    def connectionMade(self) -> None:
        """Begin to count; a server that ends does not leave it behind."""
        self._clock = self._reactor.callLater(self._seconds, self._too_long)
        self._trigger = self._reactor.addSystemEventTrigger("during", "shutdown", self._kill)

    def errReceived(self, data: bytes) -> None:
        """Keep what it complains of."""
        self._told = (self._told + data)[-_MOST_TOLD:]

    def processEnded(self, reason: Failure) -> None:
        """Tell how it went."""
        if self._clock is not None and self._clock.active():
            self._clock.cancel()
        if self._trigger is not None:
            with suppress(ValueError):  # it was pulled: the server ends
                self._reactor.removeSystemEventTrigger(self._trigger)
        if not reason.check(ProcessTerminated):
            self._done("")
            return
        lines = self._told.decode(errors="replace").strip().splitlines()
        self._done(lines[-1] if lines else f"--check-config {reason.getErrorMessage()}")

    def _too_long(self) -> None:
        self._told = f"--check-config took longer than {self._seconds:g} s".encode()
        self._kill()

    def _kill(self) -> None:
        with suppress(ProcessExitedAlready):
            self.transport.signalProcess("KILL")
