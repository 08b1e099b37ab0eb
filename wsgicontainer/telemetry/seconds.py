"""Moments of the monotonic clock, written as the wall clock's: each second once, and the clock is followed when set."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, tzinfo
from math import floor
from time import monotonic, time

from attrs import frozen

_REMEMBERED = 600
"""Seconds whose writing is remembered: requests that run for long began in others than those beside them."""


def _ahead() -> float:
    return time() - monotonic()


@frozen
class WallClock:
    """What people read the time from."""

    zone: tzinfo | None = None
    """The machine's if None."""
    ahead: Callable[[], float] = _ahead
    """Returns how many seconds since the epoch it shows when the monotonic clock is at 0."""


class Seconds:
    """The seconds of a wall clock, each with its begin and end on the monotonic clock, and as `write` writes it.

    Runs in: any; threads that meet here do the same work twice at worst.
    """

    def __init__(self, clock: WallClock, write: Callable[[datetime], str]) -> None:
        """Look at the clock."""
        self._clock, self._write = clock, write
        self._written: dict[int, str] = {}
        self.follow()

    def follow(self) -> None:
        """Look at the clock again: it may have been set."""
        self._ahead = self._clock.ahead()
        self.last = 0.0, 0.0, ""

    def at(self, moment: float) -> tuple[float, float, str]:
        """Return the second in which a moment lies; it is `last` too, for whoever looks there first."""
        ahead = self._ahead
        number = floor(moment + ahead)
        text = self._written.get(number)
        if text is None:
            if len(self._written) >= _REMEMBERED:
                self._written.clear()
            when = datetime.fromtimestamp(number, self._clock.zone)
            text = self._written[number] = self._write(when if self._clock.zone else when.astimezone())
        found = self.last = number - ahead, number + 1 - ahead, text
        return found
