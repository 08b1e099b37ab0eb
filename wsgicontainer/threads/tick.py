"""Do the awake threads read, wait, move or compute? What a tick concludes from what it sees. Pure.

While a thread leads, it reads what comes: nothing to do. Where many jobs end, one thread is enough. Threads that have
used little CPU since the last tick wait (for a database, say): others can run beside them, as many as the queue needs,
at once. Threads that use the CPU and finish jobs are left alone. Those that use it and finish nothing compute: they
hold the GIL and others would only fight them for it, so one more is woken now and then, for fairness.
"""

from __future__ import annotations

from enum import Enum

from attrs import define

PERIOD = 0.002
"""Seconds between ticks while a thread is awake: what a burst waits at most before others are woken."""
WAITING_BELOW = 0.5
"""Share of the time since the last tick in CPU time below which the awake threads count as waiting."""
QUICK_JOBS = 4
"""Jobs finished in a period, for each awake thread, from which on one thread does it all faster than several:
between quick jobs the hand-over of the GIL costs more than the jobs."""
CALM = 50
"""Ticks without waiting or computing, 0.1 s, after which ticks come more slowly: they cost a busy server 5 %."""
CALM_PERIOD = 0.01
"""Seconds between ticks then: what the first request behind one that waits may itself wait."""
FAIRNESS = 5
"""Ticks of computing before one more thread is woken beside those that compute."""


class Mood(Enum):
    """What the awake threads are at."""

    QUICK = "one is enough: let the others lie down"
    MOVING = "leave them alone"
    WAITING = "wake as many as the queue needs"
    COMPUTING = "leave them alone for a while"
    SHARING = "wake one"


@define
class Tick:
    """What was seen at the last tick."""

    finished: int = 0
    cpu: float = 0.0
    computing: int = 0
    calm: int = 0

    @property
    def period(self) -> float:
        """Return the seconds until the next tick."""
        return PERIOD if self.calm < CALM else CALM_PERIOD

    def mood(self, *, leading: bool, awake: int, finished: int, cpu: float, elapsed: float) -> Mood:
        """Conclude.

        `leading`: a thread polls the set now; `awake` counts threads, `finished` jobs, `cpu` the seconds of CPU that
        all threads have used; the last two only grow. `elapsed` is in seconds since the last tick.
        """
        spent, self.cpu = cpu - self.cpu, cpu
        done, self.finished = finished - self.finished, finished
        self.calm += 1
        if done * PERIOD >= QUICK_JOBS * awake * elapsed:
            mood = Mood.QUICK
        elif leading:
            mood = Mood.MOVING
        elif spent < elapsed * WAITING_BELOW:
            mood, self.calm = Mood.WAITING, 0
        elif done:
            mood = Mood.MOVING
        else:
            self.computing, self.calm = self.computing + 1, 0
            return Mood.COMPUTING if self.computing % FAIRNESS else Mood.SHARING
        self.computing = 0
        return mood
