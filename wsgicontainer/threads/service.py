"""The pool's life follows the server's: threads start with it, and end before what they use does.

Runs in: the main thread, which is the reactor's.
"""

from __future__ import annotations

import gc
import os
import threading
from time import monotonic
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

from wsgicontainer.connections.nest import Nest
from wsgicontainer.process.leaving import WayOut
from wsgicontainer.process.memory import keep_freed_memory
from wsgicontainer.threads.pool import LINGER, ApplicationThreads

_log = Logger()
SWEEP = 1.0
"""Seconds between looks for requests that have waited too long for a thread."""
ENDING = 20
"""Lingers of a leader that the end of the threads is waited for: those that are free need one."""


class ThreadsService(Service):
    """Starts and ends the application threads, and the set of connections after them."""

    name = "threads"

    def __init__(self, threads: ApplicationThreads, reactor: Any, nest: Nest | None, way_out: WayOut) -> None:
        """Wait for the start; `nest` is closed in the end, and `way_out` sees to threads that do not end."""
        self._threads, self._reactor, self._nest, self._way_out = threads, reactor, nest, way_out
        self._sweeper = LoopingCall(lambda: threads.sweep(monotonic()))
        self._sweeper.clock = reactor
        self._imported_in, self._imported_with = os.getpid(), threading.active_count()

    def startService(self) -> None:
        """Start the threads; all that is loaded stays, so the collector need not look at it again and again."""
        super().startService()
        if os.getpid() != self._imported_in and self._imported_with > 1:
            _log.warn(
                "The application started {count} threads on import; the daemon's fork has lost them: run "
                "twistd -n, or start them with the first request",
                count=self._imported_with - 1,
            )
        gc.collect()
        gc.freeze()
        keep_freed_memory()
        self._threads.start()
        self._sweeper.start(SWEEP, now=False)
        self._reactor.addSystemEventTrigger("after", "shutdown", self._way_out.leaving.begin)

    def stopService(self) -> Deferred[None]:
        """Drop what is queued; fires when the threads that are free have ended."""
        super().stopService()
        if self._sweeper.running:
            self._sweeper.stop()
        self._threads.stop()
        return Deferred.fromCoroutine(self._ended())

    async def _ended(self) -> None:
        """Close the set once no thread can poll it any more; one that is stuck in the application is not waited for."""
        for _ in range(ENDING):
            if not self._threads.left():
                if self._nest is not None:
                    self._nest.close()
                return
            await deferLater(self._reactor, LINGER)
