"""The clocks of repeating tasks: kept here, so that no replaced worker sets them back.

A timer that is also in the next generation goes on as if nothing had happened; its task runs in one worker.
Runs in: supervisor, reactor thread.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from twisted.internet.task import LoopingCall

from wsgicontainer.settings import Timer


class Schedule:
    """Calls `run(position)` whenever the timer at that position of the present list is due."""

    def __init__(self, reactor: Any, run: Callable[[int], object]) -> None:
        """Count nothing yet."""
        self._reactor, self._run = reactor, run
        self._loops: dict[Hashable, LoopingCall] = {}
        self._positions: dict[Hashable, int] = {}

    def follow(self, timers: Sequence[Timer]) -> None:
        """Count for these, from now on."""
        seen: Counter[Timer] = Counter()
        self._positions = {}
        for position, timer in enumerate(timers):
            self._positions[timer, seen[timer]] = position
            seen[timer] += 1
        for key in [key for key in self._loops if key not in self._positions]:
            self._loops.pop(key).stop()
        for key, position in self._positions.items():
            if key not in self._loops:
                self._begin(key, timers[position].seconds)

    def _begin(self, key: Hashable, seconds: float) -> None:
        loop = LoopingCall(lambda: self._run(self._positions[key]))
        loop.clock = self._reactor
        self._loops[key] = loop
        loop.start(seconds, now=False)
