"""Writes the access log in batches while the server runs. Runs in: reactor thread."""

from __future__ import annotations

from typing import Any

from twisted.application.service import Service
from twisted.internet.task import LoopingCall

from wsgicontainer.telemetry.accesslog import AccessLog

FLUSH = 0.5
"""Seconds between batches of lines."""


class AccessLogService(Service):
    """The log is open as long as anything can be told."""

    name = "access-log"

    def __init__(self, log: AccessLog, reactor: Any) -> None:
        """Wait for the start."""
        self._log, self._flusher = log, LoopingCall(log.flush)
        self._flusher.clock = reactor

    def startService(self) -> None:
        """Open the log. Raises BootError."""
        super().startService()
        self._log.open()
        self._flusher.start(FLUSH, now=False)

    def stopService(self) -> None:
        """Write what is left, and close it."""
        super().stopService()
        if self._flusher.running:
            self._flusher.stop()
        self._log.close()
