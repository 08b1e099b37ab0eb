"""Repeating tasks: the reactor counts the seconds, an application thread does the work.

A task runs at most once at a time: a tick that finds the last run queued or unfinished is skipped, so a slow task never
piles up. What a task raises is logged with its traceback, and the next tick runs it again.

The first run comes after one interval, as with uWSGI's `@timer`, and not at once as with Twisted's TimerService (hence
LoopingCall and not that): a start, a reload or a crash loop is no reason to send the hourly mail again, and the
server's readiness does not wait behind a task. A task that should also run at the start can be called where the
application is made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import field, frozen, validators
from twisted.application.service import MultiService, Service
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from zope.interface import implementer

from wsgicontainer.interfaces import IApplicationThreads, IJob


@frozen
class Timer:
    """Call `target()` every `seconds`; `name` is how the log calls it (`"30=mysite.tasks:sweep"`)."""

    seconds: float = field(validator=validators.gt(0))
    target: Callable[[], object]
    name: str


@implementer(IJob)
class _Task(Service):
    """One timer. `_busy` is set by the reactor thread only, while False, and cleared by the job only, while True."""

    log = Logger()

    def __init__(self, timer: Timer, threads: IApplicationThreads, clock: IReactorTime | None) -> None:
        self._timer = timer
        self._counts = clock is not None
        self._threads = threads
        self._busy = False
        self._skipped = 0
        self._loop = LoopingCall(self._tick)
        if clock is not None:
            self._loop.clock = clock
        self.name = timer.name

    def startService(self) -> None:
        """Begin to count. Runs in: reactor thread."""
        super().startService()
        if self._counts:
            self._loop.start(self._timer.seconds, now=False)

    def stopService(self) -> None:
        """Count no more, and have a run that still waits for a thread do nothing. Runs in: reactor thread."""
        super().stopService()
        if self._loop.running:
            self._loop.stop()

    def due(self) -> None:
        """Run now, as if an interval had passed, if the service runs. Runs in: reactor thread."""
        if self.running:
            self._tick()

    def _tick(self) -> None:
        """Submit a run, unless the last one isn't over. Runs in: reactor thread."""
        if self._busy:
            self._skip()
            return
        self._skipped = 0
        self._busy = True
        if not self._threads.submit(self):
            self._busy = False
            self.log.warn(  # noqa: G010 (Twisted's name)
                "Timer {name}: the queue is full; this run is skipped", name=self._timer.name
            )

    def _skip(self) -> None:
        """Say so once for each long run, in debug for its further ticks."""
        self._skipped += 1
        (self.log.warn if self._skipped == 1 else self.log.debug)(
            "Timer {name}: the last run is not over after {seconds} s; this one is skipped",
            name=self._timer.name,
            seconds=self._timer.seconds,
        )

    def overdue(self, now: float) -> bool:
        """Return False: nobody waits for a timer."""
        return False

    def run(self) -> None:
        """Do the task, if the service still runs. Runs in: application thread."""
        try:
            if self.running:
                self._timer.target()
        except BaseException:  # noqa: BLE001 (the application's code: SystemExit must not end our thread)
            self.log.failure("Timer {name} raised", name=self._timer.name)
        finally:
            self._busy = False


class RepeatingTasks(MultiService):
    """All timers, as the service `timers`."""

    def __init__(self, timers: Sequence[Timer], threads: IApplicationThreads, clock: IReactorTime | None) -> None:
        """Prepare one child service for each timer.

        `clock` is the reactor, or None where somebody else counts and calls `due`; `threads` run the tasks. Two timers
        of the same name are told apart by `#2`.
        """
        super().__init__()
        self.name = "timers"
        for timer in timers:
            task = _Task(timer, threads, clock)
            same = sum(1 for other in timers[: len(self.services)] if other.name == timer.name)
            if same:
                task.name = f"{timer.name}#{same + 1}"
            task.setServiceParent(self)

    def due(self, position: int) -> None:
        """Have the timer at that position run its task. Runs in: reactor thread."""
        list(self)[position].due()
