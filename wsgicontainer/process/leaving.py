"""The last word: once the server has stopped, the process ends, whatever threads the application has left behind."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from attrs import define

LAST_WORD = 0.75
"""Seconds that the interpreter has to end by itself once everything has stopped."""


def leave_within(seconds: float, status: int = 0, leave: Callable[[int], object] = os._exit) -> None:
    """End the process with `status` after `seconds`, unless the interpreter has ended by itself before.

    A thread that the application started and that never ends would otherwise be waited for, for ever.
    """
    threading.Thread(target=_leave, args=(seconds, status, leave), name="leaving", daemon=True).start()


@define
class Leaving:
    """The status with which the process will end."""

    status: int = 0
    """What it is to be; a supervisor takes any but 0 as a reason to start it anew."""

    def begin(self) -> None:
        """See to it that the process ends, and so. Runs in: reactor thread, when everything has stopped."""
        if self.status:
            # Twisted's commands know no status of their own: the last moment that is ours is the interpreter's end.
            atexit.register(_leave, 0.0, self.status, os._exit)
        leave_within(LAST_WORD, self.status)


class WayOut:
    """Ends the process, once."""

    def __init__(self, reactor: Any) -> None:
        """Take the reactor that is to stop."""
        self._reactor, self._ending = reactor, False
        self.leaving = Leaving()

    def drain(self) -> None:
        """Stop the reactor; the services drain."""
        if not self._ending:
            self._ending = True
            self._reactor.stop()

    def fail(self, status: int) -> None:
        """Drain, and end with a status."""
        self.leaving.status = status
        self.drain()

    def replace(self) -> None:
        """Drain, and have the supervisor start a new process."""
        self.fail(1)


def _leave(seconds: float, status: int, leave: Callable[[int], object]) -> None:
    time.sleep(seconds)
    with suppress(Exception):
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
    leave(status)
