"""The clocks of workers and zygotes: who is late, frozen, due to be replaced, or alive.

They are looked at four times a second, whatever happens. Runs in: supervisor, reactor thread.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from wsgicontainer.settings import Settings
from wsgicontainer.workers.crew import Crew
from wsgicontainer.workers.generations import Generations
from wsgicontainer.workers.machine import Machine
from wsgicontainer.workers.plan import COMING, Phase
from wsgicontainer.workers.worker import Worker

_log = Logger()
LOOK = 0.25
"""Seconds between looks at everybody's clocks."""
FRESH = 5.0
"""Seconds that a beat may be old for its worker to count as alive."""

UNTOLD = 10.0
"""Seconds after which a zygote that has not told a killed worker's end counts as stuck."""


class Watch:
    """Looks, as long as it runs."""

    def __init__(self, machine: Machine, generations: Generations, look: Callable[[], object]) -> None:
        """`look()` has done what is due then."""
        self._machine, self._generations, self._look = machine, generations, look
        self._looked_at = 0.0
        self._looks = LoopingCall(self._tick_on)
        self._looks.clock = machine.reactor

    def start(self) -> None:
        """Begin."""
        self._looks.start(LOOK, now=False)

    def stop(self) -> None:
        """End."""
        if self._looks.running:
            self._looks.stop()

    def _tick_on(self) -> None:
        """Look, and go on doing so whatever happens."""
        try:
            self._tick()
        except Exception:  # noqa: BLE001 (nobody else would look any more)
            _log.failure("The supervisor's look at its workers failed")

    def _tick(self) -> None:
        now = self._machine.reactor.seconds()
        late, self._looked_at = now - self._looked_at > FRESH, now
        self._generations.last_zygotes.reap()
        self._machine.reap(self._generations.known())
        for crew in self._generations:
            crew.look_after()
            if not late:  # otherwise it was this process that stood still, and beats wait to be read
                self._look_at_clocks(crew, now)
        self._look()

    def _look_at_clocks(self, crew: Crew, now: float) -> None:
        settings = crew.settings
        if crew not in self._generations.leaving and crew.zygote.imports_for(now) > settings.boot_timeout:
            crew.fail(f"the import took longer than {_boot_words(settings)}")
        for worker in crew:
            look_at(worker, now, settings)


def look_at(worker: Worker, now: float, settings: Settings) -> None:
    """End a worker whose time is over, show one that is frozen, and mark one that has served long enough."""
    reason = frozen(worker, now, settings)
    if worker.leaves_at:
        if now >= worker.leaves_at:
            worker.kill()
        if now >= worker.leaves_at + UNTOLD and not worker.orphan:
            worker.zygote.replace(f"does not tell the end of {worker.name}")
    elif reason:
        if worker.phase in COMING:
            worker.failure = {"status": 3, "sentence": f"{worker.name} {reason}"}
        worker.show_stacks(reason)
    elif worker.listens() and not worker.due:
        worker.due = worker.lifetime.over(worker.done, now - worker.serving_since, worker.rss)


def frozen(worker: Worker, now: float, settings: Settings) -> str:
    """Say why a worker counts as frozen, "" if it does not."""
    if worker.phase in COMING:
        return f"was not ready within {_boot_words(settings)}" if now - worker.born > settings.boot_timeout else ""
    patience = settings.worker_timeout
    if worker.phase is not Phase.SERVING or not patience:
        return ""
    if now - worker.beat_at > patience:
        return f"did nothing for {patience:g} s (--worker-timeout)"
    if worker.stalled > patience:
        return f"has taken no request for {patience:g} s (--worker-timeout), though some wait"
    return ""


def _boot_words(settings: Settings) -> str:
    """Say how long booting may take, and which option says so."""
    bound = f"{settings.boot_timeout:g} s"
    return f"--worker-timeout {bound}" if settings.worker_timeout else f"{bound}; a longer --worker-timeout allows more"


def alive(crew: Crew, now: float) -> bool:
    """Say whether reactor and pool of each worker that serves answer, and there is one.

    One that is being replaced is the supervisor's concern: who watches us would end those that serve, too.
    """
    serving = [worker for worker in crew if worker.listens()]
    counts = bool(crew.settings.worker_timeout)  # otherwise a pool may be busy for as long as it likes
    return bool(serving) and all(
        now - worker.beat_at < FRESH and not (counts and worker.stalled >= FRESH) for worker in serving
    )
