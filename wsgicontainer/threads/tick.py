"""Do the awake threads read, wait, move or compute? What a tick concludes from what it sees. Pure.

While a thread leads, it reads what comes: nothing to do. Threads that leave the CPU idle wait (for a database, say):
others can run beside them, more with every tick that still finds them waiting. Threads that fill the CPU and finish
jobs need no company: one does most when nobody fights it for the GIL. Whether that is so, a trial shows: where one
alone does clearly less than the many before, as each job waits a little, the many are left alone for a while. Threads
that fill the CPU and finish nothing compute: one more is woken now and then, for fairness.
"""

from __future__ import annotations

from enum import Enum

from attrs import define

PERIOD = 0.002
"""Seconds between ticks while a thread is awake: what a burst waits at most before others are woken."""
WAITING_BELOW = 0.7
"""Share of the time in CPU time below which the awake threads count as waiting: since the last tick, or since somebody
has led, if that was later; a leader without events waits for some."""
BRIEFLY = 0.0005
"""Seconds since somebody has led that say nothing: any job takes so long."""
CALM = 50
"""Ticks without waiting or computing, 0.1 s, after which ticks come more slowly: they cost a busy server 5 %."""
CALM_PERIOD = 0.01
"""Seconds between ticks then: what the first request behind one that waits may itself wait."""
FAIRNESS = 5
"""Ticks of computing before one more thread is woken beside those that compute."""
MOST_HELPERS = 64
"""Threads to wake at one tick, at most."""
TRIAL = 0.1
"""Seconds after which a trial with one thread is judged, if nothing has waited before."""
CLEARLY_LESS = 0.7
"""Share of the jobs per second of the many below which one alone was a mistake."""
LONGEST_HOLD = 256
"""Ticks, half a second, for which the many are left alone after trials that have failed again and again."""
_SMOOTHING = 0.2
"""Weight of the last tick in the jobs per second."""


class Mood(Enum):
    """What the awake threads are at."""

    ALONE = "one is enough: let the others lie down"
    MOVING = "leave them alone"
    WAITING = "wake more"
    COMPUTING = "leave them alone for a while"
    SHARING = "wake one"


@define
class Trial:
    """One thread instead of many: what they did, and what it does."""

    bar: float
    """Jobs per second that it has to do."""
    jobs: int = 0
    seconds: float = 0.0

    def failed(self) -> bool:
        """Tell whether it does clearly less."""
        return self.jobs < self.bar * CLEARLY_LESS * self.seconds


@define
class Tick:
    """What was seen at the last tick."""

    finished: int = 0
    cpu: float = 0.0
    computing: int = 0
    calm: int = 0
    helpers: int = 0
    """How many threads to wake when those awake wait: doubled with each tick that they do, until the CPU is full."""
    rate: float = 0.0
    """Jobs per second, smoothed."""
    trial: Trial | None = None
    hold: int = 0
    """Ticks before the next trial."""
    failures: int = 0
    """Trials in a row that have failed."""

    @property
    def period(self) -> float:
        """Return the seconds until the next tick."""
        return PERIOD if self.calm < CALM else CALM_PERIOD

    def mood(self, *, leading: bool, unled: float, awake: int, finished: int, cpu: float, elapsed: float) -> Mood:
        """Conclude.

        `leading`: a thread polls the set now; `unled`: seconds since one has. `awake` counts threads, `finished` jobs,
        `cpu` the seconds of CPU that all threads have used; the last two only grow. `elapsed` is in seconds since the
        last tick.
        """
        spent, self.cpu = cpu - self.cpu, cpu
        done, self.finished = finished - self.finished, finished
        elapsed = elapsed or PERIOD  # a clock that is too coarse
        self.rate += (done / elapsed - self.rate) * _SMOOTHING
        self.calm += 1
        if self.trial is not None:
            self.trial.jobs += done
            self.trial.seconds += elapsed
        if leading or (unled < BRIEFLY and not done):
            mood = Mood.MOVING
        elif unled >= BRIEFLY and spent < min(elapsed, unled) * WAITING_BELOW:
            mood, self.calm = Mood.WAITING, 0
            self._judge()
            self.helpers = min(2 * self.helpers, MOST_HELPERS) or 1
        elif done:
            mood, self.helpers = self._alone(awake), 0
        else:
            self.computing, self.calm = self.computing + 1, 0
            return Mood.COMPUTING if self.computing % FAIRNESS else Mood.SHARING
        self.computing = 0
        return mood

    def _alone(self, awake: int) -> Mood:
        """Try with one thread, unless that has just failed."""
        if self.trial is not None and self.trial.seconds > TRIAL:
            self._judge()
        if self.hold:
            self.hold -= 1
            return Mood.MOVING
        if self.trial is None and awake > 1:
            self.trial = Trial(self.rate)
        return Mood.ALONE

    def _judge(self) -> None:
        """End the trial, if there is one: those that fail in a row are tried again later and later."""
        if self.trial is not None:
            self.failures = self.failures + 1 if self.trial.failed() else 0
            self.hold = min(2**self.failures, LONGEST_HOLD) if self.failures else 0
            self.trial = None
