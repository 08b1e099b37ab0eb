"""Plain connections live in an epoll set of our own, nested as one descriptor in the reactor.

`inner` holds the connections, edge-triggered, each registered once and for good: no system call per request but
recv and send. `outer` holds only `inner`, and the reactor knows `outer` as one ordinary read descriptor. So the reactor
pays its price per batch, not per event, and any thread can stop or start the reactor's watching with one
`epoll_ctl`, without touching Twisted's state. Works under every reactor that has addReader.

An event is a hint. A number may have been closed and used anew since the kernel reported it, so what an event says is
always checked with a system call on the socket itself; a stale one costs a recv that finds nothing.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable
from time import monotonic

from twisted.logger import Logger

from wsgicontainer.messages import Moment

_log = Logger()
POSSIBLE = hasattr(select, "epoll") and hasattr(os, "eventfd")
"""Whether this platform has what the nest is made of; the module imports all the same."""
_IN, _OUT, _ET = (select.EPOLLIN, select.EPOLLOUT, select.EPOLLET) if POSSIBLE else (0, 0, 0)
_INTEREST = _IN | _OUT | _ET | (select.EPOLLRDHUP if POSSIBLE else 0)
BATCH = 512
"""Events per poll: a bound on how long one holder of the lead reads before it runs what it has read."""


class Nest:
    """The set of plain connections. Only the holder of the lead polls it."""

    def __init__(self) -> None:
        """Open the two epoll sets and the descriptor that nudges a waiting leader; `moment` tells each batch's time."""
        self.moment = Moment()
        self._ready: dict[int, Callable[[int], None]] = {}
        self._inner = select.epoll()
        self._outer = select.epoll()
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._inner.register(self._bell, _IN | _ET)
        self._watched = True
        self._outer.register(self._inner.fileno(), _IN)
        self._watch_lock = threading.Lock()

    def add(self, descriptor: int, ready: Callable[[int], None]) -> None:
        """Have `ready(events)` called by the holder of the lead whenever something happens. Runs in: any."""
        self._ready[descriptor] = ready
        self._inner.register(descriptor, _INTEREST)

    def listen(self, descriptor: int, ready: Callable[[int], None]) -> None:
        """Have `ready(events)` called as long as connections wait to be accepted (level-triggered)."""
        self._ready[descriptor] = ready
        self._inner.register(descriptor, _IN)

    def dismiss(self, descriptor: int) -> None:
        """Take a listening socket out of the set: closing does not, while another process holds the same socket."""
        self._ready.pop(descriptor, None)
        self._inner.unregister(descriptor)

    def mute(self, descriptor: int, on: bool) -> None:
        """Have a listening socket's connections wait, or tell of them again. Runs in: any."""
        self._inner.modify(descriptor, 0 if on else _IN)

    def reassign(self, descriptor: int, ready: Callable[[int], None]) -> None:
        """Have another function called for a connection from now on. Runs in: the owner."""
        self._ready[descriptor] = ready

    def renew(self, descriptor: int) -> None:
        """Report a connection's state once more, as if it had just changed. Runs in: the owner."""
        self._inner.modify(descriptor, _INTEREST)

    def forget(self, descriptor: int) -> None:
        """Drop a connection whose owner is about to close it; closing takes it out of the set. Runs in: the owner."""
        self._ready.pop(descriptor, None)

    def take(self, timeout: float) -> int:
        """Hand out whatever is ready, waiting up to `timeout` seconds; return how many. Runs in: the lead's holder."""
        events = self._inner.poll(timeout, BATCH)
        self.moment.now = monotonic()
        find = self._ready.get
        for descriptor, event in events:
            ready = find(descriptor)
            if ready is not None:
                try:
                    ready(event)
                except Exception:  # noqa: BLE001 (the others' events are not told twice)
                    _log.failure("An event of descriptor {descriptor} failed", descriptor=descriptor)
        return len(events)

    def nudge(self) -> None:
        """End the wait of a leader that lingers in `take`. Runs in: any."""
        os.eventfd_write(self._bell, 1)

    def watch(self, on: bool) -> None:
        """Have the reactor woken by the connections' events, or not. Runs in: any."""
        if self._watched is not on:
            with self._watch_lock:
                self._watched = on
                self._outer.modify(self._inner.fileno(), _IN if on else 0)

    def fileno(self) -> int:
        """Tell the reactor what to watch."""
        return self._outer.fileno()

    def close(self) -> None:
        """Close the sets; every connection has been closed before. Runs in: reactor thread, after all others ended."""
        self._outer.close()
        self._inner.close()
        os.close(self._bell)
