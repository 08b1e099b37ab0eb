"""Keeps the log readable while something happens a thousand times a second: one line a minute for each kind of thing.

The first is told at once. What comes of the same kind within the minute is counted, and only the last of it is told
when the minute is over, with the count. Kinds are few and ours: no peer can make one up. Runs in: any thread.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Lock
from time import monotonic

from attrs import define

PERIOD = 60.0
"""Seconds: often enough for who looks on, and an attack of a day is 1,440 lines."""
Say = Callable[[int], object]
"""Writes the line, with how many others of its kind were not told."""
Later = Callable[[float, Callable[[], None]], object]
"""Calls something after so many seconds; from any thread."""


@define(eq=False)
class _Kept:
    """What is known of a kind within its minute."""

    until: float
    say: Say | None = None
    """The last one that was not told."""
    count: int = 0


def _never(_seconds: float, _call: Callable[[], None]) -> None:
    """Have nobody come back: what was kept back is told with the next of its kind."""


class Sparing:
    """Tells, but not everything."""

    def __init__(self, later: Later = _never, clock: Callable[[], float] = monotonic) -> None:
        """`later` has the count told though nothing of the kind comes any more."""
        self._later, self._clock = later, clock
        self._kinds: dict[Hashable, _Kept] = {}
        self._lock = Lock()

    def tell(self, kind: Hashable, say: Say) -> None:
        """Tell it now, or keep it back until the kind's minute is over."""
        now = self._clock()
        with self._lock:
            kept = self._kinds.get(kind)
            if kept is not None and now < kept.until:
                kept.say, kept.count = say, kept.count + 1
                return
            others = 0 if kept is None else kept.count
            minute = self._begin(kind, now)
        self._later(PERIOD, lambda: self._end(kind, minute))
        say(others)

    def _begin(self, kind: Hashable, now: float) -> _Kept:
        minute = self._kinds[kind] = _Kept(now + PERIOD)
        return minute

    def _end(self, kind: Hashable, minute: _Kept) -> None:
        """Tell what was kept back in a minute, and begin another; forget the kind if there was nothing."""
        with self._lock:
            if self._kinds.get(kind) is not minute:
                return  # one that came just before has told it
            say = minute.say
            if say is None:
                del self._kinds[kind]
                return
            following = self._begin(kind, self._clock())
        self._later(PERIOD, lambda: self._end(kind, following))
        say(minute.count - 1)
