"""What the pool of threads takes from the machine: threads, locks, clocks, and the set of connections that it leads."""

from __future__ import annotations

import threading
import time
from _thread import LockType, allocate_lock, get_ident
from collections.abc import Callable
from typing import Protocol

from attrs import frozen

from wsgicontainer.messages import Moment


class LedSet(Protocol):
    """The nested set of connections, as far as the lead goes."""

    moment: Moment
    """When `take` was over last."""

    def take(self, timeout: float) -> int:
        """Hand out whatever is ready; return how many."""

    def watch(self, on: bool) -> None:
        """Have the reactor woken by the set, or not."""

    def nudge(self) -> None:
        """End the wait of a leader that lingers."""

    def fileno(self) -> int:
        """Return the descriptor for the reactor."""


def _spawn(work: Callable[[], None], name: str) -> None:
    threading.Thread(target=work, name=name, daemon=True).start()


@frozen
class Machine:
    """What the pool takes from the machine."""

    spawn: Callable[[Callable[[], None], str], None] = _spawn
    """Runs a function in a new thread of that name; raises RuntimeError if the system allows no more."""
    new_lock: Callable[[], LockType] = allocate_lock
    clock: Callable[[], float] = time.monotonic


class Watched:
    """The set as the reactor knows it (IReadDescriptor). Runs in: reactor thread."""

    def __init__(self, led: LedSet, ready: Callable[[], None]) -> None:
        """Have `ready` called when the set has something."""
        self._led = led
        self.doRead = ready

    def fileno(self) -> int:
        """Return the set's descriptor."""
        return self._led.fileno()

    def logPrefix(self) -> str:
        """Name it for Twisted's log."""
        return "connections"

    def connectionLost(self, reason: object) -> None:
        """Do nothing: the reactor ends."""


def cpu_clock() -> int | None:
    """Return the clock that counts this thread's CPU time, where the platform has one."""
    try:
        return time.pthread_getcpuclockid(get_ident())
    except (AttributeError, OSError):
        return None
