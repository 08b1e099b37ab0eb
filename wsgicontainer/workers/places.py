"""How many workers there are to be, and a socket for each of them at each port.

TTIN and TTOU change the number at once; another `--workers` comes with its generation. A socket that was opened stays
to the end: somebody will accept from it. Runs in: supervisor, reactor thread.
"""

from __future__ import annotations

from twisted.logger import Logger

from wsgicontainer.endpoints import HeldPort
from wsgicontainer.errors import ConfigurationError

_log = Logger()


class Places:
    """The number, and the sockets."""

    def __init__(self, ports: list[HeldPort], count: int) -> None:
        """Open nothing yet."""
        self.ports = ports
        self.count = self.slots = count
        """Workers that are wanted; slots that have sockets."""
        self._more = 0
        """How many workers the coming generation is to have more than the current one."""

    def open(self) -> None:
        """Open all ports that are not open. Raises BootError, ConfigurationError."""
        for port in self.ports:
            if not port.sockets:  # otherwise it was opened before, or handed over
                try:
                    port.open(self.slots)
                except ConfigurationError:
                    self.close()
                    raise

    def deafen(self) -> None:
        """Have no new connection arrive; what has arrived waits for whoever accepts it."""
        for port in self.ports:
            port.deafen()

    def close(self) -> None:
        """Give all sockets up: whoever has them in other processes has them still."""
        for port in self.ports:
            port.close()

    def change(self, by: int) -> bool:
        """Want one more, or less; say whether that can be had."""
        wanted = self.count + by
        if wanted < 1:
            _log.warn("There is only one worker: it stays")
            return False
        if not self._make_room(wanted):
            return False
        self.count = wanted
        _log.info("Workers wanted: {count}", count=wanted)
        return True

    def expect(self, before: int, after: int) -> None:
        """Have the coming generation be `after`, if that has changed; what TTIN and TTOU have asked for stays."""
        if after != before and self._make_room(after):
            self._more = after - self.count

    def of_coming(self) -> int:
        """Return how many workers the coming generation is to have."""
        return max(1, self.count + self._more)

    def settle(self) -> None:
        """Let the coming generation's number be the one that is wanted."""
        self.count, self._more = self.of_coming(), 0

    def forget(self) -> None:
        """Go back to the current number: there is no coming generation any more."""
        self._more = 0

    def _make_room(self, count: int) -> bool:
        try:
            for port in self.ports:
                port.grow(count)
        except OSError as error:
            _log.error("No more sockets can be opened ({reason})", reason=error.strerror)
            return False
        self.slots = max(self.slots, count)
        return True
