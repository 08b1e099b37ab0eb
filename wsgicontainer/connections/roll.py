"""The roll of open connections: who is there, whose clock has run out, and how they all leave.

One coarse clock for all of them (a sweep a second) instead of a timer each: setting a deadline is one attribute.
The sweep takes only connections that nobody owns; what has an owner is on the move anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from math import inf

from twisted.logger import Logger
from zope.interface import implementer

from wsgicontainer.interfaces import IOpenConnection, IRoll

_log = Logger()


@implementer(IRoll)
class Roll:
    """Every open connection of the server, with a bound on how many there may be."""

    def __init__(self, limit: int) -> None:
        """Let `limit` connections be open; see `watch` for who is told."""
        self._open: dict[int, IOpenConnection] = {}
        self._places = count()
        self._place: dict[int, int] = {}
        """By a connection's id: its key in `_open`, which another one may take over."""
        self._limit = limit
        self._crowded = self._told = False
        self._tell_crowded: Callable[[], object] = bool
        self._tell_relieved: Callable[[], object] = bool
        self._soon: Callable[[Callable[[], None]], object] = bool

    def watch(
        self,
        crowded: Callable[[], object],
        relieved: Callable[[], object],
        soon: Callable[[Callable[[], None]], object],
    ) -> None:
        """Have `crowded()` called at the limit, and `relieved()` when there is room again, both in the reactor thread.

        `soon` has a function run there, from any thread (`reactor.callFromThread`).
        """
        self._tell_crowded, self._tell_relieved, self._soon = crowded, relieved, soon

    def __len__(self) -> int:
        """Count the open connections."""
        return len(self._open)

    def __iter__(self) -> Iterator[IOpenConnection]:
        """Iterate over a copy: connections come and go from any thread meanwhile."""
        return iter(list(self._open.values()))

    def room(self) -> int:
        """Tell how many connections more there may be."""
        return self._limit - len(self._open)

    def enter(self, connection: IOpenConnection) -> None:
        """Add a connection. Runs in: any."""
        place = next(self._places)
        self._place[id(connection)] = place
        self._open[place] = connection
        if len(self._open) >= self._limit and not self._crowded:
            self._crowded = True
            self._soon(self._crowd)

    def replace(self, before: IOpenConnection, after: IOpenConnection) -> None:
        """Put a connection in another one's place: at no moment there are both, or neither. Runs in: any."""
        place = self._place.pop(id(before))
        self._place[id(after)] = place
        self._open[place] = after

    def strike(self, connection: IOpenConnection) -> None:
        """Take a closed connection off the roll. Runs in: any."""
        self._open.pop(self._place.pop(id(connection), -1), None)
        if self._crowded and len(self._open) < self._limit:
            self._soon(self._look_for_room)

    def _crowd(self) -> None:
        """Tell it. Runs in: reactor thread."""
        if not self._told:
            self._told = True
            self._tell_crowded()
        self.make_room()
        self._look_for_room()  # one may have left before it could know

    def make_room(self) -> None:
        """Close some that wait for a request, those with the least time left. Runs in: reactor thread.

        Otherwise silent clients could keep all others out. An eighth at once, as all are looked through for it; but not
        the newest, which had no time to ask.
        """
        wanted = len(self._open) - self._limit + max(1, self._limit // 8)
        for connection in sorted(list(self)[:-1], key=lambda each: each.deadline or inf):  # 0: has just been served
            wanted -= connection.make_room()
            if wanted <= 0:
                return

    def _look_for_room(self) -> None:
        """Tell it, if it is still so: others may have come meanwhile. Runs in: reactor thread."""
        if self._told and len(self._open) < self._limit:
            self._told = self._crowded = False
            self._tell_relieved()
            if len(self._open) >= self._limit:  # one came after the look, and saw that the others know
                self._crowded = True
                self._soon(self._crowd)

    def sweep(self, now: float) -> None:
        """End every wait whose deadline has passed. Runs in: reactor thread."""
        for connection in self:
            if connection.deadline < now:
                try:
                    connection.expire(now)
                except Exception:  # noqa: BLE001 (one connection's trouble must not stop everybody's clocks)
                    _log.failure("A connection could not be ended")
