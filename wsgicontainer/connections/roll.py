"""The roll of open connections: who is there, whose clock has run out, and how they all leave.

One coarse clock for all of them (a sweep a second) instead of a timer each: setting a deadline is one attribute.
The sweep takes only connections that nobody owns; what has an owner is on the move anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol


class OpenConnection(Protocol):
    """What the roll needs to know of a connection, whatever its HTTP version."""

    deadline: float

    def expire(self, now: float) -> None:
        """End a wait that took too long. Runs in: reactor thread."""

    def leave(self) -> None:
        """Close if idle: the server is on its way out. Runs in: reactor thread."""

    def cut(self) -> None:
        """End at once, whatever is running. Runs in: reactor thread."""


class Roll:
    """Every open connection of the server, with a bound on how many there may be."""

    def __init__(self, limit: int, crowded: Callable[[], None], relieved: Callable[[], None]) -> None:
        """Call `crowded()` when `limit` connections are open and `relieved()` when there is room again (any thread)."""
        self._open: dict[int, OpenConnection] = {}
        self._limit, self._crowded_call, self._relieved_call = limit, crowded, relieved
        self._crowded = False

    def __len__(self) -> int:
        """Count the open connections."""
        return len(self._open)

    def __iter__(self) -> Iterator[OpenConnection]:
        """Iterate over a copy: connections come and go from any thread meanwhile."""
        return iter(list(self._open.values()))

    def enter(self, connection: OpenConnection) -> None:
        """Add a connection. Runs in: reactor thread."""
        self._open[id(connection)] = connection
        if len(self._open) >= self._limit and not self._crowded:
            self._crowded = True
            self._crowded_call()

    def strike(self, connection: OpenConnection) -> None:
        """Take a closed connection off the roll. Runs in: any."""
        self._open.pop(id(connection), None)
        if self._crowded and len(self._open) < self._limit:
            self._crowded = False
            self._relieved_call()

    def sweep(self, now: float) -> None:
        """End every wait whose deadline has passed. Runs in: reactor thread."""
        for connection in self:
            if connection.deadline < now:
                connection.expire(now)
