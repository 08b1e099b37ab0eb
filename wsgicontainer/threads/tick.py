"""Do the awake threads read, wait, move or compute? What a tick concludes from what it sees. Pure.

While a thread leads, it reads what comes: nothing to do. Threads that have used little CPU since the last tick wait (for
a database, say): others can run beside them, as many as the queue needs, at once. Threads that use the CPU and finish
jobs are left alone. Those that use it and finish nothing compute: they hold the GIL and others would only fight them for
it, so one more is woken now and then, for fairness.
"""

from __future__ import annotations

from enum import Enum

from attrs import define

PERIOD = 0.002
"""Seconds between ticks while a thread is awake: what a burst waits at most before others are woken."""
WAITING_BELOW = 0.5
"""Share of the time since the last tick in CPU time below which the awake threads count as waiting."""
FAIRNESS = 5
"""Ticks of computing before one more thread is woken beside those that compute."""


class Mood(Enum):
    """What the awake threads are at."""

    MOVING = "leave them alone"
    WAITING = "wake as many as the queue needs"
    COMPUTING = "leave them alone for a while"
    SHARING = "wake one"


@define
class Tick:
    """What was seen at the last tick."""

    finished: int = -1
    cpu: float = 0.0
    computing: int = 0

    def mood(self, *, leading: bool, finished: int, cpu: float, elapsed: float) -> Mood:
        """Conclude.

        `leading`: a thread polls the set now; `finished` counts jobs, `cpu` the seconds of CPU that all threads have
        used; both only grow. `elapsed` is in seconds since the last tick.
        """
        spent, self.cpu = cpu - self.cpu, cpu
        moved, self.finished = finished != self.finished, finished
        if leading or moved:
            self.computing = 0
        if leading:
            return Mood.MOVING
        if spent < elapsed * WAITING_BELOW:
            self.computing = 0
            return Mood.WAITING
        if moved:
            return Mood.MOVING
        self.computing += 1
        return Mood.COMPUTING if self.computing % FAIRNESS else Mood.SHARING
