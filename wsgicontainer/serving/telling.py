"""Tells whoever has started the server when it is ready, what it does, and when it leaves; feeds a watchdog.

`Telling` is the last service to start and the first to stop: ready means that everything before it is, and stopping is
said before the drain. `Watchdog` is the first to start and the last to stop: it is fed on the way out, too.
Both are there only if somebody listens. Runs in: reactor thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.task import LoopingCall

from wsgicontainer.interfaces import IOperatorNotices

STATUS = 5.0
"""Seconds between looks at what is told of a running server; the same again is not told again."""
FEEDINGS = 2
"""Feedings in the time after which a watchdog bites: systemd advises half of it."""


class Telling(Service):
    """Says ready, then how it goes, then stopping."""

    name = "notices"

    def __init__(self, reactor: Any, notices: IOperatorNotices, describe: Callable[[], str]) -> None:
        """Take `describe()`, which says in a line what the server is at."""
        self._reactor, self._notices, self._describe = reactor, notices, describe
        self._said = ""
        self._refresher = LoopingCall(self._refresh)
        self._refresher.clock = reactor

    def startService(self) -> None:
        """Say ready once the reactor runs: before its first turn nobody is answered."""
        super().startService()
        self._reactor.callWhenRunning(self._begin)

    def stopService(self) -> None:
        """Say that it leaves, and why that takes a while."""
        super().stopService()
        if self._refresher.running:
            self._refresher.stop()
        self._notices.stopping(f"Draining: {self._describe()}")

    def _begin(self) -> None:
        if self.running:
            self._said = f"Serving: {self._describe()}"
            self._notices.ready(self._said)
            self._refresher.start(STATUS, now=False)

    def _refresh(self) -> None:
        text = f"Serving: {self._describe()}"
        if text != self._said:
            self._said = text
            self._notices.status(text)


class Watchdog(Service):
    """Says alive as long as the reactor turns and the application threads move."""

    name = "watchdog"

    def __init__(self, reactor: Any, notices: IOperatorNotices, moving: Callable[[], bool]) -> None:
        """Take `moving()`, which tells whether threads have taken anything since last time, if there was something."""
        self._notices, self._moving = notices, moving
        self._feeder = LoopingCall(self._feed)
        self._feeder.clock = reactor

    def startService(self) -> None:
        """Feed from now on."""
        super().startService()
        if self._notices.patience is not None:
            self._feeder.start(self._notices.patience / FEEDINGS, now=False)

    def stopService(self) -> None:
        """Feed no more."""
        super().stopService()
        if self._feeder.running:
            self._feeder.stop()

    def _feed(self) -> None:
        if self._moving():
            self._notices.alive()
